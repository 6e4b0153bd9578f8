"""SIGTERM is heard, and what stood before comes back."""

import os
import signal
import threading

from mer_jax import termination


def test_the_signal_is_heard_and_ends_nothing():
    before = signal.getsignal(signal.SIGTERM)
    with termination.asked_for() as ending:
        assert not ending()
        os.kill(os.getpid(), signal.SIGTERM)
        assert ending()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_thread_can_train_too():
    heard = []

    def body():
        with termination.asked_for() as ending:
            heard.append(ending())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert heard == [False]
