"""Over how many clips scores are, and in words."""

from collections.abc import Mapping
from typing import Any

from mer_jax.data.arrays import Labels
from mer_jax.task import Task


def of_labels(task: Task, labels: Labels) -> dict[str, Any]:
    """How many clips there are, and how many have what the task predicts: `emotion`, `valence`.

    Of targets `targets` has the number of each.
    """
    found: dict[str, Any] = {"all": len(labels.emotion)}
    if task.classes:
        found["emotion"] = int(labels.emotion_mask.sum())
    if task.targets:
        known = labels.valence_mask.sum(0).tolist()
        found["targets"] = dict(zip(task.targets, known, strict=True))
    elif task.valence_range:
        found["valence"] = int(labels.valence_mask.sum())
    return found


def words(clips: Mapping[str, Any]) -> str:
    """`411`, `3 of 8`, or `834 (emotion) and 0 (valence) of 834`."""
    total = clips["all"]
    known = {head: clips[head] for head in ("emotion", "valence") if head in clips}
    known |= clips.get("targets", {})
    if len(set(known.values())) == 1:
        count = next(iter(known.values()))
        return f"{count:,}" if count == total else f"{count:,} of {total:,}"
    return f"{' and '.join(f'{n:,} ({head})' for head, n in known.items())} of {total:,}"
