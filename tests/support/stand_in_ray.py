"""A module in place of Ray's: the calls that extraction makes of it, done here and at once.

`kills` says of a function how many of its next calls find their process gone.
"""

import collections
import types


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__(str(cause))
        self.cause = cause


class RayActorError(RayError):
    pass


class WorkerCrashedError(RayError):
    pass


class Reference:
    """What a call gave, or raised."""

    def __init__(self, value=None, error=None):
        self.value, self.error = value, error


class StandIn(types.ModuleType):
    """The module."""

    def __init__(self, nodes=({"CPU": 1}, {"CPU": 1})):
        super().__init__("ray")
        self.resources = nodes
        self.kills = collections.Counter()
        self.called = collections.Counter()
        self.started = []  # how each actor was asked for
        self.at_once = 0  # the most references that were waited for
        self.is_connected = False
        lost = {name: type(name, (RayError,), {}) for name in
                ("OutOfMemoryError", "NodeDiedError", "ObjectLostError")}  # fmt: skip
        self.exceptions = types.SimpleNamespace(
            RayTaskError=RayTaskError, RayActorError=RayActorError,
            WorkerCrashedError=WorkerCrashedError, **lost,
        )  # fmt: skip
        self.util = types.SimpleNamespace(scheduling_strategies=types.SimpleNamespace(
            NodeAffinitySchedulingStrategy=lambda node, soft: (node, soft)))  # fmt: skip

    def init(self, address, **_):
        self.is_connected = True

    def shutdown(self):
        self.is_connected = False

    def nodes(self):
        return [{"Alive": True, "NodeID": str(i), "Resources": each}
                for i, each in enumerate(self.resources)]  # fmt: skip

    def put(self, value):
        return Reference(value)

    def get(self, reference):
        if reference.error is not None:
            raise reference.error
        return reference.value

    def wait(self, references, timeout=None):
        self.at_once = max(self.at_once, len(references))
        return references[-1:], references[:-1]  # the last one first: an order that none asked for

    def kill(self, actor):
        actor.is_alive = False

    def remote(self, *arguments, **options):
        if arguments:
            (each,) = arguments
            return _Actors(self, each) if isinstance(each, type) else _Task(self, each)
        return self.remote

    def call(self, function, name, error, arguments):
        """A reference to what a function gives; its process may be gone."""
        self.called[name] += 1
        if self.kills[name]:
            self.kills[name] -= 1
            return Reference(error=error("gone"))
        try:
            return Reference(function(*[self.get(each) if isinstance(each, Reference) else each
                                        for each in arguments]))  # fmt: skip
        except RayError as reason:
            return Reference(error=reason)
        except Exception as reason:
            return Reference(error=RayTaskError(reason))


class _Task:
    def __init__(self, ray, function, returns=1):
        self.ray, self.function, self.returns = ray, function, returns

    def options(self, num_returns):
        return _Task(self.ray, self.function, num_returns)

    def remote(self, *arguments):
        name = self.function.__name__
        found = self.ray.call(self.function, name, WorkerCrashedError, arguments)
        if self.returns == 1:
            return found
        return [Reference(None if found.error else found.value[i], found.error)
                for i in range(self.returns)]  # fmt: skip


class _Actors:
    def __init__(self, ray, kind):
        self.ray, self.kind = ray, kind

    def options(self, **options):
        self.ray.started.append(options)
        return self

    def remote(self):
        return _Actor(self.ray, self.kind())


class _Actor:
    def __init__(self, ray, held):
        self.ray, self.held, self.is_alive = ray, held, True

    def __getattr__(self, name):
        def remote(*arguments):
            if not self.is_alive:
                return Reference(error=RayActorError("gone"))
            found = self.ray.call(getattr(self.held, name), f"Encoders.{name}", RayActorError,
                                  arguments)  # fmt: skip
            self.is_alive = self.is_alive and not isinstance(found.error, RayActorError)
            return found

        return types.SimpleNamespace(remote=remote)
