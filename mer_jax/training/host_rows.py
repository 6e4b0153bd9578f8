"""Features that stay on the host: a step fetches the rows of its batch from the built dataset."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mer_jax.data.rows import Vectors


@jax.tree_util.register_pytree_node_class
class HostRows:
    """Vectors [N, D] on the host, memory-mapped or not, indexed as one on the device is.

    `rows[index]` inside a compiled program calls back for those rows alone, once for all runs of
    a chunk. It has no leaves: programs take it as part of their structure, so nothing of it is
    copied to a device, and one program belongs to one array.
    """

    def __init__(self, array: np.ndarray | Vectors):
        self._array = array

    def tree_flatten(self):
        """No leaves; itself as structure."""
        return (), self

    @classmethod
    def tree_unflatten(cls, rows, _):
        """The structure is the array."""
        return rows

    def __getitem__(self, index: Int[Array, "*batch"] | slice) -> Float[Array, "*batch D"]:
        """The rows as float32; a slice is read at once."""
        if isinstance(index, slice):
            return jnp.asarray(self._array[index])
        return fetch({"": self}, index)[""]

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self._array.shape

    def _read(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(self._array[index], np.float32)


def fetch(rows: dict[str, HostRows], index: Int[Array, "*batch"]) -> dict[str, Array]:
    """The rows of every modality as float32 [*batch, D].

    They come by one call back to Python, which takes longer than copying the rows of a batch.
    """

    def read(index) -> dict[str, np.ndarray]:
        index = np.asarray(index)
        return {modality: x._read(index) for modality, x in rows.items()}

    shapes = {
        modality: jax.ShapeDtypeStruct((*index.shape, x.shape[-1]), jnp.float32)
        for modality, x in rows.items()
    }
    return jax.pure_callback(read, shapes, index, vmap_method="broadcast_all")
