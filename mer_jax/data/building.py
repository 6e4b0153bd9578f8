"""Building a feature set's dataset with TFDS: records, and beside them the arrays that are read."""

import contextlib
import functools
import io
import logging
import pathlib
import tempfile
from collections.abc import Callable

import numpy as np
import tensorflow_datasets as tfds
from absl import logging as absl_logging

from mer_jax import files
from mer_jax.corpora import CorpusInfo
from mer_jax.data import features as features_lib
from mer_jax.data import left_out, stored
from mer_jax.data.builder import FeatureSetBuilder, FeatureSetConfig
from mer_jax.data.reader import Reader
from mer_jax.errors import InputError
from mer_jax.observer import Count, Tick
from mer_jax.paths import BUILDERS

LOG = logging.getLogger("mer_jax")
_BLOCK = 512  # records read at once


def build(
    info: CorpusInfo,
    root: pathlib.Path,
    features: features_lib.FeatureSet,
    source: dict[str, str],
    target: pathlib.Path,
    *,
    count: Count,
    bad: str,
    listing: pathlib.Path,
) -> None:
    """Builds beside `target` and renames into place, so that `target` is whole or untouched.

    `source` is what is recorded of the features; `listing` is the file for the names of bad ones
    where they are many, which `bad`, one of `left_out.BAD_POLICIES`, treats. Raises InputError for
    wrong input.
    """
    reader = Reader(features)
    clips = len(features.clips) + len(features.refused)
    LOG.info(
        "building %s, %s: %d clips, size %d, %s level",
        info.name, features.name, clips, reader.size, reader.level,
    )  # fmt: skip
    try:
        with files.folder_beside(target, "building") as beside:
            judge = functools.partial(
                left_out.judge_faults,
                str(features.folder),
                reader.faults,
                clips,
                bad,
                listing,
            )
            builder = _records(info, root, reader, beside, count, judge)
            judge()
            built = pathlib.Path(builder.data_dir)
            with count(
                f"reading {features.name} back", builder.info.splits.total_num_examples
            ) as tick:
                content = _write_arrays(builder, built / stored.ARRAYS, tick)
            told = {"clips": clips, "faults": reader.faults} if reader.faults else {}
            files.write_json(built / stored.SOURCE, {**source, "fingerprint": content, **told})
            if target.exists():
                target.rename(beside / "outdated")
            built.rename(target)
    finally:
        with contextlib.suppress(OSError):  # a failed first build leaves no empty folders
            target.parent.rmdir()
            target.parent.parent.rmdir()


def _builder_class(info: CorpusInfo) -> type[FeatureSetBuilder]:
    """The builder of a corpus, found in datasets/ from whichever directory."""
    with tfds.core.utils.add_sys_path(BUILDERS):
        module = f"{info.name}.{info.name}_dataset_builder"
        return tfds.core.community.builder_cls_from_module(module)


def _records(
    info: CorpusInfo,
    root: pathlib.Path,
    reader: Reader,
    folder: pathlib.Path,
    count: Count,
    judge: Callable[[], None],
) -> FeatureSetBuilder:
    """The builder that has written a feature set's records in `folder`, its faults in `reader`."""
    names, known = list(reader.names), len(reader.faults)
    if not reader.size:  # nothing that could be read among those that were looked at
        for name in names:
            reader.rows(name)
        if not reader.size:
            judge()
    config = FeatureSetConfig(name=reader.folder.name, level=reader.level, size=reader.size)
    with _quiet(), _temporary_files_in(folder):
        builder = _builder_class(info)(config=config, data_dir=folder, file_format="array_record")
        builder.reader, builder.CORPUS = reader, info
        try:
            with count(f"building {config.name}", len(names)) as builder.tick:
                builder.download_and_prepare(
                    download_config=tfds.download.DownloadConfig(manual_dir=root),
                    file_format="array_record",
                )
        except (OSError, InputError):
            raise
        except Exception:
            if len(reader.faults) == known:
                raise
            # TFDS writes no empty split. Now that all faults are known, such a one is left out.
            for name in names:
                if name not in reader.faults:
                    reader.rows(name)
            judge()
            builder = None
    return builder or _records(info, root, reader, folder, count, judge)


def _write_arrays(builder: FeatureSetBuilder, folder: pathlib.Path, tick: Tick) -> str:
    """Writes a built dataset's columns as arrays; the hash of their content."""
    clips: list[stored.Clip] = []
    for split in sorted(builder.info.splits):
        columns = _parse(builder, split, tick)
        (folder / split).mkdir(parents=True)
        for column, array in columns._asdict().items():
            files.write_array(folder / split / f"{column}.npy", array)
        clips += stored.digests(columns)
    return stored.fingerprint_of(clips)


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


def _parse(builder: FeatureSetBuilder, split: str, tick: Tick) -> stored.Columns:
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
        tick(len(records))
    rows.sort(key=lambda row: row[0])
    names, features = zip(*rows, strict=True)
    return stored.Columns(
        names=np.array(names),
        lengths=np.array([len(feature) for feature in features]),
        feature=np.concatenate(features),
    )
