"""The label file of a user's folder, as an npz or as CSV, and label files that come later."""

import logging
import pathlib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mer_jax.corpora import ABSENT_VALENCE, CorpusInfo
from mer_jax.data import label_csv, pickles, placeholders
from mer_jax.data.labels import MISSING_EMOTION, Label, check_name, parse_label
from mer_jax.errors import InputError, counted, first_few
from mer_jax.task import TRAIN, Task

LOG = logging.getLogger("mer_jax")
_CSV = "label.csv"  # of all splits, by a column `split`
_CSV_OF_SPLIT = "-label.csv"  # after the split's name, as the release's train-label.csv
_FILLERS = 10  # clips of train, from which one emotion for all is no chance
_ABSENT = (ABSENT_VALENCE, "-10", "-10.0")


class Read(NamedTuple):
    """What label files say."""

    splits: dict[str, dict[str, Label]]  # by split and name
    why: dict[str, str]  # by split: why labels that stand there do not count; absent: they do


def find(root: pathlib.Path, info: CorpusInfo) -> list[pathlib.Path]:
    """The label file of a folder, or its label CSVs of single splits; InputError without any."""
    whole = [root / name for name in (*info.label_files, _CSV) if (root / name).is_file()]
    of_splits = _of_splits(info)
    by_split = [root / name for name in of_splits if (root / name).is_file()]
    if not whole and not by_split:
        by_split = [] if info.from_file else [f"{TRAIN}{_CSV_OF_SPLIT}"]
        *names, last = (*info.label_files, _CSV, *by_split)
        raise InputError(f"{root}: no label file; expected {', '.join(names)} or {last}")
    if len(whole) > 1 or (whole and by_split):
        others = ", ".join(path.name for path in (whole + by_split)[1:])
        LOG.info("%s: labels are read from %s, not from %s", root, whole[0].name, others)
    if not whole:
        _check_by_split(root, [path.name for path in by_split], of_splits, info)
    return whole[:1] or by_split


def _check_by_split(
    root: pathlib.Path, found: list[str], of_splits: Mapping[str, str], info: CorpusInfo
) -> None:
    """Refuses two label CSVs of one split, and one that is of no split."""
    seen: dict[str, str] = {}
    for name in found:
        if other := seen.get(of_splits[name]):
            raise InputError(
                f"{root}: {other} and {name} are both of {of_splits[name]}; leave one of them out"
            )
        seen[of_splits[name]] = name
    strange = sorted({path.name for path in root.glob(f"*{_CSV_OF_SPLIT}")} - set(of_splits))
    if strange:
        raise InputError(
            f"{root}: {first_few(strange)}: of no split of {info.name}, which has: "
            f"{', '.join(info.corpora.values())}; rename it, or move it elsewhere"
        )


def every_name(info: CorpusInfo) -> list[str]:
    """The names under which `find` finds a label file."""
    return [*info.label_files, _CSV, *_of_splits(info)]


def _of_splits(info: CorpusInfo) -> dict[str, str]:
    """The names of label CSVs of single splits, each with its split."""
    stems = {split: split for split in info.corpora.values()}
    stems |= {key.removesuffix("_corpus"): split for key, split in info.corpora.items()}
    return {f"{stem}{_CSV_OF_SPLIT}": split for stem, split in stems.items()}


def read(paths: Sequence[pathlib.Path], info: CorpusInfo, mode: str = placeholders.AUTO) -> Read:
    """The labels that `find` found; a split that the files lack is absent.

    `mode` is what `config.data.placeholders` says of labels that look like placeholders.

    Raises:
      InputError: an unreadable file, an unknown corpus or split, an emotion outside the classes, a
        valence out of range, or a name that stands in two splits.
    """
    splits: dict[str, dict[str, Label]] = {}
    released: set[str] = set()
    for path in paths:
        found = _read_npz(path, info) if path.suffix == ".npz" else _read_csv(path, info)
        for split, entries in found.items():
            # `test1-label.csv` and `mer_multi-label.csv` are of one split.
            splits.setdefault(split, {}).update(
                (name, entry.label) for name, entry in entries.items()
            )
            released |= {name for name, entry in entries.items() if entry.is_released}
    in_order = {split: splits[split] for split in info.corpora.values() if split in splits}
    if not any(in_order.values()):
        raise InputError(f"{_names(paths)}: holds no clip of {', '.join(info.corpora)}")
    _check_disjoint(in_order, _names(paths))
    _check_classes(in_order.get(TRAIN, {}).values(), info, _names(paths))
    return _without_placeholders(in_order, released, in_order.get(TRAIN, {}).values(), info, mode)


def read_given(
    path: pathlib.Path,
    info: CorpusInfo,
    train: Iterable[Label] = (),
    mode: str = placeholders.AUTO,
) -> Read:
    """Labels supplied later, by split and name; a CSV's stand under the split "".

    `train` are the labels of train, beside which placeholders show.

    Raises:
      InputError: the file is neither a CSV with the columns of a submission nor a label npz.
    """
    if not path.is_file():
        there = "is a folder; name the label file in it" if path.is_dir() else "no such label file"
        raise InputError(f"{path}: {there}")
    if zipfile.is_zipfile(path) and path.suffix != ".npz":
        raise InputError(
            f"{path}: not a CSV file but a workbook or another archive; save its sheet as CSV in "
            "UTF-8"
        )
    if path.suffix == ".npz":
        found = _read_npz(path, info)
        splits = {
            split: {name: entry.label for name, entry in entries.items()}
            for split, entries in found.items()
        }
        _check_disjoint(splits, str(path))
        released = {
            name
            for entries in found.values()
            for name, entry in entries.items()
            if entry.is_released
        }
        return _without_placeholders(splits, released, train, info, mode)
    labels = {
        row.name: parse_label(row.discrete, row.valence, f"{path}, {row.name}", info, row.numbers)
        for row in label_csv.read_rows(path, info.from_file, info.task.targets)
    }
    return _without_placeholders({"": labels}, None, train, info, mode)


class _Entry(NamedTuple):
    label: Label
    is_released: bool  # written as the release writes a clip that nobody labelled


def _names(paths: Sequence[pathlib.Path]) -> str:
    return ", ".join(map(str, paths))


def _check_classes(train: Iterable[Label], info: CorpusInfo, where: str) -> None:
    """Refuses a train split of one class: another corpus's file, which holds fillers."""
    found = [label.emotion for label in train if label.emotion != MISSING_EMOTION]
    if len(found) >= _FILLERS and len(set(found)) == 1 and info.task.valence_range is None:
        raise InputError(
            f"{where}: all {len(found)} clips of {TRAIN} have the emotion "
            f"{info.task.classes[found[0]]!r}; is {info.name} the corpus of this label file? "
            "config.data.corpus names it"
        )


def _check_disjoint(splits: Mapping[str, Mapping[str, Label]], where: str) -> None:
    seen: dict[str, str] = {}
    for split, labels in splits.items():
        both = [name for name in labels if name in seen]
        if both:
            raise InputError(
                f"{where}: lists {counted(len(both), 'name')} in {seen[both[0]]} and again in "
                f"{split}: "
                f"{first_few(both)}"
            )
        seen.update(dict.fromkeys(labels, split))


def _without_placeholders(
    splits: dict[str, dict[str, Label]],
    released: set[str] | None,
    train: Iterable[Label],
    info: CorpusInfo,
    mode: str,
) -> Read:
    if info.from_file and mode == placeholders.AUTO:
        mode = placeholders.KEEP  # whoever writes a table leaves cells empty
    train = list(train)
    cleared, why = {}, {}
    for split, labels in splits.items():
        cleared[split] = labels
        if split != TRAIN:
            found = placeholders.find(labels, released, train, info.task, mode)
            if found.names:
                cleared[split] = labels | dict.fromkeys(found.names, Label())
                why[split] = found.why
    return Read(cleared, why)


def _read_npz(path: pathlib.Path, info: CorpusInfo) -> dict[str, dict[str, _Entry]]:
    members = pickles.read_npz(path)
    unknown = sorted(set(members) - set(info.corpora))
    if unknown:
        raise InputError(
            f"{path}: unknown corpus {unknown[0]!r}; {info.name} has: {', '.join(info.corpora)}"
        )
    return {
        split: _parse_members(members[key], f"{path}, {key}", info)
        for key, split in info.corpora.items()
        if key in members
    }


def _parse_members(members: Mapping, where: str, info: CorpusInfo) -> dict[str, _Entry]:
    entries = {}
    for name, entry in members.items():
        check_name(name, where)
        if not isinstance(entry, dict) or "emo" not in entry:
            raise InputError(
                f"{where}, {name}: expected {{'emo': ..., 'val': ...}}, found {entry!r}"
            )
        emotion, valence = entry["emo"], entry.get("val")
        is_released = _is_released(emotion, valence, info.task)
        # Where the valence tells the class, an npz holds a filler, whatever it looks like.
        known = None if info.emotion_from_valence else emotion
        if is_released and placeholders.NEUTRAL not in info.task.classes:
            known = None  # the release's word in a corpus that has no such class
        entries[name] = _Entry(parse_label(known, valence, f"{where}, {name}", info), is_released)
    return entries


def _read_csv(path: pathlib.Path, info: CorpusInfo) -> dict[str, dict[str, _Entry]]:
    """A label CSV of one split, by its name, or of all, by its column `split`."""
    own = _of_splits(info).get(path.name)
    known = {**info.corpora, **{split: split for split in info.corpora.values()}}
    splits: dict[str, dict[str, _Entry]] = {}
    for row in label_csv.read_rows(path, info.from_file, info.task.targets):
        where = f"{path}, {row.name}"
        check_name(row.name, str(path))
        told = own or TRAIN if row.split is None else known.get(row.split.strip())
        split = own or told
        if told is None:
            raise InputError(
                f"{path}: line {row.line}: unknown split {row.split!r}; {info.name} has: "
                f"{', '.join(info.corpora.values())}"
            )
        if told != split:
            raise InputError(
                f"{path}: line {row.line}: split {row.split!r} in a file whose name says {split}; "
                f"put clips of several splits into one file {_CSV}"
            )
        entry = _Entry(
            parse_label(row.discrete, row.valence, where, info, row.numbers),
            _is_released(row.discrete, row.valence, info.task),
        )
        splits.setdefault(split, {})[row.name] = entry
    return splits


def _is_released(emotion, valence, task: Task) -> bool:
    """Whether an entry, as the file writes it, is what the release writes without a label.

    The index of neutral counts only beside valences: in a corpus that has none, -10 stands beside
    true classes as well, and a small test corpus may be truly all neutral.
    """
    emotions: list = [placeholders.NEUTRAL]
    if task.valence_range and placeholders.NEUTRAL in task.classes:
        emotions.append(task.classes.index(placeholders.NEUTRAL))
    return emotion in emotions and valence in _ABSENT
