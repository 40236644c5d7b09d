"""Where prices come from."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from desk.markets.series import CandleSeries
from desk.sandbox.market import PriceSource
from desk.sandbox.price_sources import add_many_products, add_script, find_newest, load_folder, make_synthetic_source
from desk.sandbox.resample import merge, partial, split
from factories_venue import SOL, START, STEP, a_path
from trader.errors import ConfigError
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity

BTC = ProductId("BTC-USD")


def test_seeded_market_goes_on_where_it_was() -> None:
    """No bar jumps, the future is there, and the same seed makes the same market."""
    made, _, again = (make_synthetic_source(seed, START, ahead_hours=2) for seed in (7, 8, 7))

    assert made is not again
    series = made.series[BTC, Granularity.FIVE_MINUTE]
    assert isinstance(series, CandleSeries)
    starts = [candle.start for candle in series.candles]
    later = [candle for candle in series.candles if candle.start >= START]
    assert START + 2 * 3600 - STEP == starts[-1]
    assert list(range(starts[0], starts[-1] + 1, STEP)) == starts
    assert abs(later[0].open / series.candles[-len(later) - 1].close - 1) < 0.001
    other = again.series[BTC, Granularity.FIVE_MINUTE]
    assert isinstance(other, CandleSeries)
    assert other.candles == series.candles


def test_market_is_made_once_a_bar() -> None:
    """Whoever opens venue after venue shares it; with the next bar there is another."""
    made, same, later = (make_synthetic_source(7, Instant(START + at), ahead_hours=1) for at in (0, STEP - 1, STEP))

    assert made is same
    assert made is not later
    assert not hasattr(made.series, "__setitem__")


def test_folder_is_moved_to_now_by_whole_days(tmp_path: Path) -> None:
    """The hour of the day stays what it was; a finer file wins over a longer one."""
    _write(tmp_path, "SOL-USD-5m", a_path())
    _write(tmp_path, "SOL-USD-1h", [Candle(START - 3600, 1, 1, 1, 1, 1)])
    now = Instant(START + 100 * 86_400 + 1800)

    source = load_folder(tmp_path, Instant(START - STEP), now)

    series = source.series[SOL, Granularity.FIVE_MINUTE]
    assert isinstance(series, CandleSeries)
    assert [SOL, ProductId("SOL-USDC")] == [product.product_id for product in source.products]
    assert 100 * 86_400 == series.candles[-1].start - (START - STEP)
    assert START == find_newest(tmp_path, ahead_hours=0)


def test_folder_without_candles_then_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "SOL-USD-5m", a_path())

    with pytest.raises(ConfigError, match="no candles around"):
        load_folder(tmp_path, Instant(0), START)


def test_script_prints_when_its_time_comes(tmp_path: Path) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text('{"after": 60, "product_id": "SOL-USD", "price": "90"}\n\n{"product_id": "SOL-USD", "price": null}')

    made = add_script(PriceSource([], {}), file, START)

    assert [(START, None), (START + 60, "90")] == [
        (each.at, None if each.price is None else str(each.price)) for each in made.script
    ]


@pytest.mark.parametrize("line", ["not json", '{"after": 1}', '{"product_id": "X", "price": "much"}', "[]"])
def test_script_with_a_fault_names_the_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text(line, encoding="utf-8")

    with pytest.raises(ConfigError, match="line 1"):
        add_script(PriceSource([], {}), file, START)


def test_crowd_follows_its_originals() -> None:
    made = add_many_products(make_synthetic_source(7, START, ahead_hours=1), 200)

    assert 200 == len({product.product_id for product in made.products})
    assert all((product.product_id, Granularity.FIVE_MINUTE) in made.series for product in made.products)


@pytest.mark.parametrize(("seconds", "step"), [(300, 60), (900, 60), (3600, 300), (3600, 900), (600, 300), (300, 300)])
@pytest.mark.parametrize("close", [99.5, 100.5])
def test_pieces_put_together_are_the_bar(seconds: int, step: int, close: float) -> None:
    bar = Candle(START, 100.0, 101.25, 98.75, close, 300.0)

    cut = split(bar, seconds, step)

    assert [START + index * step for index in range(seconds // step)] == [piece.start for piece in cut]
    whole = merge(cut, START)
    assert (bar[:1], bar[1], bar[4]) == (whole[:1], whole[1], whole[4])
    assert bar.volume == pytest.approx(whole.volume)
    if seconds // step > 2:
        assert bar == pytest.approx(whole)


def test_bar_is_seen_as_far_as_it_got() -> None:
    """Not before it begins, its open at first, all of it in the end."""
    bar = Candle(START, 100.0, 104.0, 96.0, 102.0, 300.0)

    assert partial(bar, STEP, Instant(START - 1)) is None
    assert (100.0, 100.0) == tuple(partial(bar, STEP, START) or ())[2:4]
    assert bar == partial(bar, STEP, Instant(START + STEP))


def _write(folder: Path, name: str, rows: list[Candle]) -> None:
    lines = ["start,open,high,low,close,volume", *(",".join(map(repr, row)) for row in rows)]
    with gzip.open(folder / f"{name}.csv.gz", "wt", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
