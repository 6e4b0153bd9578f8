"""Weights of PyTorch models with the names of MERBench's release, to and from our parameters."""

import os
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.errors import InputError, first_few

_HEADS = {"emotion": "fc_out_1", "valence": "fc_out_2"}
_FUSION = "fusion"
# Parts of a name that hold no parameter: buffers, which a state dict lists as well.
_BUFFERS = ("version", "_float_tensor", "num_batches_tracked")
# What the release registers and never uses, and we do not have: MFM's inner MFN with heads.
_UNUSED = ("mfn_encoder.out_fc", "mfn_encoder.fc_out_")
_IN_NPZ = ("param/", "frozen/")  # before the names, where a file holds more than weights


def torch_name(path: tuple[Any, ...]) -> str:
    """The name that PyTorch has for the parameter at a path of our tree.

    Parts are joined by dots; the first, `fusion`, is left out; the heads are `fc_out_1` and
    `fc_out_2`; a leaf `kernel` or `scale` is `weight`, `kernel_X` is `weight_X`, `X_kernel` is
    `X_weight`. All other leaves keep their names.
    """
    *scopes, leaf = [str(getattr(part, "key", part)) for part in path]
    if scopes and scopes[0] == _FUSION:
        scopes = scopes[1:]
    elif len(scopes) == 1:
        scopes = [_HEADS.get(scopes[0], scopes[0])]
    if _is_kernel(leaf) or leaf == "scale":
        leaf = leaf.replace("kernel", "weight").replace("scale", "weight")
    return ".".join([*scopes, leaf])


def _is_kernel(leaf: str) -> bool:
    return leaf == "kernel" or leaf.startswith("kernel_") or leaf.endswith("_kernel")


def _turned(path: tuple[Any, ...], array: Any) -> Any:
    """With the axes as the other side has them: those of a kernel are reversed."""
    return array.T if _is_kernel(str(getattr(path[-1], "key", path[-1]))) else array


def as_torch(params: Any) -> dict[str, np.ndarray]:
    """Our parameters, or their gradients, by PyTorch's names and in its layout."""
    leaves = jax.tree.leaves_with_path(params)
    return {torch_name(path): np.asarray(_turned(path, leaf)) for path, leaf in leaves}


def load_torch(source: Mapping[str, Any] | str | os.PathLike[str], template: Any) -> Any:
    """Puts the weights of a PyTorch model into a tree of ours, by name.

    `source` is a state dict (tensors or arrays) or an npz file of one; in a file whose names begin
    with `param/` only those count, and what begins with `frozen/`. `template` is a tree of
    parameters, as `model.init` gives it or its shapes, and its types are kept. Buffers, heads
    without outputs and further copies of an array under other names (MCTN's state dict lists its
    encoders twice) are passed over. Raises InputError for names that are missing or left over and
    for arrays of another shape.
    """
    given = _read(source)
    leaves = jax.tree.leaves_with_path(template)
    wanted = {torch_name(path): (path, leaf) for path, leaf in leaves}
    if missing := sorted(wanted.keys() - given.keys()):
        raise InputError(f"the PyTorch weights lack {first_few(missing)}, which the model has")
    extra = [name for name in given if name not in wanted and not _is_idle(name, given, wanted)]
    if extra:
        raise InputError(
            f"the PyTorch weights hold {first_few(sorted(extra))}, which the model does not have"
        )
    for name, (path, leaf) in wanted.items():
        expected = _turned(path, np.empty(leaf.shape, bool)).shape
        if given[name].shape != expected:
            raise InputError(
                f"the PyTorch weights' {name} is of shape {given[name].shape}, the model's of "
                f"{expected}"
            )
    return jax.tree.map_with_path(
        lambda path, leaf: jnp.asarray(_turned(path, given[torch_name(path)]), leaf.dtype), template
    )


def _read(source: Mapping[str, Any] | str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a state dict or of an npz file by name."""
    if isinstance(source, Mapping):
        return {name: _array(value) for name, value in source.items()}
    try:
        with np.load(source, allow_pickle=False) as held:
            names = {name: name for name in held.files}
            if any(name.startswith(_IN_NPZ[0]) for name in names):
                names = {name.partition("/")[2]: name for name in names if name.startswith(_IN_NPZ)}
            return {name: held[key] for name, key in names.items()}
    except (OSError, ValueError) as error:
        raise InputError(
            f"{os.fspath(source)}: no npz file of arrays could be read: {error}"
        ) from None


def _array(value: Any) -> np.ndarray:
    """A tensor's or an array's values; a tensor may ask for gradients or lie on a device."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def _is_idle(name: str, given: Mapping[str, np.ndarray], wanted: Mapping[str, Any]) -> bool:
    """Whether an array that the model does not name means nothing for it."""
    array = given[name]
    if array.size == 0 or name.rpartition(".")[2] in _BUFFERS or name.startswith(_UNUSED):
        return True
    ending = name.split(".")[-2:]
    return any(
        other.split(".")[-2:] == ending and np.array_equal(array, given[other]) for other in wanted
    )
