"""Measured chunk widths: the runs side by side that train a group of the grid fastest here."""

import logging
import math
from collections.abc import Sequence
from time import perf_counter as _clock

from mer_jax.training import grid
from mer_jax.training.feed import Feed
from mer_jax.training.plan import Chunk, Groups, Plan, Run, cut
from mer_jax.training.program import Static

LOG = logging.getLogger("mer_jax")
_TRIED = (1, 2, 5, 15)  # and what the rule would take
_EPOCHS = 2  # timed, each by itself: the faster one was disturbed less


def widths(plan: Plan, groups: Groups, ruled: Sequence[int]) -> list[int]:
    """The fastest width of each group, among a few and the rule's, which `ruled` gives.

    Machines and moments differ in it: who repeats or resumes a grid takes what was recorded.
    """
    feed = Feed(plan)
    return [
        _fastest(plan, feed, static, runs, rule)
        for (static, runs), rule in zip(groups.items(), ruled, strict=True)
    ]


def _fastest(plan: Plan, feed: Feed, static: Static, runs: list[Run], rule: int) -> int:
    seconds = {}
    for width in sorted({rule, *(width for width in _TRIED if width <= len(runs))}):
        first = cut({static: runs}, [width], plan.devices)[0]
        # The last chunk's surplus takes its time too.
        chunks = math.ceil(len(runs) / width)
        seconds[width] = seconds_of_epoch(plan, feed, first) * chunks / len(runs)
    fastest = min(seconds, key=seconds.get)
    LOG.info(
        "%s: seconds of a run-epoch by chunk width: %s; using %d",
        " ".join([static.fusion, *(f"{key}={value}" for key, value in static.settings)]),
        ", ".join(f"{width}: {value:.3g}" for width, value in seconds.items()),
        fastest,
    )
    return fastest


def seconds_of_epoch(plan: Plan, feed: Feed, chunk: Chunk) -> float:
    """What an epoch of a chunk takes once it is compiled."""
    advance, state = grid.start(plan, feed, chunk)
    state = advance(state, 0, 1)
    seconds = []
    for _ in range(_EPOCHS):
        begun = _clock()
        state = advance(state, 0, 1)
        seconds.append(_clock() - begun)
    return min(seconds)
