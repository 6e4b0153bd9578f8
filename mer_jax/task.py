"""What is predicted, and the names of modalities and splits that all of the package shares."""

import dataclasses

MODALITIES = ("audio", "text", "video")
TRAIN = "train"
VALIDATION = "val"
UNLABELLED = "unlabelled"


@dataclasses.dataclass(frozen=True)
class Task:
    """What is predicted. Heads, losses, metrics and selection follow from it."""

    classes: tuple[str, ...] = ()  # emotion classes in index order; empty: no emotion
    valence_range: tuple[float, float] | None = None  # None: no valence
    signed: bool = False  # a sentiment corpus, scored by the sign of its valence too

    @property
    def selection(self) -> str:
        """The metric that chooses epochs and trials: `com`, else `dis`, else `dim`."""
        if self.classes and self.valence_range:
            return "com"
        return "dis" if self.classes else "dim"

    @property
    def selection_sign(self) -> int:
        """1 where more of `selection` is better, -1 where less is."""
        return -1 if self.selection == "dim" else 1
