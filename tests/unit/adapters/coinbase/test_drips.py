"""An answer that comes byte by byte never lets a time-out of a socket ring. A run does not wait for its end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from architecture.tree import ROOT
from trader.adapters.coinbase.failures import Failure
from trader.adapters.coinbase.http import Call, Transport
from trader.adapters.coinbase.limits import RateLimitGroup
from trader.errors import VenueUnavailable
from trader.ports import TimeBudget

_CALL = Call("GET", "/time", RateLimitGroup.PUBLIC)
#: A drip would go on for so long: a test that waits for its end is no flake but a finding.
_DRIP_SECONDS = 120


@contextmanager
def dripping(head: bytes, tail: bytes) -> Iterator[str]:
    """A venue that sends the head at once, and the tail a byte at a time until the test is over."""
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(head)
            for at in range(_DRIP_SECONDS * 10):
                if over.wait(0.1):
                    return
                connection.sendall(tail[at % len(tail) : at % len(tail) + 1])

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    ],
    ids=["body", "chunks", "headers"],
)
def test_answer_that_drips_is_given_up_when_the_time_is_over(head: bytes, tail: bytes) -> None:
    """In the time of the run, and the next request is answered or given up as well as the first."""
    with dripping(head, tail) as url:
        budget = TimeBudget()
        transport = Transport(url, budget=budget)
        begun = time.monotonic()
        budget.begin(time.time() + 1)

        found = transport.attempt(_CALL)

        assert isinstance(found, Failure)
        assert isinstance(found.error, VenueUnavailable)
        assert time.monotonic() - begun < _DRIP_SECONDS / 2


def test_venue_that_drips_keeps_no_process_from_ending() -> None:
    """Not one that no run has given a budget yet, as while a venue is waited for; nor does its thread, at the end."""
    program = """
import sys
from trader.adapters.coinbase.limits import TimeoutPolicy
from trader.adapters.coinbase.market_data import open_market
from trader.errors import VenueUnavailable
try:
    open_market(sys.argv[1], timeouts=TimeoutPolicy(read_seconds=1)).server_time()
except VenueUnavailable as error:
    print(error)
"""
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ") as url:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(
            [sys.executable, "-c", program, url],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    assert "GET /time: no whole answer within 1 s\n" == done.stdout
