"""Checkpoints with orbax: a chunk under way, finished chunks, and the weights that are kept.

Everything is saved as host arrays, so that another number of devices can read it.
"""

import logging
import pathlib
import shutil
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from mer_jax.errors import InputError
from mer_jax.training.loop import RunState

LOG = logging.getLogger("mer_jax")
KEPT = "kept"
_RESUME = "resume"
_CHUNKS = "chunks"
_MAX_REASON = 160  # characters: tensorstore's errors hold a page of its settings


class Checkpoints:
    """The folder checkpoints/ of a workdir."""

    def __init__(self, workdir: pathlib.Path):
        self._folder = workdir.resolve() / "checkpoints"
        self._resume = ocp.CheckpointManager(
            self._folder / _RESUME,
            options=ocp.CheckpointManagerOptions(
                max_to_keep=1, enable_async_checkpointing=False, create=False
            ),
        )

    def save_progress(self, chunk: int, epoch: int, epochs: int, state: RunState) -> None:
        """Saves a chunk that has `epoch` of `epochs` epochs behind it; replaces what was there."""
        (self._folder / _RESUME).mkdir(parents=True, exist_ok=True)
        tree = jax.device_get(_without_key(state))
        self._resume.save(chunk * epochs + epoch, args=ocp.args.StandardSave(tree))

    def restore_progress(
        self, chunk: int, epochs: int, like: RunState
    ) -> tuple[int, RunState] | None:
        """The epoch and state of `chunk` where it was left, or None where it was not begun."""
        step = self._resume.latest_step()
        if step is None or not chunk * epochs < step < (chunk + 1) * epochs:
            return None
        try:
            tree = self._resume.restore(step, args=ocp.args.StandardRestore(_host_like(like)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            LOG.warning("%s: damaged; starting this chunk again", self._folder / _RESUME)
            return None
        return step - chunk * epochs, _with_key(tree)

    def save_chunk(self, chunk: int, finished: Any) -> None:
        """Saves what a finished chunk leaves behind."""
        _save(self._folder / _CHUNKS / f"{chunk:04d}", finished)

    def restore_chunk(self, chunk: int) -> Any | None:
        """What a finished chunk left behind, or None where it is not finished."""
        return _restore(self._folder / _CHUNKS / f"{chunk:04d}")

    def save_kept(self, kept: Any) -> None:
        """Saves the best trial's weights; the chunks stay until `drop_progress`."""
        _save(self._folder / KEPT, kept)

    def has_kept(self) -> bool:
        """Whether there are kept weights, whatever their state."""
        return (self._folder / KEPT).is_dir()

    def restore_kept(self) -> Any:
        """The best trial's weights; InputError where training has not come that far."""
        kept = _restore(self._folder / KEPT)
        if kept is None:
            raise InputError(f"{self._folder}: no kept weights; train in this workdir first")
        return kept

    def drop_progress(self) -> None:
        """Removes the chunks, which the kept weights and the results have made superfluous."""
        self._resume.close()
        for name in (_RESUME, _CHUNKS):
            shutil.rmtree(self._folder / name, ignore_errors=True)


def _save(path: pathlib.Path, tree: Any) -> None:
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, jax.device_get(tree), force=True)


def _restore(path: pathlib.Path) -> Any | None:
    if not path.is_dir():
        return None
    with ocp.PyTreeCheckpointer() as checkpointer:
        try:
            metadata = checkpointer.metadata(path).item_metadata
            if metadata is None:  # how orbax tells files that are missing or cannot be parsed
                raise ValueError("what arrays it holds cannot be read")
            as_numpy = jax.tree.map(
                lambda _: ocp.RestoreArgs(restore_type=np.ndarray), metadata.tree
            )
            return checkpointer.restore(path, restore_args=as_numpy)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{path}: a damaged checkpoint ({reason[:_MAX_REASON]}); remove it and train in "
                "this workdir again"
            ) from None


def _without_key(state: RunState) -> RunState:
    return state._replace(key=jax.random.key_data(state.key))


def _with_key(state: RunState) -> RunState:
    return state._replace(key=jax.random.wrap_key_data(state.key, impl="threefry2x32"))


def _host_like(state: RunState) -> RunState:
    return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), jax.eval_shape(_without_key, state))
