"""Recognises which published version of a corpus a label file is, by its counts."""

import collections
import logging
import math
from collections.abc import Mapping

from mer_jax.corpora import CorpusInfo, Release
from mer_jax.data.labels import MISSING_EMOTION, Label
from mer_jax.task import TRAIN

LOG = logging.getLogger("mer_jax")
Splits = Mapping[str, Mapping[str, Label]]


def say(info: CorpusInfo, splits: Splits) -> None:
    """Logs whose version of the corpus a label file is; a warning where it is not MERBench's.

    A user may have a part of a corpus, or another's split: that is no error.
    """
    if not info.releases:
        return
    first, *others = info.releases
    counts = {split: len(labels) for split, labels in splits.items()}
    if counts == first.clips:
        wrong = _differences(first, info, splits)
        if wrong:
            LOG.warning("this has the clips of %s's %s, but %s", first.owner, first.title, wrong)
        else:
            LOG.info("%s: %s's, %s clips", first.title, first.owner, _sum(counts))
        return
    owner = next((each.owner for each in others if counts == each.clips), None)
    LOG.warning(
        "this is not %s's %s%s: %s clips; taken as %s",
        first.owner, first.title, "" if owner else f", which has {_sum(first.clips)} clips",
        _sum(counts), f"{owner}'s split" if owner else "it is",
    )  # fmt: skip


def _sum(counts: Mapping[str, int]) -> str:
    return " + ".join(f"{count:,}" for count in counts.values())


def _differences(release: Release, info: CorpusInfo, splits: Splits) -> str:
    """What else than the number of clips differs from a release, in words; "" where nothing."""
    for split, labels in splits.items():
        found = collections.Counter(label.emotion for label in labels.values())
        known = range(MISSING_EMOTION + 1, len(info.task.classes))
        classes = tuple(found[index] for index in known)
        if classes != release.classes.get(split, classes):
            return f"{split} has {_list(classes)} clips by class instead of " + _list(
                release.classes[split]
            )
        signs = collections.Counter(
            (label.valence > 0) - (label.valence < 0)
            for label in labels.values()
            if not math.isnan(label.valence)
        )
        by_sign = (signs[-1], signs[0], signs[1])
        if by_sign != release.signs.get(split, by_sign):
            return f"{split} has {_list(by_sign)} negative, zero and positive clips instead of " + (
                _list(release.signs[split])
            )
    if release.groups and info.group is not None:
        sizes = collections.Counter(map(info.group, splits[TRAIN]))
        by_group = tuple(sizes[group] for group in sorted(sizes))
        if by_group != release.groups:
            return f"its sessions have {_list(by_group)} clips instead of {_list(release.groups)}"
    return ""


def _list(counts: tuple[int, ...]) -> str:
    return ", ".join(f"{count:,}" for count in counts)
