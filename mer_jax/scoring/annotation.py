"""Labels out of annotations: agreement, reliability, relabelling, valence (MER 2023, section 2.2).

What the paper leaves open is a field of Rules.
"""

import difflib
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mer_jax.errors import InputError, counted, first_few

SPECIAL = ("other", "unjudgeable")  # no emotion; they vote like the rest
# What the paper calls the release's words.
WORDS = {
    "neutral": "neutral", "anger": "angry", "happiness": "happy", "sadness": "sad",
    "worry": "worried", "surprise": "surprise",
}  # fmt: skip
LABELS = (*WORDS.values(), *SPECIAL)
VERDICTS = ("reliable", "unreliable", "unjudgeable")
MAJORITIES = ("half", "plurality")
_MOST_LABELS = 2

Votes = Mapping[str, Mapping[str, Sequence[str]]]  # clip -> annotator -> labels
Verdicts = Mapping[str, Mapping[str, str]]  # clip -> judge -> verdict
Valences = Mapping[str, Mapping[str, int]]  # clip -> annotator -> valence


class Rules(NamedTuple):
    """The choices that the paper leaves open."""

    majority: str = "half"  # named by more than half of the annotators, or by most: plurality
    annotators: int = 3  # least number of a clip
    judges: int = 2  # least number of verdicts on a clip
    valences: int = 6  # of a reliable clip; the lowest and the highest are left out; 0: none
    low: int = -5  # of the valence scale
    high: int = 5


RULES = Rules()


class Outcome(NamedTuple):
    """Where a clip ends."""

    emotion: str | None  # None: unlabelled
    valence: float | None
    round: int
    reason: str  # the stage that it failed, or `reliable`

    @property
    def status(self) -> str:
        """`labelled` or `unlabelled`."""
        return "unlabelled" if self.emotion is None else "labelled"


class Annotated(NamedTuple):
    """Every clip's outcome by name in sorted order, and what is to be known beside it."""

    outcomes: dict[str, Outcome]
    warnings: list[str]


def read_label(word: str, where: str = "") -> str:
    """The release's word for a label of the paper or the release; InputError names the nearest."""
    text = word.strip().lower()
    text = WORDS.get(text, text)
    if text not in LABELS:
        known = [*WORDS, *LABELS]
        near = difflib.get_close_matches(text, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join([*WORDS, *SPECIAL])}"
        raise InputError(f"{where}{': ' if where else ''}unknown label {word.strip()!r}; {hint}")
    return text


def read_labels(words: Sequence[str], where: str = "") -> tuple[str, ...]:
    """The labels of one annotator: one, or two that are emotions."""
    found = tuple(read_label(word, where) for word in words)
    beside = f"{where}{': ' if where else ''}"
    if not 1 <= len(found) <= _MOST_LABELS:
        raise InputError(f"{beside}{len(found)} labels; an annotator gives one or two, joined by ;")
    if len(found) > 1 and set(found) & {*SPECIAL}:
        raise InputError(f"{beside}{found[0]} and {found[1]}: {' and '.join(SPECIAL)} stand alone")
    if len({*found}) < len(found):
        raise InputError(f"{beside}names {found[0]} twice; give each label once")
    return found


def major(votes: Mapping[str, Sequence[str]], rules: Rules = RULES) -> tuple[str | None, str]:
    """The label that one clip's annotators agree on, or None and why there is none.

    A label that an annotator names has a vote, so that two labels are a whole vote each.
    """
    if rules.majority not in MAJORITIES:
        raise InputError(
            f"--majority={rules.majority}: no such rule; one of: {', '.join(MAJORITIES)}"
        )
    if len(votes) < rules.annotators:
        return None, "too_few_annotators"
    counts = Counter(label for labels in votes.values() for label in labels)
    most = max(counts.values())
    if rules.majority == "half" and 2 * most <= len(votes):
        return None, "no_majority"
    top = [label for label, count in counts.items() if count == most]
    if len(top) > 1:
        return None, "tie"
    return (None, top[0]) if top[0] in SPECIAL else (top[0], "")


def trimmed_mean(values: Sequence[int]) -> float:
    """The mean without one lowest and one highest; an extreme given twice loses one copy."""
    return statistics.fmean(sorted(values)[1:-1])


def annotate(
    votes: Sequence[Votes],
    verdicts: Sequence[Verdicts],
    valences: Valences,
    rules: Rules = RULES,
) -> Annotated:
    """The outcome of every clip.

    Args:
      votes: a round each: clip -> annotator -> labels, the release's words.
      verdicts: a round each: clip -> judge -> one of VERDICTS.
      valences: clip -> annotator -> valence, of clips that are reliable.
      rules: what the paper leaves open.

    Raises:
      InputError: a clip labelled anew that did not fail its reliability, a verdict on a clip
        without a major emotion, a judge who also annotated it, too few verdicts, or a reliable
        clip with another number of valences.
    """
    outcomes: dict[str, Outcome] = {}
    for number, of_round in enumerate(votes, start=1):
        if number > 1:
            _check_again(outcomes, of_round, number)
        judged = verdicts[number - 1] if number <= len(verdicts) else {}
        agreed = {clip: major(of_clip, rules) for clip, of_clip in of_round.items()}
        _check_verdicts(agreed, of_round, judged, number, rules)
        for clip, (emotion, reason) in agreed.items():
            if emotion is not None:
                is_reliable = all(verdict == VERDICTS[0] for verdict in judged[clip].values())
                reason = VERDICTS[0] if is_reliable else VERDICTS[1]  # noqa: PLW2901
                emotion = emotion if is_reliable else None  # noqa: PLW2901
            outcomes[clip] = Outcome(emotion, None, number, reason)
    return _with_valence(dict(sorted(outcomes.items())), valences, rules)


def _check_again(outcomes: Mapping[str, Outcome], votes: Votes, number: int) -> None:
    wrong = [
        clip
        for clip in votes
        if clip not in outcomes or outcomes[clip][2:] != (number - 1, VERDICTS[1])
    ]
    if wrong:
        raise InputError(
            f"round {number} labels {counted(len(wrong), 'clip')} again that did not fail the "
            "reliability of "
            f"round {number - 1}: {first_few(wrong)}; remove them"
        )


def _check_verdicts(
    agreed: Mapping[str, tuple[str | None, str]],
    votes: Votes,
    verdicts: Verdicts,
    number: int,
    rules: Rules,
) -> None:
    for clip, of_clip in verdicts.items():
        if clip not in agreed:
            raise InputError(f"round {number}, {clip}: a verdict on a clip that nobody annotated")
        if agreed[clip][0] is None:
            raise InputError(
                f"round {number}, {clip}: a verdict on a clip that did not pass the agreement "
                f"({agreed[clip][1]}); remove it"
            )
        both = sorted(set(of_clip) & set(votes[clip]))
        if both:
            raise InputError(
                f"round {number}, {clip}: {both[0]} judges a clip that {both[0]} also annotated; "
                "judges must not have taken part"
            )
    lacking = [
        clip
        for clip, (emotion, _) in agreed.items()
        if emotion is not None and len(verdicts.get(clip, {})) < rules.judges
    ]
    if lacking:
        raise InputError(
            f"round {number}: {counted(len(lacking), 'clip')} with a major emotion and fewer than "
            f"{rules.judges} verdicts: {first_few(lacking)}; let them be judged, or give --judges=N"
        )


def _with_valence(outcomes: dict[str, Outcome], valences: Valences, rules: Rules) -> Annotated:
    warnings = []
    for clip, outcome in outcomes.items():
        given = list(valences.get(clip, {}).values())
        if outcome.emotion is not None and rules.valences:
            if len(given) != rules.valences:
                raise InputError(
                    f"{clip}: {len(given)} valences, but a reliable clip has {rules.valences}; "
                    "give the missing ones, or --valence_count=N (0: no valence)"
                )
            outcomes[clip] = outcome._replace(valence=trimmed_mean(given))
    unused = sorted(set(valences) - {c for c, outcome in outcomes.items() if outcome.emotion})
    if unused:
        warnings.append(
            f"{counted(len(unused), 'clip')} with valences but not reliable, so these do not "
            "count: "
            f"{first_few(unused)}"
        )
    return Annotated(outcomes, warnings)
