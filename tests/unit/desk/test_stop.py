"""Ctrl-C and SIGTERM let a thing finish what it is at."""

from __future__ import annotations

import os
import signal

import pytest

from desk.stop import StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_is_remembered_and_ends_nothing(number: signal.Signals) -> None:
    """Afterwards the signals mean what they meant before."""
    before, stop = signal.getsignal(number), StopRequest()

    with stop.listen():
        assert not stop.is_asked
        os.kill(os.getpid(), number)

    assert (True, number, before) == (stop.is_asked, stop.signal, signal.getsignal(number))
