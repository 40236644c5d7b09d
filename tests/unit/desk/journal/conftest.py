"""A short run of the synthetic market, as the page about asking shows it, once for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from factories_settings import CONFIG


@pytest.fixture(scope="session")
def synthetic_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of 48 cycles of PAPER, with entries, and denials of every stage."""
    homes = tmp_path_factory.mktemp("synthetic")
    words = ["run", "--mode", "PAPER", "--ticks", "48", "--config", str(CONFIG), "--home", str(homes)]
    with pytest.raises(SystemExit) as left:
        run_command(build(), words)
    assert not left.value.code
    (switch,) = homes.rglob("kill-switch")
    return switch.parent
