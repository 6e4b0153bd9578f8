"""The targets of a table: which of its columns of numbers a config names, and which there are."""

import pathlib

from mer_jax.corpora import AUTO
from mer_jax.data import label_csv
from mer_jax.data.labels import check_name
from mer_jax.errors import InputError
from mer_jax.task import VALENCE


def found(path: pathlib.Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of clips.csv that `config.data.targets` names; AUTO: all that hold numbers.

    None where it names the valence alone: that is predicted without being named. Raises InputError
    for a name that is no column's, and where AUTO finds none.
    """
    if wanted == (AUTO,):
        wanted = tuple(label_csv.number_columns(path))
        if not wanted:
            raise InputError(
                f"{path}: config.data.targets={AUTO!r}: no column holds numbers to predict; name "
                "the columns, or leave it out"
            )
        for name in wanted:
            check_name(name, str(path), what="target")
    elif wanted:
        headings = label_csv.headings(path)
        absent = [name for name in wanted if name.lower() not in headings]
        if absent:
            there = ", ".join(label_csv.number_columns(path)) or "none"
            raise InputError(
                f"{path}: no column {absent[0]!r}, which config.data.targets names; columns of "
                f"numbers: {there}"
            )
    return () if wanted == (VALENCE,) else wanted


def hint(path: pathlib.Path) -> str:
    """What a sentence adds where the file has numbers that nobody asked for; "" where none."""
    there = [name for name in label_csv.number_columns(path) if name != VALENCE]
    if not there:
        return ""
    return f"; config.data.targets can name its columns of numbers: {', '.join(there)}"
