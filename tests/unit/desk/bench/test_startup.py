"""``make bench-startup`` writes candles on which a cycle runs, as long as it says, and knows what takes too long."""

from __future__ import annotations

from pathlib import Path

from desk.bench.startup import LIMITS, assess, write_candles
from desk.markets import set_up_candles
from desk.markets.candle_folder import CandleFolder
from factories import shipped_settings
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity

END, DAY = Instant(1_767_225_600), 86_400


def test_days_follow_one_another_without_a_hole(tmp_path: Path) -> None:
    """Three times the same two days; the last ones are those of the short folder."""
    long, short = write_candles(tmp_path / "long", 2, 3), write_candles(tmp_path / "short", 2, 1)
    name, length = ProductId("BTC-USD"), Granularity.FIVE_MINUTE

    rows, last = CandleFolder(long).load(name, length), CandleFolder(short).load(name, length)

    assert list(range(END - 6 * DAY, END, 300)) == [row.start for row in rows]
    assert last == rows[-2 * 288 :]
    assert [row[1:] for row in last] == [row[1:] for row in rows[: 2 * 288]]


def test_cycle_finds_a_market_there(tmp_path: Path) -> None:
    """Of every product, with the bars that are configured."""
    folder = write_candles(tmp_path / "short", 2, 1)

    setup = set_up_candles(shipped_settings({"app.mode": "PAPER"}), folder, Instant(END - DAY), Instant(END - DAY))

    assert Granularity.FIVE_MINUTE is setup.settings.bars.granularity
    assert len(setup.products) > 10


def test_limit_is_missed_by_what_takes_more_beside_its_floor() -> None:
    """However fast the machine is."""
    floors = {f"{name}_floor": 0.2 for name in LIMITS}
    most = {name: 0.2 * limit for name, limit in LIMITS.items()}

    assert [] == assess({**floors, **most, "help": 0.29})[1]
    pairs, missed = assess({**floors, **most, "help": 0.29, "cycle": 1.0})
    assert ["cycle_ratio=5.00, 4.5 is allowed"] == missed
    assert "help_cpu_seconds=0.29 help_ratio=1.45" == pairs[0]
