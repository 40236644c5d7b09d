"""An operator's commands: late, twice, out of order, beside a run that is busy; and what they may not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from accidents.hostile_venue import QUIET, holding_due, lot_of, resting, time_passes_while_waiting
from accidents.one_account import DIP, ETH, SOL, Bar, World, a_path, a_world, down
from factories import SCOPE, Scripted, a_proposal, once
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.events import RunTick, SwitchChanged, parse_event
from trader.entry.perform import perform
from trader.errors import CommandRefused, LeaseHeld
from trader.model.commands import Command, CommandKind
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import Instant
from trader.model.money import Notional
from trader.model.orders import Side
from trader.model.trading_state import TradingState

SECONDS = 200


def holding() -> World:
    """One lot with its bracket, not due for days; the clock goes on while somebody waits."""
    world = holding_due(hours=99)
    time_passes_while_waiting(world)
    return world


def a_command(world: World, kind: CommandKind, ago: int = 0, number: int = 1, **over: Any) -> Command:
    """A command that was said some seconds *ago*."""
    over.setdefault("why", "a test")
    return Command(kind, Instant(world.clock.now() - ago), f"event-{number}", "ada", **over)


def obey(world: World, command: Command, owner: str = "command") -> CycleReport:
    """Deliver a command."""
    return perform(command, world.pipeline, world.ports(owner), SECONDS)


def applied(world: World) -> list[str]:
    """The slots of which the record says that a run acted on them, in order."""
    events = [json.loads(line) for text in world.audit.texts.values() for line in text.splitlines()]
    return [each["body"]["command"]["kind"] for each in events if each.get("event") == EventKind.COMMAND_APPLIED]


# --- 46


def test_accident_46_flatten_that_meets_a_running_cycle_is_not_dropped() -> None:
    """It was skipped as a success; now it stands, is told that it waits in vain, and the next run sells."""
    world = holding()
    world.store.acquire(SCOPE, "busy", world.clock.now(), 10_000)

    with pytest.raises(LeaseHeld, match="busy"):
        obey(world, a_command(world, CommandKind.FLATTEN))
    assert {"flatten"} == set(world.store.look(SCOPE).commands.slots)

    world.clock.advance(10_000)
    report = world.cycle()

    assert (CycleOutcome.COMPLETED, {}) == (report.outcome, world.ledger.lots)


def test_accident_46_flatten_waits_for_a_run_that_ends_in_time() -> None:
    """The lease is asked for once a second, without a write, and then it is sold."""
    world = holding()
    grant = world.store.acquire(SCOPE, "busy", world.clock.now(), 210)
    looks = []

    def look(original: Callable[..., Any], *asked: Any) -> Any:
        looks.append(world.clock.now())
        if len(looks) == 20:
            world.store.release(grant)
        return original(*asked)

    world.meddlers["store.look"] = look

    report = obey(world, a_command(world, CommandKind.FLATTEN))

    assert (CycleOutcome.COMPLETED, {}, ["flatten"]) == (report.outcome, world.ledger.lots, applied(world))
    assert len(looks) >= 20
    assert 1 == world.calls.count("store.write_command")


def test_accident_46_flatten_that_comes_between_decision_and_turn_stops_the_entry() -> None:
    """The run reads the commands once more before anything is sent, and acts on them at once, by itself."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})

    def late(original: Callable[..., Any], *asked: Any) -> Any:
        if "flatten" not in world.store.look(SCOPE).commands.slots:
            world.store.write_command(SCOPE, a_command(world, CommandKind.FLATTEN))
        return original(*asked)

    world.meddlers["store.renew_commands"] = late

    perform(RunTick(world.clock.now()), world.pipeline, world.ports(), SECONDS)

    assert 0 == world.sent()
    assert ["flatten"] == applied(world)


def test_command_that_comes_between_decision_and_turn_is_not_called_done_by_that_run() -> None:
    """The run has decided without it: another run, at once, does what it asks for."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})
    marks = []

    def late(original: Callable[..., Any], *asked: Any) -> Any:
        if not marks:
            world.store.write_command(SCOPE, a_command(world, CommandKind.CLEAR_DRAWDOWN))
        marks.append(world.store.look(SCOPE).ledger)
        return original(*asked)

    world.meddlers["store.renew_commands"] = late

    perform(RunTick(world.clock.now()), world.pipeline, world.ports(), SECONDS)

    lines = [json.loads(line) for text in world.audit.texts.values() for line in text.splitlines()]
    cleared = [line["cycle"] for line in lines if line.get("event") == EventKind.DRAWDOWN_CLEARED]
    done = [line["cycle"] for line in lines if line.get("event") == EventKind.COMMAND_APPLIED]
    assert (1, True) == (len(cleared), "-next" in cleared[0])
    assert cleared == done


@pytest.mark.parametrize("kind", [CommandKind.FLATTEN, CommandKind.CLOSE])
def test_accident_46_command_that_comes_while_a_run_ends_is_acted_on_by_that_invocation(kind: CommandKind) -> None:
    """Whoever gives the lease back learns that a command waits, and runs again."""
    world = holding()
    target = lot_of(world).lot_id if kind is CommandKind.CLOSE else ""
    command = a_command(world, kind, target=target)

    def late(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        world.store.write_command(SCOPE, command)
        return original(*given, **named)

    world.meddlers["store.commit"] = late

    perform(RunTick(world.clock.now()), world.pipeline, world.ports(), SECONDS)

    assert ({}, [kind]) == (world.ledger.lots, applied(world))


def test_accident_46_change_of_the_switch_waits_like_a_command() -> None:
    """FLATTEN at the switch while another run is busy: raised, to come again; and no work is done twice for it."""
    world = holding()
    change = SwitchChanged(world.clock.now(), "event-9")
    grant = world.store.acquire(SCOPE, "busy", world.clock.now(), 1000)
    with pytest.raises(LeaseHeld):
        perform(change, world.pipeline, world.ports(), SECONDS)
    world.store.release(grant)
    world.kill_switch.word = TradingState.FLATTEN
    world.clock.advance(60)

    outcomes = [perform(change, world.pipeline, world.ports(), SECONDS).outcome for _ in range(2)]

    assert ([CycleOutcome.COMPLETED, CycleOutcome.SKIPPED], {}) == (outcomes, world.ledger.lots)


def test_accident_46_tick_waits_a_minute_and_then_leaves() -> None:
    """A watch run that is still busy does not cost the tick; a run that hangs does, and is told."""
    world = holding()
    grant = world.store.acquire(SCOPE, "watch", world.clock.now(), 1000)
    begun, looks = world.clock.now(), []

    def look(original: Callable[..., Any], *asked: Any) -> Any:
        looks.append(world.clock.now())
        if len(looks) == 30:
            world.store.release(grant)
        return original(*asked)

    world.meddlers["store.look"] = look
    decided = perform(RunTick(begun), world.pipeline, world.ports(), SECONDS)
    world.meddlers.clear()
    world.clock.advance(300)
    world.store.acquire(SCOPE, "hangs", world.clock.now(), 1000)
    at = world.clock.now()
    skipped = perform(RunTick(at), world.pipeline, world.ports(), SECONDS)

    assert (CycleOutcome.COMPLETED, True) == (decided.outcome, decided.decision is not None)
    assert (CycleOutcome.SKIPPED, 60) == (skipped.outcome, world.clock.now() - at)


# --- the order of commands


#: What is said, in the order in which it was said.
SAID = ("flatten", "resume", "flatten again", "HALT")


@pytest.mark.parametrize("order", list(permutations(SAID)), ids="-".join)
@pytest.mark.parametrize("times", [1, 2])
def test_any_order_of_delivery_has_one_effect(order: tuple[str, ...], times: int) -> None:
    """Before and after every request of a cycle: the state follows from what was said, and so do the lots."""
    world = holding()
    requests = len(_calls_of_a_cycle(holding()))
    told = {
        "flatten": a_command(world, CommandKind.FLATTEN, 30, 1),
        "resume": a_command(world, CommandKind.RESUME, 20, 2, abandon=True),
        "flatten again": a_command(world, CommandKind.FLATTEN, 10, 3),
    }
    for at in range(0, requests + 1, 1 if times == 1 else 3):
        world = holding()
        _deliver_during_a_cycle(world, [told.get(each) for each in order for _ in range(times)], at)

        commands = world.store.look(SCOPE).commands
        assert TradingState.HALT is commands.trading_state(TradingState(world.kill_switch.word or ""))
        world.kill_switch.word = TradingState.RUN
        assert TradingState.FLATTEN is commands.trading_state(TradingState.RUN)
        world.clock.advance(300)
        world.cycles(2)

        assert ({}, Decimal(0)) == (world.ledger.lots, resting(world))


def _calls_of_a_cycle(world: World) -> list[str]:
    world.calls.clear()
    world.cycle()
    return list(world.calls)


def _deliver_during_a_cycle(world: World, told: list[Command | None], at: int) -> None:
    """Say everything just before the request number *at* of a cycle, as the store and the switch learn of it."""
    left = [at]

    def deliver() -> None:
        for each in told:
            if each is None:
                world.kill_switch.word = TradingState.HALT
            else:
                world.store.write_command(SCOPE, each)

    def meddle(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        if left[0] == 0:
            deliver()
        left[0] -= 1
        return original(*given, **named)

    names = set(_calls_of_a_cycle(holding())) | {"store.renew_commands", "exchange.submit", "exchange.cancel"}
    world.meddlers = {name: meddle for name in names if not name.startswith("exchange.known")}
    world.cycle()
    world.meddlers = {}
    if left[0] >= 0:
        deliver()


# --- what each command does


def test_flatten_stands_until_a_resume_and_sells_what_comes_late() -> None:
    """With nothing left to sell it does nothing, and still nothing is entered."""
    wish = a_proposal("ETH-USD")
    world = a_world(
        strategy=once(wish),
        paths={ETH: a_path(*[Bar()] * 3, DIP, *QUIET)},
    )
    obey(world, a_command(world, CommandKind.FLATTEN))
    world.clock.advance(300)

    reports = world.cycles(3)

    assert 0 == world.sent()
    assert {TradingState.FLATTEN} == {_state(each) for each in reports}


def _state(report: CycleReport) -> Any:
    (state,) = (note.body["trading_state"] for note in report.notes if note.kind is EventKind.INPUTS_GATHERED)
    return state


def test_halt_freezes_a_flatten_and_does_not_end_it() -> None:
    """Nothing is sold under HALT; it is when the switch says RUN again."""
    world = holding()
    world.kill_switch.word = TradingState.HALT

    frozen = obey(world, a_command(world, CommandKind.FLATTEN))
    held = dict(world.ledger.lots)
    world.kill_switch.word = TradingState.RUN
    world.clock.advance(300)
    world.cycle()

    assert (CycleOutcome.HALTED, 1, {}) == (frozen.outcome, len(held), world.ledger.lots)


def test_resume_is_refused_while_lots_of_its_flatten_are_left() -> None:
    """It says which, and what would do; with abandon they are kept."""
    world = holding()
    world.kill_switch.word = TradingState.HALT
    obey(world, a_command(world, CommandKind.FLATTEN, 5))

    with pytest.raises(CommandRefused, match=r"has not sold 2\.99\d+ SOL .*; wait for it, or resume with abandon"):
        obey(world, a_command(world, CommandKind.RESUME))
    assert "resume" not in world.store.look(SCOPE).commands.slots
    obey(world, a_command(world, CommandKind.RESUME, abandon=True))
    world.kill_switch.word = TradingState.RUN
    world.clock.advance(300)
    report = world.cycle()

    assert (CycleOutcome.COMPLETED, TradingState.RUN, 1) == (report.outcome, _state(report), len(world.ledger.lots))


def test_close_sells_one_lot_and_leaves_the_others() -> None:
    """And what is closed is not bought again by the same command: the lot's slot is its own."""
    proposals = [a_proposal("SOL-USD", max_hold_hours=99), a_proposal("ETH-USD", max_hold_hours=99)]
    world = a_world(strategy=once(*proposals), paths={SOL: a_path(DIP, *QUIET), ETH: a_path(DIP, *QUIET)})
    world.cycles(3)
    (sol,) = (lot for lot in world.ledger.lots.values() if lot.base == "SOL")

    report = obey(world, a_command(world, CommandKind.CLOSE, target=sol.lot_id))

    assert (CycleOutcome.COMPLETED, ["ETH"]) == (report.outcome, [lot.base for lot in world.ledger.lots.values()])
    assert resting(world, "ETH") > 0


def test_close_of_a_lot_that_is_not_there_is_refused() -> None:
    """It says which there are."""
    world = holding()

    with pytest.raises(CommandRefused, match=f"no lot nothing; open are {lot_of(world).lot_id}"):
        obey(world, a_command(world, CommandKind.CLOSE, target="nothing"))


def test_slot_of_a_lot_that_is_sold_is_emptied_an_hour_later() -> None:
    """Then no delivery of it can come any more, and what the ledger knew of it goes too."""
    world = holding()
    obey(world, a_command(world, CommandKind.CLOSE, target=lot_of(world).lot_id))
    before = (len(world.store.look(SCOPE).commands.slots), len(world.ledger.applied_commands))

    world.clock.advance(4000)
    world.cycles(2)

    assert (1, 1) == before
    assert ({}, {}) == (world.store.look(SCOPE).commands.slots, world.ledger.applied_commands)


@pytest.mark.parametrize(
    ("target", "code"),
    [("product SOL", DenialCode.PRODUCT_PAUSED), ("strategy rules_engine", DenialCode.STRATEGY_PAUSED)],
)
def test_pause_keeps_from_buying_until_its_time(target: str, code: DenialCode) -> None:
    """The denial says until when and who said so; then it is over by itself."""
    world = a_world(strategy=Scripted(lambda _: (a_proposal("SOL-USD"),)), paths={SOL: a_path(DIP, *QUIET)})
    until = Instant(world.clock.now() + 301)
    world.store.write_command(SCOPE, a_command(world, CommandKind.PAUSE, target=target, until=until))

    first, second, third = world.cycles(3)

    denied = [
        [each.code for each in report.decision.review.denials] for report in (first, second, third) if report.decision
    ]
    assert [[code], [code], []] == denied


def test_pause_cancels_what_it_keeps_from_being_bought() -> None:
    """An entry that rests already would buy all the same."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(*QUIET)})
    world.cycles(1)
    until = Instant(world.clock.now() + 3600)

    obey(world, a_command(world, CommandKind.PAUSE, target="product SOL", until=until))

    assert (1, Decimal(0)) == (world.sent(), _buying(world))


def _buying(world: World) -> Decimal:
    world.venue.balances()
    return sum((each.remaining for each in world.stored.active.values() if each.side is Side.BUY), Decimal(0))


def test_pause_that_comes_between_decision_and_turn_stops_the_entry() -> None:
    """The commands are read once more before anything is sent."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})
    until = Instant(world.clock.now() + 3600)

    def late(original: Callable[..., Any], *asked: Any) -> Any:
        world.store.write_command(SCOPE, a_command(world, CommandKind.PAUSE, target="product SOL", until=until))
        return original(*asked)

    world.meddlers["store.renew_commands"] = late
    world.cycle()

    assert 0 == world.sent()


# --- 53


def test_accident_53_drawdown_stop_is_lifted_by_a_command_with_a_reason() -> None:
    """It could be lifted by editing the database only. The command starts a new peak, once, and is recorded."""
    world = holding()
    marks = world.ledger.equity_marks
    assert marks is not None
    _edit(world, drawdown_halt=True, equity_marks=replace(marks, peak_equity=Notional(marks.peak_equity * 2)))
    world.cycle()
    halted = world.ledger.drawdown_halt
    world.clock.advance(300)
    command = a_command(world, CommandKind.CLEAR_DRAWDOWN, why="a deposit was booked as a gain")

    obey(world, command)
    cleared = world.ledger
    _edit(world, drawdown_halt=True)
    obey(world, command)

    assert cleared.equity_marks is not None
    assert (True, False, True) == (halted, cleared.drawdown_halt, world.ledger.drawdown_halt)
    assert cleared.equity_marks.peak_equity < marks.peak_equity * Decimal("1.01")
    assert ["clear-drawdown"] == applied(world)


def test_accident_53_nothing_is_cleared_while_nobody_knows_the_equity() -> None:
    """The command stands, is not said to be done, and is acted on by the first run that knows."""
    world = holding()
    _edit(world, drawdown_halt=True)
    world.meddlers["exchange.balances"] = lambda *_: down()

    report = obey(world, a_command(world, CommandKind.CLEAR_DRAWDOWN))
    halted = world.ledger.drawdown_halt
    world.meddlers.clear()
    world.clock.advance(300)
    world.cycle()

    assert (CycleOutcome.ABSTAINED, True, False) == (report.outcome, halted, world.ledger.drawdown_halt)


def _edit(world: World, **over: Any) -> None:
    grant = world.store.acquire(SCOPE, "editor", world.clock.now(), 60)
    assert grant.ledger is not None
    world.store.commit(grant, replace(grant.ledger, **over), release=True)


# --- what is refused


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"command": "resume", "why": "x"}, "issued_at is missing"),
        ({"command": "resume", "issued_at": "2026-11-22T10:15:00Z"}, "why is missing"),
        ({"command": "clear-drawdown", "issued_at": "2026-11-22T10:15:00Z"}, "why is missing"),
        ({"command": "clear-drawdown", "why": "  "}, "why is missing"),
        ({"command": "close"}, "lot"),
        ({"command": "close", "lot": "a b"}, "lot"),
        ({"command": "pause", "product": "SOL-USD"}, "until"),
        ({"command": "pause", "until": "2026-11-22T10:15:00Z"}, "either product or strategy"),
        ({"command": "flatten", "issued_at": "2026-11-22T10:15:00"}, "time zone"),
        ({"command": "flatten", "abandon": True}, "no field of it"),
        ({"command": "flatten", "why": "a\nb"}, "a line of 120"),
        ({"command": "resume", "issued_at": "2026-11-22T10:15:00Z", "why": "x", "abandon": "yes"}, "true and false"),
        ({"source": "trader.operator", "detail-type": "sell everything", "detail": {}}, "allowed are flatten"),
        ({"source": "trader.operator", "detail-type": "flatten", "detail": "now"}, "object"),
        ({"source": "trader.operator", "detail-type": "status", "detail": {}}, "allowed are flatten"),
    ],
)
def test_command_that_makes_no_sense_is_refused_in_one_line(event: dict[str, Any], why: str) -> None:
    """Before anything is read or written."""
    with pytest.raises(Exception, match=why) as refusal:
        parse_event(event, Instant(1_800_000_000))

    assert "MalformedData" == type(refusal.value).__name__
    assert 1 == len(str(refusal.value).splitlines())


@pytest.mark.parametrize("kind", [CommandKind.FLATTEN, CommandKind.RECONCILE])
def test_command_of_tomorrow_is_refused(kind: CommandKind) -> None:
    """It would hold off every command of today; a minute of difference between clocks is allowed."""
    world = holding()

    with pytest.raises(CommandRefused, match="61 s ahead of the clock; allowed are 60 s"):
        obey(world, a_command(world, kind, -61))
    obey(world, a_command(world, kind, -60))

    assert {kind} == set(world.store.look(SCOPE).commands.slots)


def test_commands_do_not_fill_the_item() -> None:
    """More slots than a hundred are not opened; those that are open can be said again."""
    world = holding()
    until = Instant(world.clock.now() + 99_999)
    pauses = [a_command(world, CommandKind.PAUSE, 1, target=f"product A{n}", until=until) for n in range(100)]
    for each in pauses:
        world.store.write_command(SCOPE, each)

    with pytest.raises(CommandRefused, match="100 commands stand already"):
        obey(world, a_command(world, CommandKind.PAUSE, target="product SOL", until=until))
    obey(world, replace(pauses[7], issued_at=world.clock.now()))
    flat = a_command(world, CommandKind.FLATTEN)
    obey(world, flat)

    assert {} == world.ledger.lots


def test_account_that_cannot_be_read_is_no_success() -> None:
    """The command stands; its run abstains, which the function raises, so that it comes again."""
    world = holding()
    world.meddlers["exchange.balances"] = lambda *_: down()

    report = obey(world, a_command(world, CommandKind.FLATTEN))

    assert (CycleOutcome.ABSTAINED, []) == (report.outcome, applied(world))
