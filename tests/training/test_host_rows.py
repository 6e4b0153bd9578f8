"""Features that stay on the host train the runs that they train on the device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax.training import batch
from mer_jax.training.feed import Feed
from mer_jax.training.host_rows import HostRows
from tests.support.plans import planned, trained


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


@pytest.mark.parametrize(
    "changes",
    [
        {"data__labelled_fraction": 1.0, "data__standardise": True},
        # The pool is the rest of train, of which no labelled clip may come in.
        {"data__labelled_fraction": 0.5, "semi__method": "pseudo_label", "semi__eta": 0.2},
    ],
)
def test_streamed_features_train_the_same_runs(changes):
    resident, streamed = planned(**changes), planned(**changes, data__device_bytes=100)
    features = Feed(streamed).samples(0).features
    assert all(isinstance(x, HostRows) for x in features.values())
    assert all(not isinstance(x, HostRows) for x in Feed(resident).samples(0).features.values())
    one, other = trained(resident), trained(streamed)
    for a, b in zip(jax.tree.leaves(one.params), jax.tree.leaves(other.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for name, curve in one.history.items():
        np.testing.assert_allclose(curve, other.history[name], atol=1e-5, err_msg=name)
    assert np.isfinite(one.history["com"][:, :3]).all()


def test_no_more_than_a_batch_of_each_run_comes_to_the_device_at_once(monkeypatch):
    read, fetched = HostRows._read, []

    def recorded(self, index):
        fetched.append(np.asarray(index).shape)
        return read(self, index)

    monkeypatch.setattr(HostRows, "_read", recorded)
    trained(planned(data__labelled_fraction=1.0, data__device_bytes=100), epochs=1)
    assert set(fetched) == {(2, 8)}  # two runs, batches of eight: validation's 20 rows too
