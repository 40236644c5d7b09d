"""The tutorial, typed as it stands: from a clone to paper trading, status, why and the end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from e2e.invocation import ROOT

pytestmark = pytest.mark.e2e

_BLOCKS = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_STAYS = "# leave it running"
#: A venue's own address and port: those of the page may be somebody else's here.
_PORT = "8787"
PAGE = (ROOT / "docs/paper-in-15-minutes.md").read_text(encoding="utf-8")


def find_steps() -> list[str]:
    """Every command of the page, in its order."""
    return [line for block in _BLOCKS.findall(PAGE) for line in block.splitlines() if line]


@pytest.fixture
def port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """Variables of somebody who has exported nothing of ours."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "TRADER_", "PYTHONPATH"))}


@contextmanager
def stay(line: str, folder: Path, shell: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Type a command into a shell of its own, wait for what it says first, and end it with Ctrl-C in the end."""
    with subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=folder,
        env=shell,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            process.wait(60)


def type_line(line: str, folder: Path, shell: dict[str, str]) -> str:
    """Type a command, and insist on success."""
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=shell,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert 0 == done.returncode, (line, done.stdout, done.stderr)
    return done.stdout


def lend_environment(folder: Path) -> None:
    """Let a clone have the command that is installed here: what `make demo` would install is there already.

    The command alone, so that nothing of the clone can be installed over what the checkout of these tests uses.
    """
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/trader").symlink_to(ROOT / ".venv/bin/trader")
    for stamp in (".made", ".run"):
        (folder / ".venv" / stamp).touch()


def test_tutorial_does_what_it_says(tmp_path: Path, shell: dict[str, str], port: str) -> None:
    """Six commands, each typed as it stands; only the port is a free one, and the environment the one that is here."""
    clone, demo, venue, run, status, why = find_steps()
    folder = tmp_path / "trader"

    type_line(clone.replace("ADDRESS", f"file://{ROOT} --quiet"), tmp_path, shell)
    lend_environment(folder)
    seen = type_line(demo, folder, shell | {"COLUMNS": "120"})
    venue = venue.removesuffix(_STAYS).strip()
    with (
        stay(f"{venue} --port {port}", folder, shell) as (_, address),
        stay(run.removesuffix(_STAYS).replace(_PORT, port), folder, shell) as (trading, market),
    ):
        assert trading.stdout is not None
        first = trading.stdout.readline()
        stands = type_line(status, folder, shell)
        reason = type_line(why, folder, shell)
        trading.send_signal(signal.SIGINT)
        said, code = trading.stdout.read(), trading.wait(60)

    assert ("git", "make demo") == (clone.split()[0], demo)
    assert venue.endswith("sandbox venue")
    assert f"http://127.0.0.1:{port}" in address
    assert "REFUSED" in seen
    assert f"market: http://127.0.0.1:{port}; mode: PAPER" in market
    assert "tick COMPLETED" in first
    assert "equity 10000.00 USD" in first
    assert stands.startswith("PAPER#main")
    assert "COMPLETED" in stands
    assert "verdict" in reason
    assert "LINK-USD" in reason
    assert "to go on, the same command: trader run --mode PAPER --venue" in said
    assert 130 == code
