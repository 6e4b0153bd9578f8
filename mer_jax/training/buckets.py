"""Batches of clips of like length: how many frames each is padded to.

Random batches hold a long clip nearly always, so that all of them would be as long as the longest:
CMU-MOSI's texts have 15 words on average and 126 at most. Rows of a fold therefore stand by length,
and batches are drawn at random within a few buckets of neighbours. A bucket is one batch shape, the
same for all runs of a program, and its steps come at random among the others'.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mer_jax.data.rows import Frames, Rows


class Bucket(NamedTuple):
    """Batches that follow each other in a fold's rows, and the frames that they are padded to."""

    batches: int
    frames: tuple[tuple[str, int], ...]  # by frame-level modality

    @property
    def longest(self) -> dict[str, int]:
        """The frames by modality."""
        return dict(self.frames)


Buckets = tuple[Bucket, ...]  # () where no modality has frames


class Lengths(NamedTuple):
    """The buckets of a plan's folds; all folds share them."""

    train: Buckets = ()
    validation: Buckets = ()


NO_FRAMES = Lengths()


def by_length(features: dict[str, Rows], rows: np.ndarray) -> np.ndarray:
    """The rows, those of the shortest clips first; as they are where no modality has frames."""
    ends = [x.ends[rows] for x in features.values() if isinstance(x, Frames)]
    return rows[np.argsort(sum(ends), kind="stable")] if ends else rows


def buckets(
    features: dict[str, Rows],
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    batch_size: int,
    most: int,
) -> Buckets:
    """The at most `most` buckets that pad the folds' batches the least.

    `folds` holds each fold's rows, by length, and their weights, 0 for padding; all are as long.
    """
    frames = {m: x for m, x in features.items() if isinstance(x, Frames)}
    if not frames:
        return ()
    longest_SxM = np.max(
        [
            np.stack(
                [
                    np.where(weight > 0, x.ends[rows], 1).reshape(-1, batch_size).max(1)
                    for x in frames.values()
                ],
                axis=1,
            )
            for rows, weight in folds
        ],
        axis=0,
    )
    longest_SxM = np.maximum.accumulate(longest_SxM)  # modalities differ: the sum is in order
    ends = _cheapest(longest_SxM.sum(1), most)
    found = []
    for start, end in itertools.pairwise((0, *ends)):
        of_batch = longest_SxM[end - 1].tolist()
        found.append(Bucket(end - start, tuple(zip(frames, of_batch, strict=True))))
    return tuple(found)


def _cheapest(cost_S: np.ndarray, most: int) -> list[int]:
    """Where at most `most` groups of neighbours end, each member costing what its last one does.

    The fewest groups of least cost; `cost_S` rises.
    """
    count = len(cost_S)
    # least[k][end] of k groups over the first `end` members, and where the last of them begins.
    least = np.full((most + 1, count + 1), np.inf)
    begin = np.zeros((most + 1, count + 1), int)
    least[0, 0] = 0
    for groups in range(1, most + 1):
        for end in range(1, count + 1):
            costs = least[groups - 1, :end] + (end - np.arange(end)) * cost_S[end - 1]
            begin[groups, end] = costs.argmin()
            least[groups, end] = costs.min()
    groups, end, ends = int(least[:, count].argmin()), count, []
    while end:
        ends.append(end)
        groups, end = groups - 1, int(begin[groups, end])
    return ends[::-1]
