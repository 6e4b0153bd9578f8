"""CH-SIMS (Yu et al., 2020) and CH-SIMS v2 (Liu et al., 2022): Chinese sentiment from -1 to 1."""

from mer_jax.corpora.info import CorpusInfo, before_last_underscore
from mer_jax.corpora.release import Release
from mer_jax.task import Task

_TASK = Task(valence_range=(-1.0, 1.0), signed=True, selected_by="sign_f1")
_SPLITS = {"train_corpus": "train", "val_corpus": "val", "test_corpus": "test"}

# The splits of both share videos: groups keep them whole in folds of train alone.
SIMS = CorpusInfo(
    name="sims",
    task=_TASK,
    corpora=_SPLITS,
    group=before_last_underscore,
    releases=(
        Release(
            owner="MERBench",
            title="CH-SIMS",
            clips={"train": 1_368, "val": 456, "test": 457},
            signs={"train": (742, 207, 419), "val": (248, 69, 139), "test": (248, 69, 140)},
        ),
    ),
)
SIMSV2 = CorpusInfo(
    name="simsv2",
    task=_TASK,
    corpora=_SPLITS,
    group=before_last_underscore,
    releases=(
        Release(
            owner="MERBench",
            title="CH-SIMS v2",
            clips={"train": 2_722, "val": 647, "test": 1_034},
            signs={"train": (1_310, 318, 1_094), "val": (325, 92, 230), "test": (488, 123, 423)},
        ),
    ),
)
