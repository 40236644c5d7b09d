"""Which system a command is about: what is typed, what the shell has, what is remembered, what there is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from desk.folder_lock import lock_folder
from desk.location import OUTPUTS, locate_sandbox, locate_stack
from desk.sandbox.env_files import FUNCTION, write_env_files
from factories_settings import CONFIG
from trader.errors import ConfigError, StoreUnavailable
from trader.settings.app import Mode
from unit.desk.operated_folder import NOW_TEXT, VARIABLES, make_folder, run

_SHELL = (
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "TRADER_TABLE",
    "TRADER_AUDIT_BUCKET",
    "TRADER_KILL_SWITCH",
    "TRADER_VENUE_URL",
)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def homes(_no_homes: Path) -> Path:
    return _no_homes


def status(*arguments: str) -> int:
    return run("status", *arguments, "--at", NOW_TEXT, "--config", str(CONFIG))


def test_only_folder_there_is_needs_no_name(homes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does its mode, if only one mode keeps books in it."""
    make_folder(homes / "synthetic-7")

    code = status()

    assert (0, True) == (code, capsys.readouterr().out.startswith("PAPER#main"))


def test_of_two_folders_neither_is_meant_until_one_is_remembered(
    homes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are named, those of runs as well."""
    folders = [make_folder(homes / "runs/one"), make_folder(homes / "venue-x")]

    codes = [status(), run("use", "--home", str(folders[1])), status()]

    assert [78, 0, 0] == codes
    told = capsys.readouterr()
    assert f"there are {folders[0]}, {folders[1]}\n" in told.err
    assert f"commands are about --home {folders[1]}; remembered in {homes / 'use.json'}\n" in told.out


def test_of_several_folders_the_one_is_meant_in_which_something_runs(
    homes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A loop, or a run; of two that run neither is."""
    folders = [make_folder(homes / name) for name in ("one", "two", "three")]
    with lock_folder(folders[1]):
        alone = status()
        told = capsys.readouterr().out
        with lock_folder(folders[2]):
            both = status()

    assert [0, 78] == [alone, both]
    assert told.startswith("PAPER#main")


def test_what_is_typed_and_what_is_exported_count_more_than_what_is_remembered(
    homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order."""
    folder = make_folder(homes / "one")
    run("use", "--home", str(make_folder(homes / "two")))
    monkeypatch.setenv("TRADER_KILL_SWITCH", "/trader/x/kill-switch")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    codes = [run("halt", "--home", str(folder)), run("halt")]

    assert [0, 1] == codes
    assert ["HALT\n", "RUN\n"] == [(homes / name / "kill-switch").read_text("utf-8") for name in ("one", "two")]


def test_forgetting_forgets(homes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when there is nothing to forget."""
    run("use", "--home", str(make_folder(homes / "one")))

    codes = [run("use", "--forget"), run("use", "--forget"), run("use")]

    assert [0, 0, 0] == codes
    assert "nothing is remembered: commands are about what is typed" in capsys.readouterr().out


WRONG: Mapping[str, tuple[list[str], str]] = {
    "two of them": (["use", "--stack", "x", "--sandbox"], "allowed is one of --home, --stack, --sandbox and --forget"),
    "no books": (["use", "--home", "nowhere"], "--home nowhere: there is no such folder"),
    "no sandbox": (["use", "--sandbox"], "--sandbox: none is up: var/sandbox/env.sh cannot be read; make sandbox"),
    "folder and sandbox": (["status", "--home", "x", "--sandbox"], "--home x and --sandbox are two systems"),
    "stack and part": (["status", "--stack", "x", "--table", "y"], "--stack x and --table y are two systems"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_place_is_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is remembered."""
    monkeypatch.chdir(tmp_path)
    arguments, line = WRONG[case]

    code = run(*arguments)

    told = capsys.readouterr()
    assert (78, 1, "") == (code, told.err.count("\n"), told.out)
    assert line in told.err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"home": "x", "stack": "y"}', '{"homes": "x"}'])
def test_file_that_somebody_wrote_himself_is_refused(
    text: str, homes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the line that puts it right."""
    (homes / "use.json").write_text(text, encoding="utf-8")

    codes = [status(), run("use", "--forget"), run("use")]

    assert [78, 0, 0] == codes
    assert "is not what trader use has written; allowed is: trader use --forget" in capsys.readouterr().err


def test_sandbox_is_entered_as_by_its_shell_file(tmp_path: Path) -> None:
    """AWS is the sandbox's from there on, and no profile of a person's is used there."""
    variables = {name: f"its {name}" for name in _SHELL} | {"TRADER_MODE": "PAPER"}
    write_env_files(tmp_path, {FUNCTION: variables}, "trader-sandbox", "commands")
    environment = {"AWS_PROFILE": "mine", "HOME": "/root"}

    location = locate_sandbox(environment, tmp_path)

    assert (Mode.PAPER, "its TRADER_TABLE", "commands", "--sandbox") == (
        location.mode,
        location.table,
        location.bus,
        location.options,
    )
    assert ("its AWS_ENDPOINT_URL", None) == (environment["AWS_ENDPOINT_URL"], environment.get("AWS_PROFILE"))


# --- a stack by its name


def a_client() -> Any:
    return boto3.client("cloudformation", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")


def a_stack(outputs: Mapping[str, str], mode: str = "LIVE") -> dict[str, Any]:
    told = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
    parameters = [{"ParameterKey": "Mode", "ParameterValue": mode}]
    made = {"StackName": "t", "CreationTime": "2026-11-22", "StackStatus": "CREATE_COMPLETE"}
    return {"Stacks": [{**made, "Outputs": told, "Parameters": parameters}]}


def test_stack_is_asked_for_its_parts_and_its_mode() -> None:
    """A person types one name."""
    client = a_client()
    with Stubber(client) as stub:
        stub.add_response("describe_stacks", a_stack({name: f"the {name}" for name in OUTPUTS}), {"StackName": "t"})

        location = locate_stack("t", client)

    assert ("the TableName", "the AuditBucketName", Mode.LIVE) == (location.table, location.bucket, location.mode)
    assert "--stack t" == location.options


def test_stack_that_is_not_there_or_not_ours_is_refused() -> None:
    """A stack without what a deployment ends with cannot be operated."""
    client = a_client()
    with Stubber(client) as stub:
        stub.add_client_error("describe_stacks", "ValidationError")
        stub.add_response("describe_stacks", a_stack({"TableName": "t"}))
        stub.add_client_error("describe_stacks", "AccessDenied")

        with pytest.raises(ConfigError, match="there is no such stack in this account and region"):
            locate_stack("t", client)
        with pytest.raises(ConfigError, match=r"no stack of template\.yaml, or not deployed to its end"):
            locate_stack("t", client)
        with pytest.raises(StoreUnavailable, match="stack t: AccessDenied"):
            locate_stack("t", client)


def test_file_of_uses_is_one_object(homes: Path) -> None:
    """Absolute, so that it means the same in another folder."""
    folder = make_folder(homes / "one")
    run("use", "--home", str(folder))

    assert {"home": str(folder.resolve())} == json.loads((homes / "use.json").read_text(encoding="utf-8"))


def test_checkout_that_forbids_live_looks_at_live_all_the_same(homes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As shipped `exchange.read_only` is true: whoever must sell everything has no time to edit a file."""
    folder = make_folder(homes / "one")
    (folder / "scope=PAPER#main").rename(folder / "scope=LIVE#main")

    code = status("--json")

    assert "LIVE#main" == json.loads(capsys.readouterr().out)["scope"]
    assert code in {0, 1}
