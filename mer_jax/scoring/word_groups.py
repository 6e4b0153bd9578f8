"""Groups of words with one meaning, without the retired model: WordNet, an encoder, the wheels."""

import pathlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mer_jax import extras
from mer_jax.errors import InputError
from mer_jax.scoring.wheel import Wheels

_DATA = {"n": "data.noun", "v": "data.verb", "a": "data.adj", "r": "data.adv"}
_TOGETHER = ("+", "&")  # derivation, similar satellite
_SOURCE = "Debian's package wordnet-base has them in /usr/share/wordnet"


def by_pairs(words: Sequence[str], together: Callable[[str, str], bool]) -> list[list[str]]:
    """The connected parts of the words, two of which belong together or not; sorted."""
    rest, groups = sorted(set(words)), []
    while rest:
        group, new = [], [rest.pop(0)]
        while new:
            word = new.pop()
            group.append(word)
            near = [other for other in rest if together(word, other)]
            rest = [other for other in rest if other not in near]
            new += near
        groups.append(sorted(group))
    return groups


def by_wheel(words: Sequence[str], wheels: Wheels) -> list[list[str]]:
    """Words belong together whose first word of the wheels is the same; unknown ones are alone."""

    def together(first: str, second: str) -> bool:
        a, b = wheels.words(first), wheels.words(second)
        return bool(a and b) and a[0] == b[0]

    return by_pairs(words, together)


class WordNet(NamedTuple):
    """The synsets of words, and which are a derivation of or similar to which."""

    synsets: dict[str, set[str]]  # word -> synsets
    near: dict[str, set[str]]  # synset -> synsets
    version: str

    def together(self, first: str, second: str) -> bool:
        """Whether two words share a synset, or one's is near one of the other's."""
        a, b = (self._of(word) for word in (first, second))
        return (
            bool(a & b)
            or any(self.near.get(of, set()) & b for of in a)
            or any(self.near.get(of, set()) & a for of in b)
        )

    def _of(self, word: str) -> set[str]:
        return self.synsets.get(word.lower().strip().replace(" ", "_"), set())


def read_wordnet(folder: pathlib.Path, words: Iterable[str]) -> WordNet:
    """What the dictionary files in `folder` say of `words`; InputError names what is missing."""
    lacking = [name for name in _DATA.values() if not (folder / name).is_file()]
    if lacking:
        raise InputError(f"{folder}: lacks {', '.join(lacking)}; {_SOURCE}")
    wanted = {word.lower().strip().replace(" ", "_") for word in words}
    synsets: dict[str, set[str]] = {}
    near: dict[str, set[str]] = {}
    version = "unknown"
    for part, name in _DATA.items():
        with (folder / name).open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if line.startswith(" "):  # the licence, which names the version
                    if found := re.search(r"WordNet (\d+\.\d+)", line):
                        version = found[1]
                    continue
                try:
                    synset, lemmas, pointers = _parse(part, line)
                except (ValueError, IndexError):
                    raise InputError(
                        f"{folder / name}, line {number}: not a line of WordNet's dictionary"
                    ) from None
                here = wanted.intersection(lemmas)
                for lemma in here:
                    synsets.setdefault(lemma, set()).add(synset)
                if here:
                    near[synset] = pointers
    return WordNet(synsets, near, version)


def _parse(part: str, line: str) -> tuple[str, list[str], set[str]]:
    """A line of a data file: its synset, its words in lower case, and the synsets near it."""
    fields = line.partition(" | ")[0].split()
    offset, count = fields[0], int(fields[3], 16)
    lemmas = [
        re.sub(r"\((?:a|p|ip)\)$", "", word).lower() for word in fields[4 : 4 + 2 * count : 2]
    ]
    at = 4 + 2 * count
    pointers = set()
    for i in range(int(fields[at])):
        symbol, target, kind, _ = fields[at + 1 + 4 * i : at + 5 + 4 * i]
        if symbol in _TOGETHER:
            pointers.add(f"{'a' if kind == 's' else kind}{target}")
    return f"{part}{offset}", lemmas, pointers


def by_average_link(
    words: Sequence[str], vectors_NxD: np.ndarray, threshold: float
) -> list[list[str]]:
    """Clusters by average link: the two most similar join while their mean cosine is `threshold`.

    `vectors_NxD` are of the sorted distinct words; equal similarities join the earlier words.
    """
    words = sorted(set(words))
    length = np.linalg.norm(vectors_NxD, axis=1, keepdims=True)
    unit = vectors_NxD / np.maximum(length, np.finfo(vectors_NxD.dtype).tiny)
    similar = (unit @ unit.T).astype(np.float64)
    groups = [[i] for i in range(len(words))]
    while len(groups) > 1:
        means = np.full((len(groups), len(groups)), -np.inf)
        for a in range(len(groups)):
            for b in range(a + 1, len(groups)):
                means[a, b] = similar[np.ix_(groups[a], groups[b])].mean()
        a, b = np.unravel_index(means.argmax(), means.shape)
        if means[a, b] < threshold:
            break
        groups[a] += groups.pop(b)
    return [sorted(words[i] for i in group) for group in groups]


def encoder_of(name: str) -> Callable[[Sequence[str]], np.ndarray]:
    """The sentence encoder called `name`, as a function from words to vectors [N, D]."""
    package = extras.load("sentence_transformers", "embedding", "--by=embedding")
    try:
        model = package.SentenceTransformer(name)
    except Exception as error:  # the libraries below raise what they like
        reason = str(error).partition("\n")[0]
        raise InputError(f"--encoder={name}: could not be loaded: {reason}") from None
    return lambda words: np.asarray(model.encode(list(words)), np.float32)


class Cleaned(NamedTuple):
    """A server's groups made to hold every word once, and what was done to them."""

    groups: list[list[str]]
    unknown: list[str]  # words that nobody asked about, dropped
    forgotten: list[str]  # words that no group had, each now one of its own
    doubled: list[str]  # words of two groups; the later one counts in the score


def cleaned(words: Sequence[str], groups: Sequence[Sequence[str]]) -> Cleaned:
    """Drops unknown words and gives each forgotten one a group of its own."""
    wanted = sorted({word.lower().strip() for word in words})
    said = [[word.lower().strip() for word in group] for group in groups]
    kept = [[word for word in dict.fromkeys(group) if word in wanted] for group in said]
    found = [word for group in kept for word in group]
    forgotten = [word for word in wanted if word not in found]
    return Cleaned(
        [group for group in kept if group] + [[word] for word in forgotten],
        sorted({word for group in said for word in group} - set(wanted)),
        forgotten,
        sorted({word for word in found if found.count(word) > 1}),
    )
