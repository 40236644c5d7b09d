"""The benchmark of linearity: its parts make up the whole, and a cost of size misses the limit."""

from __future__ import annotations

from desk.bench.breakout_run import BASES
from desk.bench.linearity import (
    Part,
    assess,
    make_columns,
    measure_part,
    measure_ratio,
    record_part,
    split_products,
    split_ticks,
)


def test_parts_make_up_the_whole() -> None:
    """Every tick and every product is in one part, and no other tick or product is."""
    by_ticks, by_products = split_ticks(5_000, 10, is_screened=False), split_products(20)

    assert [each.end - each.begin for each in by_ticks.parts] == [500] * 10
    assert [0, *(each.end for each in by_ticks.parts)] == [*(each.begin for each in by_ticks.parts), 5_000]
    assert sum((each.products for each in by_products.parts), ()) == by_products.whole.products == BASES


def test_part_sees_the_bars_of_the_whole_and_trades() -> None:
    """The same instants; both engines do the same."""
    drawn = {base: make_columns(number, 600 + 1500) for number, base in enumerate(BASES)}
    _, whole = record_part(drawn, Part(BASES[:2], 0, 300))
    recorded, late = record_part(drawn, Part(BASES[:2], 100, 300))
    fills = {is_screened: measure_part(drawn, Part(BASES[:2], 0, 700, is_screened))[1] for is_screened in (True, False)}

    assert list(whole.ticks[100:]) == list(late.ticks)
    assert [each.product_id for each in recorded.products] == ["BTC-USD", "ETH-USD"]
    assert fills[True] == fills[False] > 0


def test_cost_of_size_misses_the_limit() -> None:
    """CPU that grows with the square of the ticks is twice that of two halves; what trades nothing measures nothing."""

    def run_squared(part: Part) -> tuple[float, int]:
        return float((part.end - part.begin) ** 2), 7

    ratio, seconds, fills = measure_ratio(split_ticks(100, 2, is_screened=True), run_squared)

    assert (2.0, 10_000.0, 7) == (ratio, seconds, fills)
    pairs, missed = assess({"bars_ratio": [1.0, ratio, ratio], "length_ratio": [1.0]}, {"bars_ratio": 0})
    assert ["bars_ratio=2.000", "length_ratio=1.000"] == pairs
    assert ["bars_ratio=2.00, 1.25 is allowed", "bars_ratio: nothing was traded"] == missed
