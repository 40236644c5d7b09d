"""What the function does around a command; what comes of commands is told in tests/integration."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from desk.invoke import Context
from trader.entry.runtime import Runtime
from trader.errors import ConfigError, MalformedData

# Logger and Metrics read these when the handler is imported, as in Lambda, where they are there from the start.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "trader")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Trader")

from trader.entry import lambda_handler

STATUS = {"command": "status"}


class Built:
    """A runtime without a world."""

    def status(self) -> dict[str, str]:
        return {"scope": "PAPER#main"}


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The state in which the module leaves a process that has imported it."""
    monkeypatch.setattr(lambda_handler, "_runtime", None)
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def test_garbage_is_collected_again_once_the_runtime_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was made so far is not looked through."""
    monkeypatch.setattr(Runtime, "build", staticmethod(lambda _: Built()))

    lambda_handler.handler(STATUS, Context())

    assert (True, True) == (gc.isenabled(), gc.get_freeze_count() > 0)


def test_garbage_is_collected_again_if_the_runtime_cannot_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is kept and invoked again; whatever every attempt leaves behind would fill its memory."""
    monkeypatch.delenv("TRADER_TABLE", raising=False)

    with pytest.raises(ConfigError):
        lambda_handler.handler(STATUS, Context())

    assert gc.isenabled()


def test_event_that_nobody_understands_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is asked for."""
    built: list[object] = []
    monkeypatch.setattr(Runtime, "build", staticmethod(built.append))

    with pytest.raises(MalformedData):
        lambda_handler.handler({"command": "sing"}, Context())

    assert [] == built
