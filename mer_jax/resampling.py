"""The bootstrap's drawings and intervals in NumPy, for scores with and without a model.

Clips are drawn with replacement (Efron 1979), intervals are between percentiles. A drawing is the
number of times that each clip is in it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

_PERCENTILES = (2.5, 97.5)
_CELLS_AT_ONCE = 1 << 22  # of drawings: 32 MiB in float64
RESAMPLES = 1000  # of the commands that score files
SEED = 0

Statistic = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def drawings(clips: int, resamples: int, seed: int) -> np.ndarray:
    """How often each clip is drawn: float32 [R, N], each row's sum N."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(clips, np.full(clips, 1 / clips), resamples).astype(np.float32)


def interval(values: np.ndarray) -> list[float] | None:
    """The central 95 % of the resamples in which the metric is defined, or None without any."""
    values = values[np.isfinite(values)]
    return np.percentile(values, _PERCENTILES).tolist() if len(values) else None


def not_better(differences: np.ndarray, sign: int = 1) -> float:
    """The share of resamples in which ours is not better; `sign` is -1 where less is better."""
    return float(np.mean(sign * differences <= 0))


def scores(statistic: Statistic, clips: int, resamples: int, seed: int) -> dict[str, np.ndarray]:
    """Every score of R resamples: float64 [R], NaN where undefined.

    `statistic` takes counts, float64 [r, N], and gives each score's values, [r]. The same seed and
    number of clips give the same drawings, so that two systems' scores are paired.
    """
    found: dict[str, list[np.ndarray]] = {}
    for counts_RxN in _blocks(clips, resamples, seed):
        for name, values in statistic(counts_RxN).items():
            found.setdefault(name, []).append(np.asarray(values, np.float64))
    return {name: np.concatenate(values) for name, values in found.items()}


def _blocks(clips: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    share = np.full(clips, 1 / clips)
    most = max(_CELLS_AT_ONCE // clips, 1)
    for begin in range(0, resamples, most):
        yield rng.multinomial(clips, share, min(most, resamples - begin)).astype(np.float64)


def intervals(
    statistic: Statistic, clips: int, resamples: int, seed: int
) -> dict[str, list[float] | None]:
    """The interval of every score; none at all for 0 resamples or no clip."""
    if not (resamples and clips):
        return {}
    return {k: interval(v) for k, v in scores(statistic, clips, resamples, seed).items()}


def compare(
    ours: Statistic,
    theirs: Statistic,
    clips: int,
    resamples: int,
    *,
    seed: int,
    lower_is_better: tuple[str, ...] = (),
) -> dict[str, dict[str, Any] | None]:
    """The paired bootstrap of two systems on the same clips, by score.

    Gives `{"difference", "interval", "not_better"}`: ours minus theirs, the interval of that, and
    the share of resamples in which ours is not better; None where it is undefined.
    """
    once = np.ones((1, clips))
    whole = [statistic(once) for statistic in (ours, theirs)]
    drawn = [scores(statistic, clips, resamples, seed) for statistic in (ours, theirs)]
    found: dict[str, dict[str, Any] | None] = {}
    for name in whole[0]:
        difference = float(whole[0][name][0] - whole[1][name][0])
        by_resample = drawn[0][name] - drawn[1][name]
        by_resample = by_resample[np.isfinite(by_resample)]
        found[name] = None
        if np.isfinite(difference) and len(by_resample):
            found[name] = {
                "difference": difference,
                "interval": interval(by_resample),
                "not_better": not_better(by_resample, -1 if name in lower_is_better else 1),
            }
    return found
