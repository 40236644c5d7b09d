"""The function in a process of its own: killed by the clock, ended by an error, and nothing left behind."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from desk.drill.function_process import ERROR, KILLED, Invoked, invoke_for

ROOT = Path(__file__).parents[3]
TICK = {"scheduled_time": "2026-11-22T10:15:00Z"}
NAMESPACE = {"POWERTOOLS_METRICS_NAMESPACE": "Trader"}


def invoked(seconds: float, variables: Mapping[str, str], folder: Path, *, over: bool = False) -> Invoked:
    event = threading.Event()
    if over:
        event.set()
    return invoke_for(seconds, TICK, {**NAMESPACE, **variables}, folder / "log", event)


@pytest.mark.parametrize("over", [False, True], ids=["its time is over", "all is over"])
def test_function_that_waits_is_killed(tmp_path: Path, *, over: bool) -> None:
    """DynamoDB takes the request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        variables = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "TRADER_CONFIG_DIR": str(ROOT / "config"),
            **dict.fromkeys(("TRADER_TABLE", "TRADER_AUDIT_BUCKET", "TRADER_KILL_SWITCH"), "test"),
        }
        begun = time.monotonic()

        found = invoked(600 if over else 4, variables, tmp_path, over=over)

    assert KILLED == found.outcome
    assert found.seconds <= time.monotonic() - begun < 600


def test_function_that_fails_says_why(tmp_path: Path) -> None:
    """Its last words are the error."""
    found = invoked(600, {}, tmp_path)

    assert ERROR == found.outcome
    assert "TRADER_KILL_SWITCH: not set" in found.said
