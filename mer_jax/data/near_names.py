"""Names that one place lacks and another has in a slightly other form: what the difference is."""

import pathlib
import unicodedata
from collections.abc import Iterable


def hint(lacking: Iterable[str], present: Iterable[str]) -> str:
    """The end of a message on names that are `lacking`; "" where none is `present` in other form.

    Other forms are another Unicode normalisation, which looks the same on every screen, another
    case, spaces around a name, and a media file's suffix.
    """
    lacking, present = list(lacking), sorted(present)
    for what, plain in _FORMS.items() if lacking else ():
        there = {plain(name): name for name in present}
        for name in lacking:
            twin = there.get(plain(name))
            if twin not in (None, name):
                return f"; {name!a} is there as {twin!a}, which differs in {what}"
    return ""


def _without_suffix(name: str) -> str:
    suffix = pathlib.PurePath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in _SUFFIXES else name


_SUFFIXES = (".wav", ".mp3", ".flac", ".mp4", ".avi", ".mkv", ".npy", ".jpg", ".txt")
_FORMS = {
    "Unicode form": lambda name: unicodedata.normalize("NFC", name),
    "case": str.casefold,
    "spaces around it": str.strip,
    "its suffix": _without_suffix,
}
