"""Pretrained encoders in JAX: folders in Hugging Face's layout, and no PyTorch.

encoder = load("weights/chinese-hubert-large")
states = encoder.hidden_states(samples, mask)
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from mer_jax.errors import InputError, counted, first_few
from mer_jax.models.encoders import (
    albert,
    deberta,
    ferplus,
    gpt2,
    manet,
    resnet,
    speech,
    text,
    vggish,
    vision,
    wav2vec,
    weights,
    whisper,
    xlnet,
)
from mer_jax.models.encoders.encoder import Encoder, Params, Plan, declared, names
from mer_jax.models.encoders.family import Family, Tensors

FAMILIES: dict[str, Family] = {  # by config.json's model_type
    "wav2vec2": speech.FAMILY,
    "hubert": speech.FAMILY,
    "wavlm": speech.FAMILY,
    "whisper": whisper.FAMILY,
    "bert": text.FAMILY,
    "roberta": text.FAMILY,
    "xlm-roberta": text.FAMILY,
    "camembert": text.FAMILY,
    "electra": text.FAMILY,
    "albert": albert.FAMILY,
    "deberta": deberta.FAMILY,
    "deberta-v2": deberta.FAMILY,
    "xlnet": xlnet.FAMILY,
    "gpt2": gpt2.FAMILY,
    "clip": vision.CLIP,
    "clip_vision_model": vision.CLIP,
    "dinov2": vision.DINOV2,
    "resnet": resnet.FAMILY,
    # Of files that no program of Hugging Face's wrote; the names are our own.
    "wav2vec": wav2vec.FAMILY,
    "vggish": vggish.FAMILY,
    "ferplus": ferplus.FAMILY,
    "manet": manet.FAMILY,
}
LAST_STATES = ("transformers4", "transformers5")


def load(
    folder: str | pathlib.Path,
    *,
    last: str = "transformers4",
    config: Mapping[str, Any] | None = None,
) -> Encoder:
    """Loads the encoder of a folder, or of the hub's model of that name.

    `config` is what its config.json says, for a folder that has none.

    `last` says what the last hidden state is where a final layer norm follows the layers:
    transformers 4 gives it after the norm, transformers 5 before it for wav2vec 2.0, HuBERT and
    WavLM. Raises InputError for a folder without config or weights, an architecture that is not
    among FAMILIES, and weights whose names or shapes are not the config's.
    """
    if last not in LAST_STATES:
        raise InputError(
            f"unknown meaning of the last hidden state {last!r}; one of: {', '.join(LAST_STATES)}"
        )
    checkpoint = weights.read(weights.locate(folder), config)
    where = checkpoint.folder / weights.CONFIG
    model_type = checkpoint.config.get("model_type")
    family = FAMILIES.get(model_type) if isinstance(model_type, str) else None
    if family is None:
        raise InputError(
            f"{where}: model_type={model_type!r} is no encoder that is here; one of: "
            f"{', '.join(FAMILIES)}"
        )
    settings = weights.settings(
        family.settings, family.config(checkpoint.config, checkpoint.tensors), where
    )
    try:
        plan = family.plan(settings)
        shapes = declared(plan)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{where}: its sizes do not fit together: {reason}") from None
    tensors = family.prepare(_own(checkpoint.tensors, family))
    params = _bind(plan, shapes, tensors, family, checkpoint.folder)
    after_norm = last == "transformers4" or model_type not in _CHANGED
    return Encoder(
        model_type,
        settings,
        plan,
        params,
        checkpoint.folder,
        checkpoint.files,
        after_norm=after_norm,
    )


# Those of which transformers 5 gives the last state before the final norm.
_CHANGED = ("wav2vec2", "hubert", "wavlm")


def _own(tensors: Tensors, family: Family) -> Tensors:
    """The encoder's weights out of a checkpoint that may have others beside them."""
    for prefix in family.prefixes:
        if any(name.startswith(prefix) for name in tensors):
            return {
                name.removeprefix(prefix): tensor
                for name, tensor in tensors.items()
                if name.startswith(prefix) or name in family.beside
            }
    return tensors


def _bind(
    plan: Plan, declares: list[Params], tensors: Tensors, family: Family, folder: pathlib.Path
) -> tuple[Params, ...]:
    """The weights of the plan's parts; InputError where names or shapes are not the plan's."""
    wanted = [
        (shapes, names(shapes, part.prefix))
        for part, shapes in zip(plan.parts(), declares, strict=True)
    ]
    known: set[str] = set()
    for _, named in wanted:
        known.update(jax.tree_util.tree_leaves(named))
    missing = sorted(known - set(tensors))
    surplus = sorted(name for name in set(tensors) - known if not family.unused.fullmatch(name))
    if missing or surplus:
        told = [
            f"{what} {counted(len(found), 'weight')} ({first_few(found)})"
            for what, found in (("lack", missing), ("have besides", surplus))
            if found
        ]
        raise InputError(
            f"{folder}: the weights {' and '.join(told)}: they are not those of its "
            f"{weights.CONFIG}; download both again, or name another folder"
        )

    loaded: dict[str, jax.Array] = {}  # parts may share their weights

    def taken(shape, name):
        if tensors[name].shape != shape.shape:
            raise InputError(
                f"{folder}: the weight {name} is {list(tensors[name].shape)}; its "
                f"{weights.CONFIG} makes it {list(shape.shape)}"
            )
        if name not in loaded:
            loaded[name] = jnp.asarray(tensors[name], jnp.float32)
        return loaded[name]

    return tuple(jax.tree_util.tree_map(taken, shapes, named) for shapes, named in wanted)
