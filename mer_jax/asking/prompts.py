"""The prompts of --mode=ask, by id: the package's own words, and how their answers are read."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mer_jax.asking import answers, inputs
from mer_jax.asking.answers import Read
from mer_jax.asking.inputs import Input
from mer_jax.errors import InputError
from mer_jax.scoring import tables


class Prompt(NamedTuple):
    """What is asked, of how many inputs at a time, and how the answer is read."""

    id: str  # it changes with the words, so that answers to other words are not taken for these
    words: str
    batch: int  # largest number of inputs in a request
    read: Callable[[str, int, Sequence[str]], Read]
    columns: tuple[str, ...] = ()  # of the CSV, beside name
    unit: str = ""  # what an input is called in a batch: image-1, ...
    needs_media: bool = False
    ranks: bool = False  # needs candidates
    scored_by: str = ""  # the mode that scores the answers


def _rankings(text: str, count: int, candidates: Sequence[str]) -> Read:
    return answers.read_rankings(text, count, candidates)


def _one(read: Callable[[str], Read]) -> Callable[[str, int, Sequence[str]], Read]:
    return lambda text, _count, _candidates: read(text)


_ANSWER = (
    "Rank these labels from the most to the least fitting: {candidates}. Answer for each of the "
    "{n} inputs, in their order, with one JSON object and nothing else: "
    '{"name": "UNIT-1", "result": [labels, the most fitting first]}.'
)


def _ranking(name: str, task: str, batch: int, unit: str, **more: Any) -> Prompt:
    words = f"{task} {_ANSWER.replace('UNIT', unit)}"
    return Prompt(f"{name}-1", words, batch, _rankings, unit=unit, ranks=True,
                  scored_by="score_responses", **more)  # fmt: skip


PROMPTS = {
    "expression": _ranking(
        "expression", "Each image shows a face. Which emotion does its expression show?", 20,
        "image", needs_media=True,
    ),
    "evoked": _ranking(
        "evoked", "Which emotion does each image evoke in whoever looks at it?", 20, "image",
        needs_media=True,
    ),
    "micro_expression": _ranking(
        "micro_expression",
        "Each image is the apex frame of a micro-expression: a short, faint movement of the face. "
        "Which emotion does it show?", 20, "image", needs_media=True,
    ),
    "sentiment_text": _ranking(
        "sentiment_text", "What is the sentiment of each text?", 20, "text", columns=("text",),
    ),
    "video": _ranking(
        "video", "Each video is given as frames in the order of time. Which emotion does the "
        "person in it show?", 8, "video", needs_media=True,
    ),
    "video_and_text": _ranking(
        "video_and_text", "Each video is given as frames in the order of time, with what is said "
        "in it. Which emotion does the person in it show?", 6, "video", columns=("text",),
        needs_media=True,
    ),
    "describe": Prompt(
        "describe-1",
        "Describe the emotional state of the person here in a short paragraph: which clues of "
        "face, posture, voice and words you notice, and what they say together.",
        1, _one(answers.read_text), needs_media=True,
    ),
    "labels": Prompt(
        "labels-1",
        "Which emotion words does this description of a person justify? Answer with one JSON list "
        "of English words and nothing else, [] for none.\n\n{text}",
        1, _one(answers.read_words), columns=("text",), scored_by="score_open",
    ),
    "group": Prompt(
        "group-1",
        "Put these emotion words into groups of the same meaning, each word into exactly one "
        "group. Answer with one JSON list of lists and nothing else.\n\n{words}",
        1, _one(answers.read_groups), columns=("words",), scored_by="score_open",
    ),
    "prefer": Prompt(
        "prefer-1",
        "Two descriptions of the emotional state of the person here are given. Which fits better? "
        "Answer with a1, a2 or same, and nothing else.\n\na1: {a1}\n\na2: {a2}",
        1, _one(answers.read_text), columns=("a1", "a2"), scored_by="score_preference",
    ),
}  # fmt: skip


def find(name: str, has_candidates: bool) -> Prompt:
    """The prompt of that id, or of a file of the user's; InputError lists those there are."""
    if name in PROMPTS:
        return PROMPTS[name]
    path = pathlib.Path(name)
    if not path.is_file():
        raise InputError(f"--prompt={name}: neither a file nor one of: {', '.join(PROMPTS)}")
    words = tables.read_text(path, "a prompt").strip()
    if not words:
        raise InputError(f"{path}: empty; expected a prompt")
    columns = tuple(key for key in ("text", "a1", "a2") if f"{{{key}}}" in words)
    ranks = "{candidates}" in words or has_candidates
    read, scored_by = (_rankings, "score_responses") if ranks else (_one(answers.read_text), "")
    if "a1" in columns:
        scored_by = "score_preference"
    batch = inputs_per_request(words)
    return Prompt(str(path), words, batch, read, columns, "input", ranks="{candidates}" in words,
                  scored_by=scored_by)  # fmt: skip


def inputs_per_request(words: str) -> int:
    """How many inputs a user's prompt takes at a time: several where it tells their number."""
    return 20 if "{n}" in words else 1


def messages(
    prompt: Prompt, batch: Sequence[Input], candidates: Sequence[str], frames: int, max_side: int
) -> list[dict[str, Any]]:
    """The messages of one request: the prompt, then each input's text and images."""
    first = batch[0]
    words = prompt.words.replace("{n}", str(len(batch)))
    words = words.replace("{candidates}", ", ".join(candidates))
    own = {key: f"{{{key}}}" in words for key in ("text", "a1", "a2", "words")}
    for key, is_there in own.items():
        if is_there:
            text = "\n".join(sorted(first.words())) if key == "words" else first.text(key)
            words = words.replace(f"{{{key}}}", text)
    parts: list[dict[str, Any]] = [{"type": "text", "text": words}]
    for number, each in enumerate(batch, start=1):
        label = f"{prompt.unit}-{number}:" if prompt.unit else ""
        text = each.text("text") if "text" in prompt.columns and not own["text"] else ""
        said = " ".join(part for part in (label, text) if part)
        if said and (len(batch) > 1 or text):
            parts.append({"type": "text", "text": said})
        parts += inputs.pictures(each, frames, max_side) if each.has_media else []
    if len(parts) == 1:  # servers of text models alone take no list
        return [{"role": "user", "content": words}]
    return [{"role": "user", "content": parts}]
