"""What the sets of pretrained encoders have in common: their weights, layers, rows and manifest.

JAX is imported where an encoder is loaded, after a look at the variables that mislead it.
"""

import importlib.metadata
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mer_jax import environment
from mer_jax.extraction import batching
from mer_jax.extraction.record import LAYERS, MERBENCH, Extractor, Options

SUMMED = 4  # the last hidden states that the release takes of texts, and MERBench of audio too


def folder_of(record: Extractor, options: Options) -> pathlib.Path:
    """The folder of a set's weights; a hub's name with its owner is fetched from the hub."""
    from mer_jax.models.encoders import weights

    if "/" in options.folder and not pathlib.Path(options.folder).is_absolute():
        local = (options.models or pathlib.Path()) / options.folder
        return local if local.is_dir() else weights.locate(options.folder)
    return record.weights(options)


def load(record: Extractor, options: Options, config: Mapping[str, Any] | None = None) -> Any:
    """The encoder of a set: one of ours, or else PyTorch's through transformers.

    `config` is what config.json says of a model whose files have none.
    """
    environment.load_jax()
    environment.find_devices()
    from mer_jax.models import encoders
    from mer_jax.models.encoders import weights

    folder = folder_of(record, options)
    model_type = weights.config_of(folder, config).get("model_type")
    if not isinstance(model_type, str) or model_type not in encoders.FAMILIES:
        from mer_jax.extraction import foreign

        if foreign.is_there():
            return foreign.load(folder)
    return encoders.load(folder, config=config)


def manifest(
    record: Extractor, encoder: Any, packages: Sequence[str] = (), **settings: Any
) -> dict:
    """What a set was made by: the model, its weights' SHA-256, settings and packages."""
    from mer_jax.models.encoders import weights

    packages = ("mer_jax", *encoder.packages, *packages)
    return {
        "model": encoder.folder.name,
        "hub": record.hub,
        "architecture": encoder.model_type,
        "weights_sha256": weights.sha256(encoder.files),
        "settings": settings,
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


def last_layers(layers: str, release: int) -> int:
    """How many of the last hidden states are summed: the release's number, or MERBench's four."""
    assert layers in LAYERS
    return SUMMED if layers == MERBENCH else release


def rows(
    encoder: Any, inputs: Sequence[np.ndarray], summed: int, *, step: int, rows: int, most: int
) -> list[np.ndarray]:
    """The sum of the last `summed` hidden states of each input, [T, D], computed in batches.

    `step`, `rows` and `most` are those of `batching.batches`.
    """
    found: list[Any] = [None] * len(inputs)
    lengths = [each.shape[-1] for each in inputs]
    for batch in batching.batches(lengths, step, rows, most, encoder.longest):
        values, mask = batching.padded(inputs, batch)
        state_BxTxD = np.asarray(sum(encoder.hidden_states(values, mask)[-summed:]))
        frames = encoder.frames(mask.sum(1))
        for i, row in enumerate(batch.rows):
            found[row] = state_BxTxD[i, : frames[i]]
    return found
