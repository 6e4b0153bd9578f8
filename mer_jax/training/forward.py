"""What a run's model predicts, in training and in validation, and its validation scores."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key

from mer_jax import metrics
from mer_jax.data.arrays import Labels
from mer_jax.models.layers import Batch
from mer_jax.models.multitask import Output
from mer_jax.semi.method import Validated
from mer_jax.training import batch as batch_lib
from mer_jax.training import host_rows, losses
from mer_jax.training.buckets import Bucket
from mer_jax.training.frames import DeviceFrames, HostFrames
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


def pool_probability(
    given: Given, params: Any, model_state: Any, rows: Int[Array, "S U"]
) -> Float[Array, "S*U C"]:
    """The probabilities of an epoch's unlabelled clips, by the rows of its steps."""

    def predict(
        _, rows: Int[Array, "U"], fetched: dict[str, Array]
    ) -> tuple[None, Float[Array, "U C"]]:
        clips = batch_lib.of_pool(given, rows, fetched=fetched)
        batch = batch_lib.of_features(clips.features, frame_mask=clips.frame_mask)
        return None, jax.nn.softmax(evaluate(given, params, model_state, batch).emotion)

    fetched = functools.partial(host_rows.fetch, given.samples.pool.features)
    _, probability_SxUxC = host_rows.scan(predict, None, rows, fetched)
    return probability_SxUxC.reshape(-1, len(given.static.task.classes))


def validate(given: Given, params: Any, model_state: Any) -> dict[str, Float[Array, ""]]:
    """Every metric of the task on the fold's validation rows."""
    output, labels = of_validation(given, params, model_state)
    weight = given.fold.validation_weight
    task = given.static.task
    only = metrics.every_epoch(task)
    return metrics.compute(task, output.emotion, output.valence, labels, weight, only=only)


def validated(given: Given, params: Any, model_state: Any) -> Validated:
    """The probabilities of the fold's validation rows, as a method looks at them."""
    output, labels = of_validation(given, params, model_state)
    known = given.fold.validation_weight * labels.emotion_mask
    return Validated(jax.nn.softmax(output.emotion), labels.emotion, known)


def of_validation(given: Given, params: Any, model_state: Any) -> tuple[Output, Labels]:
    """What is predicted for the fold's validation rows, and their labels."""

    def predict(
        index: Int[Array, "B"], weight: Float[Array, "B"], longest: dict[str, int] | None = None
    ) -> tuple[Output, Labels]:
        batch, labels = batch_lib.of_rows(given, index, weight, longest)
        output = evaluate(given, params, model_state, batch)
        return output._replace(aux={}), labels

    index, weight = given.fold.validation_index, given.fold.validation_weight
    features, count = given.samples.features, len(index)
    most = host_rows.at_once(features)
    if any(isinstance(x, HostFrames | DeviceFrames) for x in features.values()):
        most = given.static.batch_size
    if most is None:
        return predict(index, weight)
    # What does not fit the device, or would not once it is padded, comes a part at a time.
    size = math.ceil(count / math.ceil(count / most))
    index, weight = (jnp.pad(x, (0, -count % size)) for x in (index, weight))
    index, weight = index.reshape(-1, size), weight.reshape(-1, size)
    parts, start = [], 0
    for bucket in given.lengths.validation or (Bucket(len(index), ()),):
        of_bucket = functools.partial(_apart, predict, bucket.longest)
        end = start + bucket.batches
        parts.append(lax.map(of_bucket, (index[start:end], weight[start:end])))
        start = end
    parts = jax.tree.map(lambda *x: jnp.concatenate(x) if len(x) > 1 else x[0], *parts)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], parts)


def _apart(predict: Any, longest: dict[str, int], rows: tuple[Array, Array]) -> Any:
    return predict(*rows, longest)
