"""Clips that cannot be used: said all at once, and refused, dropped or filled with zeros."""

import csv
import io
import logging
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from mer_jax import files
from mer_jax.errors import InputError, counted, first_few

LOG = logging.getLogger("mer_jax")
ERROR, DROP, ZERO = "error", "drop", "zero"
BAD_POLICIES = (ERROR, DROP)  # config.data.bad: files that are no features
MISSING_POLICIES = (ERROR, DROP, ZERO)  # config.data.missing: clips that a feature set lacks
BAD, MISSING, COPY = "bad", "missing", "copy"
_SHOWN = 3
_BAD_ADVICE = "config.data.bad=drop leaves such clips out"


class BadFilesError(InputError):
    """Files of a feature set that are no features."""

    @classmethod
    def together(cls, refusals: Sequence["BadFilesError"]) -> "BadFilesError":
        """The sentences of several sets as one, the advice once."""
        advice = f"; {_BAD_ADVICE}"
        message = "; ".join(str(refusal).removesuffix(advice) for refusal in refusals)
        return cls(
            message + advice if any(str(each).endswith(advice) for each in refusals) else message
        )


class LeftOut(NamedTuple):
    """Clips of a split that a feature set gives no features for."""

    split: str
    feature_set: str
    reason: str  # BAD, MISSING or COPY
    handled: str  # DROP or ZERO
    names: tuple[str, ...]


def judge_faults(
    folder: str, faults: Mapping[str, str], clips: int, policy: str, listing: pathlib.Path | None
) -> None:
    """Refuses a feature set with faults, or says in the log that the clips are left out.

    Args:
      folder: the set's, for the message.
      faults: the sentence of each clip that cannot be used.
      clips: how many there are, those among them.
      policy: one of BAD_POLICIES.
      listing: a file for all sentences where there are more than the message shows.

    Raises:
      InputError: `policy` is ERROR and there are faults, or there is nothing else.
    """
    if not faults:
        return
    sentences = [faults[name] for name in sorted(faults)]
    message = sentences[0]
    if len(faults) > 1:
        first = (sentence.removeprefix(f"{folder}/") for sentence in sentences[:_SHOWN])
        message = "; ".join(first)
        message = f"{folder}: {len(faults)} of {clips} clips cannot be used: {message}"
    if len(faults) > _SHOWN:
        message += _listed(listing, "\n".join([*sentences, ""]))
    if policy == ERROR or len(faults) == clips:
        raise BadFilesError(message + (f"; {_BAD_ADVICE}" if len(faults) < clips else ""))
    LOG.warning("left out, by config.data.bad=drop: %s", message)


def judge_missing(
    missing: Sequence[tuple[str, Sequence[str]]],
    policy: str,
    listing: pathlib.Path | None,
    hint: str = "",
) -> None:
    """Refuses clips that feature sets lack, or says in the log what becomes of them.

    Args:
      missing: the names that are missing and where, as the message says it.
      policy: one of MISSING_POLICIES.
      listing: a CSV file for all names where there are more than the message shows.
      hint: what the message says beside, such as that names are there in another form.

    Raises:
      InputError: `policy` is ERROR and a name is missing.
    """
    if not missing:
        return
    message = "; ".join(
        f"{where}: {counted(len(names), 'name')} without a feature: {first_few(names)}"
        for where, names in missing
    )
    if any(len(names) > _SHOWN for _, names in missing):
        rows = io.StringIO()
        csv.writer(rows, lineterminator="\n").writerows(
            (where, name) for where, names in missing for name in names
        )
        message += _listed(listing, rows.getvalue())
    message += hint
    if policy == ERROR:
        raise InputError(
            f"{message}; config.data.missing=drop leaves such clips out, zero fills in zeros"
        )
    done = "left out" if policy == DROP else "zeros are filled in"
    LOG.warning("%s, by config.data.missing=%s: %s", done, policy, message)


def say_copies(copies: Collection[str], where: str) -> None:
    """Says in the log which clips are left out as copies or statistics of others."""
    if copies:
        LOG.warning(
            "%s: left out: %s without a label, by name a copy of another clip or a statistic: %s",
            where, counted(len(copies), "clip"), first_few(sorted(copies)),
        )  # fmt: skip


def _listed(listing: pathlib.Path | None, text: str) -> str:
    """`; all of them: FILE`, the file written; nothing where it cannot be."""
    if listing is None:
        return ""
    try:
        files.write_text(listing, text)
    except OSError as error:
        return f"; {listing}, for all of them, cannot be written: {error.strerror}"
    return f"; all of them: {listing}"
