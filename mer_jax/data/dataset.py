"""Datasets on disk: where they lie, and which are absent, outdated or damaged and are built."""

import logging
import pathlib

from mer_jax.corpora import CorpusInfo
from mer_jax.data import features as features_lib
from mer_jax.data import left_out, stored
from mer_jax.errors import InputError
from mer_jax.observer import Count, uncounted

LOG = logging.getLogger("mer_jax")


def directory(info: CorpusInfo, tfds_dir: pathlib.Path, feature_set: str) -> pathlib.Path:
    """Where the built dataset of a feature set lies."""
    return tfds_dir / info.name / feature_set / stored.VERSION


def ensure(
    info: CorpusInfo,
    root: pathlib.Path | None,
    tfds_dir: pathlib.Path,
    feature_set: str,
    *,
    count: Count = uncounted,
    verify: bool = False,
    bad: str = left_out.ERROR,
) -> pathlib.Path:
    """The built dataset's directory; builds it where it is absent or its source has changed.

    Args:
      info: the corpus.
      root: the user's folder; None: an existing dataset is taken as it is.
      tfds_dir: the datasets' folder.
      feature_set: a folder's name under features/.
      count: shows the progress, clip by clip.
      verify: reads every array through and builds again what is no longer as it was built.
      bad: what becomes of files that are no features, one of `left_out.BAD_POLICIES`.

    Raises:
      InputError: wrong input; what was built before stays.
    """
    target = directory(info, tfds_dir, feature_set)
    built = stored.read_source(target)
    if root is None:
        if built is None:
            raise InputError(
                f"config.data.root is empty and {target} holds no built dataset"
                f"{_of_earlier_version(target)}; name the folder with the label file and features/"
            )
        if verify and not stored.is_as_built(target):
            raise InputError(
                f"{target}: damaged, not as it was built; name config.data.root to build it again"
            )
        return target
    source = {"features": features_lib.signature(root, feature_set)}
    if built is not None:
        if built.get("features") != source["features"]:
            LOG.info("%s: its features changed since the dataset was built; building again", root)
        elif verify and not stored.is_as_built(target):
            LOG.warning("%s: damaged, not as it was built; building again", target)
        else:
            folder = str(features_lib.features_folder(root) / feature_set)
            found = built.get("faults", {})
            left_out.judge_faults(folder, found, built.get("clips", 0), bad, _listing(target))
            return target
    earlier = _of_earlier_version(target) if built is None else ""
    if earlier:
        LOG.info("%s: building again%s", target, earlier)
    from mer_jax.data import building  # which loads TFDS: reading what is built needs none of it

    features = features_lib.scan(root, feature_set)
    listing = _listing(target)
    building.build(info, root, features, source, target, count=count, bad=bad, listing=listing)
    return target


def _listing(target: pathlib.Path) -> pathlib.Path:
    """The file that lists a feature set's bad files where they are many."""
    return target.parent.with_name(f"{target.parent.name}.bad.txt")


def _of_earlier_version(target: pathlib.Path) -> str:
    """What is said where another version of the package built the dataset."""
    others = sorted(path.parent.name for path in target.parent.glob(f"*/{stored.SOURCE}"))
    others = [name for name in others if name != target.name]
    return f", only one of format {others[-1]}, which is no longer read" if others else ""


def list_built(info: CorpusInfo, tfds_dir: pathlib.Path) -> list[str]:
    """The feature sets of a corpus whose built datasets are whole, sorted."""
    names = sorted(folder.name for folder in (tfds_dir / info.name).glob("*"))
    return [
        name for name in names if stored.read_source(directory(info, tfds_dir, name)) is not None
    ]
