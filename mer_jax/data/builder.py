"""The TFDS builder that datasets/ instantiates: one feature set of one corpus as a dataset."""

import dataclasses
import logging
import pathlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from mer_jax.corpora import CorpusInfo
from mer_jax.data import features as features_lib
from mer_jax.data import label_files, stored, table
from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.data.reader import Reader
from mer_jax.data.rows import mean_over_frames
from mer_jax.errors import InputError
from mer_jax.observer import Tick, nobody
from mer_jax.task import UNLABELLED

LOG = logging.getLogger("mer_jax")


@dataclasses.dataclass
class FeatureSetConfig(tfds.core.BuilderConfig):
    """One feature set: its name, the size D of its vectors, and its level."""

    size: int = 0
    level: str = UTTERANCE


class FeatureSetBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Records of name and feature, of every clip of a feature set.

    `feature` is float32 (D,) for an utterance-level set and (T, D) for a frame-level one. Labels
    are not built: they are read from the label file when a training starts. The splits are those
    that the label file lists at the time of the build, and what it leaves out is `unlabelled`;
    they only decide how clips lie on disk.
    """

    VERSION = tfds.core.Version(stored.VERSION)
    RELEASE_NOTES: ClassVar = {
        "1.0.0": "name, feature, emotion and valence",
        "2.0.0": "name and feature of every clip, each once",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "manual_dir is the folder with label-6way.npz or label.npz and features/<feature set>/."
    )
    CORPUS: CorpusInfo
    tick: Tick = staticmethod(nobody)  # called with 1 for every clip that is read
    # Collects the faults of clips, which then are left out; without it the first one is raised.
    reader: Reader | None = None

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        frame_level = config.level == FRAME
        shape = (None, config.size) if frame_level else (config.size,)
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{config.name} of {self.CORPUS.name}.",
            features=tfds.features.FeaturesDict(
                {
                    "name": tfds.features.Text(),
                    # As bytes, records are written several times as fast as as lists of floats.
                    "feature": tfds.features.Tensor(
                        shape=shape, dtype=np.float32, encoding="bytes"
                    ),
                }
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        root = pathlib.Path(dl_manager.manual_dir)
        features = features_lib.scan(root, self.builder_config.name)
        info = self.CORPUS
        if info.from_file and not info.corpora:  # loaded by TFDS itself, without a config of ours
            info = table.described(info, root)
        splits = label_files.read(label_files.find(root, info), info).splits
        known_faults = () if self.reader is None else self.reader.faults
        usable = dict.fromkeys(name for name in features.clips if name not in known_faults)
        listed = {name for labels in splits.values() for name in labels}
        groups = {
            split: [name for name in labels if name in usable] for split, labels in splits.items()
        }
        groups[UNLABELLED] = [name for name in usable if name not in listed]
        return {
            split: self._generate_examples(f"{features.folder}, {split}", features, names)
            for split, names in groups.items()
            if names
        }

    def _generate_examples(
        self, where: str, features: features_lib.FeatureSet, names: list[str]
    ) -> Iterator[tuple[str, dict]]:
        reader = self.reader or Reader(features)
        zeros = 0
        for name in names:
            rows_TxD = reader.rows(name)
            self.tick(1)
            if rows_TxD is None:
                if self.reader is None:
                    raise InputError(reader.faults[name])
                continue
            is_frames = self.builder_config.level == FRAME
            feature = rows_TxD if is_frames else mean_over_frames(rows_TxD)
            zeros += not feature.any()
            yield name, {"name": name, "feature": feature}
        if zeros:
            LOG.info("%s: %d of %d clips are all zero", where, zeros, len(names))
