"""Checkpoints give back what was saved, for the chunk that asks."""

import hashlib
import shutil
import sys

import jax
import numpy as np
import pytest
from flax import serialization

from mer_jax.errors import InputError
from mer_jax.training.checkpoint import Checkpoints
from tests.support.runs import Group, assert_same_bits


def test_progress_comes_back_bit_for_bit(tmp_path):
    group = Group([(0, 0, 1e-2), (0, 1, 1e-3)])
    like = group.state
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.restore_progress(0, like) is None
    state = group.advance(0, 2)
    checkpoints.save_progress(0, 2, state)
    epoch, restored = Checkpoints(tmp_path).restore_progress(0, state)
    assert epoch == 2
    assert_same_bits(restored, state)
    whole = group.advance(2, 4)
    again = Group([(0, 0, 1e-2), (0, 1, 1e-3)])
    again.state = jax.device_put(restored)
    assert_same_bits(again.advance(2, 4), whole)


def test_every_chunk_has_progress_of_its_own_until_it_is_finished(tmp_path):
    group = Group([(0, 0, 1e-2)])
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save_progress(0, 1, group.state)
    checkpoints.save_progress(0, 2, group.state)
    checkpoints.save_progress(1, 3, group.state)
    assert checkpoints.restore_progress(0, group.state)[0] == 2
    assert checkpoints.restore_progress(1, group.state)[0] == 3
    assert checkpoints.restore_progress(2, group.state) is None
    checkpoints.save_chunk(0, {"best_epoch": np.arange(1)})
    assert checkpoints.restore_progress(0, group.state) is None
    assert checkpoints.restore_progress(1, group.state)[0] == 3


@pytest.mark.parametrize("left", [0, 100, -7])
def test_damaged_progress_starts_its_chunk_again(tmp_path, left):
    group = Group([(0, 0, 1e-2)])
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save_progress(0, 2, group.state)
    path = tmp_path / "checkpoints" / "resume" / "0000.msgpack"
    path.write_bytes(path.read_bytes()[:left])
    assert checkpoints.restore_progress(0, group.state) is None


def flipped(path, at=0.5):
    """Turns over one bit, of what lies in the middle: an array."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 4
    path.write_bytes(content)


def test_a_bit_that_turned_over_is_noticed(tmp_path, caplog):
    group = Group([(0, 0, 1e-2)])
    checkpoints = Checkpoints(tmp_path)
    folder = tmp_path / "checkpoints"
    checkpoints.save_progress(0, 2, group.state)
    flipped(folder / "resume" / "0000.msgpack")
    assert checkpoints.restore_progress(0, group.state) is None
    assert "0000.msgpack: damaged, or of another version; starting this chunk" in caplog.text
    arrays = {"params": np.random.default_rng(0).normal(size=10_000)}
    checkpoints.save_chunk(0, arrays)
    flipped(folder / "chunks" / "0000.msgpack")
    with pytest.raises(
        InputError, match=r"0000\.msgpack: a damaged checkpoint: its content is not"
    ):
        checkpoints.restore_chunk(0)
    checkpoints.save_kept(arrays)
    largest = max((folder / "kept").rglob("*"), key=lambda path: path.stat().st_size)
    flipped(largest)
    with pytest.raises(InputError, match=rf"kept: a damaged .*not as it was.*{largest.name}"):
        checkpoints.restore_kept()


def test_what_another_version_left_is_told_and_not_used(tmp_path, caplog):
    """One without digests; one whose runs could not fail."""
    group = Group([(0, 0, 1e-2)])
    checkpoints = Checkpoints(tmp_path)
    folder = tmp_path / "checkpoints"
    checkpoints.save_progress(0, 2, group.state)
    path = folder / "resume" / "0000.msgpack"
    path.write_bytes(path.read_bytes()[:-32])
    assert checkpoints.restore_progress(0, group.state) is None
    checkpoints.save_progress(0, 2, group.state)
    tree = serialization.msgpack_restore(path.read_bytes()[:-32])
    del tree["state"]["failed"]
    content = serialization.msgpack_serialize(tree)
    path.write_bytes(content + hashlib.sha256(content).digest())
    assert checkpoints.restore_progress(0, group.state) is None
    assert caplog.text.count("0000.msgpack: damaged, or of another version") == 2
    checkpoints.save_chunk(0, {"best_epoch": np.arange(1)})
    with pytest.raises(InputError, match="another version's, without failed; remove it and start"):
        checkpoints.restore_chunk(0, ("best_epoch", "failed"))
    checkpoints.save_kept({"params": np.arange(3.0)})
    (folder / "kept" / "SHA256SUMS").unlink()
    with pytest.raises(InputError, match="kept: a damaged checkpoint"):
        checkpoints.restore_kept()


def test_the_kept_weights_are_listed_as_sha256sum_reads_it(tmp_path):
    Checkpoints(tmp_path).save_kept({"params": np.arange(1000.0)})
    folder = tmp_path / "checkpoints" / "kept"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    found = {name: digest for digest, name in (line.split("  ") for line in lines)}
    expected = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert found == expected


def test_trees_come_back_and_are_dropped(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    tree = {
        "params": {"kernel": np.arange(6.0).reshape(2, 3)},
        "model_state": {},
        "scaler": {"audio": [np.zeros(2), np.ones(2)]},
        "repeat": np.arange(2),
    }
    assert not checkpoints.has_chunk(3)
    checkpoints.save_chunk(3, tree)
    assert checkpoints.has_chunk(3)
    found = checkpoints.restore_chunk(3)
    np.testing.assert_array_equal(found["params"]["kernel"], tree["params"]["kernel"])
    assert jax.tree.structure(found) == jax.tree.structure(tree)
    np.testing.assert_array_equal(found["repeat"], tree["repeat"])
    checkpoints.save_kept(tree)
    checkpoints.drop_progress()
    assert not checkpoints.has_chunk(3)
    assert Checkpoints(tmp_path).restore_kept()["params"]["kernel"].shape == (2, 3)


def test_without_kept_weights_the_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="no kept weights; train in this workdir first"):
        Checkpoints(tmp_path).restore_kept()


def test_damaged_weights_are_told(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save_chunk(0, {"params": np.arange(1000.0)})
    path = tmp_path / "checkpoints" / "chunks" / "0000.msgpack"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"0000\.msgpack: a damaged checkpoint: .*; remove it"):
        checkpoints.restore_chunk(0)
    checkpoints.save_kept({"params": np.arange(1000.0)})
    for path in (tmp_path / "checkpoints" / "kept").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.raises(InputError) as refusal:
        Checkpoints(tmp_path).restore_kept()
    sentence = str(refusal.value)
    assert sentence.startswith(f"{tmp_path / 'checkpoints' / 'kept'}: a damaged checkpoint (")
    assert sentence.endswith("); remove it and train in this workdir again")


def test_a_damaged_checkpoint_leaves_no_read_under_way(tmp_path, monkeypatch):
    """Reads that end after orbax has closed its event loop would print tracebacks."""
    late = []
    monkeypatch.setattr(sys, "unraisablehook", late.append)
    for number in range(10):
        checkpoints = Checkpoints(tmp_path / str(number))
        checkpoints.save_kept({str(i): np.arange(1000.0) for i in range(30)})
        manifest = tmp_path / str(number) / "checkpoints" / "kept" / "manifest.ocdbt"
        manifest.write_bytes(b"\0" * 113)
        with pytest.raises(InputError, match="kept: a damaged checkpoint"):
            checkpoints.restore_kept()
    assert not late


def damaged(name, content):
    def spoil(folder):
        (path,) = folder.glob(name)
        path.write_bytes(content)

    return spoil


def largest_removed(folder):
    """Removes the arrays themselves and leaves what describes them."""
    files = [path for path in folder.rglob("d/*") if path.is_file()]
    for path in files:
        path.unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        damaged("_METADATA", b""),
        damaged("_METADATA", b"{}"),
        damaged("_METADATA", b"[]"),
        damaged("_METADATA", b'{"tree_metadata": 3}'),
        damaged("manifest.ocdbt", b""),
        damaged("manifest.ocdbt", b"\0" * 113),
        largest_removed,
        lambda folder: (folder / "_METADATA").unlink(),
        lambda folder: (folder / "manifest.ocdbt").unlink(),
        lambda folder: [shutil.rmtree(folder), folder.mkdir()],
    ],
)
def test_a_damaged_checkpoint_is_told_in_a_sentence(tmp_path, spoil):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save_kept({"params": {"a": np.arange(1000.0)}, "repeat": np.arange(3)})
    assert checkpoints.has_kept()
    folder = tmp_path / "checkpoints" / "kept"
    spoil(folder)
    with pytest.raises(InputError, match="kept: a damaged checkpoint") as refusal:
        Checkpoints(tmp_path).restore_kept()
    assert "\n" not in str(refusal.value)
    assert "NoneType" not in str(refusal.value)
    assert len(str(refusal.value)) < 300 + len(str(tmp_path))
    assert not Checkpoints(tmp_path / "elsewhere").has_kept()
