"""Cross-corpus testing: the labels that corpora share, and the config of a corpus to test on."""

from ml_collections import ConfigDict

from mer_jax.corpora import CorpusInfo, shared, tested
from mer_jax.data.label_files import Read
from mer_jax.data.labels import MISSING_EMOTION, Label


def mapped(labels: Read, info: CorpusInfo) -> Read:
    """Labels of a corpus as those that corpora share; clips of other classes are left out.

    `info` is the corpus's own record.
    """
    if info.task.signed:
        factor = shared.valence_factor(info)
        splits = {
            split: {name: Label(valence=factor * each.valence) for name, each in of_split.items()}
            for split, of_split in labels.splits.items()
        }
        return labels._replace(splits=splits)
    numbers = {MISSING_EMOTION: MISSING_EMOTION, **shared.class_numbers(info)}
    splits = {
        split: {
            name: Label(numbers[each.emotion])
            for name, each in of_split.items()
            if each.emotion in numbers
        }
        for split, of_split in labels.splits.items()
    }
    return labels._replace(splits=splits)


def configs(config: ConfigDict) -> dict[str, ConfigDict]:
    """The config of each corpus that is tested on, by its name."""
    found = {}
    for name, root in tested(config).items():
        other = config.copy_and_resolve_references()
        other.data.corpus, other.data.root = name, root
        found[name] = other
    return found
