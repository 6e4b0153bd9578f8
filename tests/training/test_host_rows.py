"""Features that stay on the host train the runs that they train on the device."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.training import batch, host_rows
from mer_jax.training.feed import Feed
from mer_jax.training.host_rows import HostRows
from tests.support.plans import planned, trained


@pytest.fixture
def fetched(monkeypatch):
    """The shape of each index by which rows are fetched."""
    shapes = []
    read = HostRows._read

    def recorded(self, index):
        shapes.append(index.shape)
        return read(self, index)

    monkeypatch.setattr(HostRows, "_read", recorded)
    return shapes


def test_rows_are_fetched_by_index_under_jit_and_vmap():
    array = np.arange(12, dtype=np.float32).reshape(6, 2)
    rows = HostRows(array)
    index = jnp.array([[5, 0, 0], [1, 2, 3]])
    fetch = jax.jit(jax.vmap(lambda rows, index: 2 * rows[index], in_axes=(None, 0)))
    np.testing.assert_array_equal(fetch(rows, index), 2 * array[np.asarray(index)])
    np.testing.assert_array_equal(rows[:1], array[:1])
    assert jax.tree.leaves(rows) == []


def test_one_call_fetches_all_modalities():
    arrays = {"audio": np.arange(8.0).reshape(4, 2), "text": np.arange(12.0).reshape(4, 3)}
    rows = {modality: HostRows(array) for modality, array in arrays.items()}
    index = jnp.array([3, 0])

    def taken(index):
        return batch._taken(rows, index, {})[0]

    assert str(jax.make_jaxpr(taken)(index)).count("pure_callback[") == 1
    for modality, found in jax.jit(taken)(index).items():
        np.testing.assert_array_equal(found, arrays[modality][[3, 0]])


def test_a_memory_map_is_read_row_by_row(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(8.0, dtype=np.float32).reshape(4, 2))
    rows = HostRows(np.load(tmp_path / "x.npy", mmap_mode="r"))
    np.testing.assert_array_equal(jax.jit(lambda r, i: r[i])(rows, jnp.array([3])), [[6, 7]])


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_a_scan_fetches_the_rows_of_several_steps_at_once(fetched, monkeypatch, steps):
    array = np.arange(40, dtype=np.float32).reshape(20, 2)
    monkeypatch.setattr(host_rows, "_BLOCK_BYTES", steps * 3 * 2 * 4)
    index_SxB = np.random.default_rng(0).integers(0, 20, (7, 3))

    def summed(sum_D, index_B, of_step):
        return sum_D + of_step["a"].sum(0), of_step["a"][:, 1]

    def scanned(rows, index_SxB):
        fetch = functools.partial(host_rows.fetch, {"a": rows})
        return host_rows.scan(summed, jnp.zeros(2), index_SxB, fetch)

    sum_D, ys = jax.jit(scanned)(HostRows(array), index_SxB)
    np.testing.assert_array_equal(sum_D, array[index_SxB].sum((0, 1)))
    np.testing.assert_array_equal(ys, array[index_SxB, 1])
    assert fetched == [(steps, 3)] * -(-7 // steps)


@pytest.mark.parametrize(
    "changes",
    [
        {"data__labelled_fraction": 1.0, "data__standardise": True},
        # The pool is the rest of train, of which no labelled clip may come in.
        {"data__labelled_fraction": 0.5, "semi__method": "pseudo_label", "semi__eta": 0.2},
        {"data__labelled_fraction": 0.5, "semi__method": "pseudo_label", "semi__top_k": 3},
    ],
)
def test_streamed_features_train_the_same_runs(monkeypatch, changes):
    monkeypatch.setattr(host_rows, "_BLOCK_BYTES", 2000)  # a few steps: several blocks an epoch
    resident, streamed = planned(**changes), planned(**changes, data__device_bytes=100)
    features = Feed(streamed).samples(0).features
    assert all(isinstance(x, HostRows) for x in features.values())
    assert all(not isinstance(x, HostRows) for x in Feed(resident).samples(0).features.values())
    one, other = trained(resident), trained(streamed)
    for a, b in zip(jax.tree.leaves(one.params), jax.tree.leaves(other.params), strict=True):
        np.testing.assert_array_equal(a, b)
    for name, curve in one.history.items():
        np.testing.assert_array_equal(curve, other.history[name], err_msg=name)
    assert np.isfinite(one.history["com"][:, :3]).all()


def test_no_more_than_a_block_of_each_run_comes_to_the_device_at_once(fetched, monkeypatch):
    streamed = planned(data__labelled_fraction=1.0, data__device_bytes=100)
    row = 4 * sum(x.shape[1] for x in streamed.samples.features.values())
    monkeypatch.setattr(host_rows, "_BLOCK_BYTES", 20 * row)
    trained(streamed, epochs=1)
    # Of two runs: batches of eight, two at once; validation's 20 rows, padded to 24, in halves.
    assert set(fetched) == {(2, 2, 8), (2, 12)}
