"""What lies in a folder of features without being a clip: copies, statistics, systems' folders."""

import re
from collections.abc import Container, Iterable

# What unpacking, file managers and network disks leave; hidden files are passed over anyway.
_SYSTEM_FOLDERS = frozenset(
    ("__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information", "lost+found")
)
# Folders that corpora are handed out in. A clip's folder holds frames; these would hold clips.
_SPLIT_FOLDERS = (
    *("train", "training", "test", "test1", "test2", "test3", "testing", "dev", "eval"),
    *("val", "valid", "validation", "pool", "labelled", "unlabelled", "labeled", "unlabeled"),
)
_NUMBERED_FOLDER = re.compile(r"(?:fold|split|cv)[ _-]?\d+")
# Arrays over all clips that preparations leave beside them, for standardising.
_STATISTICS = frozenset(
    ("mean", "std", "var", "mean_std", "mean_and_std", "stats", "statistics", "scaler")
)
_LATIN = "(?:another )?(?:copy|copie|copia|kopie|kopia)"
_CHINESE = "(?:副本|複製|コピー)"
# How browsers, file managers and disks in the cloud name a second file of one name.
_COPY = re.compile(
    rf"(?P<first>.+?)(?: ?\(\d+\)| \d+|(?:[ _-]+{_LATIN}|[ _-]*{_CHINESE})(?: ?\(?\d+\)?)?"
    rf"| ?\(.*(?:{_LATIN}|{_CHINESE}).*\)|\.npy|~)"
    rf"|(?:{_LATIN} (?:of |von |de |di )?|{_CHINESE} ?)(?P<second>.+)",
    re.IGNORECASE,
)


def is_system_folder(name: str) -> bool:
    """Whether a folder of this name is the system's and not the user's."""
    return name.lower() in _SYSTEM_FOLDERS


def is_split_folder(name: str) -> bool:
    """Whether a folder of this name holds the clips of a split."""
    plain = name.lower().removesuffix("_corpus")
    return plain in _SPLIT_FOLDERS or _NUMBERED_FOLDER.fullmatch(plain) is not None


def no_clips(names: Iterable[str]) -> list[str]:
    """Those of `names` that are no clips by their names: copies of others, statistics of others."""
    names = list(names)
    alone = all(name.lower() in _STATISTICS for name in names)
    statistics = () if alone else (name for name in names if name.lower() in _STATISTICS)
    return [*copies(names), *statistics]


def copies(names: Iterable[str]) -> list[str]:
    """Those of `names` that are called a copy of another one of them, as `x (1)` is of `x`."""
    names = dict.fromkeys(names)
    return [name for name in names if _original(name, names)]


def _original(name: str, names: Container[str]) -> bool:
    match = _COPY.fullmatch(name)
    while match:  # a copy of a copy may be all that is left of a name between
        original = match["first"] or match["second"]
        if original in names:
            return True
        match = _COPY.fullmatch(original)
    return False
