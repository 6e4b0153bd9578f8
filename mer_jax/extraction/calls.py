"""Calls of extractors: what one gives for a clip, or why it gives nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mer_jax.extraction.record import Decoded, Made, MediaError


def ask_batch(made: Made, batch: Sequence[Decoded]) -> list[np.ndarray | MediaError]:
    """What an extractor gives for each clip; where a batch fails, each clip is asked for alone."""
    try:
        return list(made.extract(batch))
    except Exception as error:
        if len(batch) == 1:
            return [media_error(error)]
    return [ask_one(made, decoded) for decoded in batch]


def ask_one(made: Made, decoded: Decoded) -> np.ndarray | MediaError:
    """What an extractor gives for a clip, or why it gives nothing."""
    (answer,) = ask_batch(made, [decoded])
    return answer


def media_error(error: Exception) -> MediaError:
    """The sentence for the list of failures; libraries raise what they like about a bad clip."""
    if isinstance(error, MediaError):
        return error
    reason = " ".join(str(error).split())
    return MediaError(f"{type(error).__name__}: {reason}")
