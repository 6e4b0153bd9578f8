"""What a run's model predicts, in training and in validation, and its validation scores."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key

from mer_jax import metrics
from mer_jax.data.arrays import Labels
from mer_jax.models.layers import Batch
from mer_jax.models.multitask import Output
from mer_jax.training import batch as batch_lib
from mer_jax.training import losses
from mer_jax.training.buckets import Bucket
from mer_jax.training.frames import DeviceFrames, HostFrames
from mer_jax.training.host_rows import HostRows
from mer_jax.training.program import build_model
from mer_jax.training.state import Given


def train(
    given: Given, params: Any, model_state: Any, batch: Batch, key: Key[Array, ""]
) -> tuple[Output, Any]:
    """The output of a batch with dropout on, and the model's state after it."""
    return build_model(given.static).apply(
        {"params": params, **model_state},
        batch,
        given.hparams.model,
        train=True,
        rngs={"dropout": key},
        mutable=list(model_state),
    )


def evaluate(given: Given, params: Any, model_state: Any, batch: Batch) -> Output:
    """The output of a batch with dropout off."""
    variables = {"params": params, **model_state}
    return build_model(given.static).apply(variables, batch, given.hparams.model)


def of_pool(
    given: Given, params: Any, model_state: Any, batch: Batch, key: Key[Array, ""] | None
) -> Output:
    """The output of unlabelled clips, with dropout on where there is a key for it.

    Its targets are in the units of their loss.
    """
    if key is None:
        output = evaluate(given, params, model_state, batch)
    else:
        output, _ = train(given, params, model_state, batch, key)
    return losses.in_halves(output, given.static.task.halves)


def validate(given: Given, params: Any, model_state: Any) -> dict[str, Float[Array, ""]]:
    """Every metric of the task on the fold's validation rows."""
    output, labels = of_validation(given, params, model_state)
    weight = given.fold.validation_weight
    task = given.static.task
    only = metrics.every_epoch(task)
    return metrics.compute(task, output.emotion, output.valence, labels, weight, only=only)


def of_validation(given: Given, params: Any, model_state: Any) -> tuple[Output, Labels]:
    """What is predicted for the fold's validation rows, and their labels."""

    def predict(
        index: Int[Array, "B"], weight: Float[Array, "B"], longest: dict[str, int] | None = None
    ) -> tuple[Output, Labels]:
        batch, labels = batch_lib.of_rows(given, index, weight, longest)
        output = evaluate(given, params, model_state, batch)
        return output._replace(aux={}), labels

    index, weight = given.fold.validation_index, given.fold.validation_weight
    in_batches = HostRows | HostFrames | DeviceFrames
    if not any(isinstance(x, in_batches) for x in given.samples.features.values()):
        return predict(index, weight)
    # What does not fit the device, or would not once it is padded, comes a batch at a time.
    size = given.static.batch_size
    index, weight = index.reshape(-1, size), weight.reshape(-1, size)
    parts, start = [], 0
    for bucket in given.lengths.validation or (Bucket(len(index), ()),):
        of_bucket = functools.partial(_apart, predict, bucket.longest)
        end = start + bucket.batches
        parts.append(lax.map(of_bucket, (index[start:end], weight[start:end])))
        start = end
    parts = jax.tree.map(lambda *x: jnp.concatenate(x) if len(x) > 1 else x[0], *parts)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), parts)


def _apart(predict: Any, longest: dict[str, int], rows: tuple[Array, Array]) -> Any:
    return predict(*rows, longest)
