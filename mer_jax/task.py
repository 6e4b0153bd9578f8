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
