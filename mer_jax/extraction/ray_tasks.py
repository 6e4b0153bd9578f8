"""What runs on the machines of a Ray cluster: decoding, and encoders that stay in memory."""

from __future__ import annotations

import dataclasses
import platform
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax import compilations, environment
from mer_jax.extraction import calls, work
from mer_jax.extraction.record import Clip, Decoded, Follow, Made
from mer_jax.extraction.sets import Settings, Wanted
from mer_jax.extraction.work import Answer, Heard, Seen

_KEPT: dict[tuple[str, str], Any] = {}  # of this process, by job and name: what loads slowly
_FOLLOW = ""  # its name there; the others are feature folders


@dataclasses.dataclass(frozen=True)
class Job:
    """An extraction, as every process of the cluster gets it."""

    sets: Mapping[str, Wanted]  # by feature folder
    follow: Callable[[], Follow] | None  # makes what finds faces
    token: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def settings(self) -> Settings:
        """Those of all sets."""
        return next(iter(self.sets.values())).settings

    def encoded(self) -> list[str]:
        """The sets of Encoders; those that gain by threads need no such place."""
        return [name for name, each in self.sets.items() if not each.extractor.threads]

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, once a process."""
        if (self.token, name) not in _KEPT:
            _KEPT[self.token, name] = make()
        return _KEPT[self.token, name]


class Loaded(NamedTuple):
    """What the engine has to know of an extractor that is in memory elsewhere."""

    size: int
    manifest: Mapping[str, Any]

    def extract(self, clips: Sequence[Decoded]) -> Sequence[np.ndarray]:
        """Never called: that is done where the extractor is."""
        raise NotImplementedError


class EncodersLost(BaseException):
    """The process with the encoders has ended: no clip's fault, so nothing that `calls` catches."""


class Encoders:
    """The encoders of a job in memory: an actor, on a GPU where there are some."""

    def __init__(self) -> None:
        self._made: dict[str, Made] = {}

    def load(self, job: Job) -> tuple[str, dict[str, Loaded]]:
        """Loads them; gives the machine's name and what the engine has to know of each."""
        environment.prepare()
        compilations.keep()
        self._made = {name: job.sets[name].make() for name in job.encoded()}
        return platform.node(), {name: _about(made) for name, made in self._made.items()}

    def ask(self, name: str, clips: Sequence[Clip], *audio_S: np.ndarray) -> list[Answer]:
        """The rows of each clip for a set of audio or text."""
        return _ask(self._made[name], clips, audio_S)

    def ask_images(self, name: str, decoded: Decoded) -> Answer:
        """The rows of a stretch of a clip's images."""
        return calls.ask_one(self._made[name], decoded)


@dataclasses.dataclass(frozen=True)
class _Elsewhere:
    """An extractor of images whose encoders are in another process."""

    encoders: Any  # Ray's handle
    name: str

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        import ray

        (decoded,) = clips
        try:
            answer = ray.get(self.encoders.ask_images.remote(self.name, decoded))
        except ray.exceptions.RayActorError:
            raise EncodersLost from None
        if isinstance(answer, Exception):
            raise answer
        return [answer]


def hear(job: Job, clip: Clip) -> tuple[np.ndarray | None, Heard]:
    """The samples of a clip, and apart from them what else came of decoding it."""
    heard = work.hear(clip, job.settings.change)
    return heard.audio, dataclasses.replace(heard, audio=None)


def look(job: Job, clip: Clip, names: Sequence[str], encoders: Any) -> Seen | None:
    """What came of a clip's images; None where the encoders were lost on the way."""
    sets = {}
    for name in names:
        extractor = job.sets[name].extractor
        made = _made(job, name) if extractor.threads else _Elsewhere(encoders, name)
        sets[name] = (extractor.needs, made)
    follow = None if job.follow is None else job.kept(_FOLLOW, job.follow)
    try:
        return work.look(clip, sets, follow, job.settings)
    except EncodersLost:
        return None


def ask(job: Job, name: str, clips: Sequence[Clip], *audio_S: np.ndarray) -> list[Answer]:
    """The rows of each clip for a set that gains by threads."""
    return _ask(_made(job, name), clips, audio_S)


def about(job: Job, name: str) -> Loaded:
    """What the engine has to know of a set that gains by threads."""
    return _about(_made(job, name))


def _made(job: Job, name: str) -> Made:
    return job.kept(name, job.sets[name].make)


def _about(made: Made) -> Loaded:
    return Loaded(made.size, dict(made.manifest))


def _ask(made: Made, clips: Sequence[Clip], audio_S: Sequence[np.ndarray]) -> list[Answer]:
    if not audio_S:
        return calls.ask_batch(made, [Decoded(clip) for clip in clips])
    decoded = [Decoded(clip, audio=a) for clip, a in zip(clips, audio_S, strict=True)]
    return calls.ask_batch(made, decoded)
