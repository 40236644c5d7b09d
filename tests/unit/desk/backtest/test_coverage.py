"""What of a backtest's time has no candles is told before it is run."""

from __future__ import annotations

from collections.abc import Mapping

from desk.backtest.coverage import list_coverage_notes
from desk.backtest.schedule import plan_schedule
from desk.backtest.setup import record_market
from trader.model.ids import Instant
from trader.model.market import Granularity
from unit.desk.backtest.test_setup import HOUR, SETTINGS, Source


def tell(hours: Mapping[tuple[str, Granularity], tuple[int, int]], end: int = 20) -> list[str]:
    """What is said of candles of these hours, from the tenth hour on."""
    start, stop = Instant(36_000), Instant(end * 3600)
    recorded = record_market(SETTINGS, Source(hours), start, stop, granularity=HOUR, stretch=True)
    return list(list_coverage_notes(recorded, plan_schedule(start, stop, 3600)))


def test_whole_candles_need_no_word() -> None:
    """Nor does a bar that is missing at the edge."""
    assert [] == tell({("A-USD", HOUR): (0, 30), ("B-USD", HOUR): (11, 20)})


def test_ticks_without_any_candle_are_counted() -> None:
    """Those after the last one, but for a bar or two."""
    (told,) = tell({("A-USD", HOUR): (0, 15)}, end=40)

    assert "candles are from 1970-01-01T00:00:00Z to 1970-01-01T15:00:00Z" in told
    assert "none for 23 of 31 ticks" in told


def test_products_that_begin_or_end_in_between_are_named() -> None:
    """With the instant."""
    (told,) = tell({("A-USD", HOUR): (0, 30), ("B-USD", HOUR): (14, 30), ("C-USD", HOUR): (0, 12)})

    assert told == "in between B-USD begins 1970-01-01T14:00:00Z, C-USD ends 1970-01-01T12:00:00Z"


def test_benchmark_that_ended_before_is_told() -> None:
    """It is read although nobody trades it any more."""
    (told,) = tell({("A-USD", HOUR): (0, 30), (SETTINGS.bars.benchmark, HOUR): (0, 5)})

    assert told.startswith(f"the benchmark {SETTINGS.bars.benchmark} ends 1970-01-01T05:00:00Z")
