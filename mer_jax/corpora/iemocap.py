"""IEMOCAP (Busso et al., 2008) with four and with six emotions: five sessions, no test split."""

from mer_jax.corpora.info import CorpusInfo
from mer_jax.corpora.release import Release
from mer_jax.task import Task

_SESSION = len("Ses01")  # of a name such as Ses01F_impro01_F000: character 5 is the session's digit


def _session(name: str) -> str:
    """`Ses03M_script02_F012` -> `Ses03`."""
    return name[:_SESSION]


# Its folds are its sessions, and what is predicted out of fold is the result.
IEMOCAP4 = CorpusInfo(
    name="iemocap4",
    task=Task(("happy", "sad", "neutral", "angry")),  # happy and excited are one
    corpora={"whole_corpus": "train"},
    label_files=("label_4way.npz", "label.npz"),
    group=_session,
    folds_are_groups=True,
    releases=(
        Release(
            owner="MERBench",
            title="IEMOCAP of four classes",
            clips={"train": 5_531},
            classes={"train": (1_636, 1_084, 1_708, 1_103)},
            groups=(1_085, 1_023, 1_151, 1_031, 1_241),
        ),
    ),
)
IEMOCAP6 = CorpusInfo(
    name="iemocap6",
    task=Task(("happy", "sad", "neutral", "angry", "excited", "frustrated")),
    corpora={"whole_corpus": "train"},
    label_files=("label_6way.npz", "label.npz"),
    group=_session,
    folds_are_groups=True,
    releases=(
        Release(
            owner="MERBench",
            title="IEMOCAP of six classes",
            clips={"train": 7_433},
            classes={"train": (648, 1_084, 1_708, 1_103, 1_041, 1_849)},
            groups=(1_373, 1_356, 1_569, 1_512, 1_623),
        ),
    ),
)
