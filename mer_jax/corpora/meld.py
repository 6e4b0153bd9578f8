"""MELD (Poria et al., 2019): seven emotions of dialogues, no valence."""

from mer_jax.corpora.info import CorpusInfo, before_last_underscore
from mer_jax.corpora.release import Release
from mer_jax.task import Task

MELD = CorpusInfo(
    name="meld",
    task=Task(("anger", "joy", "sadness", "neutral", "disgust", "fear", "surprise")),
    corpora={"train_corpus": "train", "val_corpus": "val", "test_corpus": "test"},
    group=before_last_underscore,
    releases=(
        Release(
            owner="MERBench",
            title="MELD",
            clips={"train": 9_989, "val": 1_109, "test": 2_610},
            classes={
                "train": (1_109, 1_743, 683, 4_710, 271, 268, 1_205),
                "val": (153, 163, 111, 470, 22, 40, 150),
                "test": (345, 402, 208, 1_256, 68, 50, 281),
            },
        ),
    ),
)
