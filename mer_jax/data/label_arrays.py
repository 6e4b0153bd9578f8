"""Labels as arrays with masks: of a corpus's splits, and from files that come later."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mer_jax.corpora import CorpusInfo
from mer_jax.data import label_files, near_names
from mer_jax.data import labels as labels_lib
from mer_jax.data.arrays import Corpus, Labels, Split
from mer_jax.data.labels import Label, LabelRules
from mer_jax.errors import InputError, counted, first_few
from mer_jax.task import TRAIN, UNLABELLED, Task

if TYPE_CHECKING:  # scoring and asking load no config
    from ml_collections import ConfigDict

LOG = logging.getLogger("mer_jax")
_NOTHING = Label()


def rules_of(config: ConfigDict) -> LabelRules:
    """What a config says of how labels are read."""
    return LabelRules(config.data.zero_valence, config.data.placeholders)


def say_counted(splits: dict[str, Split], why: dict[str, str]) -> None:
    """Logs how many clips of each split count as labelled, and why others do not."""
    for name, split in splits.items():
        if name != UNLABELLED:
            known = split.labels.known
            because = f": {why[name]}" if name in why else ""
            LOG.info(
                "%s: %d of %d clips count as labelled%s", name, known.sum(), len(known), because
            )


def given_labels(
    corpus: Corpus, path: pathlib.Path, splits: dict[str, Split], rules: LabelRules
) -> dict[str, Split]:
    """`splits` with the labels of a file that came later, in place of what they had.

    The file may cover a part of a split, or of a clip's label: what it leaves open stays. Raises
    InputError for a name that no split has, and for a file that labels nothing.
    """
    train = _as_labels(corpus.splits[TRAIN].labels)
    by_corpus, why = label_files.read_given(path, corpus.info, train, rules.placeholders)
    replaced = dict(splits)
    found = False
    for file_split, labels in by_corpus.items():
        if file_split and file_split not in splits:
            continue  # a whole label file: its train clips are not scored
        targets = [file_split] if file_split else list(splits)
        known = {name for target in targets for name in splits[target].names.tolist()}
        known |= {name for left in corpus.left_out for name in left.names}
        strange = [name for name in labels if name not in known]
        if strange:
            where = ", ".join(targets)
            raise InputError(
                f"{path}: {counted(len(strange), 'name')} not in {where}: {first_few(strange)}"
                f"{near_names.hint(strange, known)}"
            )
        for target in targets:
            emotion, valence = columns(labels, splits[target].names.tolist(), corpus.info.task)
            says_emotion, says_valence = emotion != labels_lib.MISSING_EMOTION, ~np.isnan(valence)
            found |= bool(says_emotion.any() and corpus.task.classes)
            found |= bool(says_valence.any() and corpus.task.valence_range)
            had = splits[target].labels
            replaced[target] = splits[target]._replace(
                labels=of_task(
                    masked(
                        np.where(had.emotion_mask & ~says_emotion, had.emotion, emotion),
                        np.where(had.valence_mask & ~says_valence, had.valence, valence),
                        corpus.info,
                        rules,
                    ),
                    corpus.task,
                )
            )
    if not found:
        because = "; ".join(why.values())
        raise InputError(
            f"{path}: labels none of {', '.join(splits)}"
            + (f": {because}; data.placeholders=labels takes them at their word" if why else "")
        )
    say_counted(replaced, why)
    return replaced


def _as_labels(labels: Labels) -> list[Label]:
    emotion = np.where(labels.emotion_mask, labels.emotion, labels_lib.MISSING_EMOTION)
    valence = np.where(labels.valence_mask, labels.valence, labels_lib.MISSING_VALENCE)
    pairs = zip(emotion.tolist(), valence.tolist(), strict=True)
    if valence.ndim > 1:
        return [Label(of_class, numbers=tuple(numbers)) for of_class, numbers in pairs]
    return [Label(*pair) for pair in pairs]


def columns(
    labels: Mapping[str, Label], names: Sequence[str], task: Task
) -> tuple[np.ndarray, np.ndarray]:
    """Class indices int32 [N] and valences float32 [N], or targets [N, V], of some clips.

    What is missing is as in a Label; a clip that `labels` lack has none.
    """
    records = [labels.get(name, _NOTHING) for name in names]
    emotion = np.array([label.emotion for label in records], np.int32)
    if not task.targets:
        return emotion, np.array([label.valence for label in records], np.float32)
    none = (labels_lib.MISSING_VALENCE,) * len(task.targets)
    numbers = np.array([label.numbers or none for label in records], np.float32)
    return emotion, numbers.reshape(len(records), len(task.targets))


def of_task(labels: Labels, task: Task) -> Labels:
    """Labels without what the task does not predict: of clips with that alone none counts."""
    none = np.zeros(len(labels.emotion), bool)
    if not task.classes:
        labels = labels._replace(emotion=np.zeros_like(labels.emotion), emotion_mask=none)
    if not task.valence_range:
        nothing = np.zeros_like(labels.valence), np.zeros_like(labels.valence_mask)
        labels = labels._replace(valence=nothing[0], valence_mask=nothing[1])
    return labels


def masked(emotion: np.ndarray, valence: np.ndarray, info: CorpusInfo, rules: LabelRules) -> Labels:
    """Labels with masks from class indices (MISSING_EMOTION: none) and valences (NaN: none).

    With targets these are in place of the valences, [N, V].
    """
    emotion_mask = emotion != labels_lib.MISSING_EMOTION
    valence_mask = ~np.isnan(valence)
    if info.emotion_from_valence and rules.zero_valence != "positive":
        if rules.zero_valence == "drop":
            emotion_mask &= valence != 0
        else:
            emotion = np.where(valence == 0, 0, emotion)
    return Labels(
        emotion=np.where(emotion_mask, emotion, 0).astype(np.int32),
        emotion_mask=emotion_mask,
        valence=np.where(valence_mask, valence, 0).astype(np.float32),
        valence_mask=valence_mask,
    )
