"""MELD (Poria et al., 2019): seven emotions of dialogues, no valence."""

from mer_jax.corpora.info import CorpusInfo, before_last_underscore
from mer_jax.task import Task

MELD = CorpusInfo(
    name="meld",
    task=Task(("anger", "joy", "sadness", "neutral", "disgust", "fear", "surprise")),
    corpora={"train_corpus": "train", "val_corpus": "val", "test_corpus": "test"},
    group=before_last_underscore,
)
