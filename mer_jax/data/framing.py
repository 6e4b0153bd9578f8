"""Frames as a model takes them: compressed over time, aligned to the text, padded in front or not.

The steps are MERBench's (toolkit/dataloader of its release): every modality is compressed to
ceil(T / scale) frames; where aligned, audio and video are resampled to the clip's own text length.
"""

from typing import NamedTuple

import numpy as np

from mer_jax.data.rows import Frames, Rows
from mer_jax.errors import InputError

TEXT = "text"  # what the others are aligned to
AUTO, ALIGNED, UNALIGNED = "auto", "text", "none"  # what config.frames.align takes
ALIGNMENTS = (AUTO, ALIGNED, UNALIGNED)
MASK, RELEASE = "mask", "release"  # what config.frames.padding takes
PADDINGS = (MASK, RELEASE)


class Framing(NamedTuple):
    """How the frames of clips become those that a model takes."""

    aligned: bool = False
    scale: int = 1  # frames that become one
    # MASK: padding stands behind and counts nowhere. RELEASE: zeros in front that count as frames,
    # up to the longest clip of the split.
    padding: str = MASK

    @property
    def pads_with_data(self) -> bool:
        """Whether models take padding for frames."""
        return self.padding == RELEASE


def framed(features: dict[str, Rows], framing: Framing | None) -> dict[str, Rows]:
    """The features of a split, each modality's frames as `framing` has them.

    Vectors, and all features where it is None, stay as they are. Raises InputError where clips are
    to be aligned to a text that is not there.
    """
    if framing is None or framing == Framing():
        return features
    frames = {m: x for m, x in features.items() if isinstance(x, Frames)}
    diluted = framing.pads_with_data
    if framing.scale > 1:
        frames = {
            m: resampled(x, -(-x.length // framing.scale), diluted).shortened(diluted)
            for m, x in frames.items()
        }
    if framing.aligned:
        if TEXT not in frames:
            raise InputError(
                "config.frames.align: frames are aligned to those of the text, and there is no text"
            )
        of_text = frames[TEXT].length
        frames = {m: x if m == TEXT else resampled(x, of_text, diluted) for m, x in frames.items()}
    if diluted:
        frames = {m: x.in_front(x.shape[1]) for m, x in frames.items()}
    return features | frames


def resampled(x: Frames, length: np.ndarray, diluted: bool) -> Frames:
    """Clips with so many frames each: groups averaged, or blanks put in front.

    T frames become n in groups of ceil(T / n), the last group whole. Frames that the first groups
    lack are left out of their means, or are zeros in them where `diluted`, as the release has it.
    """
    clips, blank = [], np.zeros(len(x), np.int64)
    for row, wanted in enumerate(length.tolist()):
        clip, blank[row] = _resampled(x.clip(row), wanted, diluted)
        clips.append(clip)
    frames = Frames.of_clips(clips)
    return Frames(frames.values, frames.start, frames.length, blank)


def _resampled(clip_TxD: np.ndarray, wanted: int, diluted: bool) -> tuple[np.ndarray, int]:
    """The groups of a clip that hold frames, and how many blanks stand before them."""
    count = len(clip_TxD)
    if count <= wanted:
        return clip_TxD, wanted - count
    size = -(-count // wanted)
    blank, lacking = divmod(wanted * size - count, size)
    starts = np.arange(-lacking, count, size).clip(0)
    held = np.diff(starts, append=count)[:, None]
    sums = np.add.reduceat(clip_TxD, starts, axis=0, dtype=np.float64)
    return (sums / (size if diluted else held)).astype(np.float32), blank
