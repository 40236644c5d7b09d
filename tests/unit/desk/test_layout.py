"""Nothing that matters is cut, however narrow the terminal is."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from desk.cli.layout import Column, format_amount, format_number, format_price, format_quantity, pack, print_table
from desk.cli.run_tables import print_run
from desk.cli.tables import print_cycle
from desk.in_memory import FixedClock
from desk.markets import set_up_synthetic
from desk.run import make_tick
from factories import shipped_settings
from trader.cycle import CycleReport, run_cycle
from trader.entry.wiring import VenueAccess, build_local_ports, build_pipeline
from trader.model.ids import Instant

WIDTHS = [40, 60, 80, 100, 140, 200]
AT = Instant(1_767_538_800)


def shown(width: int, show: Any) -> list[str]:
    """The lines of what is printed on a terminal of this width."""
    text = StringIO()
    show(Console(file=text, width=width))
    return text.getvalue().splitlines()


@pytest.fixture(scope="module")
def entering(tmp_path_factory: pytest.TempPathFactory) -> list[CycleReport]:
    """A cycle that buys, and the next, which holds."""
    settings = shipped_settings({"app.mode": "PAPER"})
    setup, home = set_up_synthetic(settings, Instant(AT + 300), 171), tmp_path_factory.mktemp("home")
    reports = []
    for now in (AT, Instant(AT + 300)):
        clock = FixedClock(now)
        market = setup.market(clock)
        ports = build_local_ports(settings, home, VenueAccess(market, market), clock)
        reports.append(run_cycle(make_tick(now, settings), build_pipeline(settings), ports))
    return reports


@pytest.mark.parametrize("width", WIDTHS)
def test_cycle_shows_stop_target_and_quantity_whole(entering: list[CycleReport], width: int) -> None:
    """Of what is ordered and of what is held, and every verdict with its code and its numbers."""
    for report in entering:
        lines = shown(width, lambda console, report=report: print_cycle(report, console))
        text = "\n".join(lines)

        assert max(map(len, lines)) <= max(width, 40)
        assert report.decision is not None
        assert report.after is not None
        for verdict in report.decision.verdicts:
            assert verdict.product_id in text
            assert str(verdict.code or "") in text
        for intent in report.decision.plan.intents:
            assert intent.bracket is not None
            for number in (intent.quantity, intent.limit_price, intent.bracket.stop_price):
                assert format(number.normalize(), "f") in text
        for lot in report.after.lots.values():
            assert lot.bracket.target_price is not None
            for price in (lot.quantity, lot.bracket.stop_price, lot.bracket.target_price):
                assert format(price.normalize(), "f") in text
    assert any(report.decision is not None and report.decision.plan.intents for report in entering)


@pytest.mark.parametrize("width", WIDTHS)
def test_run_shows_stop_target_and_quantity_of_what_it_holds_whole(width: int) -> None:
    """Amounts have two decimals, and the difference of the cash check all of them."""
    lot = {
        "lot_id": "t247-bb01d596492591876c40c97b3670",
        "product_id": "1INCH-USDC",
        "strategy": "rules_engine",
        "quantity": "123456789.12345678",
        "entry_price": "0.0000123456789",
        "stop_price": "0.00001187",
        "target_price": None,
        "max_hold_until": "2026-01-05T14:10:00Z",
    }
    totals = {
        "ticks": 2,
        "entries": 1,
        "exits": 0,
        "fees": "6.226806343142",
        "equity_open": "10000",
        "equity_close": None,
        "outcomes": {"COMPLETED": 2},
        "verdicts": {"HELD": 1, "CONVICTION_BELOW_MIN": 12},
        "cash_check": {"expected": "8748.41192502908114", "actual": "8748.41192502908115", "difference": "1E-14"},
        "lots": [lot],
    }

    text = "\n".join(shown(width, lambda console: print_run(totals, console)))
    lot["max_hold_until"] = None

    assert "no limit" in " ".join(shown(200, lambda console: print_run(totals, console)))
    for word in ("1INCH-USDC", "123456789.12346", "0.000012345679", "0.00001187", "6.23", "10000.00", "unknown"):
        assert word in text
    flat = " ".join(text.split())
    assert "cash check: expected 8748.41, actual 8748.41, difference 0.00000000000001" in flat


def test_less_important_columns_go_first_then_rows_become_lines() -> None:
    """The highest rank first; what is left over is on lines of its own, with every value."""
    columns = [Column("a"), Column("b"), Column("c", rank=1), Column("d", rank=2)]
    row = ("x" * 10, "y" * 10, "z" * 10, "w" * 10)

    heads = [shown(width, lambda console: print_table(console, "t", columns, [row])) for width in (53, 40, 27, 26)]

    assert [4, 3, 2] == [sum(column in lines[2] for column in "abcd") for lines in heads[:3]]
    assert ["t", *(f"{name} {value}" for name, value in zip("abcd", row, strict=True))] == [
        line.strip() for line in heads[3]
    ]


@pytest.mark.parametrize("text", ["[/red] was closed", "[bold]", "ends in a \\"])
@pytest.mark.parametrize("width", [25, 80])
def test_brackets_are_no_colors(text: str, width: int) -> None:
    """Wherever the text stands."""
    lines = shown(width, lambda console: print_table(console, text, [Column("c")], [(text,)]))

    assert 2 == sum(text in line for line in lines)


def test_parts_are_kept_whole_unless_one_is_longer_than_a_line() -> None:
    """That one is broken at its blanks."""
    assert ["one 1  two 2", "three 3", "a word and", "another"] == pack(
        ["one 1", "two 2", "three 3", "a word and another"], 12
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (format_amount(Decimal("6.226806343142")), "6.23"),
        (format_amount("-0.004"), "-0.00"),
        (format_amount("1E+30"), f"1{'0' * 30}.00"),
        (format_amount(None), "unknown"),
        (format_price(Decimal("97512.34")), "97512.34"),
        (format_price("0.00001234"), "0.00001234"),
        (format_price(Decimal("0.9563999999999999")), "0.9564"),
        (format_price(None), ""),
        (format_quantity(Decimal("458.50078893")), "458.50078893"),
        (format_quantity("1E+3"), "1000"),
        (format_number(0.1 + 0.2), "0.3"),
        (format_number("a [text]"), "a [text]"),
    ],
)
def test_numbers_are_written_for_people(told: str, expected: str) -> None:
    """Without an exponent, and with as many digits as matter."""
    assert expected == told
