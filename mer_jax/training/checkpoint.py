"""Checkpoints: chunks under way, finished chunks, and the weights that are kept.

The kept weights, which outlive training, are orbax's. Chunks are flax's msgpack, a file each,
written whole: several processes save theirs at once, and orbax takes a save for the common work of
all processes, of whose host arrays it writes the first process's alone. Everything is saved as host
arrays, so that another number of devices or processes can read it, and with its SHA-256, so that a
bit that has turned over since is noticed.
"""

import hashlib
import logging
import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import serialization

from mer_jax import files
from mer_jax.errors import InputError, first_few
from mer_jax.training.state import RunState
from mer_jax.workdir import Workdir

LOG = logging.getLogger("mer_jax")
KEPT = "kept"
_RESUME = "resume"
_CHUNKS = "chunks"
_DIGESTS = "SHA256SUMS"  # of the files of the kept weights, as `sha256sum --check` reads it
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError)
_MAX_REASON = 160  # characters: tensorstore's errors hold a page of its settings
_DIGEST_SIZE = hashlib.sha256().digest_size


class Checkpoints:
    """The folder checkpoints/ of a workdir."""

    def __init__(self, workdir: os.PathLike[str]):
        self._folder = Workdir(Workdir(workdir).folder.resolve()).checkpoints

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
            tree = _read(path)
            state = serialization.from_state_dict(_without_key(like), tree["state"])
            return int(tree["epoch"]), _with_key(state)
        except _DAMAGED:
            LOG.warning("%s: damaged, or of another version; starting this chunk again", path)
            return None

    def save_chunk(self, chunk: int, finished: dict[str, Any]) -> None:
        """Saves what a finished chunk leaves behind, dictionaries and lists of arrays."""
        _write(self._path(_CHUNKS, chunk), finished)
        self._path(_RESUME, chunk).unlink(missing_ok=True)

    def has_chunk(self, chunk: int) -> bool:
        """Whether a chunk is finished."""
        return self._path(_CHUNKS, chunk).is_file()

    def restore_chunk(self, chunk: int, keys: Sequence[str] = ()) -> dict[str, Any]:
        """What a finished chunk left behind; InputError where it lacks one of `keys`."""
        path = self._path(_CHUNKS, chunk)
        try:
            finished = _read(path)
            lacking = [key for key in keys if key not in finished]
            if lacking:
                raise ValueError(f"another version's, without {first_few(lacking)}")
            return finished
        except _DAMAGED as error:
            raise InputError(
                f"{path}: a damaged checkpoint: {error}; remove it and start again: its runs will "
                "be trained anew"
            ) from None

    def save_kept(self, kept: Any) -> None:
        """Saves the best trial's weights; the chunks stay until `drop_progress`."""
        ocp = load_orbax()
        # The first process saves alone: the others have nothing to wait for.
        alone = ocp.options.MultiprocessingOptions(primary_host=0, active_processes={0})
        target = self._folder / KEPT
        with files.folder_beside(target, "keeping") as beside:
            with (
                files.plain_path(beside) as plain,
                ocp.StandardCheckpointer(multiprocessing_options=alone) as checkpointer,
            ):
                checkpointer.save(plain / KEPT, jax.device_get(kept))
            digests = _digests(beside / KEPT)
            lines = [f"{digest}  {name}\n" for name, digest in digests.items()]
            files.write_text(beside / KEPT / _DIGESTS, "".join(lines))
            if target.exists():
                target.rename(beside / "outdated")
            (beside / KEPT).rename(target)

    def has_kept(self) -> bool:
        """Whether there are kept weights, whatever their state."""
        return (self._folder / KEPT).is_dir()

    def restore_kept(self) -> Any:
        """The best trial's weights; InputError where training has not come that far."""
        path = self._folder / KEPT
        if not path.is_dir():
            raise InputError(f"{self._folder}: no kept weights; train in this workdir first")
        ocp = load_orbax()
        try:
            _check_digests(path)  # before orbax, which prints tracebacks of its own
            with files.plain_path(path) as plain, ocp.PyTreeCheckpointer() as checkpointer:
                metadata = checkpointer.metadata(plain).item_metadata
                if metadata is None:  # how orbax tells files that are missing or cannot be parsed
                    raise ValueError("what arrays it holds cannot be read")
                as_numpy = jax.tree.map(
                    lambda _: ocp.RestoreArgs(restore_type=np.ndarray), metadata.tree
                )
                return checkpointer.restore(plain, restore_args=as_numpy)
        except PermissionError:  # to remove what may be whole would be bad advice
            raise
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


def load_orbax() -> Any:
    """orbax.checkpoint, loaded where it is used: no epoch has to wait for it."""
    import orbax.checkpoint

    return orbax.checkpoint


def _digests(folder: pathlib.Path) -> dict[str, str]:
    """The SHA-256 of each file of a folder, but for the list of them, by its path from there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != _DIGESTS:
            found[name] = files.sha256(path)
    return found


def _check_digests(folder: pathlib.Path) -> None:
    """ValueError where a file is not as it was written, or no digests tell; OSError too."""
    lines = (folder / _DIGESTS).read_text().splitlines()
    promised = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = _digests(folder)
    changed = [name for name in promised if found.get(name) != promised[name]]
    if changed or not promised:
        raise ValueError(f"not as it was written: {first_few(changed or [_DIGESTS])}")


def _write(path: pathlib.Path, tree: Any) -> None:
    """Writes a tree as msgpack and the digest of it at the end."""
    content = serialization.msgpack_serialize(jax.device_get(tree))
    files.write_bytes(path, content, hashlib.sha256(content).digest())


def _read(path: pathlib.Path) -> Any:
    """What `_write` wrote; one of _DAMAGED where it is no longer that."""
    content = memoryview(path.read_bytes())
    content, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("its content is not what its digest promises")
    return serialization.msgpack_restore(content)


def _without_key(state: RunState) -> RunState:
    return state._replace(key=jax.random.key_data(state.key))


def _with_key(state: RunState) -> RunState:
    return state._replace(key=jax.random.wrap_key_data(state.key, impl="threefry2x32"))
