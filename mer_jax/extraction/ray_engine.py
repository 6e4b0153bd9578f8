"""The work of an extraction on a Ray cluster: tasks decode, actors encode, one process writes."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mer_jax.errors import InputError, counted, first_few
from mer_jax.extraction import ray_connection as connection
from mer_jax.extraction import ray_tasks, work
from mer_jax.extraction.plan import Task
from mer_jax.extraction.ray_tasks import Job, Loaded
from mer_jax.extraction.record import AUDIO, Clip, Follow, Made, MediaError
from mer_jax.extraction.sets import Wanted
from mer_jax.extraction.work import Answer, Batch, Heard, Look, Seen
from mer_jax.extraction.writer import differences

LOG = logging.getLogger("mer_jax")
_PATIENCE_SECONDS = 60.0  # for encoders to load, before a warning
_TRIES = 4  # of a piece of work whose workers end
_AHEAD = 2  # pieces for each processor or place of encoders that are asked for at a time


@dataclasses.dataclass
class _Piece:
    """A piece of work on the cluster."""

    work: Batch | Look
    encoders: Any = None  # Ray's handle of those that it needs
    tries: int = 0


class Cluster:
    """The Workers of a Ray cluster.

    Tasks on its processors decode, find faces, and run openSMILE; the other extractors are in
    memory once for each GPU, or where the cluster has none once for each machine. What a process
    or a machine that ends was about to give is asked for again. All machines see the clips and the
    weights under the same paths, and only this process writes.
    """

    def __init__(self, address: str):
        """`address` is HOST:PORT of the cluster's head, or auto. Nothing is connected to yet."""
        self._address = address
        self._ray: Any = None
        self._job: Any = None
        self._sets: Mapping[str, Wanted] = {}
        self._known: dict[str, Loaded] = {}  # what all encoders have to be
        self._load: Counter = Counter()  # pieces that each place of encoders works on
        self._nodes: dict[Any, str | None] = {}  # the machine of each; None: a GPU's
        self._joining: dict[Any, Any] = {}  # encoders that load, by what they will give
        self._fallen = 0  # in a row while they loaded
        self._most = 0  # pieces at a time

    def load(
        self, sets: Mapping[str, Wanted], follow: Callable[[], Follow] | None
    ) -> Iterator[tuple[str, Made]]:
        """Connects, and loads the extractors; goes on when one place of encoders has them."""
        ray = self._ray = connection.connected(self._address)
        self._sets = sets
        job = Job({name: _absolute(each) for name, each in sets.items()}, follow)
        self._job = ray.put(job)
        again = ray.remote(num_cpus=1, max_retries=_TRIES - 1)
        self._hear = again(ray_tasks.hear).options(num_returns=2)
        self._look, self._ask = again(ray_tasks.look), again(ray_tasks.ask)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        processors = int(sum(node["Resources"].get("CPU", 0) for node in nodes))
        gpus = int(sum(node["Resources"].get("GPU", 0) for node in nodes))
        LOG.info("Ray cluster at %s: %s, %s, %s", self._address, counted(len(nodes), "machine"),
                 counted(processors, "processor"), counted(gpus, "GPU"))  # fmt: skip
        if not processors:
            raise InputError(f"--address={self._address}: no machine of the cluster has processors")
        places = [None] * gpus or [node["NodeID"] for node in nodes]
        self._most = _AHEAD * (processors + len(places))
        if job.encoded():
            for node in places:
                self._start(node)
            while not self._load:
                for done in self._ended([*self._joining]):
                    self._join(done)
        apart = {name: again(ray_tasks.about).remote(self._job, name)
                 for name in sets if name not in self._known}  # fmt: skip
        for name in sets:
            yield name, self._known.get(name) or connection.got(self._ray, apart[name])

    def hear(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Heard]]:
        """Each task with a reference to its audio, in order; so many are decoded ahead."""
        waiting: deque[tuple[Task, Any]] = deque()
        left = iter(tasks)
        while True:
            while len(waiting) < self._most and (task := next(left, None)) is not None:
                needed = work.needs_audio(task, self._sets)
                waiting.append((task, self._hear.remote(self._job, _there(task.clip)))
                               if needed else (task, None))  # fmt: skip
            if not waiting:
                return
            task, references = waiting.popleft()
            if references is None:
                yield task, Heard()
                continue
            samples, heard = references
            try:
                found = connection.got(self._ray, heard)
            except connection.lost(self._ray):
                found = Heard(error=_crashed("decoded its audio"))
            audio = samples if found.error is None else None
            yield task, dataclasses.replace(found, audio=audio)

    def ask(
        self, pieces: Iterable[Batch | Look]
    ) -> Iterator[tuple[Batch, Sequence[Answer]] | tuple[Look, Seen]]:
        """The answers as they come; pieces are taken while there is room on the cluster."""
        flying: dict[Any, _Piece] = {}
        again: deque[_Piece] = deque()  # whose workers ended
        left = iter(pieces)
        while True:
            while (self._load or not self._known) and len(flying) < self._most:
                piece = again.popleft() if again else next(map(_Piece, left), None)
                if piece is None:
                    break
                flying[self._submitted(piece)] = piece
            if not flying and not again:
                return
            for done in self._ended([*flying, *self._joining]):
                if done in self._joining:
                    self._join(done)
                    continue
                piece = flying.pop(done)
                answers = self._answers(piece, done)
                if answers is None:
                    again.append(piece)
                else:
                    yield piece.work, answers

    def close(self) -> None:
        """Leaves the cluster, which ends what runs there for this process."""
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None

    def _ended(self, references: Sequence[Any]) -> list[Any]:
        """Waits until something of these has ended, and says for what it waits long."""
        while True:
            done, _ = self._ray.wait(references, timeout=_PATIENCE_SECONDS)
            if done:
                return done
            if self._joining and not self._load:
                LOG.warning("--engine=ray: still waiting for encoders to load; `ray status` says "
                            "whether the cluster has room for them")  # fmt: skip

    def _submitted(self, piece: _Piece) -> Any:
        """Ray's reference to what the piece will give; it goes where least is to do."""
        piece.tries += 1
        each = piece.work
        names = each.names if isinstance(each, Look) else [each.name]
        if any(name in self._known for name in names):
            piece.encoders = min(self._load, key=self._load.__getitem__)
            self._load[piece.encoders] += 1
        if isinstance(each, Look):
            clip = _there(each.task.clip)
            return self._look.remote(self._job, clip, list(each.names), piece.encoders)
        clips = [_there(task.clip) for task, _ in each.members]
        needs_audio = self._sets[each.name].extractor.needs == AUDIO
        audio = [heard.audio for _, heard in each.members] if needs_audio else []
        if piece.encoders is None:
            return self._ask.remote(self._job, each.name, clips, *audio)
        return piece.encoders.ask.remote(each.name, clips, *audio)

    def _answers(self, piece: _Piece, done: Any) -> Any:
        """What a piece of work gave; None where it is to be asked for again."""
        encoders, piece.encoders = piece.encoders, None
        if encoders in self._load:
            self._load[encoders] -= 1
        found, are_gone = None, isinstance(piece.work, Look)
        try:
            found = connection.got(self._ray, done)
        except connection.lost(self._ray) as error:
            if encoders is None or isinstance(piece.work, Look):
                return _given_up(piece.work)
            are_gone = isinstance(error, self._ray.exceptions.RayActorError)
        if found is None:
            if are_gone and encoders in self._load:
                self._replace(encoders)
            if piece.tries == _TRIES:
                raise InputError(
                    f"--engine=ray: encoders ended {_TRIES} times at work on "
                    f"{first_few(_names(piece.work))}; the cluster's logs say why, and the same "
                    "command resumes the extraction"
                )
        return found

    def _start(self, node: str | None) -> None:
        """Has encoders loaded: on a GPU, or on that machine, or on any if that is gone."""
        ray = self._ray
        where: dict[str, Any] = {"num_gpus": 1}
        if node is not None:
            affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
            where = {"scheduling_strategy": affinity(node, soft=True)}
        encoders = ray.remote(ray_tasks.Encoders).options(num_cpus=0, **where).remote()
        self._nodes[encoders] = node
        self._joining[encoders.load.remote(self._job)] = encoders

    def _join(self, done: Any) -> None:
        """Takes encoders that are loaded into service; InputError where they differ from others."""
        encoders = self._joining.pop(done)
        try:
            machine, known = connection.got(self._ray, done)
        except connection.lost(self._ray):
            self._fallen += 1
            if self._fallen < _TRIES:
                self._replace(encoders)
            elif self._load or self._joining:
                self._fallen = 0
                LOG.warning("--engine=ray: encoders ended %d times while they were loaded; "
                            "it goes on without them", _TRIES)  # fmt: skip
            else:
                raise InputError(
                    f"--engine=ray: encoders ended {_TRIES} times while they were loaded; the "
                    "cluster's logs say why"
                ) from None
            return
        self._fallen = 0
        self._known = self._known or known
        for name, loaded in known.items():
            for key, said, value in differences(self._known[name].manifest, loaded.manifest):
                raise InputError(
                    f"{name}: {machine} has {key} {value!r}, and another machine of the cluster "
                    f"{said!r}; give all the same weights and packages"
                )
        self._load[encoders] = 0

    def _replace(self, encoders: Any) -> None:
        """Has others loaded in place of encoders that are gone."""
        LOG.warning("--engine=ray: a process with encoders has ended; its work is done again")
        self._load.pop(encoders, None)
        self._ray.kill(encoders)  # one that was only cut off would hold its GPU
        self._start(self._nodes.pop(encoders))


def _given_up(each: Batch | Look) -> Sequence[Answer] | Seen:
    if isinstance(each, Look):
        return Seen(error=_crashed("decoded its images"))
    return [_crashed("extracted it")] * len(each.members)


def _crashed(doing: str) -> MediaError:
    return MediaError(f"the process that {doing} ended {_TRIES} times")


def _names(each: Batch | Look) -> list[str]:
    tasks = [each.task] if isinstance(each, Look) else [task for task, _ in each.members]
    return [task.clip.name for task in tasks]


def _there(clip: Clip) -> Clip:
    """The clip as processes that work in another folder find it."""
    return clip if clip.path is None else clip._replace(path=clip.path.absolute())


def _absolute(wanted: Wanted) -> Wanted:
    models = wanted.settings.models
    settings = dataclasses.replace(wanted.settings, models=models and models.absolute())
    return dataclasses.replace(wanted, settings=settings)
