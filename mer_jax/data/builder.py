"""The TFDS builder that datasets/ instantiates: one feature set of one corpus as a dataset."""

import dataclasses
import logging
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from mer_jax.corpora import CorpusInfo
from mer_jax.data import features as features_lib
from mer_jax.data import labels as labels_lib
from mer_jax.data.labels import Label
from mer_jax.observer import Steps, nobody
from mer_jax.task import UNLABELLED

LOG = logging.getLogger("mer_jax")


@dataclasses.dataclass
class FeatureSetConfig(tfds.core.BuilderConfig):
    """One feature set: its name, the size D of its vectors, and its level."""

    size: int = 0
    level: str = features_lib.UTTERANCE


class FeatureSetBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Records of name, feature, emotion and valence; -1 and NaN say that a label is missing.

    `feature` is float32 (D,) for an utterance-level set and (T, D) for a frame-level one.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "manual_dir is the folder with label-6way.npz or label.npz and features/<feature set>/."
    )
    CORPUS: CorpusInfo
    tell: Steps = staticmethod(nobody)  # told of every clip that is read

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        frame_level = config.level == features_lib.FRAME
        shape = (None, config.size) if frame_level else (config.size,)
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{config.name} of {self.CORPUS.name}. Emotion -1, valence NaN: missing.",
            features=tfds.features.FeaturesDict(
                {
                    "name": tfds.features.Text(),
                    # As bytes, records are written several times as fast as as lists of floats.
                    "feature": tfds.features.Tensor(
                        shape=shape, dtype=np.float32, encoding="bytes"
                    ),
                    "emotion": tfds.features.ClassLabel(names=list(self.CORPUS.task.classes)),
                    "valence": tfds.features.Scalar(np.float32),
                }
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        root = pathlib.Path(dl_manager.manual_dir)
        features = features_lib.scan(root, self.builder_config.name)
        labels_file = labels_lib.find_label_file(root)
        splits = labels_lib.read_corpus(labels_file, self.CORPUS)
        for split, labels in splits.items():
            features_lib.check_present(labels, features.clips, f"{features.folder}, {split}")
        if self.CORPUS.pool_split:
            splits[UNLABELLED] = pool(splits, features, self.CORPUS)
        return {
            split: self._generate_examples(split, features, labels)
            for split, labels in splits.items()
            if labels
        }

    def _generate_examples(
        self, split: str, features: features_lib.FeatureSet, labels: dict[str, Label]
    ) -> Iterator[tuple[str, dict]]:
        config = self.builder_config
        first_file = next(iter(features.clips.values()))[0]
        zeros = 0
        for name, label in labels.items():
            files = features.clips[name]
            rows_TxD = features_lib.read_clip(files)
            features_lib.check_size(rows_TxD.shape[1], files[0], config.size, first_file)
            if config.level == features_lib.UTTERANCE:
                feature = features_lib.mean_over_frames(rows_TxD)
            else:
                feature = rows_TxD
            zeros += not feature.any()
            self.tell(1)
            yield (
                name,
                {
                    "name": name,
                    "feature": feature,
                    "emotion": label.emotion,
                    "valence": np.float32(label.valence),
                },
            )
        if zeros:
            LOG.info(
                "%s, %s: %d of %d clips are all zero", features.folder, split, zeros, len(labels)
            )


def pool(
    splits: dict[str, dict[str, Label]], features: features_lib.FeatureSet, info: CorpusInfo
) -> dict[str, Label]:
    """The unlabelled clips: every name with features that no other split than the pool's own
    holds, and that has no emotion label."""
    elsewhere = {
        name
        for split, labels in splits.items()
        for name, label in labels.items()
        if split != info.pool_split or label.emotion != labels_lib.MISSING_EMOTION
    }
    return {name: Label() for name in features.clips if name not in elsewhere}
