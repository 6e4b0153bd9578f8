"""What --mode=ask and --mode=group_words share: the server from flags, the run, the last lines."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from mer_jax.asking import address, journal, prompts, run
from mer_jax.asking.client import Client
from mer_jax.asking.inputs import Input
from mer_jax.asking.journal import FAILED, OK, REFUSED, UNREADABLE
from mer_jax.asking.run import Outcome, Question
from mer_jax.errors import InputError

Counter = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def client_of(flags: Mapping[str, Any]) -> Client:
    """The client of the flags, once the server has said that it has the model."""
    found = Client(
        address.read_address(flags["server"], flags["allow_remote"]),
        address.key_of(flags["api_key_env"]),
        flags["api_key_env"],
        timeout=flags["timeout"],
        attempts=flags["attempts"],
    )
    found.check_model(flags["model"])
    return found


def parameters_of(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent beside model and messages."""
    return {key: flags[key] for key in ("temperature", "seed", "max_tokens")}


def ask(
    question: Question,
    inputs: Sequence[Input],
    path: pathlib.Path,
    batch: int,
    flags: Mapping[str, Any],
    *,
    count: Counter,
) -> Outcome:
    """Asks all inputs into the record `path`; InputError where the server answered nothing."""
    client = client_of(flags)
    with journal.opened(path) as record, count("asking", len(inputs)) as tick:
        asker = run.Asker(
            question, client, record, parallel=flags["parallel"], retry=flags["retry"]
        )
        outcome = asker.run(inputs, batch, tick)
    if outcome.all_failed:
        raise InputError(
            f"{path}: all {outcome.counts[FAILED]} inputs failed: {outcome.errors[0]}; "
            "--retry asks them anew"
        )
    return outcome


def summary(outcome: Outcome) -> list[str]:
    """How the inputs ended and what it took, a sentence each."""
    of = outcome.counts
    said = [
        f"{of[OK]} answered, {of[REFUSED]} refused, {of[UNREADABLE]} unreadable, {of[FAILED]} "
        f"failed; {outcome.sent} requests sent."
    ]
    if outcome.tokens:
        tokens = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in outcome.tokens.items())
        said.append(f"Tokens: {tokens}.")
    if outcome.errors:
        said.append(f"Without an answer, the first: {outcome.errors[0]}")
        said.append("--retry asks them anew.")
    return said


def question_of(flags: Mapping[str, Any], prompt: prompts.Prompt) -> Question:
    """The question of the flags of --mode=ask."""
    candidates = tuple(
        word.strip() for word in (flags["candidates"] or "").split(",") if word.strip()
    )
    if prompt.ranks and not candidates:
        raise InputError(f"--prompt={flags['prompt']} needs --candidates=A,B,C")
    return Question(
        prompt, flags["model"], parameters_of(flags), candidates, flags["frames"], flags["max_side"]
    )
