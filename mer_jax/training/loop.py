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
from mer_jax.config import HParams, Static
from mer_jax.data.corpus import Labels
from mer_jax.models import multitask
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.layers import Batch
from mer_jax.training import losses, optimizer

LOSS = "loss"  # its name in the history, beside the validation metrics


class Samples(NamedTuple):
    """The clips that training may see, on the device, shared by all runs."""

    features: dict[str, Array]  # by modality: float32 [N, D]
    labels: Labels


class Fold(NamedTuple):
    """Who trains and who validates in a run: rows of Samples, padded to the longest fold."""

    train_index: Int[Array, "S*B"]
    train_weight: Float[Array, "S*B"]  # 0 for padding, which stands at the end
    validation_index: Int[Array, "V"]
    validation_weight: Float[Array, "V"]
    scaler: dict[str, tuple[Array, Array]]  # by modality: mean and deviation [D]; empty: raw


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
    history: dict[str, Float[Array, "E"]]  # LOSS and every validation metric, NaN until reached


class Train(NamedTuple):
    """The compiled functions of one Static, over a leading run axis R."""

    init: Any  # (hparams, samples, keys [R]) -> RunState
    advance: Any  # (hparams, folds, samples, state, start, stop) -> RunState after those epochs


def run_key(seed: int, repeat: int, fold: int) -> Key[Array, ""]:
    """The key of a run. Trials share it: their weights and batches start alike, as pairs."""
    key = jax.random.key(seed, impl="threefry2x32")
    return jax.random.fold_in(jax.random.fold_in(key, repeat), fold)


def make_train(
    static: Static, whole_batches: bool, sharding: jax.sharding.Sharding | None = None
) -> Train:
    """Compiled training of runs that share `static`.

    `whole_batches` says that every batch of every fold holds a sample; where it is False a batch
    of padding alone leaves the run as it is. `sharding` is that of the run axis: named for the
    outputs too: a state that came back laid out otherwise would be compiled for once more.
    """
    init = functools.partial(init_run, static)
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


def init_run(static: Static, hparams: HParams, samples: Samples, key: Key[Array, ""]) -> RunState:
    """A run before its first epoch; of no weak type, which would compile `advance` twice."""
    key, init_key = jax.random.split(key)
    one_row = Batch({m: x[:1] for m, x in samples.features.items()}, {}, jnp.ones(1))
    model_state = build_model(static).init(init_key, one_row, hparams.model)
    params = model_state.pop("params")
    names = (LOSS, *metrics.names(static.task))
    return RunState(
        params=params,
        model_state=model_state,
        opt_state=_optimizer(hparams).init(params),
        key=key,
        best=Best(params, model_state, jnp.float32(-jnp.inf), jnp.int32(-1)),
        history={name: jnp.full(static.epochs, jnp.nan, jnp.float32) for name in names},
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
    order_key, dropout_key = jax.random.split(jax.random.fold_in(state.key, epoch))
    order_SxB = epoch_order(order_key, fold.train_weight, static.batch_size)
    batches = (
        fold.train_index[order_SxB],
        fold.train_weight[order_SxB],
        jax.random.split(dropout_key, len(order_SxB)),
    )
    step = functools.partial(_step, static, whole_batches, hparams, fold, samples)
    carry = (state.params, state.model_state, state.opt_state)
    (params, model_state, opt_state), (loss_S, size_S) = lax.scan(step, carry, batches)
    scores = validate(static, params, model_state, hparams, fold, samples)
    scores[LOSS] = metrics.mean(loss_S, size_S)
    history = {name: values.at[epoch].set(scores[name]) for name, values in state.history.items()}
    latest = Best(
        params,
        model_state,
        static.task.selection_sign * scores[static.task.selection],
        jnp.asarray(epoch),
    )
    better = latest.score > state.best.score  # never true of NaN; the first of equals stays
    best = _select(better, latest, state.best)
    return RunState(params, model_state, opt_state, state.key, best, history)


def _step(static, whole_batches, hparams, fold, samples, carry, batch_of):
    index_B, weight_B, key = batch_of
    params, model_state, opt_state = carry
    batch, labels = gather(samples, fold, index_B, weight_B)
    (loss, new_model_state), gradient = jax.value_and_grad(_loss, argnums=1, has_aux=True)(
        static, params, model_state, hparams, batch, labels, key
    )
    update, new_opt_state = _optimizer(hparams).update(gradient, opt_state, params)
    new = (optax.apply_updates(params, update), new_model_state, new_opt_state)
    size = weight_B.sum()
    return (new if whole_batches else _select(size > 0, new, carry)), (loss, size)


def _loss(static, params, model_state, hparams, batch, labels, key):
    output, new_model_state = build_model(static).apply(
        {"params": params, **model_state},
        batch,
        hparams.model,
        train=True,
        rngs={"dropout": key},
        mutable=list(model_state),
    )
    return losses.supervised(output, labels, batch.row_weight, hparams.model), new_model_state


def validate(
    static: Static, params, model_state, hparams: HParams, fold: Fold, samples: Samples
) -> dict[str, Float[Array, ""]]:
    """Every metric of the task on the fold's validation rows."""
    batch, labels = gather(samples, fold, fold.validation_index, fold.validation_weight)
    output = build_model(static).apply({"params": params, **model_state}, batch, hparams.model)
    return metrics.compute(
        static.task, output.emotion, output.valence, labels, fold.validation_weight
    )


def _select(condition, new, old):
    """`new` where `condition`: under vmap `lax.cond` would compute both and choose all the same."""
    return jax.tree.map(functools.partial(jnp.where, condition), new, old)
