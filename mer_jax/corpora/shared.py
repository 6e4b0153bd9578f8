"""Labels that corpora share, for a model of one that is tested on others (MERBench)."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping

from mer_jax.corpora.info import CorpusInfo
from mer_jax.errors import InputError
from mer_jax.task import Task

CLASSES = ("happy", "sad", "neutral", "angry")
VALENCE = (-3.0, 3.0)  # CH-SIMS, from -1 to 1, is stretched to it
_ALSO_CALLED = {"joy": "happy", "sadness": "sad", "anger": "angry"}  # as MELD calls them
# The split that is tested on: of IEMOCAP, which has no other, all clips.
TESTED = {
    "mer2023": "mer_multi",
    "iemocap4": "train",
    "iemocap6": "train",
    "meld": "test",
    "cmumosi": "test",
    "cmumosei": "test",
    "sims": "test",
    "simsv2": "test",
}


def read(
    texts: Iterable[str], where: str, corpora: Collection[str] = TESTED.keys()
) -> dict[str, str]:
    """The folder of each of `corpora` in texts such as "sims=/data/sims".

    Raises InputError, beginning with `where`, for what is no such text.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, folder = text.partition("=") if isinstance(text, str) else ("", "", "")
        if not (equals and folder):
            raise InputError(f'{where}: {text!r} is not a corpus and its folder, "sims=my_sims"')
        if name not in corpora:
            raise InputError(f"{where}: unknown corpus {name!r}; one of: {', '.join(corpora)}")
        if name in found:
            raise InputError(f"{where}: lists {name} twice")
        found[name] = folder
    return found


def described(info: CorpusInfo, others: Mapping[str, CorpusInfo], where: str) -> CorpusInfo:
    """A corpus with the task that it shares with `others`, by their names; it has no pool.

    Raises InputError, beginning with `where`, where one has emotions and another sentiment.
    """
    if info.name not in TESTED:
        raise InputError(f"{where}: {info.name} shares no labels with others")
    for name, other in others.items():
        if other.task.signed != info.task.signed:
            kinds = ("emotions", "sentiment") if other.task.signed else ("sentiment", "emotions")
            raise InputError(f"{where}: {info.name} has {kinds[0]} and {name} {kinds[1]}")
    task = Task(CLASSES)
    if info.task.signed:
        task = Task(valence_range=VALENCE, signed=True, selected_by="sign_f1")
    return dataclasses.replace(info, task=task, emotion_from_valence=False, pool_split=None)


def class_numbers(info: CorpusInfo) -> dict[int, int]:
    """The number among CLASSES of each class of a corpus that is one of them."""
    names = [_ALSO_CALLED.get(name, name) for name in info.task.classes]
    return {i: CLASSES.index(name) for i, name in enumerate(names) if name in CLASSES}


def valence_factor(info: CorpusInfo) -> float:
    """What a corpus's valences are multiplied by to lie in VALENCE."""
    return VALENCE[1] / info.task.valence_range[1]
