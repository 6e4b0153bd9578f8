"""Who trains and who validates: a corpus as the samples of training and their folds."""

from ml_collections import ConfigDict

from mer_jax.data.arrays import Corpus
from mer_jax.errors import InputError
from mer_jax.task import TRAIN, UNLABELLED, VALIDATION
from mer_jax.training import plan as plan_lib
from mer_jax.training import pool
from mer_jax.training.loop import Fold, Samples


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
    if config.data.group_folds:
        if corpus.info.group is None:
            raise InputError(
                f"config.data.group_folds: {corpus.info.name}'s names tell no groups; use False"
            )
        groups = [corpus.info.group(name) for name in split.names.tolist()]
    for name in [TRAIN] if validation is None else [TRAIN, VALIDATION]:
        _check_labels(corpus, name)
    samples = plan_lib.training_samples(split, validation)
    samples = samples._replace(pool=pool.find(config, samples, corpus.splits.get(UNLABELLED)))
    return samples, plan_lib.make_folds(config, samples, split.names, groups)


def _check_labels(corpus: Corpus, split: str) -> None:
    """Refuses a split without any label of one kind: no epoch would have a score to choose by."""
    task, labels = corpus.task, corpus.splits[split].labels
    for what, known in (
        ("emotion", labels.emotion_mask.any() or not task.classes),
        ("valence", labels.valence_mask.any() or not task.valence_range),
    ):
        if not known:
            raise InputError(
                f"no clip of {split} has a label for its {what}, which {corpus.info.name}'s models "
                "learn and are chosen by; add them to the label file"
            )
