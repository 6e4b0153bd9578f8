"""Checkpoints: chunks under way, finished chunks, and the weights that are kept.

The kept weights, which outlive training, are orbax's. Chunks are flax's msgpack, a file each,
written whole: several processes save theirs at once, and orbax takes a save for the common work of
all processes, of whose host arrays it writes the first process's alone. Everything is saved as host
arrays, so that another number of devices or processes can read it.
"""

import logging
import pathlib
import shutil
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore
from flax import serialization

from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.training.loop import RunState

LOG = logging.getLogger("mer_jax")
KEPT = "kept"
_RESUME = "resume"
_CHUNKS = "chunks"
# The first process saves alone: the others have nothing to wait for.
_ALONE = ocp.options.MultiprocessingOptions(primary_host=0, active_processes={0})
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError)
_MAX_REASON = 160  # characters: tensorstore's errors hold a page of its settings


class Checkpoints:
    """The folder checkpoints/ of a workdir."""

    def __init__(self, workdir: pathlib.Path):
        self._folder = workdir.resolve() / "checkpoints"

    def save_progress(self, chunk: int, epoch: int, state: RunState) -> None:
        """Saves a chunk that has `epoch` epochs behind it; replaces what was there."""
        tree = {"epoch": epoch, "state": serialization.to_state_dict(_without_key(state))}
        _write(self._path(_RESUME, chunk), tree)

    def restore_progress(self, chunk: int, like: RunState) -> tuple[int, RunState] | None:
        """The epoch and state of `chunk` where it was left, or None where it was not begun.

        `like` gives the structure alone; None too where the file is damaged.
        """
        path = self._path(_RESUME, chunk)
        if not path.is_file():
            return None
        try:
            tree = serialization.msgpack_restore(path.read_bytes())
            state = serialization.from_state_dict(_without_key(like), tree["state"])
            return int(tree["epoch"]), _with_key(state)
        except _DAMAGED:
            LOG.warning("%s: damaged; starting this chunk again", path)
            return None

    def save_chunk(self, chunk: int, finished: dict[str, Any]) -> None:
        """Saves what a finished chunk leaves behind, dictionaries and lists of arrays."""
        _write(self._path(_CHUNKS, chunk), finished)
        self._path(_RESUME, chunk).unlink(missing_ok=True)

    def has_chunk(self, chunk: int) -> bool:
        """Whether a chunk is finished."""
        return self._path(_CHUNKS, chunk).is_file()

    def restore_chunk(self, chunk: int) -> dict[str, Any]:
        """What a finished chunk left behind."""
        path = self._path(_CHUNKS, chunk)
        try:
            return serialization.msgpack_restore(path.read_bytes())
        except _DAMAGED as error:
            raise InputError(
                f"{path}: a damaged checkpoint: {error}; remove it to train its runs again"
            ) from None

    def save_kept(self, kept: Any) -> None:
        """Saves the best trial's weights; the chunks stay until `drop_progress`."""
        with ocp.StandardCheckpointer(multiprocessing_options=_ALONE) as checkpointer:
            checkpointer.save(self._folder / KEPT, jax.device_get(kept), force=True)

    def has_kept(self) -> bool:
        """Whether there are kept weights, whatever their state."""
        return (self._folder / KEPT).is_dir()

    def restore_kept(self) -> Any:
        """The best trial's weights; InputError where training has not come that far."""
        path = self._folder / KEPT
        if not path.is_dir():
            raise InputError(f"{self._folder}: no kept weights; train in this workdir first")
        with ocp.PyTreeCheckpointer() as checkpointer:
            try:
                _read_through(path)
                metadata = checkpointer.metadata(path).item_metadata
                if metadata is None:  # how orbax tells files that are missing or cannot be parsed
                    raise ValueError("what arrays it holds cannot be read")
                as_numpy = jax.tree.map(
                    lambda _: ocp.RestoreArgs(restore_type=np.ndarray), metadata.tree
                )
                return checkpointer.restore(path, restore_args=as_numpy)
            except (OSError, *_DAMAGED) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise InputError(
                    f"{path}: a damaged checkpoint ({reason[:_MAX_REASON]}); remove it and train "
                    "in this workdir again"
                ) from None

    def drop_progress(self) -> None:
        """Removes the chunks, which the kept weights and the results have made superfluous."""
        for name in (_RESUME, _CHUNKS):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _path(self, folder: str, chunk: int) -> pathlib.Path:
        return self._folder / folder / f"{chunk:04d}.msgpack"


def _read_through(path: pathlib.Path) -> None:
    """Reads every array in turn; ValueError at the first that cannot be read.

    orbax reads all of them in an event loop, which it closes when one fails: what is still under
    way then prints a traceback of its own.
    """
    base = {"driver": "ocdbt", "base": f"{path.as_uri()}/"}
    keys = [key.decode() for key in tensorstore.KvStore.open(base).result().list().result()]
    names = [key.removesuffix("/.zarray") for key in keys if key.endswith("/.zarray")]
    if not names:
        raise ValueError("it holds no arrays")
    for name in names:
        kvstore = {**base, "path": name}
        tensorstore.open({"driver": "zarr", "kvstore": kvstore}).result().read().result()


def _write(path: pathlib.Path, tree: Any) -> None:
    files.write_bytes(path, serialization.msgpack_serialize(jax.device_get(tree)))


def _without_key(state: RunState) -> RunState:
    return state._replace(key=jax.random.key_data(state.key))


def _with_key(state: RunState) -> RunState:
    return state._replace(key=jax.random.wrap_key_data(state.key, impl="threefry2x32"))
