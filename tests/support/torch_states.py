"""What PyTorch's transformers makes of the tiny encoders; as a program it stores that anew.

python -m tests.support.torch_states [CASE ...]
"""

import json
import pathlib
import sys
import tempfile
import warnings
from collections.abc import Sequence

import numpy as np

from tests.support import encoders


def run(case: str, folder: pathlib.Path) -> tuple[list[list[np.ndarray]], list[np.ndarray]]:
    """Every hidden state of each clip by the model in `folder`, and what it pools of images.

    The last state is transformers 4's: after the final layer norm where the model has one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        kind = getattr(transformers, encoders.CASES[case].model)
        model = kind.from_pretrained(folder).eval()
        states, pooled = [], []
        for clip in encoders.inputs(case):
            x = torch.tensor(clip)[None]
            with torch.no_grad():
                out = _call(case, model, x)
            found = [state[0].numpy() for state in out.hidden_states]
            if case.partition("-")[0] in ("wav2vec2", "hubert", "wavlm", "whisper", "gpt2"):
                found[-1] = out.last_hidden_state[0].numpy()
            states.append(found)
            if case == "clip":
                with torch.no_grad():
                    features = model.get_image_features(x)
                pooled.append(getattr(features, "pooler_output", features)[0].numpy())
            elif case.startswith(("clip", "dinov2", "resnet")):
                pooled.append(out.pooler_output[0].numpy().reshape(-1))
        return states, pooled


# Of a model with a head, the encoder.
_INNER = {"bert": "bert", "albert": "albert", "gpt2": "transformer", "clip": "vision_model"}


def _call(case, model, x):
    import torch

    if case == "whisper":  # which takes as many frames as its table has positions
        encoder = model.model.encoder
        positions = x.shape[-1] // 2
        table = encoder.embed_positions
        encoder.config.max_source_positions = table.num_embeddings = positions
        whole = table.weight
        table.weight = type(whole)(whole[:positions], requires_grad=False)
        try:
            return encoder(x, output_hidden_states=True)
        finally:
            table.weight = whole
    inner = getattr(model, _INNER[case]) if case in _INNER else model
    options = {}
    if case == "clip-vision":
        options["interpolate_pos_encoding"] = True
    if case == "xlnet":  # the last token is of another segment, as its tokeniser says
        options["token_type_ids"] = torch.zeros_like(x)
        options["token_type_ids"][:, -1] = 2
    return inner(x, output_hidden_states=True, **options)


def _skeleton(case: str, folder: pathlib.Path) -> tuple[dict, dict[str, list[int]]]:
    """The config.json and the weights' shapes of a model as transformers saves it."""
    import torch
    import transformers
    from safetensors import safe_open

    kind = getattr(transformers, encoders.CASES[case].model)
    torch.manual_seed(0)
    model = kind(kind.config_class(**encoders.CASES[case].config))
    model.save_pretrained(folder)
    with safe_open(folder / "model.safetensors", "np") as file:
        shapes = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    return json.loads((folder / "config.json").read_text()), shapes


def main(cases: Sequence[str]) -> None:
    """Stores the states of some cases; without any, of all, and what comes before models."""
    encoders.STATES.mkdir(exist_ok=True)
    for case in cases or encoders.CASES:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            config, shapes = _skeleton(case, folder)
            weights = {name: encoders.weight(name, tuple(shape)) for name, shape in shapes.items()}
            encoders.write_safetensors(folder / "model.safetensors", weights)
            states, pooled = run(case, folder)
        said = {"config": config, "shapes": shapes, "states": len(states[0])}
        arrays = {f"pooled_{clip}": each for clip, each in enumerate(pooled)}
        for clip, each in enumerate(states):
            arrays |= {f"state_{clip}_{i}": state for i, state in enumerate(each)}
        np.savez_compressed(encoders.STATES / f"{case}.npz", said=json.dumps(said), **arrays)
    if not cases:
        _inputs()


def _inputs() -> None:
    """Stores what transformers makes of a sound and of an image before any model."""
    import transformers

    sound = encoders.sound()
    mel = transformers.WhisperFeatureExtractor()(sound, sampling_rate=16_000, return_tensors="np")
    processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 28, "width": 28}
    )
    pixels = processor(encoders.image(), return_tensors="np")["pixel_values"][0]
    frames = -(-len(sound) // 160) + 2  # two of silence
    np.savez_compressed(
        encoders.STATES / "inputs.npz", mel=mel["input_features"][0, :, :frames], pixels=pixels
    )


if __name__ == "__main__":
    main(sys.argv[1:])
