"""The ranges of a random search: `uniform(0.2, 0.5)` and `log_uniform(1e-4, 1e-2)`."""

import math
import re
from typing import Any, NamedTuple

import numpy as np

UNIFORM, LOG_UNIFORM = "uniform", "log_uniform"
_CALL = re.compile(rf"({UNIFORM}|{LOG_UNIFORM})\s*\(([^(),]*),([^(),]*)\)")


class Span(NamedTuple):
    """The numbers from `low` to `high`, both of which may be drawn where they are whole."""

    scale: str  # UNIFORM, or LOG_UNIFORM: every factor is as likely as another
    low: float
    high: float
    is_whole: bool

    def __str__(self) -> str:
        """As a config has it."""
        return f"{self.scale}({self.low!r}, {self.high!r})"

    def draw(self, rng: np.random.Generator) -> float:
        """A number of it; an int where it is whole."""
        if self.is_whole and self.scale == UNIFORM:
            return int(rng.integers(self.low, self.high, endpoint=True))
        if self.scale == UNIFORM:
            return float(rng.uniform(self.low, self.high))
        # A whole number stands for half of the way to either neighbour, the ends' outside too.
        margin = 0.5 if self.is_whole else 0.0
        bounds = np.log([self.low - margin, self.high + margin])
        found = float(np.exp(rng.uniform(*bounds)))
        found = min(max(round(found) if self.is_whole else found, self.low), self.high)
        return int(found) if self.is_whole else found


def read(text: Any, is_whole: bool) -> Span | None:
    """The span that a config's value spells, None where it is no such text.

    Raises:
      ValueError: it is one whose bounds are none, as a part of a sentence.
    """
    match = _CALL.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    scale, *written = match.groups()
    try:
        low, high = (int(bound) if is_whole else float(bound) for bound in written)
    except ValueError:
        what = "whole numbers" if is_whole else "numbers"
        raise ValueError(f"its bounds are not two {what}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError("its first bound is not below its second")
    if scale == LOG_UNIFORM and low <= 0:
        raise ValueError(f"{LOG_UNIFORM} needs bounds above 0")
    return Span(scale, low, high, is_whole)
