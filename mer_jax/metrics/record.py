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
    valence: Pair | None  # of a task with targets arrays are [B, V]
    logits: Any | None  # [B, C], for metrics that look at more than the predicted class

    @property
    def classes(self) -> int:
        """How many emotions there are."""
        return len(self.task.classes)

    def of_target(self, name: str) -> "Judged":
        """The same of one target, as if it were a valence."""
        number = self.task.targets.index(name)
        columns = Pair(*(values[:, number] for values in self.valence))
        return self._replace(task=self.task.of_target(name), valence=columns)


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
    of_targets: bool | None = None  # True: of a table's own targets alone; False: of no such
    target: str = ""  # whose it is; empty: the valence's, or the mean over the targets

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
        of_kind = self.of_targets in (None, bool(task.targets))
        return in_range and of_kind and all(has[need] for need in self.needs)

    def of(self, target: str) -> "Metric":
        """The metric of one target."""
        heading, words = f"{self.heading} {target}", f"{self.words} of {target}"
        return dataclasses.replace(
            self, heading=heading, words=words, every_epoch=False, target=target
        )

    def value(self, judged: Judged) -> Any:
        """The metric of what is judged; where that has targets, of its own or the mean over them.

        The mean is over the targets of which a clip has a label.
        """
        if VALENCE not in self.needs or not judged.task.targets:
            return self.compute(judged)
        if self.target:
            return self.compute(judged.of_target(self.target))
        each = [judged.of_target(name) for name in judged.task.targets]
        xp = judged.valence.weight.__array_namespace__()
        value_V = xp.stack([self.compute(one) for one in each])
        known_V = xp.stack([one.valence.weight.sum() for one in each]) > 0
        return xp.where(known_V, value_V, 0).sum() / known_V.astype(value_V.dtype).sum()

    def text(self, value: float, sign: str = "") -> str:
        """A value as it is shown; `sign` is "+" for a difference."""
        return f"{self.factor * value:{sign}.{self.decimals}f}"


_NEEDS = f"{EMOTION}, {VALENCE}, {SIGN}"
