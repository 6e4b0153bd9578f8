"""One run as a function: epochs of shuffled batches, validation, the best epoch kept.

A run is pure in its hyper-parameters, its fold, the samples and its key; `make_train` vmaps it.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key

from mer_jax import metrics
from mer_jax.data import views
from mer_jax.data.arrays import Labels
from mer_jax.models.layers import Batch
from mer_jax.models.multitask import LOG_VARIANCE, Output
from mer_jax.semi import log
from mer_jax.semi import step as semi_step
from mer_jax.semi.method import EpochStart
from mer_jax.semi.step import Clips
from mer_jax.training import batch as batch_lib
from mer_jax.training import forward, host_rows, losses, mixup
from mer_jax.training import packing as packing_lib
from mer_jax.training.batch import FromHost
from mer_jax.training.buckets import NO_FRAMES, Bucket, Lengths
from mer_jax.training.order import Step, is_kept, steps_of
from mer_jax.training.program import (
    HParams,
    Static,
    build_model,
    make_optimizer,
    optimizer_groups,
)
from mer_jax.training.state import LOSS, Best, Fold, Given, Learner, RunState, Samples, finite


class Program(NamedTuple):
    """The compiled functions of one Static, over a leading run axis R."""

    # (hparams, folds, samples, keys [R]) -> RunState; a fold's rows of the pool are those of the
    # whole one here, of an epoch's shard below
    init: Any
    advance: Any  # (hparams, folds, samples, state, start, stop) -> RunState after those epochs


class StepLog(NamedTuple):
    """What a step leaves for the history."""

    loss: Float[Array, "*S"]
    size: Float[Array, "*S"]  # rows that count
    diagnostics: log.Diagnostics | None  # None: supervised


def make_train(
    static: Static,
    whole_batches: bool,
    sharding: jax.sharding.Sharding | None = None,
    pool_size: int = 0,
    lengths: Lengths = NO_FRAMES,
) -> Program:
    """Compiles the training of runs that share `static`.

    `whole_batches` says that every batch of every fold holds a sample; where it is False a batch
    of padding alone leaves the run as it is. `sharding` is that of the run axis: named for the
    outputs too: a state that came back laid out otherwise would be compiled for once more.
    `pool_size` is the number of unlabelled clips, those that stream included; `lengths` are the
    plan's, of batches of frames.
    """
    init = functools.partial(init_run, static=static, pool_size=pool_size)
    advance = functools.partial(
        advance_run, static=static, whole_batches=whole_batches, lengths=lengths
    )
    return Program(
        init=jax.jit(jax.vmap(init, in_axes=(0, 0, None, 0)), out_shardings=sharding),
        advance=jax.jit(
            jax.vmap(advance, in_axes=(0, 0, None, 0, None, None)),
            donate_argnums=(3,),
            out_shardings=sharding,
        ),
    )


def init_run(
    hparams: HParams,
    fold: Fold,
    samples: Samples,
    key: Key[Array, ""],
    *,
    static: Static,
    pool_size: int,
) -> RunState:
    """Makes a run before its first epoch; of no weak type, which would compile `advance` twice."""
    key, init_key = jax.random.split(key)
    one_row = batch_lib.of_one_row(samples.features)
    model_state = build_model(static).init(init_key, one_row, hparams.model)
    params = model_state.pop("params")
    names = (LOSS, *metrics.every_epoch(static.task))
    history = {name: jnp.full(static.epochs, jnp.nan, jnp.float32) for name in names}
    semi = None
    if static.semi is not None:
        classes = len(static.task.classes)
        own = jnp.zeros(pool_size, bool).at[fold.pool_index].set(True)
        semi = semi_step.init(static.semi, classes, own, params)
        history |= log.empty(static.epochs, classes)
    return RunState(
        params=params,
        model_state=model_state,
        opt_state=make_optimizer(static, hparams).init(params),
        key=key,
        best=Best(params, model_state, jnp.float32(-jnp.inf), jnp.int32(-1)),
        failed=jnp.int32(-1),
        history=history,
        semi=semi,
    )


def advance_run(
    hparams: HParams,
    fold: Fold,
    samples: Samples,
    state: RunState,
    start: Int[Array, ""],
    stop: Int[Array, ""],
    *,
    static: Static,
    whole_batches: bool,
    lengths: Lengths,
) -> RunState:
    """Trains epochs start..stop-1 of a run; one program whatever their number."""
    packing = packing_lib.of(state.params, optimizer_groups(static, hparams))
    given = Given(static, hparams, fold, samples, lengths, packing=packing)
    if losses.needs_counts(static.objective):
        labels, index = samples.labels, fold.train_index
        known = fold.train_weight * labels.emotion_mask[index]
        count_C = losses.class_count(labels.emotion[index], known, len(static.task.classes))
        given = given._replace(class_count=count_C)
    body = functools.partial(_epoch, given, whole_batches)
    return packing.whole(lax.fori_loop(start, stop, body, packing.packed(state)))


def _epoch(given: Given, whole_batches: bool, epoch: Int[Array, ""], state: RunState) -> RunState:
    static = given.static
    steps = steps_of(given, jax.random.fold_in(state.key, epoch), epoch)
    before = learner = state.learner
    if static.semi is not None:
        learner = _epoch_started(given, learner, steps.pool_rows)
        ramped = semi_step.ramped(given.hparams.semi, epoch)
        given = given._replace(hparams=given.hparams._replace(semi=ramped))
    step = functools.partial(_any_step, given, whole_batches)
    fetched = functools.partial(batch_lib.from_host, given)
    learner, logged = host_rows.scan(step, learner, steps, fetched)
    # Once an epoch: looking at every step's gradient would cost a third of the training. Adam lets
    # no gradient that is not finite go by unseen: the weights and moments are not finite after it.
    loss_S = jnp.where(logged.size > 0, logged.loss, 0)
    is_finite = finite((loss_S, learner.params, learner.model_state, learner.opt_state))
    alive = (state.failed < 0) & is_finite
    learner = _where(alive, learner, before)
    evaluated = given.packing.whole(learner.evaluated)
    scores = forward.validate(given, evaluated, learner.model_state)
    latest = Best(
        learner.evaluated,
        learner.model_state,
        metrics.selection_sign(static.task) * scores[static.task.selection],
        jnp.asarray(epoch),
    )
    better = is_kept(given, steps, latest.score, state.best.score)
    row = {**scores, LOSS: metrics.mean(logged.loss, logged.size)}
    if static.semi is not None:
        row |= log.summary(logged.diagnostics)
    return RunState(
        **learner._asdict(),
        key=state.key,
        best=_where(better, latest, state.best),
        failed=jnp.where(alive | (state.failed >= 0), state.failed, epoch),
        history={name: values.at[epoch].set(row[name]) for name, values in state.history.items()},
    )


def _epoch_started(given: Given, learner: Learner, pool_SxU: Int[Array, "S U"]) -> Learner:
    """The learner as an epoch begins: the method may look at what the weights predict."""
    weights = given.packing.whole(learner.params), learner.model_state
    start = EpochStart(
        functools.partial(forward.validated, given, *weights),
        functools.partial(forward.pool_probability, given, *weights, pool_SxU),
    )
    semi = semi_step.each_epoch(given.static.semi, learner.semi, start, given.hparams.semi)
    return learner._replace(semi=semi)


def _any_step(
    given: Given, whole_batches: bool, learner: Learner, step: Step, fetched: FromHost
) -> tuple[Learner, StepLog]:
    """A step of whichever bucket its batch is of."""
    of_buckets = [
        functools.partial(_step, given, whole_batches, bucket.longest)
        for bucket in given.lengths.train or (Bucket(0, ()),)
    ]
    if step.bucket is None:
        return of_buckets[0](learner, step, fetched)
    return lax.switch(step.bucket, of_buckets, learner, step, fetched)


def _step(
    given: Given,
    whole_batches: bool,
    longest: dict[str, int],
    learner: Learner,
    step: Step,
    fetched: FromHost,
) -> tuple[Learner, StepLog]:
    static, hparams = given.static, given.hparams
    batch, labels = batch_lib.of_rows(given, step.index, step.weight, longest, fetched.labelled)
    if static.views:
        view_key = jax.random.fold_in(step.key, 1)
        features = views.apply(
            static.views, view_key, batch.features, batch.frame_mask, given.fold.deviation
        )
        batch = batch._replace(features=features)
    clips = None
    if static.semi is not None:
        clips = batch_lib.of_pool(given, step.pool_rows, step.key, fetched.of_pool)
    of_params = functools.partial(_loss, given, learner, (batch, labels, clips), step.key)
    whole, packed = given.packing.whole, given.packing.packed
    (loss, after), gradient = jax.value_and_grad(of_params, has_aux=True)(whole(learner.params))
    optimizer = make_optimizer(static, hparams)
    update, opt_state = optimizer.update(packed(gradient), learner.opt_state, learner.params)
    params = optax.apply_updates(learner.params, update)
    semi = learner.semi
    if static.semi is not None:
        semi = semi_step.after_step(semi, params, after.method, hparams.semi)
    new = Learner(params, after.model_state, opt_state, semi)
    size = step.weight.sum()
    if not whole_batches:
        new = _where(size > 0, new, learner)
    return new, StepLog(loss, size, after.diagnostics)


class _AfterLoss(NamedTuple):
    """What computing a step's loss leaves beside it."""

    model_state: Any
    method: Any = None  # the semi-supervised method's new state
    diagnostics: log.Diagnostics | None = None


def _loss(
    given: Given,
    learner: Learner,
    data: tuple[Batch, Labels, Clips | None],
    key: Key[Array, ""],
    params: Any,
) -> tuple[Float[Array, ""], _AfterLoss]:
    """The supervised loss plus, where there is a pool, that of the unlabelled clips."""
    batch, labels, clips = data
    settings = given.hparams.objective or {}
    batch, mixing = mixup.of_batch(jax.random.fold_in(key, 3), settings, batch)
    output, model_state = forward.train(given, params, learner.model_state, batch, key)
    log_variance = params[LOG_VARIANCE] if losses.UNCERTAINTY in settings else None
    task = given.static.task
    objective = losses.Objective(settings, given.class_count, log_variance, task.halves)
    of_labels = functools.partial(
        losses.supervised,
        output,
        row_weight=batch.row_weight,
        settings=given.hparams.model,
        objective=objective,
    )
    loss = mixup.loss(mixing, of_labels, labels)
    if clips is None:
        return loss, _AfterLoss(model_state)

    def predict(features: dict[str, Array], dropout_key: Key[Array, ""] | None) -> Output:
        batch = batch_lib.of_features(features, frame_mask=clips.frame_mask)
        return forward.of_pool(given, params, learner.model_state, batch, dropout_key)

    of_pool, method, diagnostics = semi_step.loss(
        given.static.semi,
        predict,
        given.hparams.semi,
        learner.semi,
        clips,
        deviation=given.fold.deviation,
        key=jax.random.fold_in(key, 2),
    )
    return loss + of_pool, _AfterLoss(model_state, method, diagnostics)


def _where(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    """`new` where `condition`: under vmap `lax.cond` would compute both and choose all the same."""
    return jax.tree.map(functools.partial(jnp.where, condition), new, old)
