"""What an operator's word to a stack waits for: the function that it wakes runs for real, in a thread of its own."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from architecture.test_template import listed, parsed, statements
from desk.cost.aws_calls import record_calls
from factories_settings import CONFIG
from integration.rule_world import BUS
from simulation.scenarios import ENTRY
from simulation.world import SCOPE
from trader.adapters.aws.kill_switch import SsmKillSwitch
from trader.adapters.aws.state_store import DynamoStateStore
from trader.entry.events import SwitchChanged, parse_event
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant
from unit.desk.attended import Runner, a_world
from unit.desk.operated_folder import LOT, NOW, NOW_TEXT, run
from unit.desk.operated_stack import ALL, SWITCH, Stack, renew_stack, serve_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    yield from serve_stack()


class Function:
    """The function of the stack: each event that reaches it is a run, after *seconds*."""

    def __init__(self, stack: Stack, seconds: float = 0.3) -> None:
        self.seconds, self._threads = seconds, list[threading.Thread]()
        self._stack, self._free = stack, threading.Lock()
        store, switch = DynamoStateStore(stack.client("dynamodb"), "trader"), SsmKillSwitch(stack.client("ssm"), SWITCH)
        self.runner = Runner(a_world((ENTRY, 2)), store, switch)

    def hear(self, _target: str, event: dict[str, Any]) -> None:
        """Take an event; the bus does not wait for what becomes of it."""
        thread = threading.Thread(target=self._run, args=(event,))
        self._threads.append(thread)
        thread.start()

    def _run(self, event: dict[str, Any]) -> None:
        time.sleep(self.seconds)
        request = parse_event(event, NOW)
        assert isinstance(request, Command | SwitchChanged)
        with self._free:
            self.runner.run(request)

    def end(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.fixture
def aws(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    yield renew_stack(stack, monkeypatch)
    stack.world.listen()


@pytest.fixture
def function(aws: Stack) -> Iterator[Function]:
    made = Function(aws)
    aws.world.server.events.deliver = made.hear
    yield made
    made.end()


def run_on(*arguments: str, names: tuple[str, ...] = ALL) -> int:
    return run(*arguments, *names, "--mode", "PAPER", "--config", str(CONFIG))


def stored_sales(stack: Stack) -> list[dict[str, Any]]:
    fills = [item for item in stack.items() if item["sk"]["S"].startswith("FILL#")]
    return [body for fill in fills if (body := json.loads(fill["body"]["S"]))["side"] == "SELL"]


@pytest.mark.parametrize("command", [["flatten", "--yes"], ["close", LOT, "--yes"]], ids=lambda each: each[0])
def test_sale_is_waited_for_and_told(
    command: list[str], function: Function, aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the bus, its rule, and a run; the line is the fill that is stored."""
    code = run_on(*command, "--at", NOW_TEXT)

    told = capsys.readouterr().out
    (sale,), (report,) = stored_sales(aws), function.runner.reports
    assert 0 == code
    assert f"sold {sale['quantity']} SOL-USD at {sale['price']}: " in told
    assert f"cancelled sell 2.994 SOL-USD at 114.97 (protection of {LOT})\n" in told
    assert re.search(rf": confirmed after \d+\.\d s by run {report.tick.cycle_id}, COMPLETED\n$", told)


@pytest.mark.parametrize("command", ["halt", "reduce-only"])
def test_switch_is_waited_for(command: str, function: Function, aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """A run for the change of the parameter confirms it; the protection stays."""
    # As an event takes its time to arrive.
    function.seconds = 1.0
    code = run_on(command, names=("--switch", SWITCH, "--table", "trader"))

    told = capsys.readouterr().out
    (report,) = function.runner.reports
    assert (0, True) == (code, "nothing was cancelled or sold\n" in told)
    assert f" s by run {report.tick.cycle_id}, {report.outcome}\n" in told


def test_event_that_never_arrives_is_not_said_to_stand(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """AWS has taken it, and nobody listens."""
    code = run_on("flatten", "--yes", "--timeout", "1")

    line = capsys.readouterr().err.splitlines()[-1]
    assert 75 == code
    assert line.startswith(
        "NotNow: flatten: not confirmed within 1 s; it has not arrived: trader status --table trader"
    )


def test_function_that_takes_its_time_is_not_waited_for_longer_than_was_said(
    function: Function, aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it does afterwards, it does."""
    function.seconds = 2.0
    code = run_on("flatten", "--yes", "--timeout", "1", "--at", NOW_TEXT)
    output = capsys.readouterr()
    function.end()

    assert (75, True, 1) == (code, "nothing was cancelled or sold\n" in output.out, len(stored_sales(aws)))


def _give_without_a_table() -> int:
    return run_on("flatten", "--yes", names=("--bus", BUS))


def _give_blindly() -> int:
    return run_on("flatten", "--yes", names=("--bus", BUS, "--table", "none", "--switch", SWITCH))


def _halt_without_a_table() -> int:
    return run_on("halt", names=("--switch", SWITCH))


@pytest.mark.parametrize(
    ("give", "told"),
    [
        (_give_without_a_table, "flatten is given; what comes of it is not visible from here (--table is not given)"),
        (_give_blindly, "not visible from here (ledger of PAPER#main: ResourceNotFoundException)"),
        (_halt_without_a_table, "HALT is set; whether a run has acted on it is not visible from here (--table is not"),
    ],
)
def test_table_that_cannot_be_read_is_said_to_be_out_of_sight(
    give: Callable[[], int], told: str, aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is sent all the same; whoever may not look is not told that it is done."""
    code = give()

    output = capsys.readouterr()
    assert (75, 1) == (code, len(aws.delivered))
    assert told in output.err.splitlines()[-1]
    assert "confirmed" not in output.out


def test_books_of_another_mode_are_said_to_be_none(aws: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose are meant is a word; nothing is waited for in silence."""
    code = run("reconcile", *ALL, "--mode", "DRY_RUN", "--config", str(CONFIG), "--timeout", "1")

    assert (75, True) == (code, "note: there is no ledger of DRY_RUN#main yet; --mode says" in capsys.readouterr().err)


def test_two_operators_at_once_are_both_told(
    function: Function, aws: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """One flattens while the other resumes: whoever is overtaken is told by whom."""
    resume = Command(CommandKind.RESUME, Instant(NOW + 5), "r-1", "bob", "a false alarm", abandon=True)
    hear = function.hear

    def hear_twice(target: str, event: dict[str, Any]) -> None:
        DynamoStateStore(aws.client("dynamodb"), "trader").write_command(SCOPE, resume)
        hear(target, event)

    aws.world.server.events.deliver = hear_twice
    code = run_on("flatten", "--yes", "--at", NOW_TEXT)

    output = capsys.readouterr()
    function.end()
    assert (1, []) == (code, stored_sales(aws))
    assert "Overtaken: flatten: resume, said 2026-11-22T12:12:05Z by bob: a false alarm has ended it" in output.err


def test_waiting_takes_what_viewers_may_do(aws: Stack) -> None:
    """Nothing is written but the event and the parameter."""
    granted: dict[str, set[str]] = {}
    for policy, each in statements(parsed()):
        granted.setdefault(policy, set()).update(listed(each["Action"]))
    with record_calls() as made, made.listening():
        codes = [run_on("flatten", "--yes", "--timeout", "1")]
        codes.append(run_on("halt", "--timeout", "1", names=("--switch", SWITCH, "--table", "trader")))
    asked = {call.name for call in made.calls if not call.caller.startswith("desk.sandbox")}

    assert [75, 75] == codes
    assert {"dynamodb:GetItem", "dynamodb:Query", "events:PutEvents", "ssm:GetParameter", "ssm:PutParameter"} == asked
    assert asked <= granted["ViewerPolicy"] | granted["OperatorPolicy"]
