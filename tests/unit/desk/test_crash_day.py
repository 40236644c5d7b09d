"""What the crash day tells of lots whose fall is known: made-up candles, one product for each way to fall."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from desk.drill import crash_day
from desk.drill.crash_day import run_variants
from desk.drill.crash_lots import LotStory, Sale, SoldBy, assess
from desk.drill.crash_page import Played, write_page, write_table
from desk.drill.crash_world import Protection, Variant, Window
from desk.markets.series import CandleSeries
from factories_settings import shipped_settings
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity
from trader.model.money import Notional, Price, Quantity
from trader.settings.app import FillModel

START = Instant(1_760_119_200)  # 2025-10-10T18:00:00Z
STEP = Granularity.FIVE_MINUTE.seconds
WINDOW = Window(START, Instant(START + 12 * STEP), STEP)
CALM, HISTORY = 1000.0, 9 * 288
BTC, GAP, DIP, THIN = (ProductId(f"{base}-USD") for base in ("BTC", "ADA", "SOL", "XRP"))
SETTINGS = shipped_settings({"app.mode": "PAPER"})
PROTECTIONS = pytest.mark.parametrize("protection", list(Protection))


def candles(*falls: tuple[float, float]) -> CandleSeries:
    """Flat busy bars of one price, from the sixth on one for each given price and volume, the last price for good."""
    after = [*falls, *[(falls[-1][0], CALM)] * 20] if falls else [(100.01, CALM)] * 20
    prices = [*[(100.01, CALM)] * (HISTORY + 5), *after]
    rows = [Candle(START + n * STEP, p, p, p, p, volume) for n, (p, volume) in enumerate(prices, -HISTORY)]
    return CandleSeries(Granularity.FIVE_MINUTE, rows)


def play(product_id: ProductId, falls: Iterable[tuple[float, float]], protection: Protection) -> LotStory:
    """The story of the lot in one product, beside one in a benchmark at which nothing happens."""
    benchmark = candles()
    series = {
        (BTC, Granularity.FIVE_MINUTE): benchmark.candles,
        (BTC, Granularity.ONE_HOUR): benchmark.aggregate(Granularity.ONE_HOUR).candles,
        (product_id, Granularity.FIVE_MINUTE): candles(*falls).candles,
    }
    (played,) = run_variants(SETTINGS, series, WINDOW, [Variant(protection, FillModel.NEUTRAL)])
    return next(story for story in played.stories if story.product_id == product_id)


def cells(story: LotStory) -> list[str]:
    return write_table([story]).splitlines()[-1].strip("| ").split(" | ")


@PROTECTIONS
def test_gap_through_own_limit(protection: Protection) -> None:
    """The stop at 94 has a limit of 89.3, the market is at 85: the second line sells all of it at once."""
    story = play(GAP, [(85.01, CALM)], protection)

    assert ["stop", "18:30"] == cells(story)[6:8]
    assert 85 * 0.995 <= story.sales[-1].price <= 85
    assert 9 < story.below_stop_pct < 10
    assert "100 %" == cells(story)[10]
    assert (0, 0) == (story.exposed, story.silent)
    assert assess([story]).is_good


@PROTECTIONS
def test_gap_inside_own_limit(protection: Protection) -> None:
    """The market is at 91: the venue's order sells there, and nothing is left to the second line."""
    story = play(DIP, [(91.01, CALM)], protection)

    assert ["venue's stop", "18:30", "90.93", "3.28 %", "0 %"] == cells(story)[6:11]
    assert str(assess([story])).startswith(
        "products=1 sold_by_venue=1 sold_by_second_line=0 left=0 worst_below_stop_pct=3.28 oversold=0 exposed_cycles=0"
    )


@PROTECTIONS
def test_rest_of_a_thin_bar_falls_to_the_second_line(protection: Protection) -> None:
    """Of ten units that trade at 91 one is ours; then the market is at 80, below the limit."""
    story = play(THIN, [(91.01, 10.0), (80.01, CALM)], protection)

    assert ["venue's stop + stop", "18:30 to 18:35"] == cells(story)[6:8]
    assert "50 %" == cells(story)[10]
    assert "18:30, 3.2 % below the stop" == cells(story)[11]
    assert assess([story]).is_good


def test_lot_whose_stop_is_never_passed_is_held() -> None:
    """It is no failure that it is unsold."""
    story = play(DIP, [(97.01, CALM)], Protection.BRACKET)

    assert ["none", "-", "-", "-", "0 %"] == cells(story)[6:11]
    assert assess([story]).is_good


# --- the verdict


def a_story(**overrides: object) -> LotStory:
    """A lot of two that the venue sold whole at 93, its stop at 94."""
    story = LotStory(
        product_id=DIP,
        bar=timedelta(minutes=5),
        quantity=Quantity(2),
        cost=Notional(202),
        entry_price=Price(100),
        stop_price=Price(94),
        own_limit=Price("89.3"),
        lowest_price=Price(90),
        passed_at=START,
        sales=(a_sale(2),),
    )
    return replace(story, **overrides)


def a_sale(quantity: int, price: str = "93") -> Sale:
    return Sale(SoldBy.STOP, START, Price(price), Quantity(quantity), Notional(1))


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(a_story(), True, id="sold"),
        pytest.param(a_story(sales=(a_sale(1),)), False, id="left"),
        pytest.param(a_story(sales=(), passed_at=None), True, id="never passed"),
        pytest.param(a_story(sales=(a_sale(3),)), False, id="sold more than was bought"),
        pytest.param(a_story(missing=Quantity(1)), False, id="coins of the owner sold"),
        pytest.param(a_story(exposed=2, silent=0), True, id="exposed and rang"),
        pytest.param(a_story(exposed=2, silent=1), False, id="exposed in silence"),
    ],
)
def test_verdict(story: LotStory, expected: bool) -> None:
    """A lot that is left, oversold or exposed in silence is no success."""
    assert expected == assess([story]).is_good


def test_page_names_losses_first_and_repeats_no_table() -> None:
    """202 paid, 185 came back."""
    one, other = (Variant(protection, FillModel.NEUTRAL) for protection in Protection)

    page = write_page([Played(one, (a_story(),)), Played(other, (a_story(),))], SETTINGS, WINDOW)

    assert "- bracket, neutral: the 1 lots lost 17.00 USD with all fees, 8.4 % of what they cost" in page
    assert page.index("## Losses") < page.index("## What was seen")
    assert 1 == page.count("| SOL-USD |")
    assert "### stop_limit, neutral\n\nAs bracket, neutral, row for row." in page


def test_sale_at_its_stop_is_worse_than_one_above_it() -> None:
    """Nothing below the stop is a distance, too, and not the same as unsold."""
    at_stop, above = a_story(sales=(a_sale(2, "94"),)), a_story(product_id=GAP, sales=(a_sale(2, "112"),))
    variant = Variant(Protection.BRACKET, FillModel.NEUTRAL)

    page = write_page([Played(variant, (above, at_stop, a_story(sales=())))], SETTINGS, WINDOW)

    assert "the worst sale was 0.00 % below its stop (SOL-USD)" in page


def test_missing_candles_are_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a wrong use of the command."""
    monkeypatch.setattr(sys, "argv", ["crash-day", "--candles", str(tmp_path / "none")])

    with pytest.raises(SystemExit) as ended:
        crash_day.main()

    assert 2 == ended.value.code
    assert 1 == capsys.readouterr().err.count("\n")
