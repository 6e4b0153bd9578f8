"""Predictions of kept weights, averaged over folds and repeats, and their scores."""

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from mer_jax import metrics
from mer_jax.data import rows as rows_lib
from mer_jax.data.arrays import Labels
from mer_jax.data.rows import Rows
from mer_jax.evaluation.calibration import log_softmax
from mer_jax.models.layers import ATTENTION, FRAME_ATTENTION, SOWN
from mer_jax.observer import Tick, nobody
from mer_jax.task import Task
from mer_jax.training import batch as batch_lib
from mer_jax.training.buckets import Bucket, buckets, by_length
from mer_jax.training.program import HParams, Static, build_model

_FRAME_WEIGHT_BYTES = 256 << 20  # of all runs' attention over time: of more none is kept
_SHAPES = 3  # batch shapes of clips of unlike lengths, each a program: more pad less, compile more
_PARTS = 64  # of clips by length, at most, between which the shapes may change


class Predictions(NamedTuple):
    """Raw predictions, with or without a leading run axis; a head that the task lacks is None."""

    emotion: np.ndarray | None  # logits, float32 [..., N, C]
    valence: np.ndarray | None  # float32 [..., N]; of a task with targets [..., N, V]
    attention: dict[str, np.ndarray] | None = None  # by modality: float32 [..., N]; None: no such
    frame_attention: dict[str, np.ndarray] | None = None  # over time: float32 [..., N, T]

    def rows(self, rows: np.ndarray) -> "Predictions":
        """Those of some of N clips, by a mask or by number; without a run axis."""
        return jax.tree.map(lambda values: values[rows], self)


class Weights(NamedTuple):
    """What the kept runs predict with, each leaf with a leading run axis."""

    params: dict[str, Any]
    model_state: dict[str, Any]
    scaler: dict[str, Any]  # {} where nothing was standardised


def predict(
    static: Static,
    hparams: HParams,
    kept: dict[str, Any],
    features: dict[str, Rows],
    batch_size: int,
    tick: Tick = nobody,
) -> Predictions:
    """What each of the R kept runs predicts for N clips: logits [R, N, C], valence [R, N(, V)].

    `features` are vectors or frames, as the model's level has it. They go through the device
    `batch_size` vectors or frames at a time, clips of like length together, and `tick` takes the
    number of clips of each.
    """
    apply = functools.partial(_program(static), hparams.model)
    scaler = {m: tuple(pair) for m, pair in kept.get("scaler", {}).items()}  # read back: lists
    weights = Weights(kept["params"], kept.get("model_state", {}), scaler)
    weights = jax.device_put(weights)
    count, longest = rows_lib.count(features), rows_lib.longest(features)
    runs = len(jax.tree.leaves(weights.params)[0])
    row = by_length(features, np.arange(count))
    parts = []
    for rows_B, frames, size in _batches(features, row, batch_size):
        batch = _padded({m: x[rows_B] for m, x in features.items()}, frames)
        part = apply(weights, *_filled(batch, size - len(rows_B)))
        if 4 * len(part.frame_attention or ()) * runs * count * longest > _FRAME_WEIGHT_BYTES:
            part = part._replace(frame_attention=None)
        held = len(rows_B)
        parts.append(jax.tree.map(lambda y, held=held: np.asarray(y)[:, :held], part))
        tick(held)
    return _in_order(parts, np.argsort(row))


def compile_predict(
    static: Static,
    hparams: HParams,
    weights: Weights,
    features: dict[str, Rows],
    batch_size: int,
) -> None:
    """Compiles what `predict` takes for such clips; computes nothing.

    `weights` has anything with a shape and a dtype for its leaves.
    """
    row = by_length(features, np.arange(rows_lib.count(features)))
    seen = []
    for rows_B, frames, size in _batches(features, row, batch_size):
        if (frames, size) not in seen:
            seen.append((frames, size))
            batch = _padded({m: x[rows_B[:1]] for m, x in features.items()}, frames)
            _program(static).lower(hparams.model, weights, *_filled(batch, size - 1)).compile()


def _batches(
    features: dict[str, Rows], row: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, dict[str, int], int]]:
    """The rows in batches, what their frames are padded to, and how many rows that shape has."""
    count, longest = len(row), rows_lib.longest(features)
    size = max(1, min(batch_size // longest, count))
    step = max(size, -(-count // _PARTS))
    whole = np.pad(row, (0, -count % step), mode="edge")
    found = buckets(features, [(whole, np.ones(len(whole)))], step, _SHAPES)
    start = 0
    for bucket in found or (Bucket(len(whole) // step, ()),):
        end = min(start + bucket.batches * step, count)
        frames = bucket.longest
        size = max(1, min(batch_size // max(frames.values(), default=1), end - start))
        for at in range(start, end, size):
            yield row[at : min(at + size, end)], frames, size
        start = end


def _padded(rows: dict[str, Rows], frames: dict[str, int]) -> tuple[dict, dict]:
    """Clips as arrays by modality, and the masks of those that have frames."""
    masks = {}
    for m, longest in frames.items():
        rows[m], masks[m] = rows[m].padded(longest)
    return rows, masks


def _in_order(parts: list[Predictions], order: np.ndarray) -> Predictions:
    """The clips of all batches, in an order; attention over time with zeros behind a clip."""

    def joined(*ys: np.ndarray) -> np.ndarray:
        return np.concatenate(ys, axis=1)[:, order]

    over_time = [part.frame_attention for part in parts]
    if over_time[0] is not None:
        longest = max(y.shape[2] for each in over_time for y in each.values())
        parts = [
            part._replace(frame_attention=jax.tree.map(functools.partial(_behind, longest), each))
            for part, each in zip(parts, over_time, strict=True)
        ]
    return jax.tree.map(joined, *parts)


def _behind(longest: int, y: np.ndarray) -> np.ndarray:
    return np.pad(y, ((0, 0), (0, 0), (0, longest - y.shape[2])))


@functools.cache
def _program(static: Static):
    apply = functools.partial(_apply, static)
    return jax.jit(jax.vmap(apply, in_axes=(None, 0, None, None)))


def _filled(arrays: Any, more: int) -> Any:
    """The arrays with `more` rows of zeros after theirs."""
    return jax.tree.map(
        lambda x: np.pad(np.asarray(x), ((0, more), *((0, 0) for _ in x.shape[1:]))), arrays
    )


def _apply(
    static: Static,
    settings: Any,
    weights: Weights,
    rows: dict[str, jax.Array],
    masks: dict[str, jax.Array],
) -> Predictions:
    scaled = batch_lib.scaled(rows, weights.scaler, masks)
    shown = batch_lib.shown(masks, static.framing)
    batch = batch_lib.of_features(scaled, frame_mask=shown)
    variables = {"params": weights.params, **weights.model_state}
    output, sown = build_model(static).apply(variables, batch, settings, mutable=[SOWN])
    of_fusion = sown.get(SOWN, {}).get("fusion", {})
    attention, of_frames = (of_fusion.get(k, (None,))[0] for k in (ATTENTION, FRAME_ATTENTION))
    return Predictions(output.emotion, output.valence, attention, of_frames)


def average(predictions: Predictions, runs=slice(None)) -> Predictions:
    """Mean logits and mean valence of the chosen runs, or of all (the protocol's ensemble)."""
    return jax.tree.map(lambda y: y[runs].mean(0, dtype=np.float64).astype(np.float32), predictions)


def probabilities(predictions: Predictions) -> np.ndarray:
    """Softmax of the logits, each run's where there are several: float32 [..., N, C].

    In NumPy: JAX would compile each of its operations for each number of clips.
    """
    return np.exp(log_softmax(predictions.emotion.astype(np.float64))).astype(np.float32)


def score(task: Task, predictions: Predictions, labels: Labels) -> dict[str, float | None]:
    """Every metric of the task, None where the labels for it are missing."""
    found: dict[str, Any] = {}
    for only in programs(task):
        found |= _compute(task, only)(*_scored(predictions, labels))
    return {name: number(float(found[name])) for name in metrics.names(task)}


def _scored(predictions: Predictions, labels: Labels) -> tuple:
    weight = np.ones(len(labels.emotion), np.float32)
    return predictions.emotion, predictions.valence, labels, weight


def compile_score(task: Task, labels: Labels) -> None:
    """Compiles what `score` takes for clips with labels such as these; computes nothing."""
    for only in programs(task):
        _compute(task, only).lower(*_scored(blank(task, labels), labels)).compile()


def blank(task: Task, labels: Labels) -> Predictions:
    """Predictions of an ensemble for as many clips, all of them zero."""
    clips = len(labels.emotion)
    emotion = np.zeros((clips, len(task.classes)), np.float32) if task.classes else None
    valence = np.zeros_like(labels.valence) if task.valence_range else None
    return Predictions(emotion, valence)


def programs(task: Task) -> list[tuple[str, ...]]:
    """The metrics of a task by the program that computes them.

    Those that a task had from the first stay in one of their own: what else a program computes can
    change how XLA sums, and so the last bits.
    """
    ends = metrics.at_the_end(task)
    of_sign = tuple(name for name in ends if metrics.SIGN in metrics.METRICS[name].needs)
    others = tuple(name for name in ends if name not in of_sign)
    return [only for only in (metrics.every_epoch(task), of_sign, others) if only]


@functools.cache
def _compute(task: Task, only: tuple[str, ...]):
    return jax.jit(functools.partial(metrics.compute, task, only=only))


def number(value: float) -> float | None:
    """JSON has no NaN: a metric that cannot be computed is None."""
    return value if math.isfinite(value) else None
