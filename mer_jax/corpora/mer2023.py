"""MER 2023 (Lian et al., 2023): six emotions and a valence; three test sets."""

from mer_jax.corpora.info import CorpusInfo
from mer_jax.task import Task

MER2023 = CorpusInfo(
    name="mer2023",
    task=Task(("neutral", "angry", "happy", "sad", "worried", "surprise"), (-5.0, 5.0)),
    corpora={
        "train_corpus": "train",
        "test1_corpus": "mer_multi",
        "test2_corpus": "mer_noise",
        "test3_corpus": "mer_semi",
    },
    # The last is how the preparation of MER 2024 to 2026 calls it.
    label_files=("label-6way.npz", "label.npz", "track1_label_6way.npz"),
    pool_split="mer_semi",  # a participant's test3 is the whole pool
)
