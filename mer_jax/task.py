"""What is predicted, and the names of modalities and splits that all of the package shares."""

import dataclasses
from collections.abc import Mapping

MODALITIES = ("audio", "text", "video")
TRAIN = "train"
VALIDATION = "val"
UNLABELLED = "unlabelled"


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
    valence_range: tuple[float, float] | None = None  # None: no valence
    signed: bool = False  # a sentiment corpus, scored by the sign of its valence too
    metrics: tuple[str, ...] = ()  # of mer_jax.metrics; empty: all that fit what is predicted
    selected_by: str = ""  # the metric that chooses epochs and trials; empty: see `selection`

    @property
    def selection(self) -> str:
        """The metric that chooses epochs and trials: its own, else `com`, `dis` or `dim`."""
        if self.selected_by:
            return self.selected_by
        if self.classes and self.valence_range:
            return "com"
        return "dis" if self.classes else "dim"
