"""What is predicted, and the names of modalities and splits that all of the package shares."""

import dataclasses
from collections.abc import Mapping, Sequence

MODALITIES = ("audio", "text", "video")
TRAIN = "train"
VALIDATION = "val"
UNLABELLED = "unlabelled"
VALENCE = "valence"


def sets_of(named: Mapping[str, str]) -> dict[str, str]:
    """The feature set of each modality that `named` names; of several, "a,b", audio and audio_2."""
    return {
        modality if number == 1 else f"{modality}_{number}": name.strip()
        for modality in MODALITIES
        for number, name in enumerate(named[modality].split(","), 1)
        if named[modality]
    }


def modality_of(name: str) -> str:
    """The modality of one of its feature sets: audio, of audio_2."""
    return name.partition("_")[0]


@dataclasses.dataclass(frozen=True)
class Task:
    """What is predicted. Heads, losses, metrics and selection follow from it."""

    classes: tuple[str, ...] = ()  # emotion classes in index order; empty: no emotion
    # Lowest and highest; of several targets over all of them. None: no number is predicted.
    valence_range: tuple[float, float] | None = None
    signed: bool = False  # a sentiment corpus, scored by the sign of its valence too
    metrics: tuple[str, ...] = ()  # of mer_jax.metrics; empty: all that fit what is predicted
    selected_by: str = ""  # the metric that chooses epochs and trials; empty: see `selection`
    # A table's own numbers, in place of the valence: arrays of them have a last axis V, one target
    # alone too. Empty: the valence.
    targets: tuple[str, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()  # lowest and highest of each target

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the numbers that are predicted: the targets, or the valence, or none."""
        if self.valence_range is None:
            return ()
        return self.targets or (VALENCE,)

    @property
    def middles(self) -> tuple[float, ...]:
        """The middle of each target's range, which a head predicts as 0."""
        return tuple((low + high) / 2 for low, high in self.ranges)

    @property
    def halves(self) -> tuple[float, ...]:
        """Half the width of each target's range, by which a head and a loss are scaled."""
        return tuple((high - low) / 2 for low, high in self.ranges)

    def of_target(self, name: str) -> "Task":
        """The task of one target by itself, as of a valence."""
        of_one = self.ranges[self.targets.index(name)]
        return dataclasses.replace(self, valence_range=of_one, targets=(), ranges=())

    @property
    def selection(self) -> str:
        """The metric that chooses epochs and trials: its own, else by what is predicted.

        `com`, `dis` or `dim`. With targets `f1_ccc` or `ccc`: errors in unlike units do not add up.
        """
        if self.selected_by:
            return self.selected_by
        if self.targets:
            return "f1_ccc" if self.classes else "ccc"
        if self.classes and self.valence_range:
            return "com"
        return "dis" if self.classes else "dim"


def of_bounds(classes: tuple[str, ...], targets: tuple[str, ...], bounds: Sequence[float]) -> Task:
    """A table's task; `bounds` are the lowest and the highest valence, or those of each target.

    Without bounds no number is predicted as yet.
    """
    if not bounds:
        return Task(classes, targets=targets)
    lows, highs = tuple(bounds[::2]), tuple(bounds[1::2])
    ranges = tuple(zip(lows, highs, strict=True)) if targets else ()
    return Task(classes, (min(lows), max(highs)), targets=targets, ranges=ranges)
