"""What the screen of ``trader status`` keeps at 60, 80 and 140 columns, whatever is in the ledger."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from desk.cli.located import System
from desk.cli.status_holdings import make_lots_section, make_parents_sections
from desk.cli.status_mends import Mends
from desk.cli.status_rows import list_findings, make_sections
from desk.cli.status_screen import Part, Row, Section, lay_out
from desk.cli.status_words import MINUS, format_change, format_pct
from desk.location import locate_folder
from factories import NOW, PREFIX, a_bracket_intent, a_ledger, a_lot, a_parent, an_intent, an_order_record
from factories_settings import shipped_settings
from trader.entry.status import describe_state
from trader.model.commands import Command, CommandKind, StandingCommands
from trader.model.cycle_state import AcceptedMark, Cooldown, RunMark
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId
from trader.model.ledger import Ledger
from trader.model.money import Notional, Price, Quantity, plain
from trader.model.order_life import OrderStatus
from trader.model.orders import Bracket
from trader.model.parent_life import ParentEnd, ParentState, ParentStyle
from trader.model.trading_state import TradingState
from trader.ports import StateReading

WIDTHS = (60, 80, 140)
#: A prompt has room below it.
LINES_MAX = 23
SETTINGS = shipped_settings({"app.mode": "PAPER"})

QUANTITIES = st.decimals("0.00000001", "123456789", places=8).map(Quantity)
PRICES = st.decimals("0.00000001", "987654", places=8).map(Price)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz -:,.", max_size=200)
BASES = st.sampled_from(["BTC", "ETH", "SOL", "PEPE", "1INCH", "LONGNAMED", "FARTCOIN"])
HOMES = st.sampled_from([".trader/synthetic-7", "/srv/trading/books of a long name/venue-api.coinbase.com", "h"])


def make_mends(home: str = "h") -> Mends:
    """What mends things in a folder that nobody has to make."""
    system = System(locate_folder(Path(home)), SETTINGS.app.mode, Path("config"))
    switch = f"> '{home}/kill-switch'"
    tick = f"trader cycle --mode PAPER --home '{home}'"
    return Mends(system, tick, f"echo REDUCE_ONLY {switch}", f"echo RUN {switch}", "")


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Books of up to thirty lots, some of them bare, with orders, doubts, cool-downs and locks."""
    lots, orders, marks = [], [], {}
    for number in range(draw(st.integers(0, 30))):
        base = draw(BASES)
        name = f"{number:028d}"
        stop = draw(PRICES)
        lot = replace(
            a_lot(f"{base}-USDC", lot_id=ClientOrderId(PREFIX + name)),
            quantity=draw(QUANTITIES),
            cost=Notional(draw(PRICES)),
            bracket=Bracket(stop, draw(st.none() | PRICES)),
        )
        lots.append(lot)
        marks[lot.base] = AcceptedMark(draw(PRICES), NOW)
        if draw(st.booleans()):
            intent = a_bracket_intent(f"b-{name}", lot=name, product_id=lot.product_id, quantity=lot.quantity)
            orders.append(an_order_record(intent, draw(st.sampled_from([OrderStatus.OPEN, OrderStatus.IN_DOUBT]))))
    for number in range(draw(st.integers(0, 20))):
        intent = an_intent(f"e-{number}", product_id=f"{draw(BASES)}-USD", quantity=draw(QUANTITIES))
        orders.append(an_order_record(intent, draw(st.sampled_from([OrderStatus.OPEN, OrderStatus.INTENDED]))))
    parents = [
        a_parent(
            f"{draw(BASES)}-{draw(st.sampled_from(['USD', 'USDC']))}",
            parent_id=ClientOrderId(f"{PREFIX}p{number}"),
            state=draw(st.sampled_from(ParentState)),
            style=draw(st.sampled_from([*ParentStyle, ParentStyle.keep("ICEBERG")])),
            quantity=draw(QUANTITIES),
        )
        for number in range(draw(st.integers(0, 12)))
    ]
    return a_ledger(
        lots=lots,
        working=orders,
        parents={each.parent_id: each for each in parents},
        accepted_marks=marks if draw(st.booleans()) else {},
        unbelieved={lot.product_id: Instant(NOW - draw(st.integers(0, 90_000))) for lot in lots if draw(st.booleans())},
        last_run=RunMark(CycleId("20261122T101500Z"), NOW, NOW, draw(OUTCOMES), draw(WORDS))
        if draw(st.booleans())
        else None,
        cooldowns={Asset(base): Cooldown(Instant(NOW + 60), "stop") for base in draw(st.sets(BASES))},
        reduce_only={Asset(base): draw(WORDS) for base in draw(st.sets(BASES))},
        drawdown_halt=draw(st.booleans()),
        cash={Asset(f"USD{number}" if number else "USD"): draw(PRICES) for number in range(draw(st.integers(1, 9)))},
    )


OUTCOMES = st.sampled_from(["COMPLETED", "ABSTAINED", "ABORTED", "HALTED"])


@st.composite
def states(draw: st.DrawFn) -> dict[str, Any]:
    """What is told of such books some time after their last run, under any switch and any commands."""
    slots = [
        Command(CommandKind.CLOSE, NOW, "c", "ada", draw(WORDS), f"{PREFIX}{n:028d}")
        for n in range(draw(st.integers(0, 9)))
    ]
    commands = StandingCommands({each.slot: each for each in slots}, tuple(draw(st.sets(st.sampled_from(UNREAD)))))
    switch = draw(st.none() | st.sampled_from(TradingState))
    now = Instant(NOW + draw(st.integers(-100, 100_000)))
    reading = StateReading(draw(ledgers()), commands, draw(st.sampled_from(["", "pid-7"])), Instant(NOW + 99_999))
    told = {"scope": "PAPER#main", "is_local": True, "worker": draw(st.none() | st.just("7"))}
    told["flatten_stands"] = draw(st.booleans())
    told |= describe_state(reading, switch, now, SETTINGS)
    return told | ({"switch_problem": "the switch says 'go', which is no word of it"} if switch is None else {})


UNREAD = ("sing", "flatten", "pause product SOL", "close t247-1")


@settings(max_examples=50)
@given(told=states(), home=HOMES, width=st.sampled_from(WIDTHS))
def test_nothing_that_matters_is_cut(told: dict[str, Any], home: str, width: int) -> None:
    """Every stop, quantity and command is whole where there is room for all rows, as in a pipe."""
    mends = make_mends(home)
    sections = make_sections(told, mends)

    text = unfold(lay_out(sections, width, 10_000))

    for lot in told["lots"]:
        assert f"{lot['product']} {plain(Decimal(lot['quantity']))}" in text
        assert f"stop {plain(Decimal(lot['stop_price']))}" in text
        assert lot["lot"] in text
    for finding in list_findings(sections):
        assert f"→ {finding.mend}" in text
    for row in (row for section in sections for row in section.rows if row.hint):
        assert f"→ {row.hint}" in text


@settings(max_examples=50)
@given(told=states(), width=st.sampled_from(WIDTHS))
def test_screen_is_as_wide_and_high_as_the_terminal(told: dict[str, Any], width: int) -> None:
    """Whatever there is: what is left out is counted, and no kind of red line goes without what mends it."""
    sections = make_sections(told, make_mends())

    lines = lay_out(sections, width, LINES_MAX)

    # Below 80 columns as much as fits is there, and the rest may be a little higher.
    assert width < 80 or len(lines) <= LINES_MAX
    assert max(cell_len(line.plain) for line in lines) <= width
    text = unfold(lines)
    for section in sections:
        red = [row for row in section.rows if row.mend]
        assert not red or f"→ {red[0].mend}" in text


@settings(max_examples=50)
@given(told=states(), width=st.sampled_from(WIDTHS))
def test_screen_has_no_seconds_since_the_epoch_and_no_endless_decimals(told: dict[str, Any], width: int) -> None:
    """Instants are times of day, money has two decimals; only what the books have whole is longer."""
    text = unfold(lay_out(make_sections({**told, "commands": []}, make_mends()), width, 10_000))

    assert re.search(r"\b1[78]\d{8}\b", re.sub(r"\d+\.\d+|t247-\S+", "", text)) is None
    assert re.search(r"\.\d{9}", text) is None


def rows(count: int, *, red: int = 0) -> tuple[Row, ...]:
    """So many rows, the first of them red."""
    return tuple(Row((f"row {n}",), "mend it" if n < red else "") for n in range(count))


def draw(*sections: Section, width: int = 80, height: int) -> list[str]:
    """The lines that a person reads."""
    return [line.plain for line in lay_out(sections, width, height)]


def test_lots_without_a_price_are_counted_with_those_that_lie_open() -> None:
    """What lies open comes first; a blip is not red."""
    names = [f"{number:028d}" for number in range(3)]
    lots = [a_lot(f"{base}-USD", lot_id=ClientOrderId(PREFIX + name)) for base, name in zip("ABC", names, strict=True)]
    covered = [a_bracket_intent(f"b-{each}", lot=each, product_id=f"{'ABC'[int(each)]}-USD") for each in names[:2]]
    ages = {"A-USD": 899, "B-USD": 900}
    unbelieved = {ProductId(name): Instant(NOW - age) for name, age in ages.items()}
    ledger = a_ledger(lots=lots, working=[an_order_record(each) for each in covered], unbelieved=unbelieved)
    told = {"scope": "PAPER#main", "is_local": True}
    told |= describe_state(StateReading(ledger), TradingState.RUN, NOW, SETTINGS)

    section = make_lots_section(told, make_mends())

    assert ["C-USD", "B-USD", "A-USD"] == [row.text.split()[0] for row in section.rows]
    assert [True, True, False] == [bool(row.mend) for row in section.rows]
    assert "and 2 more lots, 1 of them NOT PROTECTED OR WITHOUT A PRICE" in section.count(1).text


def test_rows_without_room_are_counted() -> None:
    """The longest section gives first; what is red comes first, and is counted where it is left out."""
    lines = draw(Section(rows(1)), Section(rows(9, red=3), "lot", "BARE"), Section(rows(3), "order"), height=8)

    assert ["row 0 → mend it", "row 1 → mend it", "row 2 → mend it", "and 6 more lots"] == lines[1:5]
    assert ["row 0", "row 0", "row 1", "row 2"] == [lines[0], *lines[5:]]


def test_red_rows_that_are_left_out_are_told_without_what_was_said_above() -> None:
    """All of them are mended by the same words."""
    lines = draw(Section(rows(4, red=4), "lot", "BARE"), height=3)

    assert ["row 0 → mend it", "row 1 → mend it", "and 2 more lots, 2 of them BARE"] == lines


def test_sections_without_room_for_a_row_are_counted_as_a_whole() -> None:
    """With what mends the first of it."""
    lines = draw(Section(rows(4, red=1), "lot", "BARE"), Section(rows(2), "order"), height=2)

    assert ["4 lots, 1 of them BARE → mend it", "2 orders"] == lines


def test_section_of_the_last_rank_goes_before_any_row_is_counted() -> None:
    """It says what nobody needs now."""
    results = Section((Row(("results",)),), rank=3)

    assert ["row 0", "row 1", "row 2"] == draw(Section(rows(3), "lot"), results, height=3)


def test_least_of_a_row_goes_first_and_what_must_stay_goes_on_below() -> None:
    """What wraps goes on below as long as there are lines for everything."""
    row = Row(("product 1.5", Part("gain", 1), "stop 94", Part("target", 2), Part("lot", 3, wraps=True)))

    assert ["product 1.5  gain  stop 94", "  lot"] == draw(Section((row,)), width=26, height=2)
    assert ["product 1.5  gain  stop 94"] == draw(Section((row,)), width=26, height=1)
    assert ["product 1.5", "  stop 94"] == draw(Section((row,)), width=12, height=2)


def test_command_is_broken_between_the_words_of_a_shell() -> None:
    """What is quoted stays whole."""
    row = Row(("wrong",), "trader halt --home 'a b c d' --mode PAPER")

    lines = draw(Section((row,)), width=26, height=9)

    assert ["wrong", "  → trader halt --home \\", "    'a b c d' --mode PAPER"] == lines


def unfold(lines: list[Any]) -> str:
    """Read lines as one text, what was broken joined as a reader, and a shell, join it."""
    text = "\n".join(line.plain for line in lines)
    return re.sub(r"\n {2,}", " ", text.replace(" \\\n    ", " "))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("-2.96", "-2.96 %"),
        ("-3", "-3.0 %"),
        ("-3.04", "-3.04 %"),
        ("-2.9999", "-2.99 %"),
        ("-3.001", "-3.01 %"),
        ("-2.9", "-2.9 %"),
    ],
)
def test_loss_that_is_near_its_limit_is_not_shown_as_having_reached_it(change: str, told: str) -> None:
    """Nor one that is beyond it as being at it: at the limit entries stop."""
    assert told == format_change(change, Decimal(-3)).replace(MINUS, "-")
    assert told[1:] == format_pct(-Decimal(change), Decimal(3))


def test_parents_are_counted_in_one_line_by_what_they_do() -> None:
    """With what they may still cost in each quote asset: nothing, once they end. Without any there is no line."""
    parents = [
        a_parent("SOL-USD", parent_id=ClientOrderId("a")),
        a_parent("ETH-USD", parent_id=ClientOrderId("b"), filled=Quantity("0.5")),
        a_parent("BTC-USDC", parent_id=ClientOrderId("c"), state=ParentState.SLEEPING),
        a_parent("XRP-USD", parent_id=ClientOrderId("d"), state=ParentState.ENDING, end=ParentEnd.CRASH),
        a_parent("ADA-USDC", parent_id=ClientOrderId("e"), style=ParentStyle.keep("ICEBERG")),
    ]
    ledger = a_ledger(parents={each.parent_id: each for each in parents})
    told = describe_state(StateReading(ledger), TradingState.RUN, NOW, SETTINGS)
    (section,) = make_parents_sections(told)
    head, *rows = [row.text for row in section.rows]
    counts = "2 buying · 1 asleep · 1 ending · 1 left to a newer release"

    assert f"parents {counts} · 150.30 USD to spend at most · 200.40 USDC to spend at most" == head
    assert len(parents) == len(rows)
    assert "over: CRASH" in rows[3]
    assert [] == make_parents_sections({"parents": []})
    assert head in " ".join(line.plain for line in lay_out(make_sections(told | _LOCAL, make_mends()), 160, 99))


_LOCAL = {"scope": "PAPER#main", "is_local": True, "worker": None, "flatten_stands": False}
