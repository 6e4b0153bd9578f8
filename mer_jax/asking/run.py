"""Asks every batch, halves those whose answers are not exactly their inputs, and records all."""

import dataclasses
import datetime
import hashlib
import json
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mer_jax.asking import client as client_lib
from mer_jax.asking import journal as journal_lib
from mer_jax.asking import prompts
from mer_jax.asking.client import Client, Reply
from mer_jax.asking.inputs import Input
from mer_jax.asking.journal import FAILED, OK, REFUSED, UNREADABLE, Journal
from mer_jax.asking.prompts import Prompt


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of every input."""

    prompt: Prompt
    model: str
    parameters: Mapping[str, Any]  # temperature, seed, max_tokens
    candidates: tuple[str, ...] = ()
    frames: int = 3
    max_side: int = 0

    @property
    def settings(self) -> str:
        """What answers of one system have in common."""
        return journal_lib.settings_of(self.model, self.prompt.id, self.parameters)

    def messages(self, inputs: Sequence[Input]) -> list[dict[str, Any]]:
        """The messages of one request."""
        return prompts.messages(self.prompt, inputs, self.candidates, self.frames, self.max_side)

    def identity(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The SHA-256 of model, parameters and messages."""
        content = [self.model, self.parameters, messages]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


class _Batch(NamedTuple):
    """Inputs of one request."""

    inputs: tuple[Input, ...]
    again: bool = False  # its larger batch was refused: a refusal now is final

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.inputs)

    def halves(self) -> list["_Batch"]:
        middle = (len(self.inputs) + 1) // 2
        return [_Batch(self.inputs[:middle]), _Batch(self.inputs[middle:])]

    def singles(self) -> list["_Batch"]:
        return [_Batch((each,), again=True) for each in self.inputs]


@dataclasses.dataclass
class Outcome:
    """How many inputs ended how, and what it took."""

    counts: Counter = dataclasses.field(default_factory=Counter)  # of inputs, by status
    sent: int = 0  # requests of this process
    tokens: Counter = dataclasses.field(default_factory=Counter)
    errors: list[str] = dataclasses.field(default_factory=list)  # of inputs without an answer

    @property
    def all_failed(self) -> bool:
        """Whether there were inputs and the server answered none of them."""
        return bool(self.counts) and set(self.counts) == {FAILED}


class Asker:
    """One run over a record: requests that it holds are not sent again."""

    def __init__(
        self, question: Question, client: Client, journal: Journal, *, parallel: int, retry: bool
    ):
        self._question, self._client, self._journal = question, client, journal
        self._parallel, self._retry = parallel, retry
        self._todo: deque[_Batch] = deque()
        self._waiting: dict[str, list[_Batch]] = {}  # in flight: equal requests are sent once
        self._asked_now: set[str] = set()
        self._inbox: queue.SimpleQueue = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue = queue.SimpleQueue()
        self.outcome = Outcome()

    def run(self, inputs: Sequence[Input], batch: int, tick: Callable[[int], None]) -> Outcome:
        """Asks all inputs, at most `batch` in a request; `tick` takes how many are settled."""
        self._todo.extend(
            _Batch(tuple(inputs[i : i + batch])) for i in range(0, len(inputs), batch)
        )
        for _ in range(self._parallel):  # daemons: a process that ends waits for none of them
            threading.Thread(target=self._work, daemon=True).start()
        try:
            while self._todo or self._waiting:
                while self._todo and len(self._waiting) < self._parallel:
                    self._begin(self._todo.popleft(), tick)
                if self._waiting:
                    self._end(*self._outbox.get(), tick)
        finally:
            for _ in range(self._parallel):
                self._inbox.put(None)
        return self.outcome

    def _work(self) -> None:
        while (task := self._inbox.get()) is not None:
            request, messages, again = task
            parameters = {"model": self._question.model, **self._question.parameters}
            try:
                reply = self._client.ask(messages, parameters)
                if again and reply.status == client_lib.REFUSED:
                    second = self._client.ask(messages, parameters)
                    reply = second._replace(attempts=reply.attempts + second.attempts)
                self._outbox.put((request, reply))
            except BaseException as error:  # raised again by whoever waits
                self._outbox.put((request, error))

    def _begin(self, batch: _Batch, tick: Callable[[int], None]) -> None:
        messages = self._question.messages(batch.inputs)
        request = self._question.identity(messages)
        if request in self._waiting:
            self._waiting[request].append(batch)
        elif request in self._journal and not self._is_asked_anew(request):
            self._settle(batch, self._journal[request], tick)
        else:
            self._waiting[request] = [batch]
            is_single = len(batch.inputs) == 1 and not batch.again
            self._inbox.put((request, messages, is_single))

    def _is_asked_anew(self, request: str) -> bool:
        line = self._journal[request]
        is_final = line["status"] in (REFUSED, FAILED) or len(line["names"]) == 1
        return self._retry and line["status"] != OK and is_final and request not in self._asked_now

    def _end(self, request: str, reply: Reply | BaseException, tick: Callable[[int], None]) -> None:
        if isinstance(reply, BaseException):
            raise reply
        batches = self._waiting.pop(request)
        self._asked_now.add(request)
        self.outcome.sent += 1
        for kind, count in (reply.usage or {}).items():
            if isinstance(count, int) and not isinstance(count, bool):
                self.outcome.tokens[kind] += count
        line = self._line(request, batches[0], reply)
        self._journal.append(line)
        for batch in batches:
            self._settle(batch, line, tick)

    def _line(self, request: str, batch: _Batch, reply: Reply) -> dict[str, Any]:
        """The line of the record: what was asked, what came, and how it is read."""
        status, answers, error = reply.status, None, reply.error
        if status == client_lib.OK:
            read = self._question.prompt.read(
                reply.text, len(batch.inputs), self._question.candidates
            )
            answers, status, error = read.answers, OK, None
            is_torn = reply.finish_reason == "length" and not self._question.prompt.ranks
            if answers is None or is_torn:
                answers, status = None, UNREADABLE
                error = "cut off at max_tokens" if reply.finish_reason == "length" else read.reason
            if status == UNREADABLE and read.reason == "refusal":
                status = REFUSED
        return {
            "id": request,
            "names": list(batch.names),
            "status": FAILED if status == client_lib.TOO_LONG else status,
            "prompt": self._question.prompt.id,
            "model": self._question.model,
            "model_reported": reply.model,
            "parameters": dict(self._question.parameters),
            "settings": self._question.settings,
            "text": reply.text,
            "answers": answers,
            "error": error,
            "too_long": status == client_lib.TOO_LONG,
            "finish_reason": reply.finish_reason,
            "usage": reply.usage,
            "seconds": reply.seconds,
            "attempts": reply.attempts,
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }

    def _settle(self, batch: _Batch, line: Mapping[str, Any], tick: Callable[[int], None]) -> None:
        """Takes an answer, or asks the inputs in smaller batches."""
        status, size = line["status"], len(batch.inputs)
        if not self._journal.holds(line["id"], batch.names):
            # The same question about another input, whose answer a reader looks for by name.
            self._journal.append({**line, "names": list(batch.names), "copied": True})
        if size > 1 and status == REFUSED:
            self._todo.extendleft(reversed(batch.singles()))
        elif size > 1 and (status == UNREADABLE or line["too_long"]):
            self._todo.extendleft(reversed(batch.halves()))
        else:
            self.outcome.counts[status] += size
            if status != OK:
                self.outcome.errors.append(f"{batch.names[0]}: {line['error']}")
            tick(size)
