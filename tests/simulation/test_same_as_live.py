"""PAPER at the HTTP sandbox is the backtest of its candles; what is a little off in one of them is found."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from desk.backtest import engines, world
from desk.backtest.fault_record import FaultRecord
from desk.backtest.foresight import Foresight
from desk.backtest.schedule import Schedule
from desk.backtest.series import ColumnSeries
from desk.backtest.tally import Tally
from desk.backtest.world import Recorded
from desk.markets.candle_market import CandleMarket
from simulation.backtest.comparison import SCREENS
from simulation.backtest.live_markets import draw_live_market, read_live_market
from simulation.backtest.paper_play import LATE_CANDLES, PaperPlay, play_paper
from simulation.backtest.same_as_live import compare_play, describe_play
from trader.cycle.report import CycleOutcome, CycleReport
from trader.model.ids import Instant
from trader.model.market import Bars
from trader.model.money import Price
from trader.sim import matching
from trader.sim.fills import Execution

Patch = pytest.MonkeyPatch
TICKS = 200
#: A seed whose settings trade often.
SEED = 27


@dataclass(frozen=True)
class Played:
    """A play, and what it was played on."""

    recorded: Recorded
    play: PaperPlay


def _play(folder: Path, ticks: int, chance: random.Random | None) -> Played:
    market = draw_live_market(SEED, ticks)
    return Played(market.recorded, play_paper(market, ticks, folder, chance))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Two hundred ticks with faults."""
    return _play(tmp_path_factory.mktemp("faulty"), TICKS, random.Random("same as live"))


def test_play_without_faults_is_the_backtest(tmp_path: Path) -> None:
    """There is nothing to explain: not one answer is taken from the play."""
    played = _play(tmp_path, TICKS // 4, None)
    found = compare_play(played.recorded, played.play)

    assert played.play.fills
    assert played.play.record == FaultRecord()
    assert ([], 0) == (found.unexplained, found.explained)


def test_play_with_faults_is_the_backtest_with_the_same_faults(faulty: Played) -> None:
    """Whatever they changed follows from the answers that they lay under; ``make same-as-live`` plays 2,000 ticks."""
    play, found = faulty.play, compare_play(faulty.recorded, faulty.play)

    assert [] == found.unexplained
    assert found.explained
    assert play.played[LATE_CANDLES]
    assert play.played.total() > play.played[LATE_CANDLES]
    assert len(play.fills) > TICKS // 10
    line = describe_play(SEED, play, found)
    assert line.startswith(f"seed={SEED} ticks={TICKS} looks={TICKS * 4 - 4} faults=")
    assert line.endswith(f"different=0 explained={found.explained} unexplained=0")


def test_play_on_recorded_minutes_differs_by_the_prices_of_now_only(tmp_path: Path) -> None:
    """Opens that are not the close before them, and minutes without a trade; the shipped strategies."""
    market = read_live_market()
    play = play_paper(market, TICKS // 8, tmp_path, None)

    assert play.fills
    assert [] == compare_play(market.recorded, play).unexplained
    assert not [asked for asked in play.record.answers if asked[1][0] == "bars"]


def shift_fills(patch: Patch) -> None:
    """Fill an increment higher than the rule says."""
    honest = matching.fill_resting

    def fill(order: Any, *rest: Any) -> Execution | None:
        execution = honest(order, *rest)
        return execution and replace(execution, price=Price(execution.price + order.price_increment))

    patch.setattr(matching, "fill_resting", fill)


def decide_early(patch: Patch) -> None:
    """Show decisions the bar that runs."""
    honest = ColumnSeries.bars

    def bars(self: ColumnSeries, count: int, now: Instant) -> Bars:
        return honest(self, count, Instant(now + self.granularity.seconds))

    patch.setattr(ColumnSeries, "bars", bars)


def quote_wider(patch: Patch) -> None:
    """Quote an ask that is an increment too high."""
    honest = CandleMarket._quote

    def quote(self: CandleMarket, product_id: Any, *rest: Any) -> Any:
        found = honest(self, product_id, *rest)
        return replace(found, ask=Price(found.ask + self._products[product_id].price_increment))

    patch.setattr(CandleMarket, "_quote", quote)


def leave_looks_out(patch: Patch) -> None:
    """Find nothing due between ticks."""
    patch.setattr(world, "run_watch", lambda tick, *_: CycleReport(tick, CycleOutcome.SKIPPED, "nothing is due"))


def foresee_in_trouble(patch: Patch) -> None:
    """Let screens judge the ticks and looks that faults lay under."""
    patch.setattr(engines, "list_doubtful", lambda *_: ([], frozenset()))


SABOTAGES: dict[str, Callable[[Patch], None]] = {
    each.__name__: each for each in (shift_fills, decide_early, quote_wider, leave_looks_out, foresee_in_trouble)
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotage_is_found(name: str, faulty: Played, monkeypatch: Patch) -> None:
    """A replay that is a little wrong differs from the play."""
    SABOTAGES[name](monkeypatch)

    assert compare_play(faulty.recorded, faulty.play).unexplained


def test_fault_without_its_answer_explains_nothing(faulty: Played) -> None:
    """A replay that is told of all faults but one kind of question differs."""
    record = FaultRecord({key: answer for key, answer in faulty.play.record.answers.items() if key[1][0] != "quotes"})

    assert compare_play(faulty.recorded, replace(faulty.play, record=record)).unexplained


def test_what_was_told_of_products_in_trouble_is_believed_until_they_are_asked_for_anew(monkeypatch: Patch) -> None:
    """For an hour all of them are in a state that nobody knows; a screen that forgets that later on is found."""
    market = draw_live_market(SEED, TICKS)
    period = market.recorded.settings.cycle.period_seconds
    ticks = [Instant(market.begin + number * period) for number in range(TICKS)]
    odd = {each.product_id: replace(each, status="odd") for each in market.recorded.products}
    record = FaultRecord({(tick, ("products", None), 0): odd for tick in ticks[20:32]})

    def tally_verdicts(run: Callable[..., Tally], *rest: Any) -> Any:
        played = world.World(market.recorded, faults=record)
        return run(played, *rest).by_date()

    schedule = Schedule.on_time(ticks)
    truth = tally_verdicts(engines.run_exhaustive, schedule, lambda *_: None)
    screened = (engines.run_screened, market.recorded, schedule, SCREENS, lambda *_: None, [record])

    assert truth == tally_verdicts(*screened)
    monkeypatch.setattr(Foresight, "_is_exact", lambda *_: False)
    assert truth != tally_verdicts(*screened)
