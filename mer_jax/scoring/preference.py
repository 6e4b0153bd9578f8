"""MER2026's track 3: which of two descriptions fits better, read from free text."""

from collections.abc import Sequence
from typing import NamedTuple

from mer_jax.errors import InputError
from mer_jax.scoring.confusion import Pairs, pairs_of

ANSWERS = ("a1", "a2", "same")
_SAME = "same"
_SWAPPED = {"a1": "a2", "a2": "a1", _SAME: _SAME}


class Reading(NamedTuple):
    """What a response says, and whether it names an answer at all."""

    answer: str
    named: bool


class PreferenceScores(NamedTuple):
    """The two-class pairs, which are the track's, and all clips in three classes."""

    two: Pairs | None  # None: every label is `same`
    three: Pairs
    unnamed: int  # responses that name no answer, which count as `same`


def read_answer(response: str) -> Reading:
    """What comes first in a response of a1, a2 and same, in lower case; else same."""
    text = response.lower()
    found = min((answer for answer in ANSWERS if answer in text), key=text.find, default=None)
    return Reading(found or _SAME, found is not None)


def score_preference(labels: Sequence[str], responses: Sequence[str]) -> PreferenceScores:
    """Scores N clips: two-class without those labelled same, where an answer same counts as a1.

    Args:
      labels: a1, a2 or same.
      responses: free text, in the same order.

    Raises:
      InputError: a label is none of the three.
    """
    for label in labels:
        if label not in ANSWERS:
            raise InputError(f"unknown preference {label!r}; one of: {', '.join(ANSWERS)}")
    read = [read_answer(response) for response in responses]
    answers = [reading.answer for reading in read]
    two = [
        (label, ANSWERS[0] if answer == _SAME else answer)
        for label, answer in zip(labels, answers, strict=True)
        if label != _SAME
    ]
    unnamed = sum(not reading.named for reading in read)
    return PreferenceScores(
        pairs_of(*zip(*two, strict=True), classes=ANSWERS) if two else None,
        pairs_of(labels, answers, classes=ANSWERS),
        unnamed,
    )


class SwapScores(NamedTuple):
    """What asking with a1 and a2 exchanged tells."""

    consistency: float  # the share of clips with the same preference both times
    bias: float | None  # the share of "a1" among the answers a1 and a2 of both; None: neither
    clips: int


def compare_swapped(responses: Sequence[str], swapped: Sequence[str]) -> SwapScores:
    """Compares N responses with those to the exchanged descriptions of the same clips.

    Without any preference for a position the bias is 0.5.
    """
    first = [read_answer(response).answer for response in responses]
    second = [read_answer(response).answer for response in swapped]
    agree = [a == _SWAPPED[b] for a, b in zip(first, second, strict=True)]
    said = [answer for answer in (*first, *second) if answer != _SAME]
    bias = said.count("a1") / len(said) if said else None
    return SwapScores(sum(agree) / len(agree), bias, len(agree))
