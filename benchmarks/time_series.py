"""LSTM-FCN and ALSTM-FCN on series of the UCR archive, against their authors' accuracies.

    PYTHONPATH=. python benchmarks/time_series.py --wheel=aeon-1.6.0-py3-none-any.whl

`pip download aeon==1.6.0 --no-deps` fetches the wheel, of which only the series are read. Seeds
train side by side on the whole training part; the weights of the least training loss are kept, as
the authors do, with their schedule: the rate falls where the loss has not for a while. Prints JSON.
"""

import argparse
import functools
import json
import pathlib
import time
import zipfile
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mer_jax.models import multitask
from mer_jax.models.convolution import STATISTICS
from mer_jax.models.layers import Batch
from mer_jax.task import Task
from mer_jax.training import losses, optimizer

# By series: LSTM-FCN's and ALSTM-FCN's accuracy (Karim et al. 2017, Table 1) and the LSTM's cells.
PUBLISHED = {
    "ItalyPowerDemand": (0.962, 0.959, 8),
    "GunPoint": (1.0, 1.0, 8),
    "ArrowHead": (0.897, 0.823, 8),
    "OSULeaf": (0.983, 0.988, 8),
}
_FOLDER = "aeon/datasets/data"
_SETTINGS = {"lstm_dropout": 0.8}
_BATCH = 128
_RATE, _LEAST_RATE, _FALL = 1e-3, 1e-4, 2 ** (-1 / 3)  # the authors' schedule
_PATIENCE = 0.05  # of the epochs, without a lower loss; theirs: 100 of 2,000


class Series(NamedTuple):
    """A part of a data set."""

    x: np.ndarray  # float32 [N, T, 1]
    label: np.ndarray  # int32 [N]


def read(wheel: pathlib.Path, name: str, part: str) -> Series:
    """A data set's TRAIN or TEST part out of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"{_FOLDER}/{name}/{name}_{part}.ts").decode()
    lines = text[text.lower().index("@data") :].split("\n")[1:]
    rows = [line.rpartition(":") for line in lines if ":" in line]
    x = np.array([row[0].split(",") for row in rows], np.float32)
    classes = sorted({row[2].strip() for row in rows})
    return Series(x[..., None], np.array([classes.index(r[2].strip()) for r in rows], np.int32))


class Learner(NamedTuple):
    """A seed's training."""

    params: Any
    state: Any
    moments: Any
    kept: Any  # params and state at the least training loss
    least: jax.Array
    waited: jax.Array  # epochs since then, or since the rate fell
    rate: jax.Array


def train(model, series: Series, epochs: int, seed: jax.Array) -> Any:
    """The weights of the least training loss, and that loss."""
    rows = len(series.x)
    size = min(_BATCH, rows)
    steps = -(-rows // size)
    order = jnp.arange(steps * size)
    index, weight = order % rows, (order < rows).astype(jnp.float32)
    key = jax.random.key(seed)
    variables = model.init(key, _batch(series.x[:1], jnp.ones(1)), _SETTINGS)
    params = variables.pop("params")

    def epoch(number, learner: Learner) -> Learner:
        of_epoch = jax.random.fold_in(key, number)
        shuffled = jax.random.permutation(of_epoch, rows)
        adam = optimizer.make({"learning_rate": learner.rate, "weight_decay": 0.0})

        def step(carry, given):
            params, state, moments = carry
            rows_B, weight_B, number = given
            batch = _batch(series.x[shuffled[rows_B]], weight_B)

            def loss(params):
                output, after = model.apply(
                    {"params": params, **state}, batch, _SETTINGS, train=True,
                    mutable=[STATISTICS], rngs={"dropout": jax.random.fold_in(of_epoch, number)},
                )  # fmt: skip
                label = series.label[shuffled[rows_B]]
                return losses.cross_entropy(output.emotion, label, weight_B), after

            (value, state), gradient = jax.value_and_grad(loss, has_aux=True)(params)
            update, moments = adam.update(gradient, moments, params)
            params = jax.tree.map(jnp.add, params, update)
            return (params, state, moments), value * weight_B.sum()

        carry = learner.params, learner.state, learner.moments
        given = (index.reshape(steps, size), weight.reshape(steps, size), jnp.arange(steps))
        (params, state, moments), values = jax.lax.scan(step, carry, given)
        mean = values.sum() / rows
        better = mean < learner.least
        pick = functools.partial(jnp.where, better)
        waited = jnp.where(better, 0, learner.waited + 1)
        falls = waited >= _PATIENCE * epochs
        return Learner(
            params, state, moments,
            kept=jax.tree.map(pick, (params, state), learner.kept),
            least=pick(mean, learner.least),
            waited=jnp.where(falls, 0, waited),
            rate=jnp.where(falls, jnp.maximum(_LEAST_RATE, _FALL * learner.rate), learner.rate),
        )  # fmt: skip

    moments = optimizer.make({"learning_rate": _RATE, "weight_decay": 0.0}).init(params)
    start = Learner(
        params, variables, moments, (params, variables), jnp.float32(jnp.inf), jnp.int32(0),
        jnp.float32(_RATE),
    )  # fmt: skip
    trained = jax.lax.fori_loop(0, epochs, epoch, start)
    return trained.kept, trained.least


def _batch(x: Any, weight: Any) -> Batch:
    return Batch({"audio": jnp.asarray(x)}, {"audio": jnp.ones(x.shape[:2], bool)}, weight)


def accuracies(wheel: pathlib.Path, name: str, fusion: str, epochs: int, seeds: int) -> list[float]:
    """Each seed's accuracy on the test part."""
    parts = read(wheel, name, "TRAIN"), read(wheel, name, "TEST")
    training, test = parts
    task = Task(tuple(f"class {i}" for i in range(training.label.max() + 1)), None)
    static = {"hidden": PUBLISHED[name][2], "shuffle": True}
    model = multitask.build(fusion, static, ("audio",), task)
    training = Series(jnp.asarray(training.x), jnp.asarray(training.label))
    of_seed = functools.partial(train, model, training, epochs)
    (params, state), _ = jax.jit(jax.vmap(of_seed))(jnp.arange(seeds))

    @jax.jit
    def right(x, label):
        def of_one(params, state):
            output = model.apply(
                {"params": params, **state}, _batch(x, jnp.ones(len(x))), _SETTINGS
            )
            return (output.emotion.argmax(-1) == label).sum()

        return jax.vmap(of_one)(params, state)

    found = sum(
        np.asarray(right(test.x[i : i + _BATCH], test.label[i : i + _BATCH]))
        for i in range(0, len(test.x), _BATCH)
    )
    return [float(count / len(test.x)) for count in found]


def main():
    """Prints for each series and model the mean accuracy, the seeds' and the authors'."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wheel", type=pathlib.Path, required=True)
    parser.add_argument("--series", default="ItalyPowerDemand,GunPoint")
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=("lstm_fcn", "alstm_fcn"))
    arguments = parser.parse_args()
    for name in arguments.series.split(","):
        for number, fusion in enumerate(("lstm_fcn", "alstm_fcn")):
            if arguments.only in (None, fusion):
                start = time.perf_counter()
                found = accuracies(arguments.wheel, name, fusion, arguments.epochs, arguments.seeds)
                row = {
                    "series": name, "fusion": fusion, "accuracy": float(np.mean(found)),
                    "authors": PUBLISHED[name][number], "seeds": found,
                    "seconds": time.perf_counter() - start,
                }  # fmt: skip
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
