"""CMU-MOSI (Zadeh et al., 2016): sentiment from -3 to 3, and its sign as two classes."""

from mer_jax.corpora.info import CorpusInfo, before_last_underscore
from mer_jax.corpora.release import Release
from mer_jax.task import Task

CMUMOSI = CorpusInfo(
    name="cmumosi",
    task=Task(("negative", "positive"), (-3.0, 3.0), signed=True),
    corpora={"train_corpus": "train", "val_corpus": "val", "test_corpus": "test"},
    emotion_from_valence=True,
    group=before_last_underscore,
    releases=(
        Release(
            owner="MERBench",
            title="CMU-MOSI",
            clips={"train": 1_284, "val": 229, "test": 686},
            signs={"train": (552, 53, 679), "val": (92, 13, 124), "test": (379, 30, 277)},
        ),
        Release(owner="Poria", title="CMU-MOSI", clips={"train": 1_447, "test": 752}),  # ACL 2017
    ),
)
