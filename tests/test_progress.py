"""The display of long work: what it counts, and how it looks on a terminal and elsewhere."""

import contextlib
import dataclasses
import io
import logging
import os
import re
import sys

import numpy as np
import pytest

from mer_jax import progress
from mer_jax.training.grid import Snapshot
from mer_jax.training.plan import Chunk, Run
from tests.support.runs import static_of

EPOCHS = 10
CHUNKS = [
    Chunk(static_of(epochs=EPOCHS), (Run(0, 0, 0), Run(0, 0, 1)), 2),
    Chunk(static_of(epochs=EPOCHS), (Run(0, 0, 2), Run(1, 0, 0)), 2),
    Chunk(static_of(epochs=EPOCHS), (Run(1, 0, 1),), 2),
]


@pytest.fixture
def clock(monkeypatch):
    """The time that the display sees: a list whose last number it is."""
    times = [1000.0]
    monkeypatch.setattr(progress, "_clock", lambda: times[-1])
    return times


def snapshot(number, before, epoch, *scores):
    chunk = CHUNKS[number]
    scores = np.array(scores or [np.nan] * len(chunk.runs), np.float32)
    return Snapshot(number, chunk, before, epoch, scores, {})


@contextlib.contextmanager
def rows_of(share=CHUNKS):
    """A training that is displayed: its observer, and a function that gives the rows as shown."""
    shown = []

    @contextlib.contextmanager
    def view(rows):
        shown.extend(rows)
        yield lambda: None

    with progress.Display(view).grid(share, len(CHUNKS)) as see:
        yield see, lambda: [(row.what, row.done, row.total, row.words()) for row in shown]


def test_what_was_found_done_counts_but_not_for_the_speed(clock):
    with rows_of() as (see, shown):
        assert shown()[0] == ("training", 0, 50, "0/5 runs")
        see(snapshot(0, EPOCHS, EPOCHS, 0.25, 0.75))  # finished by an earlier process
        see(snapshot(1, 4, 4, 0.5, 0.1))  # its next chunk was saved after four epochs
        assert shown()[0] == ("training", 28, 50, "2/5 runs, best com 0.500")
        clock.append(1002.0)
        see(snapshot(1, 4, 7, 0.5, 0.1))
        # Six run-epochs in two seconds; 16 are left. The best trial is that of the best mean.
        words = "2/5 runs, 3 run-epochs/s, 0:00:05 left, best com 0.500"
        assert shown() == [
            ("training", 34, 50, words),
            ("chunk 2/3", 7, EPOCHS, "epoch 7/10 of 2 runs"),
        ]
        clock.append(1004.5)
        assert "0:00:03 left" in shown()[0][3], "it runs down between two segments"
        see(snapshot(1, 7, EPOCHS, 0.5, 0.9))
        assert shown()[0][1] == 40
        assert "4/5 runs" in shown()[0][3]
        assert "best com 0.900" in shown()[0][3]
        see(snapshot(2, 0, 0))
        see(snapshot(2, 0, EPOCHS, 0.2))
        assert shown()[0][3].startswith("5/5 runs")
        assert "0:00:00 left" in shown()[0][3]
        assert "best com 0.550" in shown()[0][3], "the second fold of a trial joins its mean"


def test_a_process_of_several_shows_its_own_share(clock):
    with rows_of(CHUNKS[::2]) as (see, shown):
        see(snapshot(2, EPOCHS, EPOCHS))
        assert shown()[0] == ("this process", 10, 30, "1/3 runs")
        assert shown()[1][0] == "chunk 3/3"


def test_a_lower_metric_can_be_the_better_one(clock):
    task = dataclasses.replace(CHUNKS[0].static.task, classes=())
    assert task.selection == "dim"
    runs = (Run(0, 0, 0), Run(1, 0, 0))
    chunk = Chunk(static_of(task=task, epochs=EPOCHS), runs, 2)
    with rows_of([chunk]) as (see, shown):
        see(Snapshot(0, chunk, 0, EPOCHS, np.array([1.5, 0.5], np.float32), {}))
        assert "best dim 0.500" in shown()[0][3]


def test_elsewhere_a_line_comes_every_few_seconds(clock, caplog, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")  # build servers set it: no terminal all the same
    caplog.set_level(logging.INFO, "mer_jax")
    shown = progress.display(silent=False)
    with shown.count("predicting train", 300) as tell:
        tell(100)
        assert caplog.messages == [], "what is over soon says nothing"
        clock.append(clock[-1] + progress.LINE_SECONDS)
        tell(100)
        tell(50)
        assert caplog.messages == ["predicting train: 200/300 clips, 40 clips/s, 0:00:02 left"]
        clock.append(clock[-1] + progress.LINE_SECONDS)
        tell(50)
    assert caplog.messages[1:] == ["predicting train: 300/300 clips, 30 clips/s, 0:00:00 left"]
    with shown.grid(CHUNKS, len(CHUNKS)) as see:
        see(snapshot(0, 0, 0))
        clock.append(clock[-1] + progress.LINE_SECONDS)
        see(snapshot(0, 0, 5, 0.5, 0.5))
    assert caplog.messages[2:] == [
        "training: 0/5 runs, 2 run-epochs/s, 0:00:20 left, best com 0.500; "
        "chunk 1/3: epoch 5/10 of 2 runs"
    ]
    assert sys.stderr.getvalue() == ""


def test_silence_is_silent(clock, caplog):
    caplog.set_level(logging.INFO, "mer_jax")
    with progress.display(silent=True).count("predicting train", 300) as tell:
        clock.append(clock[-1] + 10 * progress.LINE_SECONDS)
        tell(300)
    assert caplog.messages == []


@pytest.fixture
def terminal(monkeypatch):
    """Makes standard error a terminal of 80 columns; gives a function for what came to it.

    It does so when it is called: at the end of a fixture pytest takes standard error back.
    """
    with contextlib.ExitStack() as after:

        def make():
            monkeypatch.setenv("TERM", "xterm")
            monkeypatch.setenv("COLUMNS", "80")
            reader, writer = os.openpty()
            os.set_blocking(reader, False)
            monkeypatch.setattr(sys, "stderr", after.enter_context(open(writer, "w")))
            after.callback(os.close, reader)
            received = []

            def text():
                with contextlib.suppress(BlockingIOError):
                    while part := os.read(reader, 1 << 16):
                        received.append(part)
                return b"".join(received).decode()

            return text

        yield make
        monkeypatch.undo()


def test_on_a_terminal_lines_of_the_log_stand_above_the_bars(clock, terminal):
    text = terminal()
    with progress.display(silent=False).grid(CHUNKS, len(CHUNKS)) as see:
        clock.append(1002.0)
        see(snapshot(0, 0, 5, 0.25, 0.75))
        print("something went wrong", file=sys.stderr)
    shown = text()
    # Both bars are erased before the line and drawn again below it.
    assert re.search(r"\x1b\[2K\x1b\[1A\x1b\[2Ksomething went wrong\s*\r\ntraining ", shown)
    assert re.search(r"training .*0/5 runs, 5 run-epochs/s, 0:00:08 left, best com 0.500", shown)
    assert re.search(r"\nchunk 1/3 .* epoch 5/10 of 2 runs", shown)
    assert shown.endswith("\x1b[2K"), "in the end nothing of the bars is left"


def test_markup_in_a_name_is_text(clock, terminal):
    text = terminal()
    with progress.display(silent=False).count("building [bold]_UTT", 10) as tell:
        tell(1)
    assert "building [bold]_UTT" in text()
