"""The training loop against NumPy, and what it promises of bits, batches and the best epoch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax import metrics
from mer_jax.models.layers import Batch
from mer_jax.task import Task
from mer_jax.training import batch as batch_lib
from mer_jax.training import grid, loop
from mer_jax.training import order as order_lib
from mer_jax.training.program import build_model
from mer_jax.training.state import LOSS, Given, finite
from tests.support.runs import Group, assert_same_bits, folds_of, samples_of, static_of

RATE, DECAY = 1e-2, 0.05


def test_an_epoch_visits_every_sample_once_and_pads_at_the_end():
    weight = jnp.asarray(np.arange(24) % 5 < 4, jnp.float32)
    orders = [np.asarray(order_lib.epoch_order(jax.random.key(i), weight, 8)) for i in range(50)]
    for order in orders:
        assert order.shape == (3, 8)
        assert sorted(order.ravel()) == list(range(24))
        counted = np.asarray(weight)[order.ravel()]
        assert (np.diff(counted) <= 0).all()
    first = np.bincount([order[0, 0] for order in orders], minlength=24)
    assert (first > 0).sum() > 10  # another order each time


def numpy_training(params, batches, samples, index):
    """Epochs of the unimodal model (Eq. 1 to 3 and 6 to 8) with Adam, by hand in float64."""
    flat = {
        "wh": params["fusion"]["audio"]["dense_0"]["kernel"],
        "bh": params["fusion"]["audio"]["dense_0"]["bias"],
        "we": params["emotion"]["kernel"],
        "be": params["emotion"]["bias"],
        "wv": params["valence"]["kernel"],
        "bv": params["valence"]["bias"],
    }
    p = {name: np.asarray(value, np.float64) for name, value in flat.items()}
    m = {name: np.zeros_like(value) for name, value in p.items()}
    v = {name: np.zeros_like(value) for name, value in p.items()}
    labels, losses = samples.labels, []
    for t, rows in enumerate(batches, start=1):
        rows = index[rows]  # noqa: PLW2901
        x = samples.features["audio"][rows].astype(np.float64)
        before = x @ p["wh"] + p["bh"]
        h = np.maximum(before, 0)
        logits, valence = h @ p["we"] + p["be"], (h @ p["wv"] + p["bv"])[:, 0]
        e = np.exp(logits - logits.max(1, keepdims=True))
        probability = e / e.sum(1, keepdims=True)
        one_hot = np.eye(6)[labels.emotion[rows]]
        has_e, has_v = labels.emotion_mask[rows], labels.valence_mask[rows]
        d_logits = (probability - one_hot) * has_e[:, None] / max(has_e.sum(), 1)
        error = valence - labels.valence[rows]
        d_valence = 2 * error * has_v / max(has_v.sum(), 1)
        own = np.log(probability[np.arange(len(rows)), labels.emotion[rows]])
        loss = -(own * has_e).sum() / max(has_e.sum(), 1)
        loss += (error**2 * has_v).sum() / max(has_v.sum(), 1)
        losses.append((loss, len(rows)))
        d_h = (d_logits @ p["we"].T + d_valence[:, None] @ p["wv"].T) * (before > 0)
        gradient = {
            "wh": x.T @ d_h,
            "bh": d_h.sum(0),
            "we": h.T @ d_logits,
            "be": d_logits.sum(0),
            "wv": h.T @ d_valence[:, None],
            "bv": d_valence.sum(keepdims=True),
        }
        for name, without_decay in gradient.items():
            g = without_decay + DECAY * p[name]
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g**2
            step = m[name] / (1 - 0.9**t) / (np.sqrt(v[name] / (1 - 0.999**t)) + 1e-8)
            p[name] = p[name] - RATE * step
    return p, losses


def test_two_epochs_equal_numpy_by_hand():
    sizes = {"audio": 6}
    samples, static = samples_of(sizes=sizes), static_of("unimodal", sizes=sizes)
    group = Group([(0, 0, RATE)], static, samples, {"dropout": 0.0}, weight_decay=DECAY)
    start = jax.tree.map(lambda x: np.asarray(x[0]), group.state.params)
    fold = folds_of(samples)[0, 0]
    batches, sizes_of_epochs = [], []
    for epoch in range(2):
        key = jax.random.fold_in(group.state.key[0], epoch)
        order = order_lib.epoch_order(jax.random.split(key)[0], jnp.asarray(fold.train_weight), 8)
        real = [row[fold.train_weight[row] > 0] for row in np.asarray(order)]
        batches += real
        sizes_of_epochs.append(len(real))
    assert [len(batch) for batch in batches] == [8, 8, 8, 1] * 2  # 25 of 37 train: 12 validate
    expected, losses = numpy_training(start, batches, samples, fold.train_index)
    state = group.advance(0, 2)
    found = state.params["fusion"]["audio"]["dense_0"]
    np.testing.assert_allclose(found["kernel"][0], expected["wh"], atol=2e-5)
    np.testing.assert_allclose(found["bias"][0], expected["bh"], atol=2e-5)
    np.testing.assert_allclose(state.params["emotion"]["kernel"][0], expected["we"], atol=2e-5)
    np.testing.assert_allclose(state.params["valence"]["bias"][0], expected["bv"], atol=2e-5)
    first = np.array(losses[: sizes_of_epochs[0]])
    mean_loss = np.average(first[:, 0], weights=first[:, 1])
    np.testing.assert_allclose(state.history[LOSS][0, 0], mean_loss, rtol=1e-5)


def test_validation_scores_are_of_the_folds_own_clips():
    samples = samples_of()
    group = Group([(0, 1, RATE)], samples=samples)
    state = group.advance(0, 1)
    fold = folds_of(samples)[0, 1]
    rows = fold.validation_index[fold.validation_weight > 0]
    model = build_model(group.static)
    params = jax.tree.map(lambda x: x[0], state.params)
    batch = Batch(
        {m: jnp.asarray(x[rows]) for m, x in samples.features.items()}, {}, jnp.ones(len(rows))
    )
    output = model.apply({"params": params}, batch, {"dropout": 0.0})
    known = samples.labels.emotion_mask[rows]
    true, guess = samples.labels.emotion[rows][known], np.asarray(output.emotion.argmax(-1))[known]
    expected = sk.f1_score(true, guess, average="weighted", zero_division=0)
    np.testing.assert_allclose(state.history["dis"][0, 0], expected, atol=1e-6)
    assert np.isnan(state.history["dis"][0, 1:]).all()


def test_the_kept_weights_are_those_of_the_best_epoch():
    runs = [(0, 0, 0.3), (1, 2, 1e-2), (0, 1, 1e-3)]  # a rate of 0.3 does not improve for long
    state = Group(runs, static_of(epochs=6)).advance(0, 6)
    best = np.asarray(state.best.epoch)
    com = np.asarray(state.history["com"])
    np.testing.assert_array_equal(best, com.argmax(1))
    np.testing.assert_array_equal(state.best.score, com.max(1))
    assert best[0] < 5, "the case must have a best epoch before the last"
    again = Group(runs, static_of(epochs=6)).advance(0, int(best[0]) + 1)
    of_first = lambda tree: jax.tree.map(lambda x: x[0], tree)  # noqa: E731
    assert_same_bits(of_first(state.best.params), of_first(again.params))


def test_epochs_are_chosen_by_the_metric_that_the_task_names():
    task = metrics.selecting(Task(("no", "yes"), (-3.0, 3.0), signed=True), "f1")
    samples = samples_of(task=task)
    state = Group([(0, 0, 0.1)], static_of(epochs=6, task=task), samples).advance(0, 6)
    first_epochs = {"dis", "acc", "dim", "mae", "corr", "com", "sign_f1"}
    assert set(state.history) == {"loss", *first_epochs, "f1"}, "no other metric is computed"
    f1 = np.asarray(state.history["f1"])
    np.testing.assert_array_equal(state.best.epoch, f1.argmax(1))
    np.testing.assert_array_equal(state.best.score, f1.max(1))
    assert f1.argmax() != np.asarray(state.history["com"]).argmax(), "the case must differ"


def test_segments_do_not_change_bits():
    runs = [(0, 0, 1e-2), (0, 1, 1e-3), (1, 0, 1e-3)]
    whole = Group(runs).advance(0, 4)
    group = Group(runs)
    group.advance(0, 1)
    assert_same_bits(group.advance(1, 4), whole)


def test_a_runs_start_does_not_depend_on_its_neighbours():
    alone, among = Group([(1, 2, 1e-3)]), Group([(0, 0, 1e-2), (1, 2, 1e-3), (0, 1, 1e-4)])
    pick = lambda tree, i: jax.tree.map(lambda x: x[i], tree)  # noqa: E731
    assert_same_bits(pick(alone.state, 0), pick(among.state, 1))
    a, b = alone.advance(0, 2), among.advance(0, 2)
    for x, y in zip(jax.tree.leaves(a.params), jax.tree.leaves(b.params), strict=True):
        np.testing.assert_allclose(x[0], y[1], atol=1e-5)


def test_dropout_masks_do_not_depend_on_the_neighbours():
    keys = jax.random.split(jax.random.key(0, impl="threefry2x32"), 3)
    draw = lambda key: jax.random.bernoulli(key, 0.7, (8, 16))  # noqa: E731
    together = jax.jit(jax.vmap(draw))(keys)
    for i, key in enumerate(keys):
        np.testing.assert_array_equal(together[i], draw(key))


def test_trials_start_as_pairs_and_folds_do_not():
    state = Group([(0, 0, 1e-2), (0, 0, 1e-4), (0, 1, 1e-4), (1, 0, 1e-4)]).state
    kernel = np.asarray(state.params["fusion"]["audio"]["dense_0"]["kernel"])
    np.testing.assert_array_equal(kernel[0], kernel[1])
    assert np.abs(kernel[0] - kernel[2]).max() > 0.1
    assert np.abs(kernel[0] - kernel[3]).max() > 0.1
    key = jax.random.key_data(state.key)
    np.testing.assert_array_equal(key[0], key[1])


def test_a_batch_of_padding_alone_leaves_the_run_as_it_is():
    samples = samples_of()
    group = Group([(0, 0, 1e-2)], samples=samples)
    pad = lambda x: jnp.pad(x, ((0, 0), (0, 8)))  # noqa: E731
    longer = group.folds._replace(
        train_index=pad(group.folds.train_index), train_weight=pad(group.folds.train_weight)
    )
    order = order_lib.epoch_order(jax.random.key(0), longer.train_weight[0], 8)
    assert longer.train_weight[0][order[-1]].sum() == 0
    key = jax.random.key(1)
    hparams, fold, learner = (row(x, 0) for x in (group.hparams, longer, group.state.learner))
    given = Given(group.static, hparams, fold, group.samples)
    step = order_lib.Step(
        fold.train_index[order[-1]], fold.train_weight[order[-1]], key, None, None
    )
    stepped = jax.jit(functools.partial(loop._step, given, False, {}))
    after, seen = stepped(learner, step, batch_lib.FromHost({}))
    assert seen.size == 0
    assert_same_bits(after, learner)


def test_standardising_uses_the_training_rows_of_the_fold_alone():
    samples = samples_of()
    fold = folds_of(samples, data__standardise=True)[1, 2]
    rows = fold.train_index[fold.train_weight > 0]
    x = samples.features["audio"][rows].astype(np.float64)
    mean, deviation = fold.scaler["audio"]
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(deviation, x.std(0), rtol=1e-5)
    scaled = batch_lib.scaled(*jax.device_put((samples.features, fold.scaler)))["audio"]
    np.testing.assert_allclose(np.asarray(scaled)[rows].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.asarray(scaled)[rows].std(0), 1, atol=1e-5)


def test_a_constant_column_keeps_its_scale():
    samples = samples_of()
    samples.features["audio"][:, 2] = 3
    scaler = folds_of(samples, data__standardise=True)[0, 0].scaler
    assert scaler["audio"][1][2] == 1
    scaled = batch_lib.scaled(*jax.device_put((samples.features, scaler)))["audio"]
    assert (scaled[:, 2] == 0).all()


def test_standardised_training_equals_training_on_standardised_features():
    samples = samples_of()
    group = Group([(0, 0, 1e-2)], samples=samples, data__standardise=True)
    fold = folds_of(samples, data__standardise=True)[0, 0]
    scaled = {m: np.asarray((x - fold.scaler[m][0][None]) / fold.scaler[m][1][None])
              for m, x in samples.features.items()}  # fmt: skip
    plain = Group([(0, 0, 1e-2)], samples=samples._replace(features=scaled))
    np.testing.assert_allclose(
        group.advance(0, 2).history["com"], plain.advance(0, 2).history["com"], atol=1e-5
    )


def test_of_equally_good_epochs_the_first_is_kept():
    state = Group([(0, 0, 0.0)]).advance(0, 3)  # nothing is learnt
    scores = np.asarray(state.history["com"][0, :3])
    assert np.isfinite(scores[0])
    np.testing.assert_array_equal(scores, scores[0])
    assert state.best.epoch[0] == 0


@pytest.mark.parametrize("fusion", ["attention", "attention_release", "concat"])
def test_learnable_samples_are_learnt(fusion):
    samples, static = samples_of(120), static_of(fusion, epochs=30)
    state = Group([(0, 0, 1e-2)], static, samples, train__epochs=30).advance(0, 30)
    com = np.asarray(state.history["com"][0])
    assert com.max() > com[0] + 0.3


def test_a_run_without_a_finite_score_keeps_no_epoch():
    state = Group([(0, 0, 1e30), (0, 1, 1e-3)]).advance(0, 4)
    best = np.asarray(state.best.epoch)
    assert np.isfinite(state.history["com"][1]).all(), "a failed neighbour must not spread"
    assert best[1] >= 0


def row(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


def with_dropout(group, rates):
    """The group with a dropout rate a run: NaN drops all, of which the gradient alone is NaN."""
    group.hparams = group.hparams._replace(model={"dropout": jnp.asarray(rates, jnp.float32)})
    return group


@pytest.mark.parametrize("whole_batches", [True, False])
def test_a_run_whose_gradient_is_not_finite_is_updated_no_more(whole_batches):
    group = with_dropout(Group([(0, 0, 1e-2), (0, 1, 1e-2)]), [0.3, np.nan])
    group.train = loop.make_train(group.static, whole_batches)
    start = jax.tree.map(jnp.copy, group.state)
    state = group.advance(0, 3)
    np.testing.assert_array_equal(state.failed, [-1, 0])
    for part in ("params", "model_state", "opt_state"):
        assert_same_bits(row(getattr(state, part), 1), row(getattr(start, part), 1))


def test_numbers_that_are_not_finite_are_seen_wherever_they_stand():
    fine = {"a": jnp.ones((2, 3)), "b": jnp.full((2, 3), -2.0), "count": jnp.int32(4)}
    assert finite((jnp.float32(1), fine))
    for wrong in (jnp.nan, jnp.inf, -jnp.inf):
        assert not finite((jnp.float32(wrong), fine))
        for name in ("a", "b"):
            assert not finite((jnp.float32(1), {**fine, name: fine[name].at[1, 2].set(wrong)}))


def test_a_failed_neighbour_changes_no_bit():
    """The same width, the same place: beside a run that fails, and beside one that does not."""
    beside = {}
    for rate in (1e-2, 1e38):
        beside[rate] = Group([(0, 0, 1e-2), (0, 1, rate)]).advance(0, 4)
    assert beside[1e38].failed[1] == 0
    assert (beside[1e-2].failed == -1).all()
    assert_same_bits(row(beside[1e38], 0), row(beside[1e-2], 0))


def test_a_run_that_fails_late_keeps_none_of_its_weights():
    group = Group([(0, 0, 1e-2), (0, 1, 1e-2)])
    good = jax.tree.map(jnp.copy, group.advance(0, 2))
    state = with_dropout(group, [0.3, np.nan]).advance(2, 4)
    assert good.best.epoch[1] >= 0, "the case must have had a best epoch"
    np.testing.assert_array_equal(state.failed, [-1, 2])
    assert_same_bits(row(state.params, 1), row(good.params, 1))
    best = grid._finished(state, [{}, {}])["best_epoch"]
    np.testing.assert_array_equal(best, [state.best.epoch[0], -1])
