"""Commands and watch runs under attack: a clumsy operator, a slow or hostile venue, an event that somebody made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.hostile_venue import QUIET, lot_of, resting, time_passes_while_waiting
from accidents.one_account import SOL, World, a_path, a_world, down
from accidents.test_commands import _edit, a_command, holding, obey
from desk.recovery.chain import read_chain
from desk.recovery.ledger_item import StoredLedger, read_stored_item, replace_item
from desk.recovery.store import RebuildOptions, RecoveryStores, rebuild
from factories import SCOPE, a_proposal, once
from trader.cycle import CycleOutcome
from trader.entry.events import RunWatch, parse_event
from trader.entry.perform import perform
from trader.entry.status import describe_state
from trader.errors import CommandRefused, MalformedData
from trader.model.commands import Command, CommandKind
from trader.model.cycle_state import AcceptedMark
from trader.model.ids import Asset, Instant, Scope, StrategyId, rfc3339
from trader.model.ledger import SubLedger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Unknown
from trader.model.trading_state import TradingState
from trader.ports import StateReading

NOW = Instant(1_795_342_507)
#: What an operator may take for a product; paused as one it would keep nothing from being bought.
NO_PRODUCTS = ("-USD", "--", ".", "SOLUSD", "SOL_USD", "SOL/USD", "SOL-", 7)


def buying() -> World:
    """An entry that rests at the venue, of which nothing is filled."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(*QUIET)})
    time_passes_while_waiting(world)
    world.cycles(1)
    return world


# --- done, and not


def _refuse_to_cancel(_: Callable[..., Any], order_ids: Any) -> dict[Any, bool]:
    return dict.fromkeys(order_ids, False)


@pytest.mark.parametrize("trouble", [down, _refuse_to_cancel], ids=["no answer", "refused"])
@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (CommandKind.FLATTEN, ""),
        (CommandKind.PAUSE, "product SOL"),
        (CommandKind.PAUSE, "strategy rules_engine"),
    ],
)
def test_command_is_not_done_while_an_entry_that_it_forbids_still_buys(
    kind: CommandKind, target: str, trouble: Callable[..., Any]
) -> None:
    """The venue did not cancel it: who sent the command must not read that all is well. The next look tries again."""
    world = buying()
    until = Instant(world.clock.now() + 3600) if kind is CommandKind.PAUSE else None
    command = a_command(world, kind, target=target, until=until)
    world.meddlers["exchange.cancel"] = trouble

    first = obey(world, command)
    world.meddlers.clear()
    second = obey(world, command)

    assert (CycleOutcome.ABORTED, f"{command.slot} stands") == (first.outcome, first.reason[: len(command.slot) + 7])
    assert (CycleOutcome.COMPLETED, ()) == (second.outcome, world.ledger.active_orders)


def test_flatten_is_not_done_while_an_entry_is_in_doubt() -> None:
    """Nobody knows whether the venue has it; if it has, it buys."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(*QUIET)})
    time_passes_while_waiting(world)
    world.meddlers["exchange.submit"] = lambda *_: Unknown("no answer")
    world.cycle()

    report = obey(world, a_command(world, CommandKind.FLATTEN))

    assert CycleOutcome.ABORTED is report.outcome


def test_pause_that_was_taken_back_is_done_while_an_entry_rests() -> None:
    """Until now is until never: the entry may stay."""
    world = buying()
    now = world.clock.now()
    world.store.write_command(
        SCOPE, a_command(world, CommandKind.PAUSE, 1, 1, target="product SOL", until=Instant(now + 3600))
    )

    report = obey(world, a_command(world, CommandKind.PAUSE, 0, 2, target="product SOL", until=now))

    assert (CycleOutcome.COMPLETED, 1) == (report.outcome, len(world.ledger.active_orders))


def test_flatten_that_sold_everything_is_done_though_the_flags_could_not_be_read() -> None:
    """Its run abstains from entering, which nobody asked for: who sent it shall not read that it failed."""
    world = holding()
    world.meddlers["market.products"] = down

    report = obey(world, a_command(world, CommandKind.FLATTEN))

    assert (CycleOutcome.COMPLETED, {}) == (report.outcome, world.ledger.lots)


# --- what only a tick changes


def test_runs_between_the_ticks_count_no_failure() -> None:
    """A minute of an unreadable account would be three failed cycles, and a cool-down that no tick has earned."""
    world = holding()
    before = world.ledger.failure_streak
    world.store.write_command(SCOPE, a_command(world, CommandKind.RECONCILE))
    world.meddlers["exchange.balances"] = down

    outcomes = []
    for _ in range(4):
        world.clock.advance(60)
        outcomes.append(perform(RunWatch(world.clock.now()), world.pipeline, world.ports(), 200).outcome)
    outcomes.append(obey(world, a_command(world, CommandKind.FLATTEN)).outcome)

    assert {CycleOutcome.ABSTAINED} == set(outcomes)
    assert before == world.ledger.failure_streak


# --- events that somebody made up


@pytest.mark.parametrize(
    "event",
    [
        {"command": "flatten", "issued_at": "9999-12-31T23:59:59-14:00"},
        {"command": "flatten", "issued_at": "0001-01-01T00:00:00+14:00"},
        {"command": "flatten", "issued_at": "0026-11-22T10:15:00Z"},
        {"command": "flatten", "issued_at": "1969-12-31T23:59:59Z"},
        {"command": "flatten", "issued_at": "x" * 5000},
        {"command": "pause", "product": "SOL-USD", "until": "9999-12-31T23:59:59-14:00"},
        {"scheduled_time": "9999-12-31T23:59:59-14:00"},
        {"command": "flatten", "scheduled_time": "2026-11-22T10:15:00Z"},
        {"source": "trader.operator", "detail-type": "flatten", "scheduled_time": "2026-11-22T10:15:00Z"},
        {
            "source": "trader.operator",
            "detail-type": "flatten",
            "time": "2026-11-22T10:15:00Z",
            "detail": {"command": "resume"},
        },
        {"source": "trader.operator", "detail-type": "flatten", "time": "2026-11-22T10:15:00Z", "detail": {"id": "x"}},
        {"a\nb": 1},
        {"x" * 5000: 1},
        {"command": "flatten", "x\n" * 5000: 1},
        {"command": "flatten", "why": "x" * 121},
        {"command": "flatten", "why": "\u202eback"},
        {"command": "flatten", "why": "\ud800"},
        *({"command": "pause", "product": each, "until": "2027-01-01T00:00:00Z"} for each in NO_PRODUCTS),
    ],
)
def test_event_that_somebody_made_up_is_refused_in_one_short_line(event: dict[str, Any]) -> None:
    """As what it is: no other error, no other request, and nothing that fills the log."""
    with pytest.raises(MalformedData) as refusal:
        parse_event(event, NOW, "request")

    assert (1, True) == (len(str(refusal.value).splitlines()), len(str(refusal.value)) <= 250)


@pytest.mark.parametrize("key", ["why", "who"])
def test_key_that_was_pasted_into_a_command_is_not_told_again(key: str) -> None:
    """Lambda writes the message of what is raised into the log, past whatever hides secrets there."""
    secret = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIabcdefghijklmnop"

    with pytest.raises(MalformedData) as refusal:
        parse_event({"command": "flatten", key: secret}, NOW)

    assert "BEGIN" not in str(refusal.value)


# --- what status says


def _status(world: World) -> dict[str, Any]:
    switch = TradingState(world.kill_switch.word) if world.kill_switch.word is not None else None
    return describe_state(world.store.look(SCOPE), switch, world.clock.now(), world.pipeline.settings)


def test_status_has_an_equity_while_another_dollar_is_held() -> None:
    """USDC counts at the price that a tick saw last; one that no tick has seen is named."""
    world, usdc = holding(), Asset("USDC")
    before = Decimal(_status(world)["equity"])
    marks = world.ledger.accepted_marks
    gained = {**world.ledger.by_strategy, StrategyId("another"): SubLedger(cash_flow={usdc: Notional(100)})}
    seen = replace(world.ledger, cash={**world.ledger.cash, usdc: Notional(100)}, by_strategy=gained)
    priced = replace(seen, accepted_marks={**marks, usdc: AcceptedMark(Price("0.99"), world.clock.now())})

    told = [
        describe_state(StateReading(ledger), TradingState.RUN, world.clock.now(), world.pipeline.settings)
        for ledger in (seen, priced)
    ]

    assert [(None, ["USDC"]), (str(before + 99), [])] == [(each["equity"], each["unpriced"]) for each in told]


def _protection(world: World) -> str:
    (lot,) = _status(world)["lots"]
    said: str = lot["protection"]
    return said


def test_status_calls_no_lot_protected_whose_sale_is_in_doubt() -> None:
    """Its bracket is cancelled, and nobody knows whether anything else is at the venue."""
    world = holding()
    before = _protection(world)
    world.meddlers["exchange.submit"] = lambda *_: Unknown("no answer")

    obey(world, a_command(world, CommandKind.FLATTEN))

    (doubtful,) = _status(world)["orders_in_doubt"]
    assert ("in place", Decimal(0)) == (before, resting(world))
    assert f"unknown: nobody knows whether the venue has {doubtful}" == _protection(world)


def test_status_calls_no_lot_protected_that_is_too_small_for_an_order() -> None:
    """It rings no bell, since nothing can be done; but nothing protects it."""
    world = holding()
    _edit(world, orders={}, lots={lot_of(world).lot_id: replace(lot_of(world), quantity=Quantity("0.0000001"))})

    assert "none: it is too little for the venue" == _protection(world)


def test_status_says_until_when_something_is_paused() -> None:
    """A pause that is over stays in its slot for a while."""
    world = holding()
    until = Instant(world.clock.now() + 60)

    obey(world, a_command(world, CommandKind.PAUSE, target="product SOL", until=until))

    (told,) = _status(world)["commands"]
    assert (rfc3339(until), False) == (told["until"], told["new"])


# --- what a clumsy operator says


def test_pause_of_a_strategy_that_is_not_there_is_refused() -> None:
    """It would keep nothing from being bought, and its sender believed otherwise; the refusal says which there are."""
    world = holding()
    until = Instant(world.clock.now() + 3600)

    with pytest.raises(CommandRefused, match=r"no strategy rules_engin; allowed are .*strategy rules_engine"):
        obey(world, a_command(world, CommandKind.PAUSE, target="strategy rules_engin", until=until))

    assert {} == world.store.look(SCOPE).commands.slots


def test_resume_of_the_second_of_its_flatten_is_refused() -> None:
    """The flatten counts, so nothing would be resumed, and the sender would read that it was done."""
    world = holding()
    obey(world, a_command(world, CommandKind.FLATTEN, 5, 1))

    with pytest.raises(CommandRefused, match="same second"):
        obey(world, _resume(world))

    assert world.store.look(SCOPE).commands.is_flattening


def _resume(world: World) -> Command:
    flatten = world.store.look(SCOPE).commands.slots["flatten"]
    return replace(a_command(world, CommandKind.RESUME, 0, 2, abandon=True), issued_at=flatten.issued_at)


# --- after the ledger is lost


@pytest.mark.parametrize("kind", list(CommandKind))
def test_record_of_every_command_is_part_of_the_chain(kind: CommandKind) -> None:
    """A rebuild refuses a chain with a name in it that it does not know; one command would be enough."""
    world = holding()
    over: dict[CommandKind, dict[str, Any]] = {
        CommandKind.CLOSE: {"target": lot_of(world).lot_id},
        CommandKind.PAUSE: {"target": "product SOL", "until": Instant(world.clock.now() + 60)},
    }

    obey(world, a_command(world, kind, **over.get(kind, {})))

    assert any(kind in key for key in world.audit.texts)
    assert () == read_chain(world.audit.texts).problems


def test_drawdown_that_was_cleared_is_so_after_a_rebuild() -> None:
    """The flag, the new peak and the mark of the command: by the record alone."""
    world = holding()
    _edit(world, drawdown_halt=True)
    world.cycle()
    world.clock.advance(7)
    obey(world, a_command(world, CommandKind.CLEAR_DRAWDOWN, why="a deposit was booked as a gain"))
    lost = world.ledger
    stores = RecoveryStores(
        settings=world.pipeline.settings,
        scope=SCOPE,
        owner="operator",
        store=world.store,
        items=_NoItems(),
        audit=world.audit,
        reader=_Records(world),
        exchange=world.venue,
        clock=world.clock,
    )

    made, _ = rebuild(stores, RebuildOptions())

    assert not made.ledger.drawdown_halt
    assert lost.equity_marks == made.ledger.equity_marks
    assert lost.applied_commands == made.ledger.applied_commands


def test_flatten_stands_when_a_damaged_ledger_is_replaced() -> None:
    """The commands lie beside the ledger: a rebuild that dropped them would let the next tick enter again."""
    world = holding()
    ledger = world.ledger
    world.store.write_command(SCOPE, a_command(world, CommandKind.FLATTEN))
    damaged = world.store.texts[SCOPE].replace('"capital":', '"capitol":')
    there = read_stored_item(damaged, "memory")

    item = replace_item(there, there, ledger, 99, world.clock.now())

    assert (None, ["flatten"]) == (there.ledger, list(item.commands))


class _NoItems:
    """A table whose item of the ledger is lost."""

    def find(self, _: Scope) -> StoredLedger | None:
        return None

    def put(self, *_: Any) -> None:
        raise AssertionError

    def set_aside(self, *_: Any) -> str:
        raise AssertionError

    def read_owed(self, _: Scope) -> dict[str, str]:
        return {}

    def read_fills(self, _: Scope) -> tuple[Fill, ...]:
        return ()

    def read_finished(self, _: Scope) -> tuple[OrderRecord, ...]:
        return ()


class _Records:
    """The audit in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def texts(self, _: Scope) -> Mapping[str, str]:
        return dict(self._world.audit.texts)

    def checkpoints(self, _: Scope) -> Mapping[str, str]:
        return {}
