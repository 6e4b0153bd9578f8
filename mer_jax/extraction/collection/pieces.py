"""Pieces of a video: what is said from when to when, neighbours of one speaker merged."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from mer_jax.extraction.collection.rules import Rules

TOO_SHORT, TOO_LONG = "too short", "too long"


@dataclasses.dataclass(frozen=True)
class Piece:
    """A piece of a video."""

    start: float  # seconds from the file's beginning
    end: float
    text: str = ""  # of the subtitles
    speaker: str = ""  # as the subtitles name them, or a number of the video's; empty: unknown
    merged: int = 1  # of how many pieces it was made

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


def merge(
    pieces: Sequence[Piece], alike: Callable[[int, int], bool], rules: Rules
) -> tuple[list[Piece], list[list[int]]]:
    """Merges each piece with the one before it where both are of one speaker.

    Names of the subtitles decide where both pieces have one; `alike` is asked with the numbers of
    two pieces otherwise. Neither a longer pause than the rules allow is bridged, nor a piece made
    that is longer than the longest.

    Gives the pieces, and of each the numbers of those that it was made of.
    """
    found: list[Piece] = []
    members: list[list[int]] = []
    for number, piece in enumerate(pieces):
        last = found[-1] if found else None
        if (
            last is not None
            and piece.start - last.end <= rules.pause
            and max(last.end, piece.end) - last.start <= rules.longest
            and _same(pieces, members[-1][-1], number, alike)
        ):
            found[-1] = Piece(
                last.start,
                max(last.end, piece.end),
                " ".join(text for text in (last.text, piece.text) if text),
                last.speaker or piece.speaker,
                last.merged + 1,
            )
            members[-1].append(number)
        else:
            found.append(piece)
            members.append([number])
    return found, members


def _same(pieces: Sequence[Piece], one: int, other: int, alike: Callable[[int, int], bool]) -> bool:
    named = pieces[one].speaker, pieces[other].speaker
    return named[0] == named[1] if all(named) else alike(one, other)


def length_fault(piece: Piece, rules: Rules) -> str:
    """Why a piece is dropped for its length; empty where it is not."""
    # Times of subtitles are whole milliseconds; their difference is not.
    seconds = round(piece.seconds, 6)
    if seconds < rules.shortest:
        return f"{TOO_SHORT}: {seconds:.2f} s"
    if seconds > rules.longest:
        return f"{TOO_LONG}: {seconds:.2f} s"
    return ""
