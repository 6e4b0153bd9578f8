"""Semi-supervised runs: what the pool may and may not change, wherever it lies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data.arrays import Labels, Split
from mer_jax.errors import InputError
from mer_jax.training import grid, loop, plan, pool, program, semi, unlabelled
from tests.support.plans import NAMES, SMALL, planned, trained
from tests.support.runs import assert_same_bits, config_of, samples_of


def test_hidden_labels_never_reach_the_weights():
    samples = samples_of(len(NAMES))
    before = planned(samples, semi__method="fixmatch")
    by_repeat = [before.folds[repeat, 0].pool_index for repeat in (0, 1)]
    hidden = np.intersect1d(*by_repeat)  # in whichever repeat
    shuffled = hidden[np.random.default_rng(0).permutation(len(hidden))]
    emotion, valence = samples.labels.emotion.copy(), samples.labels.valence.copy()
    emotion[hidden] = samples.labels.emotion[shuffled]
    valence[hidden] = samples.labels.valence[shuffled]
    permuted = samples._replace(labels=samples.labels._replace(emotion=emotion, valence=valence))
    # The same folds: which clips are labelled is drawn by class.
    after = before._replace(
        samples=permuted._replace(pool=pool.find(before.config, permuted, None))
    )
    one, other = trained(before), trained(after)
    for part in ("params", "opt_state", "semi", "best"):
        assert_same_bits(getattr(one, part), getattr(other, part))
    for name, curve in one.history.items():
        same = np.array_equal(curve, other.history[name], equal_nan=True)
        assert same == (name != unlabelled.ACCURACY)


def test_no_clip_of_a_fold_is_in_the_pool():
    grid_plan = planned(semi__method="fixmatch")
    labelled = {}
    for (repeat, fold), rows in grid_plan.folds.items():
        used = {*rows.train_index[rows.train_weight > 0].tolist()}
        validation = {*rows.validation_index[rows.validation_weight > 0].tolist()}
        assert not validation & {*rows.pool_index.tolist()}
        assert used | validation | {*rows.pool_index.tolist()} == set(range(len(NAMES)))
        labelled.setdefault(repeat, used | validation)
        assert labelled[repeat] == used | validation, fold
    assert labelled[0] != labelled[1]  # drawn anew for each repeat


def test_the_average_of_the_weights_predicts():
    state = trained(planned(semi__method="fixmatch"), epochs=1)
    best = jax.tree.leaves(state.best.params)
    assert all(
        np.array_equal(a, b) for a, b in zip(best, jax.tree.leaves(state.semi.ema), strict=True)
    )
    assert not all(
        np.array_equal(a, b) for a, b in zip(best, jax.tree.leaves(state.params), strict=True)
    )


def test_without_weight_the_pool_changes_nothing():
    supervised = trained(planned())
    idle = trained(planned(semi__method="fixmatch", semi__weight=0.0, semi__valence_weight=0.0))
    for a, b in zip(jax.tree.leaves(supervised.params), jax.tree.leaves(idle.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("method", semi.METHODS)
def test_every_method_trains_and_logs(method):
    state = trained(planned(semi__method=method, semi__top_k=3), epochs=2)
    share = np.asarray(state.history[unlabelled.SHARE])[:, :2]
    assert (share > 0).all()
    assert (share <= 1).all()
    balance = np.asarray(state.history[unlabelled.BALANCE])[:, :2]
    np.testing.assert_allclose(balance.sum(-1), 1, rtol=1e-5)
    assert np.isnan(state.history[unlabelled.SHARE][:, 2:]).all()
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(state.params))


def split_of(count):
    """A pool of its own, nothing of it labelled."""
    samples = samples_of(count, seed=1)
    labels = Labels(
        np.zeros(count, np.int32), np.zeros(count, bool), np.zeros(count, np.float32),
        np.zeros(count, bool),
    )  # fmt: skip
    return Split(np.array([f"pool_{i:04d}" for i in range(count)]), samples.features, labels)


def of_own_pool(count, **changes):
    """A plan whose pool is the corpus's own."""
    return planned(
        unlabelled_split=split_of(count), data__labelled_fraction=1.0, semi__method="flexmatch",
        **changes,
    )  # fmt: skip


def test_a_pool_too_large_for_the_device_streams():
    bytes_of_pool = 400 * (6 + 4) * 4
    grid_plan = of_own_pool(400, data__device_bytes=bytes_of_pool // 3)
    feed = pool.Feed(grid_plan)
    first, second = feed.shard(0), feed.shard(1)
    wanted = 2 * 40  # mu times the padded rows of a fold
    assert len(first.number) == len(set(first.number)) == wanted
    assert set(first.number) != set(second.number)
    for shard in (first, second):  # two hold at a time
        np.testing.assert_array_equal(
            shard.features["audio"], grid_plan.samples.pool.features["audio"][shard.number]
        )
    np.testing.assert_array_equal(feed.shard(1).number, second.number)
    assert feed.spans(2, 5) == [(2, 3), (3, 4), (4, 5)]
    state = trained(grid_plan)
    selected = np.asarray(state.semi.method)  # by the clips' numbers in the whole pool
    assert selected.shape == (2, 400)
    seen = np.unique(np.concatenate([feed.shard(epoch).number for epoch in range(3)]))
    assert (selected[:, np.setdiff1d(np.arange(400), seen)] == -1).all()
    assert (selected[:, seen] >= 0).any()


def test_a_pool_that_fits_as_bfloat16_stays():
    bytes_of_pool = 400 * (6 + 4) * 4
    whole = of_own_pool(400)
    halved = of_own_pool(400, data__device_bytes=bytes_of_pool - 1)
    samples = pool.Feed(halved).samples(0)
    assert samples.pool.features["audio"].dtype == jnp.bfloat16
    assert samples.features["audio"].dtype == jnp.float32
    for a, b in zip(
        jax.tree.leaves(trained(whole).params), jax.tree.leaves(trained(halved).params), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=0.02)


def test_an_epoch_goes_through_the_pool_without_repetition_while_it_can():
    key = jax.random.key(0)
    fold = planned(semi__method="fixmatch").folds[0, 0]
    static = program.static_of(
        config_of(**SMALL, semi__method="fixmatch"),
        config_lib.trials(config_of(**SMALL, semi__method="fixmatch"))[0],
        ("audio", "video"),
        MER2023.task,
    )
    rows = np.asarray(loop._pool_order(static, fold, key, 3))
    assert rows.shape == (3, 2 * 8)
    size = len(fold.pool_index)
    assert len(set(rows.ravel()[:size])) == size
    np.testing.assert_array_equal(rows.ravel()[size:], rows.ravel()[: 48 - size])


def test_weights_rise_over_the_warm_up():
    given = {"weight": 2.0, "valence_weight": 1.0, "warmup": 4.0, "ema": 0.5}
    settings = {name: jnp.float32(value) for name, value in given.items()}
    risen = unlabelled.ramped(settings, jnp.int32(1))
    assert (risen["weight"], risen["valence_weight"], risen["ema"]) == (0.5, 0.25, 0.5)
    assert unlabelled.ramped(settings, jnp.int32(9))["weight"] == 2
    assert unlabelled.ramped({**settings, "warmup": jnp.float32(0)}, jnp.int32(0))["weight"] == 2


def test_no_unlabelled_clip_is_told():
    config = config_of(semi__method="fixmatch")
    with pytest.raises(InputError, match=r"semi\.method='fixmatch' needs unlabelled clips"):
        pool.find(config, samples_of(20), None)
    assert pool.find(config_of(), samples_of(20), None) is None


def test_a_run_that_fails_keeps_its_average():
    """The pool's weight is NaN in one run: the loss is, and neither weights nor average move."""
    config = config_of(**{**SMALL, "semi__method": "fixmatch"})
    samples = samples_of(len(NAMES))
    samples = samples._replace(pool=pool.find(config, samples, None))
    folds = plan.make_folds(config, samples, NAMES, None)
    trials = config_lib.trials(config)
    grid_plan = plan.Plan(config, [trials[0], {**trials[0], "semi.weight": np.nan}], samples, folds)
    static = program.static_of(config, trials[0], ("audio", "video"), MER2023.task)
    chunk = plan.Chunk(static, (plan.Run(0, 0, 0), plan.Run(1, 0, 0)), 2)
    advance, state = grid.start(grid_plan, pool.Feed(grid_plan), chunk)
    start = jax.tree.map(jnp.copy, state)
    state = advance(state, 0, 2)
    np.testing.assert_array_equal(state.failed, [-1, 0])
    of_run = lambda tree: jax.tree.map(lambda x: x[1], tree)  # noqa: E731
    for part in ("params", "opt_state", "semi"):
        assert_same_bits(of_run(getattr(state, part)), of_run(getattr(start, part)))


def test_views_augment_training_and_never_validation():
    changes = {"data__labelled_fraction": 1.0}
    plain = trained(planned(**changes), epochs=1)
    seen = trained(planned(**changes, train__views="noise 2.0"), epochs=1)
    assert not np.array_equal(*(jax.tree.leaves(state.params)[0] for state in (plain, seen)))
    # The scores of the first epoch are those of its weights on the clips as they are.
    grid_plan = planned(**changes, train__views="noise 2.0")
    static = program.static_of(
        grid_plan.config, grid_plan.trials[0], ("audio", "video"), MER2023.task
    )
    hparams = program.hparams_of(grid_plan.trials[0])
    params = jax.tree.map(lambda x: x[0], seen.params)
    fold, samples = jax.tree.map(jnp.asarray, (grid_plan.folds[0, 0], grid_plan.samples))
    scores = loop.validate(static, params, {}, hparams, fold, samples)
    np.testing.assert_allclose(seen.history["com"][0, 0], scores["com"], rtol=1e-4)
