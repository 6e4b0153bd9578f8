"""Describes a corpus by its own table: classes, valence, splits and groups out of clips.csv."""

import dataclasses
import logging
import math
import pathlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ml_collections import ConfigDict

from mer_jax.corpora import ABSENT_VALENCE, AUTO, CorpusInfo, tasks
from mer_jax.data import label_csv, label_files, standardise
from mer_jax.data import targets as targets_lib
from mer_jax.data.label_csv import Row
from mer_jax.data.labels import check_name, check_word, parse_number
from mer_jax.errors import InputError, counted, first_few
from mer_jax.task import TRAIN, UNLABELLED, VALENCE, VALIDATION, Task, of_bounds

LOG = logging.getLogger("mer_jax")
# What a split is called beside its own name, in any case.
_ALSO_CALLED = {
    **dict.fromkeys((TRAIN, "training"), TRAIN),
    **dict.fromkeys((VALIDATION, "valid", "validation", "dev"), VALIDATION),
    UNLABELLED: UNLABELLED,
}
_ADVICE = "the column empty or set config.data.task=emotion"
_RELEASES_RANGE = 5.0  # MER 2023's valences: beside no larger ones, ABSENT_VALENCE is the release's


class _Table(NamedTuple):
    path: pathlib.Path
    rows: list[Row]
    splits: dict[str, str]  # as a cell calls it -> split, in order of appearance, train first
    targets: tuple[str, ...]  # of which the rows hold the numbers

    def split(self, row: Row) -> str:
        return TRAIN if row.split is None else self.splits[row.split.strip()]

    def of(self, split: str | None) -> list[Row]:
        """The rows of a split, or of all."""
        return [row for row in self.rows if split is None or self.split(row) == split]


def described(
    info: CorpusInfo,
    folder: pathlib.Path,
    asked: str = tasks.AUTO,
    group_folds: bool | str = AUTO,
    trained: Task | None = None,
) -> CorpusInfo:
    """The record of the corpus whose clips.csv lies in `folder`; other corpora's as it is.

    Classes and valence range are those of `trained`, what an earlier training predicted; without
    it those of `info`, which the config gave; without them those of train in the file, the classes
    sorted by name, or by number where they are numbers. `asked` and `group_folds` are what the
    config says under `data.task` and `data.group_folds`.

    Raises:
      InputError: train holds nothing to learn, a class is in other splits alone, a group is in
        train and in another labelled split, or a name or a split is none.
    """
    if not info.from_file:
        return info
    path = label_files.find(folder, info)[0]
    if trained is None:
        asked_for = () if asked == tasks.EMOTION else info.task.targets
        table = _read(path, targets_lib.found(path, asked_for))
        task = _task(table, info.task, asked)
    else:
        table = _read(path, trained.targets)
        task = dataclasses.replace(trained, metrics=(), selected_by="")
    if not task.classes and not task.valence_range:
        raise InputError(
            f"{table.path}: no clip of {TRAIN} has an emotion or a valence; there is nothing to "
            f"train on{targets_lib.hint(path)}"
        )
    groups = {} if group_folds is False else _groups(table)
    values = [abs(value) for value in _values(table, VALENCE) if value != ABSENT_VALENCE]
    is_released = max(values, default=0.0) <= _RELEASES_RANGE
    return dataclasses.replace(
        info,
        task=task,
        corpora=table.splits,
        group=groups.get if groups else None,
        absent_valence=ABSENT_VALENCE if is_released else None,
    )


def resolved(config: ConfigDict, info: CorpusInfo) -> ConfigDict:
    """The config with what `described` found, so that a workdir records it; says it in the log."""
    if not info.from_file:
        return config
    config = config.copy_and_resolve_references()
    with config.ignore_type():
        config.data.group_folds = info.folds_by_group(config.data.group_folds)
    task = info.task
    config.data.classes, config.data.targets = task.classes, task.targets
    said = [f"classes {', '.join(task.classes)}"] if task.classes else []
    ranges = task.ranges or (() if task.valence_range is None else (task.valence_range,))
    config.data.valence_range = tuple(bound for pair in ranges for bound in pair)
    for name, (low, high) in zip(task.numbers, ranges, strict=True):
        said.append(f"{name} from {low:g} to {high:g}")
    folds = "folds by group" if config.data.group_folds else "folds by clip"
    folds = folds if config.folds else f"{VALIDATION} validates"
    LOG.info("%s: %s; splits %s; %s", info.name, ", ".join(said), ", ".join(info.splits), folds)
    return config


def _task(table: _Table, given: Task, asked: str) -> Task:
    """The task with what the config leaves to the file."""
    targets = table.targets
    classes = given.classes or _classes(table, asked)
    both = sorted(set(classes) & set(targets))
    if both:
        raise InputError(
            f"{table.path}: {both[0]!r} is a class and a target; predictions have a column for "
            "each, so rename one of them"
        )
    if not targets:
        of_valence = None if asked == tasks.EMOTION and given.targets else given.valence_range
        return Task(classes, of_valence or _range(table, VALENCE, asked), given.signed)
    ranges = given.ranges or [_range(table, target, asked, at) for at, target in enumerate(targets)]
    for target, found in zip(targets, ranges, strict=True):
        if found is None:
            raise InputError(
                f"{table.path}: no clip of {TRAIN} has a number as {target}; fill some in, or "
                "leave it out of config.data.targets"
            )
    return of_bounds(classes, targets, [bound for pair in ranges for bound in pair])


def _read(path: pathlib.Path, targets: tuple[str, ...]) -> _Table:
    rows = label_csv.read_rows(path, of_clips=True, targets=targets)
    if not rows:
        raise InputError(f"{path}: holds no clip")
    splits: dict[str, str] = {}
    for row in rows:
        check_name(row.name, f"{path}: line {row.line}")
        if row.split is not None:
            name = row.split.strip()
            check_name(name, f"{path}: line {row.line}", what="split")
            splits.setdefault(name, _ALSO_CALLED.get(name.lower(), name))
        if row.discrete:
            check_word(row.discrete, f"{path}: line {row.line}", what="class")
    order = {TRAIN: 0, VALIDATION: 1, UNLABELLED: 3}  # all others between them
    splits = splits or {TRAIN: TRAIN}
    splits = dict(sorted(splits.items(), key=lambda item: (order.get(item[1], 2), item[1])))
    if TRAIN not in splits.values():
        raise InputError(
            f"{path}: no clip is of the split {TRAIN}; its splits: {', '.join(splits)}"
        )
    return _Table(path, rows, splits, targets)


def _classes(table: _Table, asked: str) -> tuple[str, ...]:
    """The classes of train; none where the config asks for valence alone."""
    if asked == tasks.VALENCE:
        return ()
    counts = Counter(row.discrete for row in table.of(TRAIN) if row.discrete)
    by_case = defaultdict(list)
    for name in counts:
        by_case[name.casefold()].append(name)
    for alike in by_case.values():
        if len(alike) > 1:
            raise InputError(
                f"{table.path}: the emotions {' and '.join(map(repr, sorted(alike)))} differ in "
                "case alone; write them the same, or name both in config.data.classes"
            )
    if len(counts) == 1:
        raise InputError(
            f"{table.path}: all clips of {TRAIN} with an emotion are {next(iter(counts))!r}, so "
            "there are no classes to tell apart; "
            "leave the column empty or set config.data.task=valence to train on valence"
        )
    for row in table.rows:
        if row.discrete and row.discrete not in counts:
            raise InputError(
                f"{table.path}: line {row.line}: emotion {row.discrete!r} is of no clip of "
                f"{TRAIN}, so no model can learn it; correct it, leave it empty, or name all "
                "classes in config.data.classes"
            )
    are_numbers = all(name.isascii() and name.isdigit() for name in counts)
    return tuple(sorted(counts, key=(lambda name: (int(name), name)) if are_numbers else None))


def _values(
    table: _Table, name: str, place: int | None = None, split: str | None = None
) -> list[float]:
    """Every valence of a split, or of all, or every number of the target at a place.

    Raises InputError for what is no finite number.
    """
    cells = [
        (row.line, row.valence if place is None else row.numbers[place]) for row in table.of(split)
    ]
    found = (parse_number(cell, f"{table.path}: line {line}", name) for line, cell in cells)
    return [value for value in found if not math.isnan(value)]


def _range(
    table: _Table, name: str, asked: str, place: int | None = None
) -> tuple[float, float] | None:
    """The least and the greatest number of train; None without one, or where none is asked for."""
    if asked == tasks.EMOTION:
        return None
    values = _values(table, name, place, TRAIN)
    released = [value for value in values if value != ABSENT_VALENCE]
    if place is None and all(abs(value) <= _RELEASES_RANGE for value in released):
        values = released
    if not values:
        return None
    if min(values) == max(values):
        raise InputError(
            f"{table.path}: every {name} of {TRAIN} is {values[0]:g}, so there is nothing to "
            "learn; leave " + ("it out of config.data.targets" if place is not None else _ADVICE)
        )
    return min(values), max(values)


def group_of(
    info: CorpusInfo, root: pathlib.Path | None, tfds_dir: pathlib.Path
) -> Callable[[str], str | None]:
    """The group of a clip by its name, as the corpus or clips.csv has it; None: it has none.

    Raises InputError where neither tells any.
    """
    if info.from_file:
        folder = tfds_dir / info.name if root is None else root
        groups = groups_in(label_files.find(folder, info)[0], info.task.targets)
        if groups:
            return groups.get
    elif info.group is not None:
        return info.group
    whose = "clips.csv has no groups" if info.from_file else f"{info.name}'s names show no groups"
    raise InputError(f"config.data.standardise={standardise.GROUP!r}: {whose}; use True")


def groups_in(path: pathlib.Path, targets: Sequence[str] = ()) -> dict[str, str]:
    """The group of each clip that a table gives one; `targets` are headings of its numbers."""
    return _of_rows(label_csv.read_rows(path, of_clips=True, targets=targets))


def _of_rows(rows: Sequence[Row]) -> dict[str, str]:
    return {row.name: row.group.strip() for row in rows if row.group and row.group.strip()}


def _groups(table: _Table) -> dict[str, str]:
    """The group of each clip; empty where the file has no such column or it is empty."""
    groups = _of_rows(table.rows)
    if not groups:
        return {}
    train = table.of(TRAIN)
    for row in train:
        if row.name not in groups:
            raise InputError(
                f"{table.path}: line {row.line}: the group is empty, those of other clips of "
                f"{TRAIN} are not; fill it in, or set config.data.group_folds=False"
            )
    of_train = {groups[row.name] for row in train}
    for split in dict.fromkeys(table.splits.values()):
        rows = [row for row in table.of(split) if row.discrete or row.valence or any(row.numbers)]
        both = sorted(of_train & {groups.get(row.name) for row in rows})
        if split not in (TRAIN, UNLABELLED) and both:
            raise InputError(
                f"{table.path}: {counted(len(both), 'group')} of {TRAIN} also in {split}: "
                f"{first_few(both)}; its scores would not be of unknown ones: correct the "
                "splits, or set config.data.group_folds=False to ignore groups"
            )
    return groups


def groups_of(info: CorpusInfo, names: Sequence[str]) -> list[str]:
    """The group of each clip; InputError where the corpus tells none."""
    if info.group is None:
        shown = "clips.csv has no groups" if info.from_file else "clip names show no groups"
        whose = "" if info.from_file else f"{info.name}'s "
        raise InputError(f"config.data.group_folds: {whose}{shown}; use False")
    return [info.group(name) for name in names]
