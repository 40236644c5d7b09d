"""The spine: the order of things, the five outcomes, and what a second call for the same tick does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_type_hints

import pytest

from accidents.one_account import DIP, SOL, USD, Bar, World, a_path, a_world, answering, down, with_settings
from factories import SCOPE, Scripted, a_proposal, scripted
from factories_venue import START
from trader.cycle import CycleOutcome, run_cycle
from trader.errors import AuditError, StoreUnavailable, VersionConflict
from trader.model.codec import sha256_hex
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import Instant, cycle_id_at
from trader.model.inputs import Tick
from trader.model.money import Notional
from trader.model.order_life import OrderStatus
from trader.model.trading_state import TradingState
from trader.settings.policy import RuleSettings
from trader.strategies.mean_reversion import MeanReversionSettings

QUIET = [Bar()] * 24


def eager(**world: Any) -> World:
    """A strategy that wants SOL in every cycle."""
    return a_world(strategy=scripted(a_proposal("SOL-USD")), **world)


class PowerCut(BaseException):
    """The invocation ends here."""


def raising(error: BaseException) -> Any:
    def meddler(*_: Any, **__: Any) -> Any:
        raise error

    return meddler


def nth(number: int, error: BaseException) -> Any:
    """A meddler that fails at the nth call."""
    seen: list[int] = []

    def meddler(original: Any, *args: Any, **named: Any) -> Any:
        seen.append(1)
        if len(seen) == number:
            raise error
        return original(*args, **named)

    return meddler


def steps(world: World) -> list[str]:
    """The calls whose order is part of the design."""
    wanted = ("store.", "audit.", "exchange.submit", "exchange.cancel", "kill_switch.")
    return [call for call in world.calls if call.startswith(wanted)]


# --- the order of things


def test_cycle_with_an_order_records_commits_sends_records_and_commits() -> None:
    """No record, no action; remembered before sent; the switch once more before the order."""
    world = eager()

    world.cycle()

    assert [
        "store.acquire",
        "kill_switch.read",
        "audit.write",
        "store.commit",
        "store.renew_commands",
        "kill_switch.read",
        "exchange.submit",
        "audit.write",
        "store.commit",
    ] == steps(world)


def test_quiet_cycle_is_one_record_and_one_commit() -> None:
    """Two writes to the store in all, with the lease."""
    world = a_world(strategy=Scripted())

    world.cycle()

    assert ["store.acquire", "kill_switch.read", "audit.write", "store.commit"] == steps(world)


@pytest.mark.parametrize(("size", "code"), [(499, None), (500, DenialCode.LEDGER_SIZE_EXCEEDS_MAX)])
def test_ledger_of_half_the_size_that_its_store_takes_lets_nothing_in(size: int, code: DenialCode | None) -> None:
    """The denial, the record and the report say how large it is."""
    world = eager()
    world.meddlers["store.acquire"] = lambda original, *given: replace(
        original(*given), size_bytes=size, size_max=1_000
    )

    report = world.cycle()

    (inputs,) = (note.body for note in report.notes if note.kind is EventKind.INPUTS_GATHERED)
    assert report.decision is not None
    denied = [each for each in report.decision.review.denials if each.code is DenialCode.LEDGER_SIZE_EXCEEDS_MAX]
    assert (code is None) == bool(world.sent())
    assert [{"size_bytes": size, "size_max_bytes": 500}] * (code is not None) == [each.details for each in denied]
    assert (size, 500, size) == (inputs["ledger_bytes"], inputs["ledger_bytes_max"], report.ledger_bytes)


def test_intent_is_in_the_store_before_it_leaves() -> None:
    """With its final id, and announced in the record."""
    world = eager()
    seen: list[tuple[list[str], bool]] = []

    def look(original: Any, intent: Any) -> Any:
        orders = world.ledger.orders
        recorded = any(intent.client_order_id in text for text in world.audit.texts.values())
        seen.append(([record.status for record in orders.values()], recorded))
        return original(intent)

    world.meddlers["exchange.submit"] = look
    world.cycle()

    assert [([OrderStatus.INTENDED], True)] == seen


def test_lease_is_given_back() -> None:
    """The next tick, whoever runs it, need not wait."""
    world = a_world(strategy=Scripted())
    world.cycle(owner="one")
    world.clock.advance(1)

    assert CycleOutcome.COMPLETED is world.cycle(owner="two").outcome


def test_records_are_chained_and_the_head_is_in_the_books() -> None:
    """Every object names the digest of the one before; a missing one would show."""
    world = eager(paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(3)

    headers = [json.loads(text.split("\n", 1)[0]) for text in world.audit.texts.values()]
    digests = [sha256_hex(text) for text in world.audit.texts.values()]
    assert ["", *digests[:-1]] == [header["previous"] for header in headers]
    assert digests[-1] == world.ledger.audit_head


def test_fills_and_finished_orders_are_stored_beside_the_books() -> None:
    """Each once."""
    world = eager(paths={SOL: a_path(DIP, *QUIET)})

    world.cycles(4)

    assert [fill.trade_id for fill in world.stored.fills] == [fill.trade_id for fill in world.store.fills(SCOPE)]


def test_report_carries_the_books_before_and_after() -> None:
    """And the decision between them."""
    world = eager()

    report = world.cycle()

    assert report.before is not None
    assert report.decision is not None
    assert ({}, world.ledger) == (report.before.orders, report.after)


# --- outcomes


def test_cycle_that_did_what_it_decided_is_completed() -> None:
    """Entries or none."""
    reports = [world.cycle() for world in (eager(), a_world(strategy=Scripted()))]

    assert [(CycleOutcome.COMPLETED, "")] * 2 == [(report.outcome, report.reason) for report in reports]


def test_tick_under_somebody_elses_lease_is_skipped() -> None:
    """Nothing is read, nothing is sent."""
    world = eager()
    world.store.acquire(SCOPE, "another", world.clock.now(), 60)

    report = world.cycle()

    assert (CycleOutcome.SKIPPED, ["store.acquire"]) == (report.outcome, world.calls)
    assert "another" in report.reason


@pytest.mark.parametrize(
    ("end", "told"),
    [(10**11, "until 5138-11-16T09:46:40Z"), (10**15, f"until {10**15} s after 1970, which is no date")],
)
def test_lease_without_end_is_told_as_any_other(end: int, told: str) -> None:
    """As a wrong clock left it: whoever cannot say when it ends has not to die of that."""
    world = eager()
    world.store.acquire(SCOPE, "another", Instant(end - 60), 60)

    report = world.cycle()

    assert CycleOutcome.SKIPPED is report.outcome
    assert report.reason.endswith(told)


@pytest.mark.parametrize("ago", [0, 300])
def test_tick_that_was_finished_before_is_skipped(ago: int) -> None:
    """Redelivered, or older than the last one: nothing is decided twice, and the lease is free again."""
    world = eager()
    world.clock.set(Instant(START + 300))
    world.cycle(scheduled=START + 300)
    before, calls = world.ledger, len(world.calls)

    report = world.cycle(scheduled=START + 300 - ago)

    assert CycleOutcome.SKIPPED is report.outcome
    assert ["store.acquire", "store.release"] == world.calls[calls:]
    assert before == world.ledger


def test_account_that_cannot_be_read_is_abstained_from() -> None:
    """Counted, recorded, and tried again at the next tick."""
    world = eager(paths={SOL: a_path(*[Bar()] * 48)})
    world.cycle()
    world.clock.advance(900)
    sent, written = world.sent(), len(world.audit.texts)
    world.meddlers["exchange.balances"] = down

    reports = [world.cycle()]
    world.clock.advance(1)
    reports += [world.cycle(owner="another")]

    assert [CycleOutcome.ABSTAINED] * 2 == [report.outcome for report in reports]
    done = world.ledger.failure_streak.failed_cycles, world.sent() - sent, len(world.audit.texts) - written
    assert (2, 0, 2) == done


def test_third_failed_cycle_rests_entries_for_an_hour() -> None:
    """The venue is back, we wait all the same."""
    quiet = iter([()])
    strategy = Scripted(lambda _: next(quiet, (a_proposal("SOL-USD"),)))
    world = a_world(strategy=strategy, paths={SOL: a_path(*[Bar()] * 48)})
    world.cycles(1)
    world.meddlers["exchange.balances"] = down
    world.cycles(3)

    del world.meddlers["exchange.balances"]
    resting = world.cycle()
    world.clock.advance(3600)
    rested = world.cycle()

    codes = [next(v.code for v in r.decision.verdicts if v.product_id == SOL) for r in (resting, rested) if r.decision]
    assert [DenialCode.VENUE_UNHEALTHY, None] == codes


@pytest.mark.parametrize("word", [TradingState.HALT, None])
def test_halted_cycle_cancels_entries_and_sends_nothing(word: str | None) -> None:
    """Unreadable is HALT; what protects stays."""
    proposals = iter(["SOL-USD"] + ["ETH-USD"] * 9)
    strategy = Scripted(lambda _: (a_proposal(next(proposals)),))
    world = a_world(strategy=strategy, paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(2)
    sent = world.sent()

    world.kill_switch.word = word
    report = world.cycle()

    assert (CycleOutcome.HALTED, sent) == (report.outcome, world.sent())
    assert ["SELL"] == [order.side for order in world.stored.active.values()]


def test_cycle_without_a_record_does_not_act() -> None:
    """No record, no new risk: nothing was committed, nothing left, the lease is free."""
    world = eager()
    world.meddlers["audit.write"] = raising(AuditError("full"))

    report = world.cycle()

    assert (CycleOutcome.ABORTED, 0, None) == (report.outcome, world.sent(), world.store.ledger(SCOPE))
    assert "full" in report.reason


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), VersionConflict(1, 2)])
def test_cycle_that_cannot_commit_does_not_send(error: Exception) -> None:
    """The point of no return was not reached."""
    world = eager()
    world.meddlers["store.commit"] = raising(error)

    report = world.cycle()

    assert (CycleOutcome.ABORTED, 0) == (report.outcome, world.sent())


# --- finishing what was begun


def test_cycle_that_died_before_sending_is_finished_not_decided_again() -> None:
    """The same tick again sends the very intent; the strategy is not asked."""
    strategy = scripted(a_proposal("SOL-USD"))
    world = a_world(strategy=strategy)
    world.meddlers["exchange.submit"] = raising(PowerCut())
    with pytest.raises(PowerCut):
        world.cycle(scheduled=START, seconds=100)
    intended = list(world.ledger.orders)

    del world.meddlers["exchange.submit"]
    world.clock.advance(105)
    report = world.cycle(scheduled=START)

    assert (1, None) == (len(strategy.seen), report.decision)
    assert intended == [order.client_order_id for order in world.buys()]


def test_intent_too_old_to_send_waits_out_its_doubt() -> None:
    """After 121 seconds its price is history: it is neither sent nor forgotten."""
    world = eager()
    world.meddlers["exchange.submit"] = raising(PowerCut())
    with pytest.raises(PowerCut):
        world.cycle(scheduled=START)
    del world.meddlers["exchange.submit"]

    world.clock.advance(121)
    world.cycle(scheduled=START)
    waiting = [record.status for record in world.ledger.orders.values()]
    world.clock.advance(179)
    world.cycle()

    assert [OrderStatus.INTENDED] == waiting
    assert (0, OrderStatus.ABANDONED) == (len(world.buys()), next(iter(world.ledger.orders.values())).status)


def test_cycle_that_died_after_sending_is_settled_by_the_next() -> None:
    """The final commit failed: the order is adopted under its id, not sent again."""
    world = eager()
    world.meddlers["store.commit"] = nth(2, StoreUnavailable("gone"))

    report = world.cycle()
    world.clock.set(Instant(START + 300))
    world.cycle()

    assert CycleOutcome.ABORTED is report.outcome
    assert 1 == len(world.buys())
    assert [OrderStatus.OPEN] == [record.status for record in world.ledger.orders.values()]


def test_outcome_that_cannot_be_recorded_ends_in_a_report() -> None:
    """Past the point of no return nothing is undone; the record is owed, and stored by the next cycle."""
    world = eager(paths={SOL: a_path(DIP, *QUIET)})
    world.meddlers["audit.write"] = nth(2, AuditError("full"))

    report = world.cycle()
    world.pass_bars()
    world.cycle()

    assert (CycleOutcome.ABORTED, 1) == (report.outcome, len(world.buys()))
    assert ((), {}, 3) == (world.ledger.owed, world.store.owed, len(world.audit.texts))
    assert [SOL] == [lot.product_id for lot in world.ledger.lots.values()]


def test_cancels_that_were_committed_are_asked_for_by_the_next_cycle() -> None:
    """They are remembered like intents."""
    world = eager()
    world.cycles(1)
    world.kill_switch.word = TradingState.REDUCE_ONLY
    world.meddlers["exchange.cancel"] = raising(PowerCut())
    with pytest.raises(PowerCut):
        world.cycle()

    del world.meddlers["exchange.cancel"]
    world.kill_switch.word = TradingState.RUN
    world.clock.advance(215)
    world.cycle()

    assert (2, (), {}) == (world.sent("cancel"), world.ledger.cancels, world.stored.active)


# --- ticks


@pytest.mark.parametrize(("late", "entered"), [(120, True), (121, False)])
def test_late_tick_may_not_enter(late: int, entered: bool) -> None:
    """To the second."""
    world = eager()
    world.clock.advance(late)

    world.cycle(scheduled=START)

    assert entered is bool(world.sent())


def test_cycle_is_marked_by_its_scheduled_instant() -> None:
    """Not by when it ran."""
    world = eager()
    world.clock.advance(100)

    world.cycle(scheduled=START)

    assert CycleMark(cycle_id_at(START), CyclePhase.FINISHED) == world.ledger.last_cycle


def test_first_cycle_opens_the_books_with_the_capital() -> None:
    """All of it in cash, marked by what it is worth."""
    world = a_world(strategy=Scripted(), app__capital=2500)

    world.cycle()

    assert ({USD: Notional(2500)}, Notional(2500)) == (world.ledger.cash, world.ledger.capital)


def test_changed_capital_is_recorded_as_a_flow() -> None:
    """Once."""
    world = a_world(strategy=Scripted())
    world.cycles(1)

    richer = with_settings(world, Scripted(), app__capital=12_000)
    reports = richer.cycles(2)

    assert Notional(12_000) == richer.ledger.capital == richer.ledger.cash[USD]
    assert [1, 0] == [sum(kind == "FlowRecorded" for kind, _, _ in report.notes) for report in reports]


def test_same_world_gives_the_same_books() -> None:
    """Twice the same story, byte for byte, the record included."""
    worlds = [eager(paths={SOL: a_path(DIP, Bar(93), *QUIET)}) for _ in range(2)]
    for world in worlds:
        world.cycles(8)

    assert worlds[0].store.texts == worlds[1].store.texts
    assert worlds[0].audit.texts == worlds[1].audit.texts
    assert worlds[0].ledger.closed_lots


def test_what_nobody_keeps_a_record_of_is_decided_and_sent_all_the_same() -> None:
    """The same story with an audit log and without one: the same orders, fills and books but for the log's head."""
    kept, unkept = (eager(paths={SOL: a_path(DIP, Bar(93), *QUIET)}) for _ in range(2))
    kept.cycles(8)
    for _ in range(8):
        tick = Tick(cycle_id_at(unkept.clock.now()), unkept.clock.now(), Instant(unkept.clock.now() + 210))
        report = run_cycle(tick, unkept.pipeline, replace(unkept.ports(), audit=None))
        assert (CycleOutcome.COMPLETED, "") == (report.outcome, report.reason)
        unkept.pass_bars()

    assert replace(kept.ledger, audit_head="", bars_on_record={}, checkpoint="") == unkept.ledger
    assert kept.stored == unkept.stored
    assert unkept.ledger.closed_lots
    assert not unkept.audit.texts


def test_answer_of_the_venue_that_means_nothing_to_us_changes_nothing() -> None:
    """An empty account, with all its wallets gone, is a mismatch at most: the books stay."""
    world = eager(paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(2)
    before = world.ledger

    world.meddlers["exchange.balances"] = answering({})
    world.cycle()

    assert (before.lots, before.cash) == (world.ledger.lots, world.ledger.cash)
    assert ["SOL"] == list(world.ledger.reduce_only)


# --- no ledger


def test_no_books_are_opened_while_the_venue_cannot_be_read() -> None:
    """Nobody knows then whether there have been books before; the next tick tries again."""
    world = eager()
    world.meddlers["exchange.orders"] = down

    report = world.cycle()

    assert (CycleOutcome.ABSTAINED, 0, None) == (report.outcome, world.sent(), world.store.ledger(SCOPE))
    assert "no books are opened" in report.reason

    del world.meddlers["exchange.orders"]
    world.pass_bars()
    assert CycleOutcome.COMPLETED is world.cycle().outcome


def test_no_books_are_opened_beside_orders_of_ours() -> None:
    """The ledger was lost: whoever began anew would buy everything once more."""
    world = eager()
    world.cycle()
    world.store.texts.clear()
    sent = world.sent()

    world.pass_bars()
    report = world.cycle()

    assert (CycleOutcome.ABORTED, sent, None) == (report.outcome, world.sent(), world.store.ledger(SCOPE))
    assert "the venue lists 1 orders that begin with 't247-', such as t247-" in report.reason


@pytest.mark.parametrize("settings", [RuleSettings, MeanReversionSettings])
def test_orders_of_ours_are_looked_for_as_far_back_as_a_position_may_be_held(settings: type) -> None:
    """Whatever holding time the configuration accepts: an older entry may be a position still."""
    (bounds,) = get_type_hints(settings, include_extras=True)["hold_hours_max"].__metadata__
    longest = int(bounds.high) * 3600
    world = eager()
    since: list[Instant] = []
    world.meddlers["exchange.orders"] = lambda original, at: since.append(at) or original(at)

    world.cycle()

    # An exit that fails for a while makes it longer.
    assert START - since[0] >= 2 * longest


def test_invocation_that_is_overtaken_while_it_looks_for_orders_of_ours_ends_without_a_word_of_its_own() -> None:
    """The other one opened the books and sent; the lease is no longer there to be given back."""
    world = eager()

    def meanwhile(original: Any, since: Instant) -> Any:
        del world.meddlers["exchange.orders"]
        world.clock.advance(215)
        world.cycle()
        return original(since)

    world.meddlers["exchange.orders"] = meanwhile

    report = world.cycle()

    assert CycleOutcome.ABORTED is report.outcome
    assert 1 == world.sent()
