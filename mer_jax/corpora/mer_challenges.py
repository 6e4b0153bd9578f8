"""MER 2024 to 2026 (Lian et al.): MER 2023's six emotions alone, and candidates without labels.

The organisers hide the test clips among many candidates, all of which are to be predicted; their
preparation writes each as "neutral", which is no label (mer_jax/data/placeholders.py).
"""

from mer_jax.corpora.info import CorpusInfo
from mer_jax.corpora.mer2023 import MER2023
from mer_jax.task import Task

_CANDIDATES = "candidates"


def _challenge(year: int) -> CorpusInfo:
    return CorpusInfo(
        name=f"mer{year}",
        task=Task(MER2023.task.classes),
        corpora={"train_corpus": "train", "test1_corpus": _CANDIDATES},
        label_files=("track1_label_6way.npz", "label-6way.npz", "label.npz"),
        pool_split=_CANDIDATES,  # whoever trains semi-supervised may look at their features
    )


MER2024, MER2025, MER2026 = map(_challenge, (2024, 2025, 2026))
