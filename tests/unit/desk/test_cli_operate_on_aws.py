"""The operator's commands for a stack: on its bus, in its parameter, and never in its function or its table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from architecture.test_template import listed, parsed, statements
from architecture.tree import ROOT
from desk.cost.aws_calls import record_calls
from factories_settings import CONFIG
from integration.rule_world import BUS, TARGET
from simulation.world import SCOPE
from trader.adapters.aws import clients
from trader.adapters.aws.state_store import DynamoStateStore
from trader.entry.events import parse_event
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant
from unit.desk.operated_folder import LOT, NOW, NOW_TEXT, run
from unit.desk.operated_stack import ALL, SWITCH, Stack, renew_stack, serve_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    yield from serve_stack()


@pytest.fixture
def aws(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    return renew_stack(stack, monkeypatch)


def run_on(*arguments: str, names: tuple[str, ...] = ALL) -> int:
    """Without waiting: nothing in this world acts on what is said."""
    waiting = () if arguments[0] == "status" else ("--no-wait",)
    return run(*arguments, *names, "--mode", "PAPER", "--config", str(CONFIG), *waiting)


SENT: dict[CommandKind, tuple[list[str], dict[str, Any]]] = {
    CommandKind.FLATTEN: (["flatten", "--yes", "--reason", "news"], {"why": "news"}),
    CommandKind.RESUME: (["resume", "--reason", "keep", "--abandon"], {"why": "keep", "abandon": True}),
    CommandKind.CLOSE: (["close", LOT, "--yes"], {"why": "", "lot": LOT}),
    CommandKind.PAUSE: (
        ["pause", "sol-usd", "--until", "2999-01-01"],
        {"why": "", "product": "SOL-USD", "until": "2999-01-01T00:00:00Z"},
    ),
    CommandKind.CLEAR_DRAWDOWN: (["clear-drawdown", "--reason", "looked"], {"why": "looked"}),
    CommandKind.RECONCILE: (["reconcile"], {"why": ""}),
}


@pytest.mark.parametrize("kind", CommandKind)
def test_command_reaches_the_function_by_the_bus(
    kind: CommandKind, aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its detail type is the command, its detail as the page says; the printed id is the event's."""
    arguments, fields = SENT[kind]
    before = aws.items()

    code = run_on(*arguments, "--at", NOW_TEXT)

    ((target, event),) = aws.delivered
    told = capsys.readouterr().out
    assert (0, TARGET, "trader.operator", kind.value) == (code, target, event["source"], event["detail-type"])
    assert {"issued_at": NOW_TEXT, "who": "ada", **fields} == event["detail"]
    assert f"id {event['id']}\n" in told
    assert isinstance(parse_event(event, NOW), Command)
    assert (before, "RUN") == (aws.items(), aws.switch())


def test_command_says_what_stood_before_it(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """It is on its way; AWS's word that it has it is none that anybody obeys."""
    run_on("flatten", "--yes")

    told = capsys.readouterr().out
    assert "stood before it: RUN (the kill switch says so)\n" in told
    assert "AWS says the same where nobody listens, so look: trader status --table trader" in told


def test_command_is_said_now(aws: Stack) -> None:
    """Unless it says another instant."""
    run_on("flatten", "--yes")

    ((_, event),) = aws.delivered
    command = parse_event(event, Instant(2_000_000_000))
    assert isinstance(command, Command)
    assert abs(command.issued_at - parse_instant(event["time"])) <= 5


def parse_instant(text: str) -> Instant:
    request = parse_event({"scheduled_time": text}, NOW)
    return request.scheduled_at  # type: ignore[union-attr]


def test_what_the_function_would_refuse_is_not_sent(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """The lots there are: the ledger is looked at first."""
    code = run_on("close", "t247-x", "--yes")

    assert (1, []) == (code, aws.delivered)
    assert f"lot 't247-x' is not held; there are {LOT} (2.994 SOL-USD)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("--bus", BUS), "--table is not given"),
        (("--bus", BUS, "--table", "none", "--switch", SWITCH), "ResourceNotFoundException"),
    ],
)
def test_command_is_sent_though_nothing_can_be_seen_from_here(
    names: tuple[str, ...], told: str, aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever may give commands only, and a table that is away: the function looks again."""
    codes = [run_on("flatten", "--yes", names=names), run_on("close", "t247-x", "--yes", names=names)]

    said = capsys.readouterr().out
    assert ([0, 0], ["flatten", "close"]) == (codes, [event["detail-type"] for _, event in aws.delivered])
    assert "stood before it: not visible from here (" in said
    assert told in said


@pytest.mark.parametrize(
    ("names", "code", "told"),
    [
        (("--bus", "none"), 1, "StoreUnavailable: bus none: ResourceNotFoundException"),
        (("--table", "trader"), 78, "--bus is not given; allowed is the stack's output CommandBusName"),
    ],
)
def test_bus_that_does_not_take_it_ends_in_one_line(
    names: tuple[str, ...], code: int, told: str, aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody may believe that it was sent."""
    assert code == run_on("flatten", "--yes", names=names)

    output = capsys.readouterr()
    assert ([], False) == (aws.delivered, "given" in output.out)
    assert [True] == [told in line for line in output.err.splitlines()]


def test_event_that_the_bus_refuses_is_not_said_to_be_sent(
    aws: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PutEvents answers 200 and names in the entry what failed."""

    class Client:
        def put_events(self, **request: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "x"}]}

    class Session:
        def client(self, service: str, config: Any) -> Client:
            return Client()

    monkeypatch.setattr(clients, "_SESSION", Session())

    code = run_on("flatten", "--yes", names=("--bus", BUS))

    assert (1, f"StoreUnavailable: bus {BUS}: InternalFailure\n") == (code, capsys.readouterr().err)


def test_resume_names_the_line_that_sets_the_switch(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """And leaves the switch as it is."""
    aws.set_switch("HALT")

    code = run_on("resume", "--reason", "go on")

    assert (0, "HALT") == (code, aws.switch())
    assert f"  aws ssm put-parameter --overwrite --name {SWITCH} --value RUN\n" in capsys.readouterr().out


def test_resume_without_sight_of_the_switch_says_so(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """It claims neither that trading goes on nor that it does not."""
    run_on("resume", "--reason", "go on", names=("--bus", BUS, "--table", "trader"))

    assert "the kill switch is not visible from here (--switch is not given)" in capsys.readouterr().out


# --- the kill switch


@pytest.mark.parametrize(("command", "word"), [("halt", "HALT"), ("reduce-only", "REDUCE_ONLY")])
def test_switch_is_a_parameter(command: str, word: str, aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """Its type stays, and the way back is a line for a shell."""
    code = run(command, "--switch", SWITCH, "--no-wait")

    told = capsys.readouterr().out
    assert (0, word) == (code, aws.switch())
    assert f"kill switch: RUN before, {word} now\n" in told
    assert f"to go back: aws ssm put-parameter --overwrite --name {SWITCH} --value RUN\n" in told


def test_switch_that_is_not_there_is_not_made(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in its name would halt nothing; one that is lost is a HALT already."""
    code = run("halt", "--switch", "/trader/tset/kill-switch")

    told = capsys.readouterr().err
    assert 1 == code
    assert told.startswith("StoreUnavailable: parameter /trader/tset/kill-switch: not there, and not made; ")
    assert "counts as HALT" in told
    assert [SWITCH] == [each["Name"] for each in aws.client("ssm").describe_parameters()["Parameters"]]


# --- status


def test_status_of_a_stack_shows_its_table_and_its_switch(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that has arrived is there."""
    DynamoStateStore(aws.client("dynamodb"), "trader").write_command(
        SCOPE, Command(CommandKind.FLATTEN, NOW, "c-1", "ada")
    )

    code = run_on("status", "--at", NOW_TEXT, names=("--table", "trader", "--switch", SWITCH))

    told = capsys.readouterr().out
    assert 0 == code
    assert "FLATTEN  a flatten stands" in told
    assert "SOL-USD 2.994  0.0 %  stop 91.98 (8.0 % below) at venue ✓ 12:10" in told
    assert "flatten  NO RUN HAS ACTED YET  said 12:12 by ada" in told


@pytest.mark.parametrize(
    ("names", "code", "told"),
    [
        ((), 0, "the kill switch: --switch is not given"),
        (("--switch", "/no/switch"), 1, "the kill switch: parameter /no/switch: ParameterNotFound"),
    ],
)
def test_switch_that_cannot_be_seen_is_not_said_to_halt(
    names: tuple[str, ...], code: int, told: str, aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """What this login may not read, the function may: red only if it was asked for."""
    found = run_on("status", "--at", NOW_TEXT, "--json", names=("--table", "trader", *names))

    said = json.loads(capsys.readouterr().out)
    assert (code, "not visible from here", told) == (found, said["trading_state"], said["why"])
    assert {"open": None, "unseen": []} == said["entries"]


def test_table_that_cannot_be_read_is_red(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """What can be seen is shown."""
    code = run_on("status", names=("--table", "none", "--switch", SWITCH))

    told = capsys.readouterr().out
    assert 1 == code
    assert "PAPER#main · RUN" in told
    assert "ResourceNotFoundException" in told


def test_table_without_these_books_is_red(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """Another mode was meant, or nothing runs."""
    code = run("status", "--table", "trader", "--switch", SWITCH, "--mode", "DRY_RUN", "--config", str(CONFIG))

    told = capsys.readouterr().out
    assert (1, True) == (code, "ledger: no run has committed one yet; --mode says whose\n  → trader reconcile" in told)


def test_command_that_mends_a_stack_has_only_options_that_it_knows(
    aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kill switch needs no table, the ledger no switch."""
    aws.client("ssm").put_parameter(Name=SWITCH, Value="go", Overwrite=True)

    run_on("status", "--json", names=("--table", "none", "--switch", SWITCH))

    mends = [each["mend"] for each in json.loads(capsys.readouterr().out)["findings"]]
    rest = f"--mode PAPER --config {CONFIG}"
    assert [f"trader halt --switch {SWITCH} {rest}", f"trader ledger show --table none {rest}"] == mends


@pytest.mark.parametrize("command", [["status"], ["halt"]])
def test_status_needs_a_table_and_halt_a_switch(
    command: list[str], aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the stack's output."""
    names = ("--switch", SWITCH) if command == ["status"] else ("--home", "x", "--switch", SWITCH)

    assert (78, 1) == (run(*command, *names), len(capsys.readouterr().err.splitlines()))


def test_no_region_ends_in_one_line(
    aws: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is AWS's configuration that lacks something."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    code = run("halt", "--switch", SWITCH, "--no-wait")

    line = "AWS: no region is set; allowed is AWS_REGION, or a profile that has one\n"
    assert (78, line) == (code, capsys.readouterr().err)


# --- grants, and a process of its own


def test_operator_may_do_what_the_commands_ask(aws: Stack) -> None:
    """With both policies of the template; looking takes the viewer's alone."""
    granted: dict[str, set[str]] = {}
    for policy, each in statements(parsed()):
        granted.setdefault(policy, set()).update(listed(each["Action"]))
    with record_calls() as made, made.listening():
        run_on("status", names=("--table", "trader", "--switch", SWITCH))
        looked = len(made.calls)
        run_on("flatten", "--yes")
        run("reduce-only", "--switch", SWITCH, "--no-wait")
        run("halt", "--switch", SWITCH, "--no-wait")
    ours = [call for call in made.calls if not call.caller.startswith("desk.sandbox")]
    # For these, IAM's word for what is allowed is that for the call.
    seen, done = ({call.name for call in calls} for calls in (ours[:looked], ours[looked:]))

    assert {"dynamodb:GetItem", "ssm:GetParameter"} == seen
    assert seen <= granted["ViewerPolicy"]
    assert {"events:PutEvents", "ssm:PutParameter"} <= done <= granted["ViewerPolicy"] | granted["OperatorPolicy"]


OLD_PYTHON = """
import types, boto3.compat, boto3.session
boto3.compat.sys = types.SimpleNamespace(version_info=(3, 9))
begin = boto3.session.Session.__init__
def warn_and_begin(self, *args, **more):
    boto3.compat._warn_deprecated_python()
    begin(self, *args, **more)
boto3.session.Session.__init__ = warn_and_begin
"""


@pytest.mark.parametrize(
    "arguments", [["flatten", "--yes", *ALL], ["halt", "--switch", SWITCH]], ids=lambda each: each[0]
)
def test_warning_of_boto3_stays_off_the_screen(arguments: list[str], aws: Stack) -> None:
    """On a Python that it will soon give up, it says so; -W shows it."""
    settings = ["--config", str(CONFIG), "--mode", "PAPER"] if arguments[0] == "flatten" else []
    program = f"{OLD_PYTHON}\nfrom desk.cli import main\nmain()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}

    def start(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *options, "-c", program, *arguments, *settings, "--no-wait"]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    silent, loud = start(), start("-W", "default")

    assert (0, "") == (silent.returncode, silent.stderr)
    assert "Boto3 will no longer support Python 3.9" in loud.stderr


def test_detail_is_the_one_that_the_recorded_event_has(aws: Stack) -> None:
    """Field for field what events/ shows, so that page, shell function and command say the same."""
    run_on("flatten", "--yes", "--reason", "x")

    ((_, event),) = aws.delivered
    recorded = json.loads((ROOT / "events/bus-flatten.json").read_text(encoding="utf-8"))
    assert recorded["detail"].keys() == event["detail"].keys()
