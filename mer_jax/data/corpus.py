"""A corpus in memory: the feature sets of its modalities joined by name, labels with masks."""

import hashlib
import logging
import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from mer_jax import files
from mer_jax.corpora import SYNTHETIC, CorpusInfo, corpus_info
from mer_jax.data import dataset, label_arrays, label_files, synthetic
from mer_jax.data import features as features_lib
from mer_jax.data import labels as labels_lib
from mer_jax.data.arrays import Corpus, Split
from mer_jax.data.labels import Label, LabelRules
from mer_jax.errors import InputError, first_few
from mer_jax.observer import Count, Steps, uncounted
from mer_jax.task import MODALITIES, TRAIN, UNLABELLED

LOG = logging.getLogger("mer_jax")
LABELS = "labels/"  # among a corpus's fingerprints: no feature set's name holds a slash


def modalities(config: ConfigDict) -> dict[str, str]:
    """The feature set of each modality that the config names."""
    chosen = {name: config.features[name] for name in MODALITIES if config.features[name]}
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
    default = pathlib.Path(tfds.core.constants.DATA_DIR).expanduser() / "mer_jax"
    if data.corpus == SYNTHETIC and root is None:
        settings = f"synthetic-seed{data.synthetic.seed}-pool{data.synthetic.pool}"
        tfds_dir = pathlib.Path(data.tfds_dir) if data.tfds_dir else default / settings
        root = tfds_dir / settings
        named = [config.features[modality] for modality in MODALITIES]
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
    return dataset.list_built(corpus_info(config.data.corpus), tfds_dir)


def build(
    config: ConfigDict, count: Count = uncounted, verify: bool = False
) -> dict[str, pathlib.Path]:
    """Builds what is absent or outdated of the config's feature sets; their directories by set.

    `count` is told of the clips. `verify` builds what is damaged too, for which it reads all of it.
    """
    return _build(config, count, verify).directories


class _Built(NamedTuple):
    """The feature sets of a config as they are built, and what the label file says today."""

    directories: dict[str, pathlib.Path]
    columns: dict[str, dict[str, dataset.Columns]]  # by feature set and split of the build
    labels: label_files.Read


def _build(config: ConfigDict, count: Count, verify: bool = False) -> _Built:
    info = corpus_info(config.data.corpus)
    root, tfds_dir = locate(config)
    if config.features.all:
        if root is None:
            raise InputError("config.features.all needs config.data.root")
        feature_sets = features_lib.list_sets(root)
        if not feature_sets:
            raise InputError(f"{features_lib.features_folder(root)}: no feature sets in it")
    else:
        feature_sets = list(dict.fromkeys(modalities(config).values()))
    rules = label_arrays.rules_of(config)
    paths = None if root is None else label_files.find(root, info)
    labels = None if paths is None else label_files.read(paths, info, rules.placeholders)
    directories = {
        name: dataset.ensure(info, root, tfds_dir, name, count, verify) for name in feature_sets
    }
    kept = tfds_dir / info.name
    if labels is None:
        labels = label_files.read(label_files.find(kept, info), info, rules.placeholders)
    else:
        _keep(paths, kept, info)
    columns = {name: dataset.read(target) for name, target in directories.items()}
    for name, of_set in columns.items():
        present = {clip for split in of_set.values() for clip in split.names.tolist()}
        where = name if root is None else str(features_lib.features_folder(root) / name)
        for split, of_split in labels.splits.items():
            features_lib.check_present(of_split, present, f"{where}, {split}")
    return _Built(directories, columns, labels)


def _keep(paths: list[pathlib.Path], folder: pathlib.Path, info: CorpusInfo) -> None:
    """Copies the label files to where datasets lie, for whoever is given the datasets alone."""
    contents = {path.name: path.read_bytes() for path in paths}
    try:
        for name, content in contents.items():
            copy = folder / name
            if not copy.is_file() or copy.read_bytes() != content:
                files.write_bytes(copy, content)
        for name in label_files.every_name(info):
            if name not in contents:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:  # a folder that others share may be read alone
        names = ", ".join(contents)
        LOG.warning("%s: no copy of %s could be kept: %s", folder, names, error.strerror)


def load(config: ConfigDict, count: Count = uncounted) -> Corpus:
    """The config's corpus, its datasets built where needed; `count` is told of their clips.

    Labels are those that the label file holds now. Raises InputError for wrong input; a name that
    one modality lacks among them.
    """
    info = corpus_info(config.data.corpus)
    chosen = modalities(config)
    config = config.copy_and_resolve_references()
    config.features.all = False
    built = _build(config, count)
    for feature_set, columns in built.columns.items():
        if any((split.lengths > 1).any() for split in columns.values()):
            _say_averaged(feature_set)
    by_modality = {modality: built.columns[name] for modality, name in chosen.items()}
    labels, rules = dict(built.labels.splits), label_arrays.rules_of(config)
    if info.pool_split:
        labels[UNLABELLED] = _pool(labels, by_modality, chosen, info)
    splits = {
        name: _join(labels[name], by_modality, info, rules)
        for name in info.splits
        if labels.get(name)
    }
    if TRAIN not in splits:
        raise InputError(f"the label file has no {TRAIN} corpus: there is nothing to train on")
    label_arrays.say_counted(splits, built.labels.why)
    fingerprint = {name: dataset.fingerprint(target) for name, target in built.directories.items()}
    fingerprint[LABELS] = labels_lib.fingerprint(built.labels.splits)
    return Corpus(info, splits, fingerprint)


def from_folder(
    root: pathlib.Path, chosen: dict[str, str], count: Count = uncounted
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Every name in a folder of features and its vectors by modality: float32 [N, D].

    `count` is told of the clips. Raises InputError for a name that one modality lacks, beside what
    reading refuses.
    """
    sets = {modality: features_lib.scan(root, name) for modality, name in chosen.items()}
    first = next(iter(sets.values()))
    for features in sets.values():
        features_lib.check_present(first.clips, features.clips, str(features.folder))
        features_lib.check_present(features.clips, first.clips, str(first.folder))
    vectors = {}
    for modality, features in sets.items():
        with count(f"reading {features.name}", len(features.clips)) as tell:
            vectors[modality] = _vectors(features, tell)
    return list(first.clips), vectors


def _vectors(features: features_lib.FeatureSet, tell: Steps) -> np.ndarray:
    """float32 [N, D]: each clip's frames averaged."""
    rows = []
    averaged = False
    first_file = next(iter(features.clips.values()))[0]
    for paths in features.clips.values():
        frames = features_lib.read_clip(paths)
        averaged |= len(frames) > 1
        rows.append(features_lib.mean_over_frames(frames))
        features_lib.check_size(rows[-1].shape[0], paths[0], rows[0].shape[0], first_file)
        tell(1)
    if averaged and features_lib.level(features) == features_lib.FRAME:
        _say_averaged(features.name)
    return np.stack(rows)


def _say_averaged(feature_set: str) -> None:
    LOG.info("%s is frame level: its frames are averaged over time", feature_set)


def _pool(
    labels: dict[str, dict[str, Label]],
    columns: dict[str, dict[str, dataset.Columns]],
    chosen: dict[str, str],
    info: CorpusInfo,
) -> dict[str, Label]:
    """The unlabelled clips: every name with features that no other split than the pool's own
    holds, and that has no emotion label."""
    elsewhere = {
        name
        for split, of_split in labels.items()
        for name, label in of_split.items()
        if split != info.pool_split or label.emotion != labels_lib.MISSING_EMOTION
    }
    names = {
        modality: {name for split in of_set.values() for name in split.names.tolist()} - elsewhere
        for modality, of_set in columns.items()
    }
    union = set().union(*names.values())
    for modality, feature_set in chosen.items():
        lacking = sorted(union - names[modality])
        if lacking:
            raise InputError(
                f"{modality} ({feature_set}) lacks {len(lacking)} names of {UNLABELLED} that the "
                f"other modalities have: {first_few(lacking)}"
            )
    return dict.fromkeys(union, Label())


def _join(
    labels: dict[str, Label],
    columns: dict[str, dict[str, dataset.Columns]],
    info: CorpusInfo,
    rules: LabelRules,
) -> Split:
    names = sorted(labels)
    return Split(
        names=np.array(names),
        features={modality: _features(of_set, names) for modality, of_set in columns.items()},
        labels=label_arrays.masked(
            np.array([labels[name].emotion for name in names], np.int32),
            np.array([labels[name].valence for name in names], np.float32),
            info,
            rules,
        ),
    )


def _features(columns: dict[str, dataset.Columns], names: list[str]) -> np.ndarray:
    """float32 [N, D]: the vectors of `names`, mapped where the dataset has them as one split."""
    for split in columns.values():
        if len(split.names) == len(names) and split.names.tolist() == names:
            return _utterance(split)
    place = {name: i for i, name in enumerate(names)}
    size = next(iter(columns.values())).feature.shape[1]
    vectors = np.empty((len(names), size), np.float32)
    for split in columns.values():
        found = [(i, place[name]) for i, name in enumerate(split.names.tolist()) if name in place]
        if found:
            theirs, ours = np.array(found).T
            vectors[ours] = _utterance(split)[theirs]
    return vectors


def _utterance(column: dataset.Columns) -> np.ndarray:
    """float32 [N, D]: each clip's rows averaged, which every model of today would do first."""
    if (column.lengths == 1).all():
        return column.feature
    stops = np.cumsum(column.lengths)
    clips = zip(stops - column.lengths, stops, strict=True)
    return np.stack([features_lib.mean_over_frames(column.feature[a:b]) for a, b in clips])
