"""CMU-MOSEI (Zadeh et al., 2018): sentiment from -3 to 3, a number that is judged by its sign."""

from mer_jax.corpora.info import CorpusInfo, before_last_underscore
from mer_jax.corpora.release import Release
from mer_jax.task import Task

CMUMOSEI = CorpusInfo(
    name="cmumosei",
    task=Task(valence_range=(-3.0, 3.0), signed=True, selected_by="sign_f1"),
    corpora={"train_corpus": "train", "val_corpus": "val", "test_corpus": "test"},
    group=before_last_underscore,
    releases=(
        Release(
            owner="MERBench",
            title="CMU-MOSEI",
            clips={"train": 16_326, "val": 1_871, "test": 4_659},
            signs={
                "train": (4_738, 3_540, 8_048),
                "val": (506, 433, 932),
                "test": (1_350, 1_025, 2_284),
            },
        ),
    ),
)
