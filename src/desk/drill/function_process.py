"""The function in a process of its own, which is killed when its time is over, as Lambda does.

A fresh interpreter for each invocation would take a second of processor time. So the processes are forked from a server
that has imported what the handler needs; the handler itself reads the environment when it is imported, and comes last.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from desk.invoke import Context

KILLED, ERROR = "KILLED", "ERROR"

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        # What a drill's own module needs, which each process imports anew because it is the main one.
        "desk.drill.slow_world",
        "desk.drill.clock_world",
        "aws_lambda_powertools.logging.formatter",
        "aws_lambda_powertools.metrics",
        "trader.adapters.aws.secrets",
        "trader.adapters.coinbase.adapter",
        "trader.entry.runtime",
    ]
)
_OURS = ("AWS_", "POWERTOOLS_", "TRADER_")
#: A process whose parent died ends by itself, this long after its time is over.
_ORPHAN_SECONDS = 5
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Invoked:
    """How an invocation ended: the outcome that the function answered, ERROR with its last words, or KILLED."""

    outcome: str
    seconds: float
    said: str = ""


def invoke_for(
    seconds: float, event: Mapping[str, str], variables: Mapping[str, str], log: Path, over: threading.Event
) -> Invoked:
    """Invoke the function with these variables as its environment; kill it after *seconds*, or when all is *over*."""
    begun = time.monotonic()
    ends = begun + seconds
    reader, writer = _FORKS.Pipe(duplex=False)
    arguments = (writer, dict(event), dict(variables), ends, log)
    process = _FORKS.Process(target=_call_handler, args=arguments, daemon=True)
    process.start()
    writer.close()
    while process.exitcode is None and (left := ends - time.monotonic()) > 0 and not over.is_set():
        process.join(min(left, _LOOK_SECONDS))
    if process.exitcode is None:
        process.kill()
        process.join()
        return Invoked(KILLED, time.monotonic() - begun)
    took = time.monotonic() - begun
    if process.exitcode == 0 and reader.poll():
        return Invoked(str(reader.recv()["outcome"]), took)
    return Invoked(ERROR, took, _last_line(log))


def _call_handler(writer: Connection, event: dict[str, str], variables: dict[str, str], ends: float, log: Path) -> None:
    signal.alarm(int(ends - time.monotonic()) + _ORPHAN_SECONDS)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
    os.environ.update(variables)
    from trader.entry.lambda_handler import handler  # noqa: PLC0415 - it reads the environment when imported

    writer.send(handler(event, Context(ends=ends)))


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    return next((line for line in reversed(lines) if line.strip()), "")


@contextmanager
def open_aws() -> Iterator[str]:
    """Run moto's server in a process of its own, on this machine only; give its address."""
    alive, ours = _FORKS.Pipe(duplex=False)
    reader, writer = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_serve_aws, args=(writer, alive), daemon=True)
    process.start()
    alive.close()
    writer.close()
    try:
        yield f"http://127.0.0.1:{reader.recv()}"
    finally:
        ours.close()
        process.terminate()
        process.join()


def _serve_aws(writer: Connection, alive: Connection) -> None:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - development only

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server: Any = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    writer.send(server.get_host_and_port()[1])
    # Nothing ever comes: the wait ends when the other side is gone.
    alive.poll(None)
