"""What a metric is: the record that computing, choosing, printing and drawing scores read."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from mer_jax.task import Task

EMOTION, VALENCE, SIGN = "emotion", "valence", "sign"  # what a metric can need of a task


class Pair(NamedTuple):
    """What is true of B clips and what is predicted, and how much each of them counts.

    The weight is 0 for padding and missing labels, 2 for a clip that a bootstrap drew twice.
    """

    true: Any  # [B], of NumPy or JAX
    predicted: Any  # [B]
    weight: Any  # float32 [B]


class Judged(NamedTuple):
    """What a metric sees of B clips; the pair of a head that the task lacks is None."""

    task: Task
    emotion: Pair | None  # of class indices
    valence: Pair | None
    logits: Any | None  # [B, C], for metrics that look at more than the predicted class

    @property
    def classes(self) -> int:
        """How many emotions there are."""
        return len(self.task.classes)


@dataclasses.dataclass(frozen=True)
class Metric:
    """One metric; the registry holds it under its key in results.json.

    `compute` takes a `Judged` and gives a scalar, NaN where it is undefined. It is traced by JAX,
    and works on NumPy's arrays too where it takes its functions from `__array_namespace__`.

    Raises:
      ValueError: the record contradicts itself, when its module is imported.
    """

    heading: str  # of its column, without the arrow
    words: str  # what figures and sentences call it
    compute: Callable[[Judged], Any]
    needs: tuple[str, ...]  # EMOTION, VALENCE, SIGN (a valence whose sign means something)
    valence_range: tuple[float, float] | None = None  # the only range that it is defined for
    percent: bool = False  # shown in %; files hold the share
    decimals: int = 2
    higher_is_better: bool = True
    every_epoch: bool = False  # validated every epoch, and shown where evaluate.metrics is empty

    def __post_init__(self):
        unknown = sorted(set(self.needs) - {EMOTION, VALENCE, SIGN})
        if unknown or not self.needs:
            raise ValueError(f"{self.heading}: needs is {self.needs}, not some of {_NEEDS}")
        if self.valence_range is not None and VALENCE not in self.needs:
            raise ValueError(f"{self.heading}: has a valence_range without needing a valence")

    @property
    def title(self) -> str:
        """The heading with the direction that is better: `Dis (↑)`."""
        return f"{self.heading} ({'↑' if self.higher_is_better else '↓'})"

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1

    @property
    def factor(self) -> int:
        """What a value of the files is multiplied by to be shown."""
        return 100 if self.percent else 1

    def fits(self, task: Task) -> bool:
        """Whether a task has what the metric needs."""
        has = {
            EMOTION: bool(task.classes),
            VALENCE: task.valence_range is not None,
            SIGN: task.signed,
        }
        in_range = self.valence_range in (None, task.valence_range)
        return in_range and all(has[need] for need in self.needs)

    def text(self, value: float, sign: str = "") -> str:
        """A value as it is shown; `sign` is "+" for a difference."""
        return f"{self.factor * value:{sign}.{self.decimals}f}"


_NEEDS = f"{EMOTION}, {VALENCE}, {SIGN}"
