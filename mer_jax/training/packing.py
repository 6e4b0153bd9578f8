"""Parameters of equal shape as one array, for what looks at each entry alone.

Adam, clipping, averages and choosing the better weights are the same arithmetic for every entry.
XLA compiles them once for each array: the 400 of MulT took eighteen minutes, the 40 that they make
take one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import PyTreeDef
from jaxtyping import Array

from mer_jax.training import optimizer

# With fewer arrays there is little to compile, and copying them out for each step would cost more.
_LEAST = 64


class Packing(NamedTuple):
    """Which parameters stand together: `groups` has their numbers, by the first one's path."""

    structure: PyTreeDef
    groups: dict[str, tuple[int, ...]]  # empty: all stay as they are

    def packed(self, tree: Any) -> Any:
        """`tree` with every part that is shaped like the parameters packed: {path: [K, *shape]}.

        What a group of the optimiser leaves out of such a part (optax.MaskedNode) stays out.
        """
        return self._in_each_part(tree, self.structure, self._pack)

    def whole(self, tree: Any) -> Any:
        """The inverse of `packed`."""
        return self._in_each_part(
            tree, jax.tree.structure(dict.fromkeys(self.groups, 0)), self._unpack
        )

    def _in_each_part(self, tree: Any, structure: PyTreeDef, change: Any) -> Any:
        if not self.groups:
            return tree

        def is_part(x: Any) -> bool:
            return isinstance(x, dict) and jax.tree.structure(x, is_leaf=_is_left_out) == structure

        return jax.tree.map(lambda x: change(x) if is_part(x) else x, tree, is_leaf=is_part)

    def _pack(self, part: Any) -> dict[str, Any]:
        leaves = jax.tree.leaves(part, is_leaf=_is_left_out)
        members = {path: [leaves[i] for i in numbers] for path, numbers in self.groups.items()}
        return {
            path: of[0] if _is_left_out(of[0]) else jnp.stack(of) for path, of in members.items()
        }

    def _unpack(self, part: dict[str, Any]) -> Any:
        leaves = [None] * self.structure.num_leaves
        for path, numbers in self.groups.items():
            for place, number in enumerate(numbers):
                leaves[number] = part[path] if _is_left_out(part[path]) else part[path][place]
        return jax.tree.unflatten(self.structure, leaves)


ALONE = Packing(jax.tree.structure(None), {})  # every parameter as it is


def of(params: Any, groups: Sequence[optimizer.Group] = ()) -> Packing:
    """The packing of a run's parameters, which may be traced: all stay alone where they are few.

    Parameters stand together that have one shape and are in the same group of the optimiser. It
    finds the packed ones in that group too: their path is the first one's.
    """
    with_paths, structure = jax.tree.flatten_with_path(params)
    if len(with_paths) < _LEAST:
        return Packing(structure, {})
    labels = jax.tree.leaves(optimizer.labels(params, groups))
    alike: dict[tuple, list[int]] = {}
    for number, ((_, leaf), label) in enumerate(zip(with_paths, labels, strict=True)):
        alike.setdefault((label, leaf.shape, leaf.dtype), []).append(number)
    paths = [optimizer.path_name(path) for path, _ in with_paths]
    return Packing(structure, {paths[numbers[0]]: tuple(numbers) for numbers in alike.values()})


def _is_left_out(x: Array | Any) -> bool:
    return isinstance(x, optax.MaskedNode)
