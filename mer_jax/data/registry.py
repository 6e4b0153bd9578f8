"""The corpora that the package knows: their task, their splits, their builder."""

import dataclasses
from collections.abc import Callable, Mapping

from mer_jax.errors import InputError

MODALITIES = ("audio", "text", "video")
TRAIN = "train"
VALIDATION = "val"
UNLABELLED = "unlabelled"


@dataclasses.dataclass(frozen=True)
class Task:
    """What is predicted. Heads, losses, metrics and selection follow from it."""

    classes: tuple[str, ...] = ()  # emotion classes in index order; empty: no emotion
    valence_range: tuple[float, float] | None = None  # None: no valence
    signed: bool = False  # a sentiment corpus, scored by the sign of its valence too

    @property
    def selection(self) -> str:
        """The metric that chooses epochs and trials: `com`, else `dis`, else `dim`."""
        if self.classes and self.valence_range:
            return "com"
        return "dis" if self.classes else "dim"

    @property
    def selection_sign(self) -> int:
        """1 where more of `selection` is better, -1 where less is."""
        return -1 if self.selection == "dim" else 1


@dataclasses.dataclass(frozen=True)
class CorpusInfo:
    """How a corpus is laid out. `name` is also its builder's folder in datasets/."""

    name: str
    task: Task
    corpora: Mapping[str, str]  # key in the label file -> split
    pool_split: str | None = None  # its clips without an emotion are in `unlabelled` as well
    emotion_from_valence: bool = False  # classes are (negative, positive) by the valence's sign
    group: Callable[[str], str] | None = None  # the video or dialogue that a clip is cut from

    @property
    def splits(self) -> tuple[str, ...]:
        """Every split the corpus can have, in the order of reports."""
        return tuple(self.corpora.values()) + ((UNLABELLED,) if self.pool_split else ())


def before_last_underscore(name: str) -> str:
    """`dia0_utt3` -> `dia0`: how CMU-MOSI and MELD name the clips of one video or dialogue."""
    return name.rpartition("_")[0]


MER2023 = CorpusInfo(
    name="mer2023",
    task=Task(("neutral", "angry", "happy", "sad", "worried", "surprise"), (-5.0, 5.0)),
    corpora={
        "train_corpus": "train",
        "test1_corpus": "mer_multi",
        "test2_corpus": "mer_noise",
        "test3_corpus": "mer_semi",
    },
    pool_split="mer_semi",  # a participant's test3 is the whole pool
)

CMUMOSI = CorpusInfo(
    name="cmumosi",
    task=Task(("negative", "positive"), (-3.0, 3.0), signed=True),
    corpora={"train_corpus": "train", "val_corpus": "val", "test_corpus": "test"},
    emotion_from_valence=True,
    group=before_last_underscore,
)

MELD = CorpusInfo(
    name="meld",
    task=Task(("anger", "joy", "sadness", "neutral", "disgust", "fear", "surprise")),
    corpora={"train_corpus": "train", "val_corpus": "val", "test_corpus": "test"},
    group=before_last_underscore,
)

# The synthetic corpus is written in MER 2023's layout and built by its builder.
CORPORA = {"mer2023": MER2023, "cmumosi": CMUMOSI, "meld": MELD, "synthetic": MER2023}
SYNTHETIC = "synthetic"


def corpus_info(name: str) -> CorpusInfo:
    """The corpus called `name`, or an InputError that lists those there are."""
    if name not in CORPORA:
        raise InputError(
            f"config.data.corpus: unknown corpus {name!r}; one of: {', '.join(CORPORA)}"
        )
    return CORPORA[name]
