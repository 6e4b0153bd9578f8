"""Tiny pretrained encoders: weights drawn by their names, and what PyTorch makes of them."""

import json
import pathlib
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

from tests.support import torch_pickles

STATES = pathlib.Path(__file__).parent / "encoder_states"  # made by torch_states.py
_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
_SPEECH = {
    **_SIZES,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
_LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
_WHISPER = {
    "d_model": 32,
    "encoder_layers": 3,
    "decoder_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "vocab_size": 50,
    "max_source_positions": 40,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
}
_SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
_ALBERT = {**_SMALL, "embedding_size": 8, "num_hidden_layers": 4, "num_hidden_groups": 2}
_DISTANCES = {  # of which those above 4 are told apart no more
    "relative_attention": True,
    "max_relative_positions": 4,
    "pos_att_type": ["c2p", "p2c"],
    "position_biased_input": False,
}
_SECOND = {
    "max_relative_positions": -1,
    "position_buckets": 4,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "conv_kernel_size": 3,
    "pos_att_type": "p2c|c2p",
}
_PLAIN = {  # with projections of distances, and positions beside them
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "type_vocab_size": 2,
    "max_position_embeddings": 16,
}
_GPT2 = {"vocab_size": 60, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 16}
_XLNET = {
    "vocab_size": 60,
    "d_model": 16,
    "n_layer": 2,
    "n_head": 2,
    "d_inner": 24,
    "clamp_len": 6,
}
_VISION = {**_SIZES, "image_size": 28, "patch_size": 14}


class Case(NamedTuple):
    """A model of transformers, its config, and the sizes of the inputs: one clip a size."""

    model: str  # transformers' class
    config: dict
    inputs: tuple[tuple[int, ...], ...]


CASES = {
    "wav2vec2-base": Case("Wav2Vec2Model", _SPEECH, ((4000,), (5301,))),
    "hubert-base": Case("HubertModel", _SPEECH, ((4000,), (5301,))),
    "hubert-large": Case("HubertModel", {**_SPEECH, **_LARGE}, ((4000,), (5301,))),
    "wavlm-base": Case("WavLMModel", _SPEECH, ((4000,), (5301,))),
    "wavlm-large": Case("WavLMModel", {**_SPEECH, **_LARGE}, ((4000,), (5301,))),
    "whisper": Case("WhisperForConditionalGeneration", _WHISPER, ((80, 52), (80, 80))),
    "bert": Case("BertForMaskedLM", {**_SIZES, "vocab_size": 60}, ((7,), (12,))),
    "roberta": Case("RobertaModel", {**_SIZES, "vocab_size": 60}, ((7,), (12,))),
    "electra": Case(
        "ElectraModel", {**_SIZES, "vocab_size": 60, "embedding_size": 16}, ((7,), (12,))
    ),
    "albert": Case("AlbertForMaskedLM", _ALBERT, ((7,), (12,))),
    "deberta": Case("DebertaModel", {**_SMALL, **_DISTANCES}, ((7,), (12,))),
    "deberta-v2": Case("DebertaV2Model", {**_SMALL, **_DISTANCES, **_SECOND}, ((7,), (12,))),
    "deberta-v2-plain": Case("DebertaV2Model", {**_SMALL, **_PLAIN}, ((7,), (12,))),
    "gpt2": Case("GPT2LMHeadModel", _GPT2, ((7,), (12,))),
    "xlnet": Case("XLNetModel", _XLNET, ((7,), (12,))),
    "clip": Case(
        "CLIPModel",
        {
            "text_config": {
                **_SIZES,
                "vocab_size": 50,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "pad_token_id": 0,
            },
            "vision_config": _VISION,
            "projection_dim": 8,
        },
        ((3, 28, 28), (3, 28, 28)),
    ),
    "clip-vision": Case("CLIPVisionModel", _VISION, ((3, 42, 56),)),
    "dinov2": Case("Dinov2Model", {**_VISION, "mlp_ratio": 2}, ((3, 42, 28), (3, 42, 28))),
    "dinov2-giant": Case("Dinov2Model", {**_VISION, "use_swiglu_ffn": True}, ((3, 28, 28),)),
    "resnet": Case(
        "ResNetModel",
        {"embedding_size": 8, "hidden_sizes": [16, 24, 32, 40], "depths": [1, 2, 1, 1]},
        ((3, 64, 32), (3, 64, 32)),
    ),
    "resnet-basic": Case(
        "ResNetModel",
        {
            "embedding_size": 8,
            "hidden_sizes": [8, 16],
            "depths": [2, 1],
            "layer_type": "basic",
            "downsample_in_first_stage": True,
        },
        ((3, 64, 32),),
    ),
}
TEXTS = ("bert", "roberta", "electra", "albert", "deberta", "gpt2", "xlnet")  # their beginnings


def _random(name: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(name.encode()))  # its stream is frozen


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The values of a weight, which follow from its name and shape alone."""
    values = _random(name).standard_normal(shape).astype(np.float32)
    leaf = name.rpartition(".")[2]
    if leaf == "running_var" or name.endswith(("weight_g", "original0")):
        return np.exp(0.3 * values)
    if leaf in ("lambda1", "gru_rel_pos_const") or (leaf == "weight" and len(shape) == 1):
        return 1 + 0.3 * values
    if leaf == "weight" and len(shape) > 1:
        return values * np.float32(0.8 / np.sqrt(np.prod(shape[1:])))
    return 0.3 * values


def inputs(case: str) -> list[np.ndarray]:
    """The clips of a case, each without the axis of the batch."""
    random = _random(case)
    return [
        random.randint(5, 60, size)
        if case.startswith(TEXTS)
        else random.standard_normal(size).astype(np.float32)
        for size in CASES[case].inputs
    ]


def sound() -> np.ndarray:
    """A sound that grows: 5001 samples."""
    return (_random("sound").standard_normal(5001) * np.linspace(0, 0.3, 5001)).astype(np.float32)


def image() -> np.ndarray:
    """An image, RGB uint8 [50, 37, 3]."""
    return _random("image").randint(0, 256, (50, 37, 3)).astype(np.uint8)


class Known(NamedTuple):
    """What PyTorch gave: config.json, the weights' shapes, and every hidden state of each clip."""

    config: dict
    shapes: dict[str, list[int]]
    states: list[list[np.ndarray]]
    pooled: list[np.ndarray]  # of images


def known(case: str) -> Known:
    """The stored states of a case."""
    with np.load(STATES / f"{case}.npz") as file:
        said = json.loads(str(file["said"]))
        clips = range(len(CASES[case].inputs))
        return Known(
            said["config"],
            said["shapes"],
            [[file[f"state_{clip}_{i}"] for i in range(said["states"])] for clip in clips],
            [file[f"pooled_{clip}"] for clip in clips if f"pooled_{clip}" in file],
        )


def weights(case: str) -> dict[str, np.ndarray]:
    """Every weight of a case's checkpoint."""
    return {name: weight(name, tuple(shape)) for name, shape in known(case).shapes.items()}


def write_folder(folder: pathlib.Path, case: str) -> pathlib.Path:
    """Writes a case as a folder in Hugging Face's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(known(case).config))
    write_safetensors(folder / "model.safetensors", weights(case))
    return folder


def write_own(folder: pathlib.Path, config: dict, **besides: Any) -> dict[str, np.ndarray]:
    """Writes a model that no program of Hugging Face's wrote: its config.json and a .pth.

    Gives its weights, drawn by their names; `besides` is what else the file holds.
    """
    import jax

    from mer_jax.models import encoders as package
    from mer_jax.models.encoders import encoder, weights

    family = package.FAMILIES[config["model_type"]]
    plan = family.plan(weights.settings(family.settings, config, folder))
    tensors = {}
    for part, shapes in zip(plan.parts(), encoder.declared(plan), strict=True):
        named = jax.tree_util.tree_leaves(encoder.names(shapes, part.prefix))
        for name, shape in zip(named, jax.tree_util.tree_leaves(shapes), strict=True):
            tensors[name] = weight(name, shape.shape)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    torch_pickles.write_zip(folder / "as_people_have_it.pth", tensors | besides)
    return tensors


_CODES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64"}


def write_safetensors(path: pathlib.Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes arrays in the format of safetensors."""
    header, begin = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": _CODES[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": [begin, begin + tensor.nbytes],
        }
        begin += tensor.nbytes
    text = json.dumps(header).encode()
    content = b"".join(np.ascontiguousarray(tensor).tobytes() for tensor in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
