"""Who trains, who validates and which clips are the pool: a corpus as samples and their folds."""

import logging
from collections.abc import Sequence

import numpy as np
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax.corpora import tasks
from mer_jax.data import folds as folds_lib
from mer_jax.data import rows as rows_lib
from mer_jax.data import standardise, table
from mer_jax.data.arrays import Corpus, Labels, Split
from mer_jax.data.rows import Rows
from mer_jax.data.standardise import Columns
from mer_jax.errors import InputError, counted
from mer_jax.semi.step import Clips
from mer_jax.task import TRAIN, UNLABELLED, VALIDATION
from mer_jax.training.buckets import by_length
from mer_jax.training.order import is_few
from mer_jax.training.state import Fold, Samples

LOG = logging.getLogger("mer_jax")


def divide(config: ConfigDict, corpus: Corpus) -> tuple[Samples, dict[tuple[int, int], Fold]]:
    """The samples that training sees and their folds. Test splits are not among them."""
    split = corpus.splits[TRAIN]
    validation = None
    if not config.folds:
        if VALIDATION not in corpus.splits:
            raise InputError(
                f"config.folds=0 needs a {VALIDATION} split, which the label file lacks; use folds"
            )
        validation = corpus.splits[VALIDATION]
    groups = None
    if corpus.info.folds_by_group(config.data.group_folds):
        groups = table.groups_of(corpus.info, split.names.tolist())
    for name in [TRAIN] if validation is None else [TRAIN, VALIDATION]:
        _check_labels(corpus, name)
    samples, unlabelled = training_samples(split, validation), corpus.splits.get(UNLABELLED)
    if config.semi.transductive and config_lib.is_semi_supervised(config):
        unlabelled = _with_test_clips(config, corpus)
    samples = samples._replace(pool=find_pool(config, samples, unlabelled))
    columns = None
    if config.data.standardise == standardise.ALL:
        columns = _columns_of_all(samples, unlabelled)
    return samples, make_folds(config, samples, split.names, groups, columns)


def _check_labels(corpus: Corpus, split: str) -> None:
    """Refuses a split without any label of one kind: no epoch would have a score to choose by."""
    task, labels = corpus.task, corpus.splits[split].labels
    known = {
        tasks.EMOTION: labels.emotion_mask.any() or not task.classes,
        tasks.VALENCE: labels.valence_mask.any() or not task.valence_range,
    }
    if split == TRAIN and task.targets:
        known |= dict(zip(task.targets, labels.valence_mask.any(0).tolist(), strict=True))
    lacking = [kind for kind in known if not known[kind]]
    if lacking:
        others = [kind for kind in known if known[kind] and tasks.kind_of(task) == tasks.BOTH]
        instead = f", or set config.data.task to {others[0]}" if others else ""
        raise InputError(
            f"no clip of {split} has a label for its {lacking[0]}, which {corpus.info.name}'s "
            "models are trained and selected by; add labels to the label file" + instead
        )


def training_samples(train: Split, validation: Split | None) -> Samples:
    """The rows that runs index: train's, then those of a validation split of its own."""
    if validation is None:
        return Samples(train.features, train.labels)  # memory-mapped arrays stay so
    splits = [train, validation]
    return Samples(
        features={
            m: rows_lib.joined([split.features[m] for split in splits]) for m in train.features
        },
        labels=Labels(*map(np.concatenate, zip(*(split.labels for split in splits), strict=True))),
    )


def _with_test_clips(config: ConfigDict, corpus: Corpus) -> Split | None:
    """The corpus's own pool, or none where labels are hidden, and its test clips after it.

    A test clip that is in the pool anyway is there once. What is known of the others' labels is
    left out.
    """
    own = None if hides_labels(config) else corpus.splits.get(UNLABELLED)
    tests = corpus.test_splits(without=None if config.folds else VALIDATION)
    parts = [] if own is None else [own]
    names = set() if own is None else set(own.names.tolist())
    for name, split in tests.items():
        if name in corpus.info.splits:  # not of another corpus
            rows = np.array([clip not in names for clip in split.names.tolist()])
            names.update(split.names.tolist())
            of_rows = {m: x[np.flatnonzero(rows)] for m, x in split.features.items()}
            parts.append(Split(split.names[rows], of_rows, _unknown(split.labels.rows(rows))))
    parts = [part for part in parts if len(part.names)]
    LOG.info(
        "config.semi.transductive: %s in the pool",
        counted(sum(len(part.names) for part in parts if part is not own), "test clip"),
    )
    return _together(parts) if parts else None


def _unknown(labels: Labels) -> Labels:
    """Labels of the same form, of which none is known."""
    return Labels(*map(np.zeros_like, labels))


def _together(parts: Sequence[Split]) -> Split:
    """Several splits as one."""
    if len(parts) == 1:
        return parts[0]
    features = {
        m: rows_lib.one_after_another([part.features[m] for part in parts])
        for m in parts[0].features
    }
    labels = Labels(*map(np.concatenate, zip(*(part.labels for part in parts), strict=True)))
    return Split(np.concatenate([part.names for part in parts]), features, labels)


def find_pool(config: ConfigDict, samples: Samples, unlabelled: Split | None) -> Clips | None:
    """The pool on the host: train's clips where labels are hidden, else the corpus's own pool.

    With config.semi.transductive `unlabelled` are further clips where labels are hidden. None for
    supervised training. Raises InputError where there is none.
    """
    if not config_lib.is_semi_supervised(config):
        return None
    if hides_labels(config):
        features, labels = samples.features, samples.labels
        if config.semi.transductive and unlabelled is not None:
            own = Split(np.array([""] * len(labels.emotion)), features, labels)
            _, features, labels = _together([own, unlabelled])
    elif unlabelled is not None:
        features, labels = unlabelled.features, unlabelled.labels
    else:
        raise InputError(
            f"config.semi.method={config.semi.method!r} needs unlabelled clips, and the corpus has "
            "none; hide labels with config.data.labelled_fraction or .labelled_per_class"
        )
    return Clips(
        features,
        np.arange(len(labels.emotion), dtype=np.int32),
        labels.emotion,
        labels.emotion_mask,
    )


def make_folds(
    config: ConfigDict,
    samples: Samples,
    names: np.ndarray,
    groups: Sequence[str] | None,
    columns: Columns | None = None,
) -> dict[tuple[int, int], Fold]:
    """The Fold of every (repeat, fold), all padded alike.

    `names` are train's; rows of `samples` beyond them are a validation split, which then is the
    one fold. Where labels are hidden, folds are made within the labelled clips, and the others of
    train are the repeat's rows of the pool, those of the fold's validation groups excepted.
    `columns` are what every fold is standardised by; where they are None each fold is by its own
    training rows, if the config says so.
    """
    rows = np.arange(len(samples.labels.emotion))
    divided, pool_rows = {}, {}
    for repeat in range(config.repeats):
        kept, hidden = _labelled_rows(config, samples, names, repeat)
        if config.folds:
            of_kept = None if groups is None else [groups[row] for row in kept]
            of = _assigned(config, samples, names, kept, repeat, of_kept)
            for fold in range(config.folds):
                divided[repeat, fold] = kept[of != fold], kept[of == fold]
                apart = None if config.semi.transductive else groups
                pool_rows[repeat, fold] = folds_lib.of_others(hidden, kept[of == fold], apart)
        else:
            divided[repeat, 0], pool_rows[repeat, 0] = (kept, rows[len(names) :]), hidden
    longest = max(len(train) for train, _ in divided.values())
    longest += -longest % config.train.batch_size
    longest_validation = max(len(validation) for _, validation in divided.values())
    longest_validation += -longest_validation % config.train.batch_size
    longest_pool = max(map(len, pool_rows.values()))
    folds = {}
    for (repeat, fold), rows_of_fold in divided.items():
        train, validation = (by_length(samples.features, part) for part in rows_of_fold)
        scaler = columns or {}
        if columns is None and config.data.standardise is True:
            scaler = _scaler(samples.features, train)
        folds[repeat, fold] = Fold(
            *_padded(train, longest),
            *_padded(validation, longest_validation),
            scaler=scaler,
            deviation=_deviation(samples, train, scaler) if config_lib.uses_views(config) else {},
            pool_index=_pool_index(config, samples, pool_rows[repeat, fold], longest_pool),
        )
    return folds


def _assigned(
    config: ConfigDict,
    samples: Samples,
    names: np.ndarray,
    kept: np.ndarray,
    repeat: int,
    groups: Sequence[str] | None,
) -> np.ndarray:
    """The fold of each labelled clip of train, whose rows are `kept`."""
    drawn = names[kept], config.folds, config.seed, repeat
    if groups is not None or not _divides_by_class(config, len(kept)):
        return folds_lib.assign(*drawn, groups)
    labels = samples.labels.rows(kept)
    emotion = np.where(labels.emotion_mask, labels.emotion, -1)
    return folds_lib.assign_by_class(drawn[0], emotion, *drawn[1:])


def _divides_by_class(config: ConfigDict, labelled: int) -> bool:
    """Whether folds are drawn by class: where a method is chosen by the few clips of each.

    Drawn without regard to class, both labels of one may lie in one fold, whose runs then never
    learn it and vote against it in the ensemble.
    """
    return config_lib.chooses_method(config) and is_few(labelled / config.folds)


def hides_labels(config: ConfigDict) -> bool:
    """Whether clips of train lose their labels; InputError where two keys say how many."""
    if config.data.labelled_per_class and config.data.labelled_fraction != 1:
        raise InputError(
            "config.data.labelled_fraction and config.data.labelled_per_class both say how many "
            "clips keep their labels; leave one of them out"
        )
    return config.data.labelled_fraction != 1 or bool(config.data.labelled_per_class)


def _labelled_rows(
    config: ConfigDict, samples: Samples, names: np.ndarray, repeat: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of train that keep their labels in a repeat, and those that lose them."""
    rows = np.arange(len(names))
    if not hides_labels(config):
        return rows, rows[:0]
    labels = samples.labels
    emotion = np.where(labels.emotion_mask, labels.emotion, -1)[: len(names)]
    if config.data.labelled_per_class:
        count = config.data.labelled_per_class
        keep = folds_lib.labelled_of_each(names, emotion, count, config.seed, repeat)
    else:
        fraction = config.data.labelled_fraction
        keep = folds_lib.labelled(names, emotion, fraction, config.seed, repeat)
    return rows[keep], rows[~keep]


def _pool_index(
    config: ConfigDict, samples: Samples, hidden: np.ndarray, longest: int
) -> np.ndarray | None:
    """A run's rows of the pool; fewer than `longest` are filled up with the first of them again."""
    if samples.pool is None:
        return None
    if hides_labels(config):
        further = np.arange(len(samples.labels.emotion), len(samples.pool.number))
        return np.concatenate([np.resize(hidden, longest), further]).astype(np.int32)
    return samples.pool.number


def _padded(index: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    padded = np.zeros(length, np.int32)
    padded[: len(index)] = index
    return padded, (np.arange(length) < len(index)).astype(np.float32)


def _scaler(features: dict[str, Rows], rows: np.ndarray) -> Columns:
    """Mean and deviation by column of the training rows, or of all their frames."""
    return {m: standardise.columns_of([x[rows]]) for m, x in features.items()}


def _columns_of_all(samples: Samples, unlabelled: Split | None) -> Columns:
    """Mean and deviation by column of every clip that training sees, labelled or not."""
    others = {} if unlabelled is None else unlabelled.features
    return {
        m: standardise.columns_of([x, others[m]] if m in others else [x])
        for m, x in samples.features.items()
    }


def _deviation(samples: Samples, rows: np.ndarray, scaler: Columns) -> dict[str, np.ndarray]:
    """What the noise of a view is relative to: the columns' deviation, 1 after standardising."""
    return {
        modality: np.ones(x.shape[-1], np.float32)
        if modality in scaler
        else rows_lib.values_of(x[rows]).std(0, dtype=np.float64).astype(np.float32)
        for modality, x in samples.features.items()
    }
