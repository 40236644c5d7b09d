"""The unit and the compose file of the docs: they can be read, and start what the command line takes."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from typer.main import get_command

from desk.cli.app import build
from desk.cli.exit_codes import ExitCode
from factories_settings import shipped_settings

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "docs/laptop"


def read_unit() -> ConfigParser:
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(FOLDER / "trader.service", encoding="utf-8")
    return unit


def read_compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def check_words(words: list[str]) -> None:
    """The command line takes them: an unknown option would end with 2 before the help is printed."""
    told = CliRunner().invoke(get_command(build()), [*words, "--help"])

    assert told.exit_code == ExitCode.DONE


def test_unit_starts_the_loop_and_leaves_a_wrong_configuration_alone() -> None:
    """It waits at least as long for the end as a run may take."""
    service = read_unit()["Service"]

    program, *words = shlex.split(service["ExecStart"])

    assert program.endswith("/bin/trader")
    assert words[:2] == ["run", "--venue"]
    check_words(words)
    assert int(service["RestartPreventExitStatus"]) == ExitCode.CONFIG
    assert int(service["TimeoutStopSec"]) >= shipped_settings().cycle.run_seconds


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """With a program that is there."""
    text = (FOLDER / "trader.service").read_text(encoding="utf-8")
    unit = tmp_path / "trader.service"
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", text), encoding="utf-8")

    told = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )

    assert [line for line in (told.stdout + told.stderr).splitlines() if "trader.service" in line] == []


def test_compose_file_builds_from_the_checkout_and_starts_the_loop() -> None:
    """Its paths are there, its books are in a volume that exists, and it is given time to end."""
    compose = read_compose()
    service = compose["services"]["trader"]
    context = (FOLDER / service["build"]["context"]).resolve()
    volume, _, target = service["volumes"][0].partition(":")

    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()
    assert volume in compose["volumes"]
    assert service["command"][:2] == ["run", "--venue"]
    check_words(service["command"])
    assert int(service["stop_grace_period"].removesuffix("s")) >= shipped_settings().cycle.run_seconds
    assert f"TRADER_HOME={target}" in (FOLDER / "Dockerfile").read_text(encoding="utf-8")


def test_dockerfile_copies_what_is_there_and_installs_by_hash() -> None:
    """Nothing is resolved while an image is built."""
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    copied = [word for line in text.splitlines() if line.startswith("COPY ") for word in line.split()[1:-1]]

    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert all(
        "--require-hashes" in line or "--no-index" in line for line in text.splitlines() if "pip install" in line
    )
