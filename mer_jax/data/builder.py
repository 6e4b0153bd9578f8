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
from mer_jax.data import label_files
from mer_jax.observer import Steps, nobody
from mer_jax.task import UNLABELLED

LOG = logging.getLogger("mer_jax")


@dataclasses.dataclass
class FeatureSetConfig(tfds.core.BuilderConfig):
    """One feature set: its name, the size D of its vectors, and its level."""

    size: int = 0
    level: str = features_lib.UTTERANCE


class FeatureSetBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Records of name and feature, of every clip of a feature set.

    `feature` is float32 (D,) for an utterance-level set and (T, D) for a frame-level one. Labels
    are not built: they are read from the label file when a training starts. The splits are those
    that the label file lists at the time of the build, and what it leaves out is `unlabelled`;
    they only decide how clips lie on disk.
    """

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES: ClassVar = {
        "1.0.0": "name, feature, emotion and valence",
        "2.0.0": "name and feature of every clip, each once",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "manual_dir is the folder with the label file and features/<feature set>/."
    )
    CORPUS: CorpusInfo
    tell: Steps = staticmethod(nobody)  # told of every clip that is read

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        frame_level = config.level == features_lib.FRAME
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
        splits = label_files.read(label_files.find(root, self.CORPUS), self.CORPUS).splits
        for split, labels in splits.items():
            features_lib.check_present(labels, features.clips, f"{features.folder}, {split}")
        listed = {name for labels in splits.values() for name in labels}
        groups = {split: list(labels) for split, labels in splits.items()}
        groups[UNLABELLED] = [name for name in features.clips if name not in listed]
        return {
            split: self._generate_examples(split, features, names)
            for split, names in groups.items()
            if names
        }

    def _generate_examples(
        self, split: str, features: features_lib.FeatureSet, names: list[str]
    ) -> Iterator[tuple[str, dict]]:
        config = self.builder_config
        first_file = next(iter(features.clips.values()))[0]
        zeros = 0
        for name in names:
            files = features.clips[name]
            rows_TxD = features_lib.read_clip(files)
            features_lib.check_size(rows_TxD.shape[1], files[0], config.size, first_file)
            if config.level == features_lib.UTTERANCE:
                feature = features_lib.mean_over_frames(rows_TxD)
            else:
                feature = rows_TxD
            zeros += not feature.any()
            self.tell(1)
            yield name, {"name": name, "feature": feature}
        if zeros:
            LOG.info(
                "%s, %s: %d of %d clips are all zero", features.folder, split, zeros, len(names)
            )
