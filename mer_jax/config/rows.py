"""The rows of a table of runs: the feature sets of each, and what a user's folder calls them."""

import difflib
from collections.abc import Collection, Mapping
from typing import NamedTuple

from mer_jax import published
from mer_jax.data.labels import check_name
from mer_jax.errors import InputError, first_few
from mer_jax.task import MODALITIES


class Row(NamedTuple):
    """One row: the feature set of each modality, by the paper's name or a folder's."""

    features: tuple[tuple[str, str], ...]  # (modality, feature set), in the order of MODALITIES

    @property
    def label(self) -> str:
        """As a table shows it: `HuBERT-large + MacBERT-large`."""
        return " + ".join(name for _, name in self.features)

    @property
    def folder(self) -> str:
        """The row's workdir in the table's: `HuBERT-large+MacBERT-large`."""
        return "+".join(name for _, name in self.features).replace(" ", "_")


def parse(text: str, where: str) -> Row:
    """A row out of "audio HuBERT-large, text MacBERT-large".

    Raises InputError for anything else, and for a set of the paper's under another modality.
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        modality, _, name = part.strip().partition(" ")
        name = name.strip()
        if modality not in MODALITIES or modality in found or not name:
            raise InputError(
                f'{where}: {text!r} is not a row such as "audio HuBERT-large, text MacBERT-large"; '
                f"modalities, each once: {', '.join(MODALITIES)}"
            )
        check_name(name, where, what="feature set")
        known = published.FEATURE_SETS.get(name)
        if known is not None and known.modality != modality:
            raise InputError(f"{where}: {name} is a set of {known.modality}, not of {modality}")
        found[modality] = name
    return Row(tuple((m, found[m]) for m in MODALITIES if m in found))


def parse_aliases(text: str, where: str) -> dict[str, str]:
    """The user's folder for each of the paper's names in "HuBERT-large=my_hubert, ..."."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, folder = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise InputError(f'{where}: {part!r} is not an alias such as "HuBERT-large=my_hubert"')
        if name not in published.FEATURE_SETS:
            near = difflib.get_close_matches(name, published.FEATURE_SETS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"as {first_few(published.FEATURE_SETS)}"
            raise InputError(f"{where}: {name!r} is not one of the paper's names; {hint}")
        if name in found:
            raise InputError(f"{where}: lists {name} twice")
        check_name(folder, where, what="feature set")
        found[name] = folder
    return found


def folders(name: str, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """What a row's feature set may be called under features/: the first that is there is taken."""
    if name in aliases:
        return (aliases[name],)
    known = published.FEATURE_SETS.get(name)
    return (*known.folders, name) if known else (name,)


def resolve(
    row: Row, aliases: Mapping[str, str], present: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """The folder of each modality's set among those present, and the folders that are missing."""
    found, missing = {}, []
    for modality, name in row.features:
        candidates = folders(name, aliases)
        folder = next((each for each in candidates if each in present), None)
        if folder is None:
            missing.append(candidates[0])
        else:
            found[modality] = folder
    return found, missing
