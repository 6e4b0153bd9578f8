"""Reading the answers in a model's text: a ranking for each input, words, or groups of words."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mer_jax.scoring import lists

_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_BEGINS_THOUGHT = re.compile(r"<think(?:ing)?>.*$", re.DOTALL | re.IGNORECASE)
_SORRY = re.compile(
    r"\b(sorry|apologi[sz]e|unable to|(can|could)(no|')t (help|assist|identify|provide|comply|do)"
    r"|can not (help|assist|identify|provide|comply|do)|not able to)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(\d+)\D*$")
_LONGEST = 1 << 20  # characters that are looked through


class Read(NamedTuple):
    """The answers of a text, one for each input in their order, or why there are none."""

    answers: list[Any] | None
    reason: str = ""


def without_thoughts(text: str) -> str:
    """The text after a reasoning model's `<think>...</think>`; empty where that is not closed."""
    text = _THOUGHTS.sub("", text)
    text = _END_OF_THOUGHT.sub("", text)  # some servers leave out how it begins
    return _BEGINS_THOUGHT.sub("", text).strip()


def read_rankings(text: str, inputs: int, candidates: Sequence[str]) -> Read:
    """A ranking for each of `inputs` inputs, in lower case.

    The answers are `{'name': 'image-1', 'result': [...]}` wherever they stand in the text; numbers
    in names win over the order. One input may also be answered by the list alone.
    """
    text = without_thoughts(text)[:_LONGEST]
    if not text:
        return Read(None, "empty")
    found = [
        (str(_get(each, "name") or ""), ranking)
        for each in _objects(text)
        if (ranking := _ranking(_get(each, "result")))
    ]
    if not found and inputs == 1:
        ranking = _bare_ranking(text, candidates)
        found = [("", ranking)] if ranking else []
    if not found:
        return Read(None, "refusal" if _SORRY.search(text) else "unreadable")
    if len(found) != inputs:
        return Read(None, f"{len(found)} answers for {inputs} inputs")
    numbers = [int(n[1]) if (n := _NUMBER.search(name)) else None for name, _ in found]
    if None not in numbers and (inputs > 1 or numbers == [1]):
        if sorted(numbers) != list(range(1, inputs + 1)):
            return Read(None, f"names other inputs than 1 to {inputs}")
        found = [each for _, each in sorted(zip(numbers, found, strict=True), key=lambda p: p[0])]
    return Read([ranking for _, ranking in found])


def read_words(text: str) -> Read:
    """The open-vocabulary list in a text, for one input."""
    text = without_thoughts(text)[:_LONGEST]
    if not text:
        return Read(None, "empty")
    if (found := _first_list(text)) is not None:
        if all(isinstance(word, str) for word in found):
            return Read([[word.strip() for word in found if word.strip()]])
        return Read(None, "unreadable")
    if "[" in text or _SORRY.search(text) or "\n" in text or text.count(" ") > 3 * text.count(","):
        return Read(None, "refusal" if _SORRY.search(text) else "unreadable")
    return Read([[word.rstrip(".") for word in lists.mer2025(text)]])


def read_groups(text: str) -> Read:
    """The groups of words in a text, for one input: a list of lists, anything else is none."""
    text = without_thoughts(text)[:_LONGEST]
    found = _first_list(text)
    is_groups = found is not None and all(
        isinstance(group, list) and all(isinstance(word, str) for word in group) for group in found
    )
    return Read([found]) if is_groups else Read(None, "no list of lists" if text else "empty")


def read_text(text: str) -> Read:
    """The whole text, for one input."""
    text = without_thoughts(text)
    return Read([text]) if text else Read(None, "empty")


def _get(of: Mapping, key: str) -> Any:
    """The value of a key, whatever its case."""
    return next((value for name, value in of.items() if str(name).lower() == key), None)


def _ranking(value: Any) -> list[str]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        return []
    return [word.strip().lower() for word in value if word.strip()]


def _bare_ranking(text: str, candidates: Sequence[str]) -> list[str]:
    """A list, or words between commas, if all of them are candidates."""
    ranking = _ranking(_first_list(text) or text.strip("`. \n"))
    known = {candidate.strip().lower() for candidate in candidates}
    return ranking if ranking and known.issuperset(ranking) else []


def _objects(text: str) -> Iterator[Mapping]:
    """The closed objects of a text that are answers; of an object around them, those within."""
    for piece in _closed(text, "{", "}"):
        yield from _answers_in(_parsed(piece))


def _answers_in(value: Any) -> Iterator[Mapping]:
    if isinstance(value, Mapping):
        if _get(value, "result") is not None:
            yield value
        else:
            for entry in value.values():
                yield from _answers_in(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _answers_in(entry)


def _first_list(text: str) -> list | None:
    """The first closed list of a text."""
    for piece in _closed(text, "[", "]"):
        value = _parsed(piece)
        return value if isinstance(value, list) else None
    return None


def _closed(text: str, opening: str, closing: str) -> Iterator[str]:
    """The outermost closed parts of a text; brackets within quotes do not count."""
    depth, begin, quote, skip = 0, 0, "", False
    for i, character in enumerate(text):
        if skip:
            skip = False
        elif depth and quote:
            skip = character == "\\"
            is_end = character == quote and not (
                quote == "'" and text[i - 1 : i].isalnum() and text[i + 1 : i + 2].isalnum()
            )  # "don't" ends no text
            quote = "" if is_end else quote
        elif depth and character in "'\"":
            quote = character
        elif character == opening:
            begin = i if depth == 0 else begin
            depth += 1
        elif character == closing and depth:
            depth -= 1
            if depth == 0:
                yield text[begin : i + 1]


def _parsed(piece: str) -> Any:
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(piece)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    return None
