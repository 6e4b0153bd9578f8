"""Zero-shot scores of stored answers, each a ranking of candidates of which the first counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mer_jax.errors import InputError
from mer_jax.scoring.benchmarks import POLARITY
from mer_jax.scoring.confusion import Pairs, pairs_of

RULES = {
    "wrong": "an answer outside the candidates is wrong",
    "drop": "a clip whose answer is outside the candidates is left out",
    "polarity": "an emotion counts as positive or negative",
    "sign": "labels are numbers, zeros left out; an answer that holds 'positive' is positive",
}
MOST_RANKS = 5  # of top-k
OUTSIDE = "(none of them)"  # what an answer becomes that has no polarity, or is missing
_SIGNS = ("negative", "positive")


class Judged(NamedTuple):
    """One clip: label and first answer under a rule, or why it is left out."""

    true: str
    predicted: str
    ranking: tuple[str, ...]  # as compared
    outside: bool  # the first answer is none of the candidates
    left_out: str = ""


class ResponseScores(NamedTuple):
    """N clips judged under a rule."""

    clips: list[Judged]
    rule: str
    candidates: tuple[str, ...]

    @property
    def scored(self) -> list[Judged]:
        """The clips that count."""
        return [clip for clip in self.clips if not clip.left_out]

    def pairs(self) -> Pairs:
        """True and predicted class of the clips that count."""
        true, predicted = zip(*((c.true, c.predicted) for c in self.scored), strict=True)
        return pairs_of(true, predicted, self.classes())

    def scores(self) -> dict[str, float]:
        """Accuracy, weighted F1, UAR and macro F1."""
        return self.pairs().scores()

    def top_k(self) -> list[float]:
        """The share of clips whose label is among the first k answers, for k from 1.

        Empty for the rules under which several candidates become one.
        """
        if self.rule in ("polarity", "sign"):
            return []
        ranks = [
            c.ranking.index(c.true) if c.true in c.ranking else MOST_RANKS for c in self.scored
        ]
        most = min(MOST_RANKS, len(self.candidates))
        return [float(np.mean([rank < k for rank in ranks])) for k in range(1, most + 1)]

    def majority(self) -> tuple[str, dict[str, float]]:
        """The labels' most frequent class, the first of equals, and its scores as an answer."""
        true = [clip.true for clip in self.scored]
        counts = Counter(true)
        most = min(counts, key=lambda name: (-counts[name], name))
        return most, pairs_of(true, [most] * len(true), self.classes()).scores()

    def classes(self) -> tuple[str, ...]:
        """What an answer may be under the rule."""
        return _SIGNS if self.rule in ("polarity", "sign") else self.candidates

    def uniform(self) -> float:
        """The expected accuracy, and UAR, of a uniform guess among the classes: 1/C."""
        return 1 / len(self.classes())

    @property
    def outside(self) -> int:
        """How many first answers are none of the candidates."""
        return sum(clip.outside for clip in self.clips)

    def impossible(self) -> dict[str, int]:
        """Labels that no answer can be, and of how many clips: these can never be right."""
        counts = Counter(clip.true for clip in self.scored)
        return {name: counts[name] for name in sorted(set(counts) - set(self.classes()))}


def ranking_of(answer: str | Sequence[str], aliases: Mapping[str, str]) -> tuple[str, ...]:
    """The answers from most to least fitting, in lower case, aliases replaced."""
    parts = answer.split(",") if isinstance(answer, str) else answer
    words = (part.strip().lower() for part in parts)
    return tuple(aliases.get(word, word) for word in words if word)


def score_responses(
    labels: Sequence[str],
    answers: Sequence[str | Sequence[str] | None],
    candidates: Sequence[str],
    rule: str = "wrong",
    aliases: Mapping[str, str] | None = None,
) -> ResponseScores:
    """Judges N answers; comparison ignores case and outer blanks.

    Args:
      labels: a class each; under the rule `sign` a number.
      answers: rankings, as "happy, sad" or as a list, in the same order; None is a missing answer
        that counts as wrong.
      candidates: what the answers were to be chosen from.
      rule: one of RULES.
      aliases: word -> the word that it counts as, in labels, answers and candidates.

    Raises:
      InputError: an unknown rule, a label that the rule cannot read, or no clip that counts.
    """
    if rule not in RULES:
        raise InputError(f"--rule={rule}: no such rule; one of: {', '.join(RULES)}")
    aliases = {k.strip().lower(): v.strip().lower() for k, v in (aliases or {}).items()}
    allowed = tuple(dict.fromkeys(ranking_of(list(candidates), aliases)))
    if not allowed:
        raise InputError("no candidates; give them with --candidates=a,b,c or --benchmark=NAME")
    clips = [
        _judge(label, answer, allowed, rule, aliases)
        for label, answer in zip(labels, answers, strict=True)
    ]
    found = ResponseScores(clips, rule, allowed)
    if not found.scored:
        reasons = ", ".join(sorted({clip.left_out for clip in clips})) or "there are none"
        raise InputError(f"no clip counts: {reasons}")
    return found


def _judge(
    label: str,
    answer: str | Sequence[str] | None,
    allowed: Sequence[str],
    rule: str,
    aliases: Mapping[str, str],
) -> Judged:
    ranking = ranking_of(answer or "", aliases)
    first = ranking[0] if ranking else OUTSIDE
    outside = first not in allowed
    if rule == "sign":
        number = _number(label)
        true = _SIGNS[number > 0]
        predicted = OUTSIDE if not ranking else _SIGNS["positive" in first]
        return Judged(true, predicted, ranking, outside, "" if number else "its label is 0")
    true = ranking_of([label], aliases)[0] if label.strip() else ""
    if not true:
        raise InputError("a label is empty")
    if rule == "polarity":
        true = true if true in _SIGNS else POLARITY.get(true, "")
        if not true:
            raise InputError(
                f"label {label!r} has no polarity; those with one: {', '.join(POLARITY)}"
            )
        predicted = first if first in _SIGNS else POLARITY.get(first, OUTSIDE)
        return Judged(true, predicted, ranking, outside)
    dropped = rule == "drop" and outside and ranking
    return Judged(true, first, ranking, outside, "outside the candidates" if dropped else "")


def _number(label: str) -> float:
    try:
        value = float(label)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"the label {label!r} is not a number, and --rule=sign needs one")
    return value
