"""Built datasets on disk: building what is absent or outdated, reading what is there as arrays."""

import contextlib
import hashlib
import io
import json
import logging
import pathlib
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from absl import logging as absl_logging

from mer_jax import files
from mer_jax.corpora import CorpusInfo
from mer_jax.data import features as features_lib
from mer_jax.data.builder import FeatureSetBuilder, FeatureSetConfig
from mer_jax.errors import InputError
from mer_jax.observer import Count, Steps, uncounted
from mer_jax.paths import BUILDERS

LOG = logging.getLogger("mer_jax")
_SOURCE = "source.json"  # what the dataset was built from; written last, so a whole one has it
_ARRAYS = "arrays"
_BLOCK = 512  # records read at once


class Columns(NamedTuple):
    """One split of a built dataset, sorted by name."""

    names: np.ndarray  # str [N]
    lengths: np.ndarray  # int64 [N], rows of each clip; 1 throughout for an utterance-level set
    feature: np.ndarray  # float32 [sum of lengths, D]


def builder_class(info: CorpusInfo) -> type[FeatureSetBuilder]:
    """The builder of a corpus, found in datasets/ from whichever directory."""
    with tfds.core.utils.add_sys_path(BUILDERS):
        module = f"{info.name}.{info.name}_dataset_builder"
        return tfds.core.community.builder_cls_from_module(module)


def directory(info: CorpusInfo, tfds_dir: pathlib.Path, feature_set: str) -> pathlib.Path:
    """Where the built dataset of a feature set lies."""
    return tfds_dir / info.name / feature_set / str(FeatureSetBuilder.VERSION)


def ensure(
    info: CorpusInfo,
    root: pathlib.Path | None,
    tfds_dir: pathlib.Path,
    feature_set: str,
    count: Count = uncounted,
    verify: bool = False,
) -> pathlib.Path:
    """The built dataset's directory; builds it where it is absent or its source has changed.

    Without `root` an existing dataset is taken as it is. `count` is told of the clips. `verify`
    reads every array through and builds again what is no longer as it was built. Raises InputError
    for wrong input, and then leaves what was there.
    """
    target = directory(info, tfds_dir, feature_set)
    built = _read_source(target)
    if root is None:
        if built is None:
            raise InputError(
                f"config.data.root is empty and {target} holds no built dataset; name the folder "
                "with the label file and features/"
            )
        if verify and not is_as_built(target):
            raise InputError(
                f"{target}: damaged, not as it was built; name config.data.root to build it again"
            )
        return target
    source = {"features": features_lib.signature(root, feature_set)}
    if built is not None:
        if built.get("features") != source["features"]:
            LOG.info("%s: its features changed since the dataset was built; building again", root)
        elif verify and not is_as_built(target):
            LOG.warning("%s: damaged, not as it was built; building again", target)
        else:
            return target
    _build(info, root, features_lib.scan(root, feature_set), source, target, count)
    return target


def list_built(info: CorpusInfo, tfds_dir: pathlib.Path) -> list[str]:
    """The feature sets of a corpus whose built datasets are whole, sorted."""
    names = sorted(folder.name for folder in (tfds_dir / info.name).glob("*"))
    return [name for name in names if _read_source(directory(info, tfds_dir, name)) is not None]


def fingerprint(target: pathlib.Path) -> str:
    """The hash of a built dataset's content, names and features: splits make no difference."""
    source = _read_source(target)
    if source is None:
        raise InputError(f"{target}: no built dataset; --mode=build builds it")
    return source["fingerprint"]


def is_as_built(target: pathlib.Path) -> bool:
    """Whether a built dataset's arrays still have its fingerprint; reads every byte of them."""
    clips: list[_Clip] = []
    try:
        for columns in read(target).values():
            clips += _digests(columns)
    except InputError:
        return False
    return _together(clips) == fingerprint(target)


_Clip = tuple[str, bytes]  # a clip's name and the hash of its features


def _digests(columns: Columns) -> Iterator[_Clip]:
    """The hash of each clip by itself, so that the whole depends on no order and no split."""
    feature = np.asarray(columns.feature)  # slices of a mapped array cost several times as much
    stops = np.cumsum(columns.lengths)
    starts = stops - columns.lengths
    for name, start, stop in zip(columns.names.tolist(), starts, stops, strict=True):
        rows = feature[start:stop]
        digest = hashlib.sha256(f"{name} {rows.dtype} {rows.shape}".encode())
        digest.update(np.ascontiguousarray(rows).data)
        yield name, digest.digest()


def _together(clips: list[_Clip]) -> str:
    return hashlib.sha256(b"".join(digest for _, digest in sorted(clips))).hexdigest()


def read(target: pathlib.Path) -> dict[str, Columns]:
    """The splits of a built dataset as arrays, memory-mapped where they are large."""
    arrays = target / _ARRAYS
    try:
        splits = {
            folder.name: Columns(
                **{
                    column: np.load(
                        folder / f"{column}.npy",
                        mmap_mode="r" if column == "feature" else None,
                        allow_pickle=False,
                    )
                    for column in Columns._fields
                }
            )
            for folder in sorted(arrays.iterdir())
        }
        for split, columns in splits.items():
            _check_columns(split, columns)
    except PermissionError:
        raise
    except Exception as error:  # a header is parsed as Python: a damaged one raises anything
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{arrays}: damaged ({reason}); remove {target} to build it again"
        ) from None
    if not splits:
        raise InputError(f"{arrays}: damaged (empty); remove {target} to build it again")
    return splits


def _check_columns(split: str, columns: Columns) -> None:
    """Raises ValueError for columns that `_parse` would not give."""
    clips = (len(np.atleast_1d(columns.names)),)
    for column, kind, shape in (
        ("names", "U", clips),
        ("lengths", np.int64, clips),
        ("feature", np.float32, (int(columns.lengths.sum()), columns.feature.shape[-1])),
    ):
        array = getattr(columns, column)
        is_kind = array.dtype.kind == kind if kind == "U" else array.dtype == kind
        if not is_kind or array.shape != shape:
            raise ValueError(f"{column} of {split} is {array.dtype} {array.shape}")
    if (columns.lengths < 1).any():
        raise ValueError(f"lengths of {split} is out of range")


def _read_source(target: pathlib.Path) -> dict | None:
    """What a dataset was built from, or None where there is no whole one."""
    try:
        source = json.loads((target / _SOURCE).read_text())
    except (OSError, ValueError, RecursionError):
        return None
    is_whole = isinstance(source, dict) and isinstance(source.get("fingerprint"), str)
    return source if is_whole else None


def _build(
    info: CorpusInfo,
    root: pathlib.Path,
    features: features_lib.FeatureSet,
    source: dict[str, str],
    target: pathlib.Path,
    count: Count,
) -> None:
    """Builds beside `target` and renames into place, so that `target` is whole or untouched."""
    config = FeatureSetConfig(
        name=features.name,
        level=features_lib.level(features),
        size=features_lib.read_array(next(iter(features.clips.values()))[0]).shape[1],
    )
    LOG.info(
        "building %s, %s: %d clips, size %d, %s level",
        info.name, features.name, len(features.clips), config.size, config.level,
    )  # fmt: skip
    try:
        with files.folder_beside(target, "building") as beside:
            with _quiet(), _temporary_files_in(beside):
                builder = builder_class(info)(
                    config=config, data_dir=beside, file_format="array_record"
                )
                with count(f"building {features.name}", len(features.clips)) as builder.tell:
                    builder.download_and_prepare(
                        download_config=tfds.download.DownloadConfig(manual_dir=root),
                        file_format="array_record",
                    )
            built = pathlib.Path(builder.data_dir)
            clips = builder.info.splits.total_num_examples
            with count(f"reading {features.name} back", clips) as tell:
                content = _write_arrays(builder, built / _ARRAYS, tell)
            files.write_json(built / _SOURCE, {**source, "fingerprint": content})
            if target.exists():
                target.rename(beside / "outdated")
            built.rename(target)
    finally:
        with contextlib.suppress(OSError):  # a failed first build leaves no empty folders
            target.parent.rmdir()
            target.parent.parent.rmdir()


def _write_arrays(builder: FeatureSetBuilder, folder: pathlib.Path, tell: Steps) -> str:
    """Writes a built dataset's columns as arrays; the hash of their content."""
    clips: list[_Clip] = []
    for split in sorted(builder.info.splits):
        columns = _parse(builder, split, tell)
        (folder / split).mkdir(parents=True)
        for column, array in columns._asdict().items():
            files.write_array(folder / split / f"{column}.npy", array)
        clips += _digests(columns)
    return _together(clips)


@contextlib.contextmanager
def _quiet():
    """TFDS without its bars and banners, and without its word on unregistered configs."""
    verbosity = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.FATAL)
    tfds.disable_progress_bar()  # `count` tells how far it is
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        absl_logging.set_verbosity(verbosity)
        tfds.enable_progress_bar()


@contextlib.contextmanager
def _temporary_files_in(folder: pathlib.Path):
    """TFDS makes a temporary folder for each builder and leaves it: here it goes with `folder`."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _parse(builder: FeatureSetBuilder, split: str, tell: Steps) -> Columns:
    """Reads a split's records past TFDS's decoder, which is half as fast as parsing them here."""
    source = builder.as_data_source(
        split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    example = tfds.proto.tf_example_pb2.Example()
    size = builder.builder_config.size
    rows = []
    for start in range(0, len(source), _BLOCK):
        records = source.__getitems__(range(start, min(start + _BLOCK, len(source))))
        for record in records:
            example.ParseFromString(record)
            fields = example.features.feature
            vectors = np.frombuffer(fields["feature"].bytes_list.value[0], np.float32)
            rows.append(
                (
                    fields["name"].bytes_list.value[0].decode(),
                    vectors.reshape(-1, size),
                )
            )
        tell(len(records))
    rows.sort(key=lambda row: row[0])
    names, features = zip(*rows, strict=True)
    return Columns(
        names=np.array(names),
        lengths=np.array([len(feature) for feature in features]),
        feature=np.concatenate(features),
    )
