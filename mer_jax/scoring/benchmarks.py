"""The zero-shot benchmarks of GPT-4V with Emotion (Lian et al. 2023, arXiv 2312.04293).

What each set's answers are chosen from, how they are judged, and the figures that were published.
"""

from typing import NamedTuple

from mer_jax.errors import InputError

SOURCE = "GPT-4V with Emotion, arXiv 2312.04293v1, Tables 3 to 7"
_LOG = "log of the authors of arXiv 2312.04293"


class Benchmark(NamedTuple):
    """A set: its title, its task, how answers are judged, and the candidates."""

    title: str
    task: str
    rule: str
    candidates: tuple[str, ...]


def _set(title: str, task: str, rule: str, candidates: str) -> Benchmark:
    return Benchmark(title, task, rule, tuple(candidates.split(", ")))


_FACIAL, _SENTIMENT, _MICRO = "facial", "visual sentiment", "micro-expression"
_DYNAMIC, _MULTIMODAL = "dynamic facial", "multimodal"
_SIGNS = "negative, weakly negative, neutral, weakly positive, positive"
BENCHMARKS = {
    "ckplus": _set("CK+", _FACIAL, "wrong",
                   "anger, contempt, disgust, fear, happy, sadness, surprise"),
    "sfew2": _set("SFEW 2.0", _FACIAL, "wrong",
                  "Angry, Disgust, Fear, Happy, Neutral, Sad, Surprise"),
    "rafdb": _set("RAF-DB", _FACIAL, "wrong",
                  "Surprise, Fear, Disgust, Happiness, Sadness, Anger, Neutral"),
    "ferplus": _set("FERPlus", _FACIAL, "wrong",
                    "neutral, happiness, surprise, sadness, anger, disgust, fear, contempt"),
    "affectnet": _set("AffectNet", _FACIAL, "wrong",
                      "Surprise, Contempt, Happiness, Anger, Neutral, Sadness, Fear, Disgust"),
    "abstract": _set("Abstract", _SENTIMENT, "polarity",
                     "Amusement, Anger, Awe, Content, Disgust, Excitement, Fear, Sad"),
    "artphoto": _set("ArtPhoto", _SENTIMENT, "polarity",
                     "disgust, awe, sad, fear, anger, excitement, contentment, amusement"),
    "twitter1": _set("Twitter I", _SENTIMENT, "wrong", "positive, negative"),
    "twitter2": _set("Twitter II", _SENTIMENT, "wrong", "positive, negative"),
    "casme1": _set("CASME", _MICRO, "wrong", "tense, disgust, repression, surprise"),
    "casme2": _set("CASME II", _MICRO, "wrong", "happiness, surprise, disgust, repression, others"),
    "samm": _set("SAMM", _MICRO, "wrong", "Anger, Contempt, Happiness, Surprise, Other"),
    "dfew": _set("DFEW", _DYNAMIC, "drop", "Sad, Neutral, Angry, Fear, Surprise, Happy, Disgust"),
    "ferv39k": _set("FERV39k", _DYNAMIC, "drop",
                    "Angry, Disgust, Fear, Happy, Neutral, Sad, Surprise"),
    "ravdess": _set("RAVDESS", _DYNAMIC, "drop",
                    "surprised, neutral, disgust, sad, happy, calm, fearful, angry"),
    "enterface": _set("eNTERFACE05", _DYNAMIC, "drop",
                      "happiness, anger, disgust, fear, surprise, sadness"),
    "cmumosi": _set("CMU-MOSI", _MULTIMODAL, "sign", _SIGNS),
    "sims": _set("CH-SIMS", _MULTIMODAL, "sign", _SIGNS),
    "mer2023": _set("MER2023", _MULTIMODAL, "wrong",
                    "worried, happy, neutral, angry, surprised, sad"),
}  # fmt: skip

POLARITY = {
    **dict.fromkeys(("amusement", "awe", "content", "contentment", "excitement"), "positive"),
    **dict.fromkeys(("anger", "disgust", "fear", "sad"), "negative"),
}


class Published(NamedTuple):
    """A published figure, in %."""

    metric: str  # one of mer_jax.scoring.confusion.SCORES
    value: float
    aliases: tuple[tuple[str, str], ...]  # with which words taken as one
    source: str


_ONE_WORD = (("surprised", "surprise"),)
# By benchmark and the name of the file of answers.
PUBLISHED: dict[tuple[str, str], tuple[Published, ...]] = {
    ("ckplus", "label-gpt4v.csv"): (Published("accuracy", 69.72, (), SOURCE),),
    ("sfew2", "label-gpt4v.csv"): (Published("accuracy", 57.24, (), SOURCE),),
    ("artphoto", "label-gpt4v.csv"): (Published("accuracy", 80.40, (), SOURCE),),
    ("twitter2", "label-gpt4v.csv"): (Published("accuracy", 87.95, (), SOURCE),),
    ("casme2", "label-gpt4v.csv"): (Published("accuracy", 14.64, (), SOURCE),),
    ("ravdess", "label-gpt4v-3.csv"): (
        Published("accuracy", 34.31, (), SOURCE),
        Published("uar", 36.98, (), SOURCE),
    ),
    ("enterface", "label-gpt4v-3.csv"): (
        Published("accuracy", 33.28, (), SOURCE),
        Published("uar", 33.11, (), SOURCE),
    ),
    ("sims", "label-gpt4v-multi.csv"): (Published("weighted_f1", 81.24, (), SOURCE),),
    ("mer2023", "label-gpt4v-multi.csv"): (
        Published("accuracy", 63.50, (), SOURCE),
        Published("weighted_f1", 65.39, _ONE_WORD, _LOG),
    ),
    ("mer2023", "label-gpt4v-text.csv"): (
        Published("accuracy", 34.06, (), _LOG),
        Published("weighted_f1", 34.57, _ONE_WORD, _LOG),
    ),
    ("mer2023", "label-gpt4v-video.csv"): (
        Published("accuracy", 45.50, (), _LOG),
        Published("weighted_f1", 46.23, _ONE_WORD, _LOG),
    ),
}


def benchmark(name: str) -> Benchmark:
    """The benchmark called `name`; raises InputError listing those there are."""
    if name.lower() not in BENCHMARKS:
        raise InputError(f"--benchmark={name}: no such set; one of: {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name.lower()]
