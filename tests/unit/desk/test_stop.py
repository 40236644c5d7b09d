"""Ctrl-C, SIGTERM and a terminal that is closed let a thing finish what it is at."""

from __future__ import annotations

import os
import signal

import pytest

from desk.stop import StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_is_remembered_and_ends_nothing(number: signal.Signals) -> None:
    """Afterwards the signals mean what they meant before."""
    before, stop = signal.getsignal(number), StopRequest()

    with stop.listen():
        assert not stop.is_asked
        os.kill(os.getpid(), number)

    assert (True, number, before) == (stop.is_asked, stop.signal, signal.getsignal(number))


def test_terminal_that_is_closed_is_heard_once() -> None:
    """The kernel says so, and then the shell; the second one must not end what the first has asked to end in order."""
    stop = StopRequest()

    with stop.listen():
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)

    assert stop.signal is signal.SIGHUP


def test_terminal_that_is_to_be_ignored_is_ignored() -> None:
    """As nohup has it."""
    before, stop = signal.signal(signal.SIGHUP, signal.SIG_IGN), StopRequest()
    try:
        with stop.listen():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert not stop.is_asked
