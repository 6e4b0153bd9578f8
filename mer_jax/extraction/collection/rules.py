"""What decides which pieces of a video become clips: the paper's rules, each here once."""

from __future__ import annotations

import dataclasses
from typing import Any

from mer_jax.errors import InputError

AUTO, SUBTITLES, VOICE = "auto", "subtitles", "voice"  # by what a video is cut
CUTS = (AUTO, SUBTITLES, VOICE)
ONE, ANY = "one", "any"  # how many persons a kept piece may show
PERSONS = (ONE, ANY)


@dataclasses.dataclass(frozen=True)
class Rules:
    """The paper's rules; what it leaves open is said beside each."""

    cut: str = AUTO  # by subtitles where a video has some, else by voice, as the paper does
    shortest: float = 2.0  # seconds: "keep the video length between 2~16 seconds"
    longest: float = 16.0
    # The paper merges consecutive pieces "if they are likely to be of the same speaker". It gives
    # no number: by default each embedder's own similarity.
    similarity: float | None = None
    # Nor does it bound the pause between merged pieces, or the length of what becomes of them.
    # Here a merged piece is never longer than `longest`, or a monologue would be lost whole.
    pause: float = 1.0  # seconds
    persons: str = ONE
    face_share: float = 0.5  # "most frames contain only one face": more than this share of images
    # "to ensure these faces belong to the same person": a few may be seen badly, from the side.
    person_share: float = 0.8
    images: float = 5.0  # a second, in which faces are looked for; the paper looks at all

    def manifest(self) -> dict[str, Any]:
        """What decides the pieces: JSON."""
        return dataclasses.asdict(self)


def of_seconds(text: str) -> tuple[float, float]:
    """The shortest and the longest piece of `--seconds=2:16`."""
    try:
        shortest, longest = (float(part) for part in text.split(":"))
        if not 0 < shortest < longest < float("inf"):
            raise ValueError
    except ValueError:
        raise InputError(
            f"--seconds={text}: not the lengths of the shortest and the longest piece, as 2:16"
        ) from None
    return shortest, longest


@dataclasses.dataclass(frozen=True)
class VoiceRules:
    """When speech begins and ends: the defaults of Silero's own program."""

    speech: float = 0.5  # probability from which a window begins speech
    silence: float = 0.35  # probability below which one may end it
    least_speech: float = 0.25  # seconds; what is shorter is no speech
    least_silence: float = 0.1  # seconds; what is shorter ends no speech
    pad: float = 0.03  # seconds, on either side of speech
