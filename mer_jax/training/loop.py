"""One run as a function: epochs of shuffled batches, validation, the best epoch kept.

A run is pure in its hyper-parameters, its fold, the samples and its key; `make_train` vmaps it.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, Int, Key

from mer_jax import metrics
from mer_jax.data import views
from mer_jax.data.arrays import Labels
from mer_jax.models import multitask
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.layers import Batch
from mer_jax.training import losses, optimizer, semi, unlabelled
from mer_jax.training.program import HParams, Static
from mer_jax.training.stream import HostRows

LOSS = "loss"  # its name in the history, beside the validation metrics


class Pool(NamedTuple):
    """Unlabelled clips on the device: all of them, or the shard of an epoch."""

    features: dict[str, Array]  # by modality: float32 or bfloat16 [P, D]
    number: Int[Array, "P"]  # of the clip in the whole pool
    emotion: Int[Array, "P"]  # true ones where they are known: for the log alone
    emotion_mask: Array  # bool [P]


class Samples(NamedTuple):
    """The clips that training may see, on the device, shared by all runs."""

    features: dict[str, Array | HostRows]  # by modality: float32 [N, D]
    labels: Labels
    pool: Pool | None = None  # None: supervised


class Fold(NamedTuple):
    """Who trains and who validates in a run: rows of Samples, padded to the longest fold."""

    train_index: Int[Array, "S*B"]
    train_weight: Float[Array, "S*B"]  # 0 for padding, which stands at the end
    validation_index: Int[Array, "V"]
    validation_weight: Float[Array, "V"]
    scaler: dict[str, tuple[Array, Array]]  # by modality: mean and deviation [D]; empty: raw
    deviation: dict[str, Array]  # by modality [D]: what noise is relative to, after scaling
    pool_index: Int[Array, "P"] | None = None  # rows of the pool that this repeat may use


class Best(NamedTuple):
    """The best epoch so far: what predicts in the end."""

    params: Any
    model_state: Any
    score: Array  # the selection metric, higher is better
    epoch: Array  # int32; -1: no epoch had a finite score


class RunState(NamedTuple):
    """Everything that a run carries from one epoch to the next."""

    params: Any
    model_state: Any  # what the model keeps beside parameters, such as batch statistics
    opt_state: Any
    key: Key[Array, ""]
    best: Best
    failed: Array  # int32: the epoch whose loss or gradient was not finite; -1: none
    history: dict[str, Array]  # LOSS, validation metrics, the pool's log: [E, ...], NaN until then
    semi: Any = None  # unlabelled.SemiState; None: supervised

    @property
    def evaluated(self) -> Any:
        """The parameters that validate and predict: averaged ones in semi-supervised runs."""
        return self.params if self.semi is None else self.semi.ema


class Train(NamedTuple):
    """The compiled functions of one Static, over a leading run axis R."""

    init: Any  # (hparams, samples, keys [R]) -> RunState
    advance: Any  # (hparams, folds, samples, state, start, stop) -> RunState after those epochs


def run_key(seed: int, repeat: int, fold: int) -> Key[Array, ""]:
    """The key of a run. Trials share it: their weights and batches start alike, as pairs."""
    key = jax.random.key(seed, impl="threefry2x32")
    return jax.random.fold_in(jax.random.fold_in(key, repeat), fold)


def make_train(
    static: Static,
    whole_batches: bool,
    sharding: jax.sharding.Sharding | None = None,
    pool_size: int = 0,
) -> Train:
    """Compiled training of runs that share `static`.

    `whole_batches` says that every batch of every fold holds a sample; where it is False a batch
    of padding alone leaves the run as it is. `sharding` is that of the run axis: named for the
    outputs too: a state that came back laid out otherwise would be compiled for once more.
    `pool_size` is the number of unlabelled clips, those that stream included.
    """
    init = functools.partial(init_run, static, pool_size)
    advance = functools.partial(advance_run, static, whole_batches)
    return Train(
        init=jax.jit(jax.vmap(init, in_axes=(0, None, 0)), out_shardings=sharding),
        advance=jax.jit(
            jax.vmap(advance, in_axes=(0, 0, None, 0, None, None)),
            donate_argnums=(3,),
            out_shardings=sharding,
        ),
    )


def build_model(static: Static) -> multitask.MultitaskModel:
    """The model that `static` describes."""
    return multitask.build(static.fusion, dict(static.settings), static.modalities, static.task)


def count_parameters(static: Static, sizes: dict[str, int]) -> int:
    """The number of a model's parameters for features of these sizes; computes nothing."""
    batch = Batch({m: jnp.zeros((1, size)) for m, size in sizes.items()}, {}, jnp.ones(1))
    settings = dict.fromkeys(FUSIONS[static.fusion].TRACED, 0.0)
    variables = jax.eval_shape(build_model(static).init, jax.random.key(0), batch, settings)
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def fits(static: Static, sizes: dict[str, int], kept: dict[str, Any]) -> bool:
    """Whether a checkpoint's parameters are as many as this model has, for each of its runs."""
    if not {"params", "repeat"} <= kept.keys() or sizes.keys() != set(static.modalities):
        return False
    held = sum(leaf.size for leaf in jax.tree.leaves(kept["params"]))
    return held == kept["repeat"].size * count_parameters(static, sizes)


def init_run(
    static: Static, pool_size: int, hparams: HParams, samples: Samples, key: Key[Array, ""]
) -> RunState:
    """A run before its first epoch; of no weak type, which would compile `advance` twice."""
    key, init_key = jax.random.split(key)
    one_row = Batch({m: x[:1] for m, x in samples.features.items()}, {}, jnp.ones(1))
    model_state = build_model(static).init(init_key, one_row, hparams.model)
    params = model_state.pop("params")
    names = (LOSS, *metrics.names(static.task))
    history = {name: jnp.full(static.epochs, jnp.nan, jnp.float32) for name in names}
    semi_state = None
    if static.semi is not None:
        classes = len(static.task.classes)
        semi_state = unlabelled.init(static.semi, classes, pool_size, params)
        history |= unlabelled.empty_log(static.epochs, classes)
    return RunState(
        params=params,
        model_state=model_state,
        opt_state=_optimizer(hparams).init(params),
        key=key,
        best=Best(params, model_state, jnp.float32(-jnp.inf), jnp.int32(-1)),
        failed=jnp.int32(-1),
        history=history,
        semi=semi_state,
    )


def advance_run(
    static: Static,
    whole_batches: bool,
    hparams: HParams,
    fold: Fold,
    samples: Samples,
    state: RunState,
    start: Int[Array, ""],
    stop: Int[Array, ""],
) -> RunState:
    """The run after epochs start..stop-1; one program whatever their number."""
    body = functools.partial(_epoch, static, whole_batches, hparams, fold, samples)
    return lax.fori_loop(start, stop, body, state)


def epoch_order(
    key: Key[Array, ""], weight: Float[Array, "P"], batch_size: int
) -> Int[Array, "S B"]:
    """Positions of an epoch in batches: the samples in random order, the padding after them."""
    draw = jnp.where(weight > 0, jax.random.uniform(key, weight.shape), jnp.inf)
    return jnp.argsort(draw).reshape(-1, batch_size)


def gather(samples: Samples, fold: Fold, index: Int[Array, "B"], weight: Float[Array, "B"]):
    """The batch of some rows, standardised where the fold says how, and its labels."""
    features = {
        modality: standardise(x[index], fold.scaler.get(modality))
        for modality, x in samples.features.items()
    }
    return Batch(features, {}, weight), Labels(*(column[index] for column in samples.labels))


def standardise(x: Float[Array, "B D"], scaler: tuple[Array, Array] | None) -> Float[Array, "B D"]:
    """`(x - mean) / deviation` by column; without a scaler `x`."""
    if scaler is None:
        return x
    mean, deviation = (jnp.broadcast_to(part, x.shape) for part in scaler)
    return (x - mean) / deviation


def _optimizer(hparams: HParams) -> optax.GradientTransformation:
    return optimizer.l2_adam(hparams.learning_rate, hparams.weight_decay)


def _epoch(static, whole_batches, hparams, fold, samples, epoch, state: RunState) -> RunState:
    order_key, step_key = jax.random.split(jax.random.fold_in(state.key, epoch))
    order_SxB = epoch_order(order_key, fold.train_weight, static.batch_size)
    steps = len(order_SxB)
    batches = (
        fold.train_index[order_SxB],
        fold.train_weight[order_SxB],
        jax.random.split(step_key, steps),
        _pool_order(static, fold, jax.random.fold_in(order_key, 1), steps),
    )
    before = carry = state.params, state.model_state, state.opt_state, state.semi
    if static.semi is not None:
        if static.semi.method == "pseudo_label":
            thresholds = _thresholds(static, hparams, fold, samples, state, batches[-1])
            carry = (*carry[:3], state.semi._replace(method=thresholds))
        hparams = hparams._replace(semi=unlabelled.ramped(hparams.semi, epoch))
    step = functools.partial(_step, static, whole_batches, hparams, fold, samples)
    carry, (loss_S, size_S, diagnostics) = lax.scan(step, carry, batches)
    # Once an epoch: looking at every step's gradient would cost a third of the training. Adam lets
    # no gradient that is not finite go by unseen: the weights and moments are not finite after it.
    seen_finite = _is_finite((jnp.where(size_S > 0, loss_S, 0), carry[:3]))
    alive = (state.failed < 0) & seen_finite
    carry = _select(alive, carry, before)
    state = state._replace(
        params=carry[0],
        model_state=carry[1],
        opt_state=carry[2],
        semi=carry[3],
        failed=jnp.where(alive | (state.failed >= 0), state.failed, epoch),
    )
    scores = validate(static, state.evaluated, state.model_state, hparams, fold, samples)
    seen = {**scores, LOSS: metrics.mean(loss_S, size_S)}
    if static.semi is not None:
        seen |= unlabelled.summary(diagnostics)
    latest = Best(
        state.evaluated,
        state.model_state,
        static.task.selection_sign * scores[static.task.selection],
        jnp.asarray(epoch),
    )
    better = latest.score > state.best.score  # never true of NaN; the first of equals stays
    return state._replace(
        best=_select(better, latest, state.best),
        history={name: values.at[epoch].set(seen[name]) for name, values in state.history.items()},
    )


def _pool_order(static, fold, key, steps: int) -> Int[Array, "S U"] | None:
    """An epoch's rows of the pool: in random order, from the beginning again where they end."""
    if static.semi is None:
        return None
    wanted = steps * static.semi.mu * static.batch_size
    order_P = jax.random.permutation(key, fold.pool_index)
    return order_P[jnp.arange(wanted) % len(order_P)].reshape(steps, -1)


def _thresholds(static, hparams, fold, samples, state, pool_SxU) -> Float[Array, "C"]:
    """Algorithm 1's thresholds at the beginning of an epoch, by the averaged weights.

    Quantiles are taken on the run's validation rows, which the weights have not seen: confidences
    on the training rows are near 1. With `top_k` on the epoch's own rows of the pool.
    """
    if not static.semi.top_k:
        output, labels = _validation_output(
            static, state.evaluated, state.model_state, hparams, fold, samples
        )
        return semi.quantile_thresholds(
            jax.nn.softmax(output.emotion),
            labels.emotion,
            fold.validation_weight * labels.emotion_mask,
            hparams.semi["eta"],
        )

    def predict(rows_U):
        features = _pool_clips(samples, fold, rows_U).features
        batch = Batch(features, {}, jnp.ones(len(rows_U)))
        output = _evaluate(static, state.evaluated, state.model_state, hparams, batch)
        return jax.nn.softmax(output.emotion)

    probability = lax.map(predict, pool_SxU).reshape(-1, len(static.task.classes))
    return semi.top_k_thresholds(probability, static.semi.top_k)


def _pool_clips(samples: Samples, fold: Fold, rows_U: Int[Array, "U"]) -> unlabelled.Clips:
    pool = samples.pool
    features = {
        modality: standardise(x[rows_U].astype(jnp.float32), fold.scaler.get(modality))
        for modality, x in pool.features.items()
    }
    return unlabelled.Clips(
        features, pool.number[rows_U], pool.emotion[rows_U], pool.emotion_mask[rows_U]
    )


def _step(static, whole_batches, hparams, fold, samples, carry, batch_of):
    index_B, weight_B, key, rows_U = batch_of
    params, model_state, opt_state, semi_state = carry
    batch, labels = gather(samples, fold, index_B, weight_B)
    if static.views:
        view_key = jax.random.fold_in(key, 1)
        batch = batch._replace(
            features=views.apply(static.views, view_key, batch.features, fold.deviation)
        )
    clips = None if static.semi is None else _pool_clips(samples, fold, rows_U)
    (loss, (model_state_after, method, diagnostics)), gradient = jax.value_and_grad(
        _loss, argnums=1, has_aux=True
    )(static, params, model_state, semi_state, hparams, fold, batch, labels, clips, key)
    update, opt_state_after = _optimizer(hparams).update(gradient, opt_state, params)
    params_after = optax.apply_updates(params, update)
    if static.semi is not None:
        semi_state = unlabelled.after_step(semi_state, params_after, method, hparams.semi)
    new = params_after, model_state_after, opt_state_after, semi_state
    size = weight_B.sum()
    return (new if whole_batches else _select(size > 0, new, carry)), (loss, size, diagnostics)


def _is_finite(tree) -> Array:
    """Whether every number of a tree is finite."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]).all()


def _loss(
    static, params, model_state, semi_state, hparams, fold, batch, labels, clips, key
) -> tuple[Array, tuple]:
    """The supervised loss plus, where there is a pool, that of the unlabelled clips."""
    output, new_model_state = _train(static, params, model_state, hparams, batch, key)
    loss = losses.supervised(output, labels, batch.row_weight, hparams.model)
    if static.semi is None:
        return loss, (new_model_state, None, None)

    def predict(features, dropout_key):
        batch = Batch(features, {}, jnp.ones(len(clips.number)))
        if dropout_key is None:
            return _evaluate(static, params, model_state, hparams, batch)
        return _train(static, params, model_state, hparams, batch, dropout_key)[0]

    of_pool, method, diagnostics = unlabelled.loss(
        static.semi,
        predict,
        hparams.semi,
        semi_state,
        clips,
        fold.deviation,
        jax.random.fold_in(key, 2),
    )
    return loss + of_pool, (new_model_state, method, diagnostics)


def _train(static, params, model_state, hparams, batch, key):
    return build_model(static).apply(
        {"params": params, **model_state},
        batch,
        hparams.model,
        train=True,
        rngs={"dropout": key},
        mutable=list(model_state),
    )


def _evaluate(static, params, model_state, hparams, batch):
    return build_model(static).apply({"params": params, **model_state}, batch, hparams.model)


def validate(
    static: Static, params, model_state, hparams: HParams, fold: Fold, samples: Samples
) -> dict[str, Float[Array, ""]]:
    """Every metric of the task on the fold's validation rows."""
    output, labels = _validation_output(static, params, model_state, hparams, fold, samples)
    return metrics.compute(
        static.task, output.emotion, output.valence, labels, fold.validation_weight
    )


def _validation_output(static, params, model_state, hparams, fold, samples):
    """What is predicted for the fold's validation rows, and their labels."""

    def predict(index, weight):
        batch, labels = gather(samples, fold, index, weight)
        output = _evaluate(static, params, model_state, hparams, batch)
        return output._replace(aux={}), labels

    index, weight = fold.validation_index, fold.validation_weight
    if not any(isinstance(x, HostRows) for x in samples.features.values()):
        return predict(index, weight)
    # Features that do not fit the device come to it a batch at a time.
    parts = lax.map(
        lambda rows: predict(*rows),
        (index.reshape(-1, static.batch_size), weight.reshape(-1, static.batch_size)),
    )
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), parts)


def _select(condition, new, old):
    """`new` where `condition`: under vmap `lax.cond` would compute both and choose all the same."""
    return jax.tree.map(functools.partial(jnp.where, condition), new, old)
