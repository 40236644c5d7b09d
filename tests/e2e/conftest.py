"""The sandbox as the function sees it from outside; which way it is invoked is settled once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from desk import invoke
from desk.sandbox.aws import Addresses, AwsSandbox
from desk.sandbox.sam_tool import find_sam
from e2e.invocation import ROOT, InvocationWay, best_way
from e2e.world import PaperLife, World, entries, just_below

OpenWorld = Callable[..., World]
#: For what is about what the function does over many runs, not about how it is packed.
PLAIN = InvocationWay("process", "the test says so")


@pytest.fixture(scope="session")
def way(tmp_path_factory: pytest.TempPathFactory) -> InvocationWay:
    """TRADER_E2E=sam or process insists on one of them; otherwise the best that can be had, which may be none."""
    wanted = os.environ.get("TRADER_E2E", "")
    if not wanted and find_sam() is None:
        pytest.skip("no SAM anywhere: nothing here can read template.yaml, so there is no stack to invoke against")
    return best_way(tmp_path_factory.mktemp("way"), wanted)


@pytest.fixture(autouse=True)
def say_way(way: InvocationWay, capsys: pytest.CaptureFixture[str]) -> None:
    """Which way it was stands in the output, whatever happens to captured text."""
    with capsys.disabled():
        sys.stdout.write(f"\n[invoked by {way.name}: {way.because}] ")
        sys.stdout.flush()


@pytest.fixture(scope="session", autouse=True)
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[subprocess.Popen[str], Path] | None]:
    """The story, told from the first test on, since it waits for minutes of the clock; only if one wants to read it."""
    if not any(item.path.name == "test_whole_story.py" for item in request.session.items):
        yield None
        return
    folder = tmp_path_factory.mktemp("told") / "story"
    with subprocess.Popen(
        [sys.executable, "-m", "desk.drill.stack_life", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, folder
        if process.poll() is None:
            process.terminate()


@pytest.fixture(scope="session")
def open_world(way: InvocationWay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenWorld]:
    """Deploy in a mode, with parameters of the template and a configuration; all end with the last test."""
    bind = "127.0.0.1" if way.name == "process" else way.reached_as
    with ExitStack() as opened:

        def make(
            mode: str,
            parameters: Mapping[str, str] | None = None,
            config: Path | None = None,
            invoked: InvocationWay = way,
        ) -> World:
            sandbox = AwsSandbox(
                ROOT / "template.yaml",
                addresses=Addresses(bind, way.reached_as),
                name=f"trader-{time.monotonic_ns() % 10**9}",
                parameters={"Mode": mode, "Architecture": invoke.find_architecture(), **(parameters or {})},
            )
            opened.enter_context(sandbox)
            return World(sandbox, invoked, tmp_path_factory.mktemp(mode.lower()), config)

        yield make


@pytest.fixture(scope="session")
def live_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration, except that it does not forbid LIVE."""
    folder = tmp_path_factory.mktemp("layer") / "config"
    folder.mkdir()
    for file in invoke.CONFIG.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        text = re.sub(r"(read_only): true", r"\1: false", text)
        text = re.sub(r"(live_without_evidence): false", r"\1: true", text)
        (folder / file.name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def paper(open_world: OpenWorld) -> Iterator[PaperLife]:
    """The world whose orders fill while other tests run: somebody trades just below what it wants to buy."""
    life = PaperLife(open_world("PAPER"))
    with life.world.trading(just_below(entries(life.placed))):
        yield life
