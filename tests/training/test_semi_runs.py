"""Semi-supervised runs: what the pool may and may not change, wherever it lies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data.arrays import Split
from mer_jax.semi import METHODS, flexmatch, log
from mer_jax.training import batch as batch_lib
from mer_jax.training import division, forward, grid, plan, program
from mer_jax.training import order as order_lib
from mer_jax.training.feed import Feed
from mer_jax.training.state import Given
from tests.support.plans import NAMES, SMALL, planned, trained
from tests.support.runs import assert_same_bits, config_of, samples_of

MODALITIES = ("audio", "video")


def given_of(grid_plan):
    """What the plan's first run is given."""
    static = program.static_of(grid_plan.config, grid_plan.trials[0], MODALITIES, MER2023.task)
    hparams = program.hparams_of(grid_plan.trials[0])
    return Given(static, hparams, *jax.device_put((grid_plan.folds[0, 0], grid_plan.samples)))


@pytest.mark.parametrize("method", ["fixmatch", "graph"])
def test_hidden_labels_never_reach_the_weights(method):
    samples = samples_of(len(NAMES))
    before = planned(samples, semi__method=method)
    by_repeat = [before.folds[repeat, 0].pool_index for repeat in (0, 1)]
    hidden = np.intersect1d(*by_repeat)  # in whichever repeat
    shuffled = hidden[np.random.default_rng(0).permutation(len(hidden))]
    emotion, valence = samples.labels.emotion.copy(), samples.labels.valence.copy()
    emotion[hidden] = samples.labels.emotion[shuffled]
    valence[hidden] = samples.labels.valence[shuffled]
    permuted = samples._replace(labels=samples.labels._replace(emotion=emotion, valence=valence))
    # The same folds: which clips are labelled is drawn by class.
    after = before._replace(
        samples=permuted._replace(pool=division.find_pool(before.config, permuted, None))
    )
    one, other = trained(before), trained(after)
    for part in ("params", "opt_state", "semi", "best"):
        assert_same_bits(getattr(one, part), getattr(other, part))
    for name, curve in one.history.items():
        same = np.array_equal(curve, other.history[name], equal_nan=True)
        assert same == (name != log.ACCURACY)


def test_the_average_of_the_weights_predicts():
    state = trained(planned(semi__method="fixmatch"), epochs=1)
    best = jax.tree.leaves(state.best.params)
    assert all(
        np.array_equal(a, b) for a, b in zip(best, jax.tree.leaves(state.semi.ema), strict=True)
    )
    assert not all(
        np.array_equal(a, b) for a, b in zip(best, jax.tree.leaves(state.params), strict=True)
    )


def test_the_average_of_the_weights_validates():
    grid_plan = planned(semi__method="fixmatch")
    state = trained(grid_plan, epochs=1)
    of_first = lambda tree: jax.tree.map(lambda x: x[0], tree)  # noqa: E731
    given = given_of(grid_plan)
    averaged = forward.validate(given, of_first(state.semi.ema), {})
    raw = forward.validate(given, of_first(state.params), {})
    np.testing.assert_allclose(state.history["com"][0, 0], averaged["com"], rtol=1e-4)
    assert abs(averaged["com"] - raw["com"]) > 1e-3


def test_pseudo_labels_thresholds_are_of_the_weights_and_rows_that_they_are_said_to_be():
    """Quantiles over the validation rows as the raw weights see them when an epoch begins."""
    grid_plan = planned(semi__method="pseudo_label", semi__eta=0.4)
    given = given_of(grid_plan)
    before, after = (trained(grid_plan, epochs=epochs) for epochs in (3, 4))
    found = np.asarray(after.history[log.THRESHOLD])[0, 3]
    fold = grid_plan.folds[0, 0]
    rows = fold.validation_index[fold.validation_weight > 0]
    features = {m: jnp.asarray(x[rows]) for m, x in grid_plan.samples.features.items()}
    params = jax.tree.map(lambda x: x[0], before.params)
    output = forward.evaluate(given, params, {}, batch_lib.of_features(features))
    p = np.asarray(jax.nn.softmax(output.emotion))
    labels = grid_plan.samples.labels
    correct = labels.emotion_mask[rows] & (p.argmax(1) == labels.emotion[rows])
    assert correct.sum() > 1
    for c in range(6):
        largest = p.max(1)[correct & (p.argmax(1) == c)]
        expected = np.quantile(largest, 0.4) if largest.size else np.inf
        np.testing.assert_allclose(found[c], expected, rtol=1e-4)


def test_flexmatch_counts_the_runs_own_pool_alone():
    """Two runs side by side, each with half of the clips as its pool; every clip is confident.

    Once a run has drawn its whole pool nobody is unused, and the best learnt class's threshold is
    tau itself.
    """
    tau = 0.1
    grid_plan = planned(semi__method="flexmatch", semi__threshold=tau, folds=2)
    static = program.static_of(grid_plan.config, grid_plan.trials[0], MODALITIES, MER2023.task)
    chunk = plan.Chunk(static, tuple(plan.Run(0, repeat, 0) for repeat in (0, 1)), 2)
    advance, state = grid.start(grid_plan, Feed(grid_plan), chunk)
    begun = np.array(state.semi.method)
    state = advance(state, 0, 2)
    pools = [set(grid_plan.folds[repeat, 0].pool_index.tolist()) for repeat in (0, 1)]
    assert pools[0] != pools[1]
    for run, pool in enumerate(pools):
        assert set(np.flatnonzero(begun[run] == flexmatch.UNUSED)) == pool
        assert set(np.flatnonzero(begun[run] == flexmatch.NOT_OWN)) == set(range(60)) - pool
        assert set(np.flatnonzero(np.asarray(state.semi.method)[run] >= 0)) == pool
    best = np.asarray(state.history[log.THRESHOLD])[:, 1].max(-1)
    np.testing.assert_allclose(best, tau, rtol=1e-6)


def test_every_step_and_epoch_has_keys_and_clips_of_its_own():
    given = given_of(planned(semi__method="fixmatch"))
    one, other = (order_lib.steps_of(given, jax.random.key(seed), jnp.int32(0)) for seed in (0, 1))
    for field in ("index", "pool_rows"):
        assert not np.array_equal(getattr(one, field), getattr(other, field))
    keys = np.concatenate([jax.random.key_data(steps.key) for steps in (one, other)])
    assert len(np.unique(keys, axis=0)) == len(keys) > 4


def test_without_weight_the_pool_changes_nothing():
    supervised = trained(planned())
    idle = trained(planned(semi__method="fixmatch", semi__weight=0.0, semi__valence_weight=0.0))
    for a, b in zip(jax.tree.leaves(supervised.params), jax.tree.leaves(idle.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_logs(method):
    state = trained(planned(semi__method=method, semi__top_k=3), epochs=2)
    share = np.asarray(state.history[log.SHARE])[:, :2]
    assert (share > 0).all()
    assert (share <= 1).all()
    balance = np.asarray(state.history[log.BALANCE])[:, :2]
    np.testing.assert_allclose(balance.sum(-1), 1, rtol=1e-5)
    assert np.isnan(state.history[log.SHARE][:, 2:]).all()
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(state.params))


def test_an_epoch_goes_through_the_pool_without_repetition_while_it_can():
    pool = jnp.asarray(planned(semi__method="fixmatch").folds[0, 0].pool_index)
    size = len(pool)
    assert size < 48
    rows = np.asarray(order_lib.pool_order(jax.random.key(0), pool, 3, 16))
    assert rows.shape == (3, 16)
    assert set(rows.ravel()[:size]) == set(np.asarray(pool))
    np.testing.assert_array_equal(rows.ravel()[size:], rows.ravel()[: 48 - size])


def test_a_run_that_fails_keeps_its_average():
    """The pool's weight is NaN in one run: the loss is, and neither weights nor average move."""
    config = config_of(**{**SMALL, "semi__method": "fixmatch"})
    samples = samples_of(len(NAMES))
    samples = samples._replace(pool=division.find_pool(config, samples, None))
    folds = division.make_folds(config, samples, NAMES, None)
    trials = config_lib.trials(config)
    grid_plan = plan.Plan(config, [trials[0], {**trials[0], "semi.weight": np.nan}], samples, folds)
    static = program.static_of(config, trials[0], ("audio", "video"), MER2023.task)
    chunk = plan.Chunk(static, (plan.Run(0, 0, 0), plan.Run(1, 0, 0)), 2)
    advance, state = grid.start(grid_plan, Feed(grid_plan), chunk)
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
    scores = forward.validate(Given(static, hparams, fold, samples), params, {})
    np.testing.assert_allclose(seen.history["com"][0, 0], scores["com"], rtol=1e-4)


def test_the_average_takes_the_weights_after_each_step():
    """One step in one epoch: of the average, the weights before it are a tenth."""
    grid_plan = planned(semi__method="fixmatch", train__batch_size=32, repeats=1)
    static = program.static_of(grid_plan.config, grid_plan.trials[0], MODALITIES, MER2023.task)
    chunk = plan.Chunk(static, (plan.Run(0, 0, 0), plan.Run(0, 0, 1)), 2)
    assert len(grid_plan.folds[0, 0].train_index) == 32
    advance, state = grid.start(grid_plan, Feed(grid_plan), chunk)
    before = jax.tree.map(np.array, state.params)
    state = advance(state, 0, 1)
    for old, new, average in zip(
        *map(jax.tree.leaves, (before, state.params, state.semi.ema)), strict=True
    ):
        np.testing.assert_allclose(average, 0.1 * old + 0.9 * np.asarray(new), atol=1e-6)
        assert not np.array_equal(old, new)


def test_few_labelled_clips_are_taken_again_until_a_run_has_its_steps():
    grid_plan = planned(semi__method="fixmatch", train__steps=14)  # in 4 epochs
    given = given_of(grid_plan)
    steps = order_lib.steps_of(given, jax.random.key(0), jnp.int32(0))
    assert len(steps.index) == 4  # where one pass has 3
    assert steps.pool_rows.shape == (4, 16)
    fold = grid_plan.folds[0, 0]
    own = set(fold.train_index[fold.train_weight > 0].tolist())
    known = np.asarray(steps.weight) > 0
    assert set(np.asarray(steps.index)[:3][known[:3]].tolist()) == own
    again = np.asarray(steps.index)[3][known[3]]
    assert len(set(again.tolist())) == 8
    assert set(again.tolist()) <= own
    alone = given_of(planned(semi__method="fixmatch"))
    before = order_lib.steps_of(alone, jax.random.key(0), jnp.int32(0))
    np.testing.assert_array_equal(steps.index[:3], before.index)


@pytest.mark.parametrize(("steps", "best"), [(0, 0), (40, 3)])
def test_of_equal_epochs_the_last_is_kept_where_clips_are_taken_again(steps, best):
    """Nothing is learnt at a rate of 0, so that every epoch is as good as the others."""
    state = trained(planned(train__steps=steps, train__learning_rate=1e-30), epochs=4)
    np.testing.assert_array_equal(state.best.epoch, [best, best])


@pytest.mark.parametrize(
    ("steps", "clips", "score", "kept"),
    [
        (0, 6, 0.8, False), (0, 6, 0.9, False), (0, 6, 1.0, True),  # clips once: the better one
        (40, 6, 0.8, True), (40, 6, np.nan, False),  # few validate: the last one
        (40, 400, 0.8, False), (40, 400, 0.9, True), (40, 400, np.nan, False),
    ],
)  # fmt: skip
def test_where_few_clips_validate_the_last_epoch_is_kept_however_it_scores(
    steps, clips, score, kept
):
    given = given_of(planned(train__steps=steps))
    given = given._replace(fold=given.fold._replace(validation_weight=jnp.ones(clips)))
    taken = order_lib.steps_of(given, jax.random.key(0), jnp.int32(0))
    assert bool(order_lib.is_kept(given, taken, jnp.float32(score), jnp.float32(0.9))) == kept


@pytest.mark.parametrize("is_hidden", [True, False])
def test_a_step_draws_one_of_each_clips_nearest_clips(is_hidden):
    """As many as the trial's `neighbours`, of more that another trial of the grid asks for."""
    changes = {"semi__method": "freematch", "semi__strong": "neighbours 0.5"}
    samples, pool = samples_of(len(NAMES)), None
    if not is_hidden:
        others = samples_of(40, seed=1)
        pool = Split(NAMES[:40], others.features, others.labels)
        changes["data__labelled_fraction"] = 1.0
    grid_plan = planned(samples, pool, semi__neighbours=(2, 5), **changes)
    feed = Feed(grid_plan)
    given = given_of(grid_plan)._replace(samples=feed.resident)
    rows = np.repeat(np.arange(len(feed.resident.pool.number)), 30)
    clips = batch_lib.of_pool(given, jnp.asarray(rows), jax.random.key(0))
    every = {
        m: np.concatenate([np.asarray(feed.resident.pool.features[m]), samples.features[m]])
        for m in MODALITIES
    }
    near = np.asarray(feed.resident.pool.near)
    assert near.shape == (len(feed.resident.pool.number), 5)
    drawn = [
        [
            all((clips.neighbour.features[m] == every[m][near[rows, k]]).all(1)[i] for m in every)
            for k in range(5)
        ]
        for i in range(0, len(rows), 7)
    ]
    counts = np.array(drawn).sum(0)
    assert counts.sum() == len(drawn) and not counts[2:].any()
    assert abs(counts[0] / counts.sum() - 0.5) < 0.15
    again = batch_lib.of_pool(given, jnp.asarray(rows), jax.random.key(1)).neighbour
    assert (again.features["audio"] != clips.neighbour.features["audio"]).any()
    assert batch_lib.of_pool(given, jnp.asarray(rows)).neighbour is None


def test_what_moves_to_neighbours_trains_otherwise():
    plain, moved = (
        trained(planned(semi__method="freematch", semi__weak="", semi__strong=view))
        for view in ("", "neighbours 0.5")
    )
    leaves = zip(*map(jax.tree.leaves, (plain.params, moved.params)), strict=True)
    assert any(not np.array_equal(*pair) for pair in leaves)
    assert np.isfinite(np.asarray(moved.history["loss"])[:, :3]).all()
