"""What every test of a command wants to be spared: what the person who runs the tests has at hand."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_homes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below which nothing has run yet, and in which nothing is remembered."""
    homes = tmp_path_factory.mktemp("homes")
    monkeypatch.setenv("TRADER_HOME", str(homes))
    return homes


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No width of anybody's terminal: what is piped is as wide as it is."""
    monkeypatch.delenv("COLUMNS", raising=False)
