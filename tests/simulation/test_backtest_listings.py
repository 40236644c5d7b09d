"""A product enters when its data begin and leaves when they end, as where the venue lists it and then does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.backtest.world import World
from recorded_candles import BEGIN
from simulation.backtest.comparison import find_differences, play
from simulation.backtest.cutting import cut_series
from simulation.backtest.markets import STEP
from simulation.backtest.real_markets import DATA, Case
from simulation.test_backtest import CASES
from trader.cycle.report import CycleReport
from trader.errors import MissingData
from trader.model.denials import DenialCode
from trader.model.ids import Asset, Instant, ProductId
from trader.model.market import Granularity
from trader.model.order_life import OrderStatus
from trader.model.orders import Side

ETH, SOL = ProductId("ETH-USD"), ProductId("SOL-USD")
#: When SOL enters and when ETH leaves: its last candle is that of bar 249, and a market is quoted for an hour.
SOL_ENTERS, ETH_LEAVES = BEGIN + 121 * STEP, BEGIN + 250 * STEP + 3600 + STEP


def run_until(end: int) -> tuple[World, list[CycleReport]]:
    """Run every tick of the market with products that come and go, until an instant."""
    market = CASES["late and early"][0]
    world = World(market.record())
    return world, [world.run(at) for at in market.schedule().ticks if at <= end]


def codes_of(report: CycleReport, product_id: ProductId) -> list[DenialCode | None]:
    """Return what is said of a product in a tick; nothing of one that is not considered."""
    assert report.decision is not None
    return [each.code for each in report.decision.verdicts if each.product_id == product_id]


def test_product_is_not_considered_before_its_data_begin() -> None:
    """Neither refused nor known: its base is one that the venue does not list. Then it comes with the next list."""
    world, reports = run_until(SOL_ENTERS + 3600)
    before = [each for each in reports if each.tick.scheduled_at < SOL_ENTERS]

    assert len(before) == 120
    assert not [each for each in before if codes_of(each, SOL)]
    assert all(
        each.after and each.after.products and each.after.products.unlisted == (Asset("SOL"),) for each in before
    )
    assert codes_of(reports[-1], SOL) == [DenialCode.HISTORY_TOO_SHORT]
    assert world.ledger is not None
    assert SOL in world.ledger.known_products


def test_market_has_no_row_of_what_is_not_listed() -> None:
    """Not in the whole list, and as missing where it is asked for by name; nor a quote."""
    world, _ = run_until(BEGIN + 5 * STEP)
    market = world.market
    found = {}
    for at in (SOL_ENTERS - 1, SOL_ENTERS, ETH_LEAVES - 1, ETH_LEAVES):
        world.clock.set(Instant(at))
        assert [isinstance(each, MissingData) for each in market.products([ETH, SOL]).values()] == [
            each not in market.products() for each in (ETH, SOL)
        ]
        found[at] = [each in market.products() for each in (ETH, SOL)]
    world.clock.set(Instant(SOL_ENTERS - 1))

    assert list(found.values()) == [[True, False], [True, True], [True, True], [False, True]]
    assert isinstance(market.quotes([SOL])[SOL], MissingData)


def test_what_is_held_of_a_product_that_leaves_stays_held_and_rings() -> None:
    """The venue cancels what protects it; nothing of it can be sold or bought, and the run says so until its end."""
    quoted, before = run_until(ETH_LEAVES - STEP)
    gone, reports = run_until(ETH_LEAVES + 3 * 3600)
    assert quoted.ledger is not None
    assert gone.ledger is not None
    lots = [lot for lot in quoted.ledger.lots.values() if lot.product_id == ETH]
    covers = [each for each in quoted.ledger.active_orders if each.intent.product_id == ETH]

    assert lots
    assert [each.intent.side for each in covers] == [Side.SELL]
    assert codes_of(before[-1], ETH) == [DenialCode.DATA_STALE]
    assert [lot for lot in gone.ledger.lots.values() if lot.product_id == ETH] == lots
    assert gone.store.finished[covers[0].intent.client_order_id].status is OrderStatus.CANCELLED
    assert codes_of(reports[-1], ETH) == [DenialCode.PRODUCT_MISSING]
    assert "Exposed" in gone.ledger.alarms.ringing


@pytest.mark.skipif(not (DATA / "candles").is_dir(), reason="the recorded candles are not here")
@pytest.mark.parametrize(
    ("granularity", "ticks_a_day", "configured"), [(Granularity.ONE_HOUR, 24, 12), (Granularity.FIFTEEN_MINUTE, 96, 7)]
)
def test_recorded_products_enter_at_their_own_dates(
    granularity: Granularity, ticks_a_day: int, configured: int
) -> None:
    """Four have been there since 2024, the others begin with 2025: before that nothing is said of them."""
    case = Case(granularity, "2024-12-28", "2025-01-12")
    recorded, schedule = case.record(DATA)
    year = 1_735_689_600
    universe = recorded.list_universe()
    late = {name for name, each in universe.listings.items() if each.enters[0] > year}

    truth, screened = play(recorded, schedule, None), play(recorded, schedule, {})

    assert find_differences(truth, screened) == []
    assert truth.world.store.fills
    assert 0 < len(late) < len(recorded.products)
    listed = {at: {*universe.listed_at(Instant(at))} for at in (year, year + granularity.seconds)}
    assert listed[year] & late == set()
    assert late <= listed[year + granularity.seconds]
    days = truth.tally.by_date()
    said = [sum(days[day].verdicts.values()) for day in sorted(days)]
    assert said[1] == ticks_a_day * 4
    assert said[-2] == ticks_a_day * configured


@pytest.mark.skipif(not (DATA / "candles").is_dir(), reason="the recorded candles are not here")
def test_recorded_products_that_end_early_leave() -> None:
    """Cut off in the middle of the window: both engines say the same, and a day later nothing is said of them."""
    recorded, schedule = Case(Granularity.ONE_HOUR, "2025-03-01", "2025-03-12").record(DATA)
    end = 1_741_132_800  # 2025-03-05
    gone = {ETH, ProductId("XLM-USD"), ProductId("ALGO-USD")}
    series = {key: each if key[0] not in gone else cut_series(each, end - 1) for key, each in recorded.series.items()}
    recorded = replace(recorded, series=series)

    truth, screened = play(recorded, schedule, None), play(recorded, schedule, {})

    assert find_differences(truth, screened) == []
    assert {*recorded.list_universe().listed_at(Instant(end + 86_400))} == {
        each.product_id for each in recorded.products
    } - gone
