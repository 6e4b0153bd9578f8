"""Which clips of a corpus are used: what is left out is told, dropped or refused by policy."""

import pathlib
from typing import NamedTuple

from ml_collections import ConfigDict

from mer_jax.corpora import CorpusInfo
from mer_jax.data import features as features_lib
from mer_jax.data import join, label_files, left_out, near_names
from mer_jax.data.join import Built
from mer_jax.data.labels import Label
from mer_jax.data.left_out import LeftOut
from mer_jax.errors import InputError, first_few


class Sets(NamedTuple):
    """The feature sets of a config as they are built, and what the label file says today."""

    folder: pathlib.Path  # of the corpus's datasets
    directories: dict[str, pathlib.Path]
    sets: dict[str, Built]
    labels: label_files.Read


def settle(
    config: ConfigDict, info: CorpusInfo, built: Sets, root: pathlib.Path | None
) -> tuple[dict[str, dict[str, Label]], list[LeftOut]]:
    """Labels of the clips that are used, and what is left out, as the config's policies have it.

    `root` is the user's folder, None where only built datasets are given. Raises InputError for
    what `config.data.bad` and `config.data.missing` do not allow to be left out.
    """
    sets = list(built.sets.values())
    labels, copies = join.with_pool(built.labels.splits, sets, info)
    folder = "" if root is None else f"{features_lib.features_folder(root)}/"
    copied = {name for each in copies for name in each.names}
    left_out.say_copies(copied, folder or str(built.folder.parent))
    found = join.lacking(labels, sets)
    bad = [each for each in found if each.reason == left_out.BAD]
    dropped = {(each.split, name) for each in bad for name in each.names}
    missing = []
    for each in found:
        names = tuple(name for name in each.names if (each.split, name) not in dropped)
        if each.reason == left_out.MISSING and names:
            missing.append(each._replace(names=names, handled=config.data.missing))
    if root is not None and missing:
        _check_nested(root, missing)
    listing = built.folder / f"{'+'.join(built.sets)}.missing.csv"
    left_out.judge_missing(
        [(f"{folder}{each.feature_set}, {each.split}", each.names) for each in missing],
        config.data.missing,
        listing,
        near_names.hint(
            sorted({name for each in missing for name in each.names}),
            set().union(*(each.names for each in sets)),
        ),
    )
    if config.data.missing == left_out.DROP:
        dropped |= {(each.split, name) for each in missing for name in each.names}
    used = {
        split: {name: label for name, label in of_split.items() if (split, name) not in dropped}
        for split, of_split in labels.items()
    }
    return used, copies + bad + missing


def _check_nested(root: pathlib.Path, missing: list[LeftOut]) -> None:
    """Refuses a set whose missing clips lie in folders of its folder, which then are no clips."""
    for feature_set in {each.feature_set for each in missing}:
        wanted = {n for each in missing if each.feature_set == feature_set for n in each.names}
        for name, files_of_clip in features_lib.scan(root, feature_set).clips.items():
            stems = {pathlib.Path(path).stem for path in files_of_clip}
            if stems & wanted and name not in wanted:
                folder = pathlib.Path(files_of_clip[0]).parent
                raise InputError(
                    f"{folder}: holds clips of the label file ({first_few(sorted(stems & wanted))}"
                    f"), but a set's clips lie in {folder.parent} itself, and a folder there is "
                    "one clip with its frames; move them one up"
                )
