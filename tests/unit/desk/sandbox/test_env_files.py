"""What a sandbox writes for the function, and for a shell: there it leads to the stack and changes nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.sandbox.env_files import FUNCTION, clear_env_files, read_variables, write_env_files
from trader.adapters.config.files import VARIABLES, load_settings

TOLD = {
    "TRADER_CONFIG_DIR": "/opt/config",
    "TRADER_MODE": "PAPER",
    "TRADER_LOG_LEVEL": "DEBUG",
    "TRADER_TABLE": "the table's name",
    "TRADER_AUDIT_BUCKET": "bucket",
    "TRADER_KILL_SWITCH": "/trader/sandbox/kill-switch",
    "TRADER_LIVE_CONFIRMED": "no",
    "TRADER_VENUE_URL": "http://127.0.0.1:8787",
    "POWERTOOLS_SERVICE_NAME": "sandbox",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:5055",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}
OF_A_PERSON = {"AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "secret", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def exported(tmp_path: Path) -> dict[str, str]:
    """The environment of a person's shell after env.sh."""
    write_env_files(tmp_path, {FUNCTION: TOLD}, "sandbox", "the bus")
    done = subprocess.run(
        ["bash", "-c", ". ./env.sh && env -0"],
        cwd=tmp_path,
        env=OF_A_PERSON,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(each.split("=", 1) for each in done.stdout.split("\0") if each)


def test_function_is_told_everything(tmp_path: Path) -> None:
    """As the stack gave it."""
    assert TOLD == read_variables(write_env_files(tmp_path, {FUNCTION: TOLD}, "sandbox", "the bus"))


def test_shell_knows_the_parts_of_the_stack(exported: dict[str, str]) -> None:
    """Names with blanks too; what leads to the person's own account is gone."""
    assert ("the table's name", "the bus", "sandbox") == (
        exported["TRADER_TABLE"],
        exported["TRADER_COMMAND_BUS"],
        exported["STACK"],
    )
    assert TOLD["AWS_ENDPOINT_URL"] == exported["AWS_ENDPOINT_URL"]
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & exported.keys()


def test_shell_decides_nothing_for_the_next_command(exported: dict[str, str]) -> None:
    """The configuration is that of a shell without it, and no variable is one that nobody knows."""
    plain = load_settings(ROOT / "config", {})

    assert plain == load_settings(ROOT / "config", exported)
    assert {name for name in exported if name.startswith("TRADER_")} <= {
        name for name in VARIABLES if name not in {"TRADER_CONFIG_DIR", "TRADER_MODE", "TRADER_HOME"}
    }


def test_files_go_with_their_sandbox(tmp_path: Path) -> None:
    """Twice does no harm."""
    write_env_files(tmp_path, {FUNCTION: TOLD}, "sandbox", "the bus")
    clear_env_files(tmp_path)
    clear_env_files(tmp_path)

    assert [] == list(tmp_path.iterdir())
