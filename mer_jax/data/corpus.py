"""A corpus in memory: the feature sets of its modalities joined by name, labels with masks."""

import hashlib
import logging
import os
import pathlib

from ml_collections import ConfigDict

from mer_jax import corpora, files
from mer_jax.corpora import SYNTHETIC, CorpusInfo, tasks
from mer_jax.data import (
    cross,
    dataset,
    join,
    label_arrays,
    label_files,
    left_out,
    releases,
    standardise,
    stored,
    synthetic,
    table,
    variants,
)
from mer_jax.data import features as features_lib
from mer_jax.data import labels as labels_lib
from mer_jax.data.arrays import Corpus, Labels
from mer_jax.data.framing import Framing
from mer_jax.data.join import Built
from mer_jax.data.npy import UTTERANCE
from mer_jax.data.rows import say_averaged
from mer_jax.data.settling import Sets, settle
from mer_jax.errors import InputError
from mer_jax.observer import Count, uncounted
from mer_jax.paths import of_user
from mer_jax.task import MODALITIES, TRAIN, Task, sets_of

LOG = logging.getLogger("mer_jax")
_TFDS_DIR = "TFDS_DATA_DIR"  # TFDS's own variable, and where it keeps datasets without it
_TFDS_DEFAULT = "~/tensorflow_datasets"
LABELS = "labels/"  # among a corpus's fingerprints: no feature set's name holds a slash


def modalities(config: ConfigDict) -> dict[str, str]:
    """The feature set of each modality that the config names; of several of one, `audio_2`..."""
    chosen = sets_of(config.features)
    if not chosen:
        raise InputError(
            "no feature set; name one or more of config.features.audio, .text and .video"
        )
    return chosen


def locate(config: ConfigDict) -> tuple[pathlib.Path | None, pathlib.Path]:
    """The user's folder (None where only a built dataset is given) and the datasets' folder.

    The synthetic corpus and what the config names of it are written here when they are not there.
    """
    data = config.data
    root = pathlib.Path(data.root) if data.root else None
    # A folder of its own for each root: two users' corpora of one name never mix.
    tfds_default = os.environ.get(_TFDS_DIR, os.path.expanduser(_TFDS_DEFAULT))
    default = of_user(tfds_default, _TFDS_DIR) / "mer_jax"
    if data.corpus == SYNTHETIC and root is None:
        settings = f"synthetic-seed{data.synthetic.seed}-pool{data.synthetic.pool}"
        tfds_dir = pathlib.Path(data.tfds_dir) if data.tfds_dir else default / settings
        root = tfds_dir / settings
        named = list(sets_of(config.features).values())
        seed, pool = data.synthetic.seed, data.synthetic.pool
        synthetic.ensure(root, seed=seed, pool=pool, feature_sets=named)
        return root, tfds_dir
    if root is not None and not root.is_dir():
        raise InputError(f"config.data.root: no folder {root}")
    if data.tfds_dir:
        return root, pathlib.Path(data.tfds_dir)
    if root is None:
        raise InputError(
            "config.data.root is empty; name the folder with the label file and features/"
        )
    of_root = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return root, default / f"{data.corpus}-{of_root}"


def info_of(config: ConfigDict, trained: Task | None = None) -> CorpusInfo:
    """The record of the config's corpus, that of a table with what stands in its file.

    `trained` is what an earlier training predicted, whose classes are kept.
    """
    info = corpora.info_of(config)
    if not info.from_file:
        return info
    root, tfds_dir = locate(config)
    folder = tfds_dir / info.name if root is None else root
    return table.described(info, folder, config.data.task, config.data.group_folds, trained)


def resolved(config: ConfigDict) -> ConfigDict:
    """The config to train with, in which stands what a table's file says; told in the log."""
    return table.resolved(config, info_of(config))


def available(config: ConfigDict) -> list[str]:
    """The feature sets that the config's corpus can be trained on.

    Those of its folder; without one those that are built. Of the synthetic corpus all that there
    can be: a set is written once a config names it.
    """
    if config.data.corpus == SYNTHETIC and not config.data.root:
        return sorted({*map(synthetic.feature_set, MODALITIES), *synthetic.papers_sets()})
    root, tfds_dir = locate(config)
    if root is not None:
        return features_lib.list_sets(root)
    return dataset.list_built(corpora.info_of(config), tfds_dir)


def build(
    config: ConfigDict, count: Count = uncounted, verify: bool = False
) -> dict[str, pathlib.Path]:
    """Builds what is absent or outdated of the config's feature sets; their directories by set.

    `count` shows the progress. `verify` builds what is damaged too, for which it reads all of it.
    Raises InputError for wrong input, a labelled clip that a set lacks among it.
    """
    info = info_of(config)
    built = _build(config, info, count, verify)
    settle(config, info, built, locate(config)[0])
    return built.directories


def _build(config: ConfigDict, info: CorpusInfo, count: Count, verify: bool = False) -> Sets:
    root, tfds_dir = locate(config)
    if config.features.all:
        if root is None:
            raise InputError("config.features.all needs config.data.root")
        feature_sets = dict.fromkeys(features_lib.list_sets(root))
        if not feature_sets:
            raise InputError(f"{features_lib.features_folder(root)}: no feature sets in it")
    else:
        named = list(dict.fromkeys(modalities(config).values()))
        feature_sets = variants.folders(named, info.splits, config)
    rules = label_arrays.rules_of(config)
    own = corpora.corpus_info(config.data.corpus) if config.data.test_corpora else info
    paths = None if root is None else label_files.find(root, info)
    labels = None if paths is None else label_files.read(paths, own, rules.placeholders)
    directories, faulty = {}, []
    for name in feature_sets:
        try:
            directories[name] = dataset.ensure(
                own, root, tfds_dir, name, count=count, verify=verify, bad=config.data.bad
            )
        except left_out.BadFilesError as faults:  # the other sets' are told in the same go
            faulty.append(faults)
    if faulty:
        raise left_out.BadFilesError.together(faulty)
    kept = tfds_dir / info.name
    if labels is None:
        labels = label_files.read(label_files.find(kept, info), own, rules.placeholders)
    else:
        _keep(paths, kept, info)
    if config.data.test_corpora:
        labels = cross.mapped(labels, own)
    sets = {
        name: Built(name, stored.read(target), stored.faults(target), feature_sets[name])
        for name, target in directories.items()
    }
    return Sets(kept, directories, sets, labels)


def _keep(paths: list[pathlib.Path], folder: pathlib.Path, info: CorpusInfo) -> None:
    """Copies the label files to where datasets lie, for whoever is given the datasets alone."""
    contents = {path.name: path.read_bytes() for path in paths}
    try:
        for name, content in contents.items():
            copy = folder / name
            if not copy.is_file() or copy.read_bytes() != content:
                files.write_bytes(copy, content)
        for name in set(label_files.every_name(info)) - contents.keys():
            (folder / name).unlink(missing_ok=True)
    except OSError as error:  # a folder that others share may be read alone
        copies = ", ".join(contents), error.strerror
        LOG.warning("%s: no copy of %s could be kept: %s", folder, *copies)


def load(
    config: ConfigDict,
    count: Count = uncounted,
    level: str = UTTERANCE,
    task: Task | None = None,
    framing: Framing | None = None,
) -> Corpus:
    """The config's corpus, its datasets built where needed; `count` shows the progress.

    Labels are those that the label file holds now. At the utterance level frames are averaged, at
    the frame level they stay, as `framing` has them. `task` is what an earlier training predicted;
    without it the config and the labels of train decide. Raises InputError for wrong input; what
    `config.data.bad` and `config.data.missing` do not allow to be left out is among it.
    """
    corpus = _load(config, count, level, task, framing)
    for name, other in cross.configs(config).items():
        theirs = _load(other, count, level, corpus.task, framing)
        split = corpora.shared.TESTED[name]
        called = f"{name}_{split}"
        corpus = corpus._replace(
            splits={**corpus.splits, called: theirs.splits[split]},
            fingerprint={
                **corpus.fingerprint,
                **{f"{name}/{part}": value for part, value in theirs.fingerprint.items()},
            },
            left_out=corpus.left_out
            + tuple(each._replace(split=called) for each in theirs.left_out if each.split == split),
        )
    return corpus


def _load(config, count, level, task, framing) -> Corpus:
    """The corpus of `config.data.corpus` alone."""
    info, chosen = info_of(config, task), modalities(config)
    config = config.copy_and_resolve_references()
    config.features.all = False
    built = _build(config, info, count)
    for feature_set, of_set in built.sets.items() if level == UTTERANCE else ():
        if any((split.lengths > 1).any() for split in of_set.columns.values()):
            say_averaged(feature_set)
    labels, left = settle(config, info, built, locate(config)[0])
    rules = label_arrays.rules_of(config)

    def sets_of(split: str) -> dict[str, Built]:
        return {m: built.sets[variants.folder(name, split, config)] for m, name in chosen.items()}

    splits = {
        name: join.join(labels[name], sets_of(name), info, rules, level, framing)
        for name in info.splits
        if labels.get(name)
    }
    if TRAIN not in splits:
        why = f"the label file has no {TRAIN} corpus"
        if any(each.split == TRAIN for each in left):
            why = f"{TRAIN}: every clip of it is left out"
        raise InputError(f"{why}: there is nothing to train on")
    if task is None:
        task = _task(config, info, splits[TRAIN].labels)
    splits = {
        name: split._replace(labels=label_arrays.of_task(split.labels, task))
        for name, split in splits.items()
    }
    label_arrays.say_counted(splits, built.labels.why)
    if not config.data.test_corpora:  # of which labels are mapped
        releases.say(info, built.labels.splits)
    fingerprint = {name: stored.fingerprint(target) for name, target in built.directories.items()}
    fingerprint[LABELS] = labels_lib.fingerprint(built.labels.splits)
    columns = {}
    if config.data.standardise == standardise.GROUP:
        splits, columns = standardise.by_group(splits, table.group_of(info, *locate(config)))
    return Corpus(info, splits, fingerprint, tuple(left), task, columns)


def _task(config: ConfigDict, info: CorpusInfo, train: Labels) -> Task:
    """What is predicted, by the config and by the labels of train; says where that is less."""
    kind = tasks.kind_by_labels(config, train.emotion_mask.any(), train.valence_mask.any())
    task = tasks.task_of(info, config, kind)
    if config.data.task == tasks.AUTO and tasks.kind_of(task) != tasks.kind_of(info.task):
        lacking = tasks.VALENCE if task.classes else tasks.EMOTION
        LOG.info("%s alone is predicted: no clip of %s has a %s label", kind, TRAIN, lacking)
    return task
