"""How far annotators agree: Fleiss' kappa, each against the majority, and the valences' ICC."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from mer_jax.scoring.annotation import RULES, Rules, Valences, Votes, major


def fleiss_kappa(ratings: Sequence[Sequence[str]]) -> float | None:
    """Fleiss' kappa of each clip's labels, one an annotator (Fleiss 1971).

    Clips may have different numbers of annotators; those with one do not count. None without two
    annotators anywhere, or where all labels are the same.
    """
    rated = [Counter(labels) for labels in ratings if len(labels) > 1]
    if not rated:
        return None
    sizes = [counts.total() for counts in rated]
    agree = [
        sum(count * (count - 1) for count in counts.values()) / (size * (size - 1))
        for counts, size in zip(rated, sizes, strict=True)
    ]
    together = sum(rated, Counter())
    chance = sum((count / sum(sizes)) ** 2 for count in together.values())
    return None if chance == 1 else float((np.mean(agree) - chance) / (1 - chance))


def with_majority(votes: Votes, rules: Rules = RULES) -> dict[str, tuple[int, int]]:
    """By annotator: in how many clips the major label is named, out of how many that have one."""
    found: dict[str, tuple[int, int]] = {}
    for of_clip in votes.values():
        emotion, reason = major(of_clip, rules)
        label = emotion or reason
        for annotator, labels in of_clip.items():
            named, clips = found.get(annotator, (0, 0))
            is_label = any(label in of for of in of_clip.values())  # else a reason: no majority
            found[annotator] = (named + (label in labels), clips + is_label)
    return dict(sorted(found.items()))


def intraclass_correlation(valences: Valences) -> float | None:
    """ICC(1), one-way random: annotators differ by clip (Shrout and Fleiss 1979).

    None with fewer than two clips of two valences, or unequal numbers of them, or all equal.
    """
    rows = [list(of_clip.values()) for of_clip in valences.values()]
    if len(rows) < 2 or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return None
    values_NxK = np.array(rows, np.float64)
    size = values_NxK.shape[1]
    between = size * values_NxK.mean(1).var(ddof=1)
    within = values_NxK.var(1, ddof=1).mean()
    total = between + (size - 1) * within
    return float((between - within) / total) if total else None


def mean_range(valences: Mapping[str, Mapping[str, int]]) -> float | None:
    """The mean distance of a clip's highest and lowest valence; None without any."""
    ranges = [max(of.values()) - min(of.values()) for of in valences.values() if of]
    return float(np.mean(ranges)) if ranges else None
