"""`trader sandbox up`, as `make sandbox` types it: what it says, writes, lets in, and takes away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.invocation import ROOT

pytestmark = pytest.mark.e2e

#: What says how these tests invoke is no variable of `trader`.
SHELL = {name: text for name, text in os.environ.items() if name != "TRADER_E2E"}
TRADER = [sys.executable, "-c", "from desk.cli import main; main()"]


@dataclass
class Sandbox:
    """One that is up, and what it said."""

    process: subprocess.Popen[str]
    folder: Path
    told: str
    steps: list[str]

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Type a line into a shell that has sourced env.sh."""
        script = f". {self.folder}/env.sh && {line}"
        return subprocess.run(["bash", "-c", script], cwd=ROOT, env=SHELL, capture_output=True, text=True, check=False)


@pytest.fixture
def background() -> Iterator[None]:
    """SIGINT is ignored, as a shell has it for what it puts into the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def sandbox(tmp_path: Path, background: None) -> Iterator[Sandbox]:
    command = [*TRADER, "sandbox", "up", "--aws-port", "0", "--venue-port", "0", "--folder", str(tmp_path / "s")]
    with subprocess.Popen(
        command, cwd=ROOT, env=SHELL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = process.stdout.readline()
        steps = [process.stderr.readline() for _ in range(7)] if told else [process.stderr.read()]
        yield Sandbox(process, tmp_path / "s", told, steps)
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_shell_that_sourced_the_names_goes_on_as_before(sandbox: Sandbox) -> None:
    """The stack is there for those who ask for it, and nothing else is another; after Ctrl-C no file is left."""
    trader = f"{sys.executable} -c 'from desk.cli import main; main()'"
    status = sandbox.run(f"{trader} status --mode PAPER --json")
    shown = sandbox.run(f"{trader} config show --json")
    plain = subprocess.run(
        [*TRADER, "config", "show", "--json"], cwd=ROOT, env=SHELL, capture_output=True, text=True, check=True
    )
    rebuilt = sandbox.run(f"{trader} ledger show --mode PAPER")
    told = json.loads(sandbox.told)
    sandbox.process.send_signal(signal.SIGINT)
    sandbox.process.wait(30)

    assert ("PAPER#main", "RUN") == (json.loads(status.stdout)["scope"], json.loads(status.stdout)["switch"])
    assert json.loads(plain.stdout) == json.loads(shown.stdout)
    assert "there is no ledger" in rebuilt.stderr
    assert told["environment"]["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert [] == list(sandbox.folder.glob("env.*"))


def test_next_steps_are_said(sandbox: Sandbox) -> None:
    """What to type, in the order in which one types it."""
    text = "".join(sandbox.steps)
    places = [
        text.find(word) for word in (f"{sandbox.folder}/env.sh", "make invoke-local", "status", "flatten", "halt")
    ]

    assert -1 not in places
    assert sorted(places) == places
    assert "until Ctrl-C" in text


@pytest.mark.parametrize("command", [["up"], ["venue"]])
def test_no_other_machine_is_let_in(command: list[str]) -> None:
    """Neither to AWS's stand-in nor to the venue."""
    environment = SHELL | {"DOCKER_HOST": "unix:///nowhere"}
    done = subprocess.run(
        [*TRADER, "sandbox", *command, "--bind", "0.0.0.0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 78 == done.returncode
    assert "allowed are 127.0.0.1 and Docker's bridge" in done.stderr
