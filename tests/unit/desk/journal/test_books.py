"""``trader trades``, ``fills``, ``lots`` and ``cycles``: sums that a trader can check by hand, whole at any width."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from architecture.tree import ROOT
from desk.cli import books_columns
from desk.cli.columns import Column, cell_len, choose_columns, fold_words, render_table
from desk.journal.books import Books, check_sums, describe_trades, read_books
from desk.recovery.ledger_item import FileLedgerItems
from factories_settings import shipped_settings
from property.histories import History, histories
from simulation.recovery_world import InMemoryLedgerItems, after_tick
from simulation.scenarios import CLOSED, ENTRY, EXIT_BY_TIME, FLATTEN, SCENARIOS, STOPPED
from simulation.world import SCOPE, Scenario
from trader.adapters.local.lease import read_lease_item
from trader.model.codec import canonical_json
from trader.model.ids import Instant, cycle_id_at, rfc3339
from trader.model.ledger import Ledger
from trader.model.money import Notional, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, Side
from trader.stages.reconcile.account import reconcile
from unit.desk.journal.recorded import die_in_next_tick, read_json, run_in, write_world

SETTINGS = shipped_settings()
SCHEMA_1 = ROOT / "tests/fixtures/schema_1/paper"
COMMANDS = ("trades", "fills", "lots", "parents", "cycles")


def books_after(scenario: Scenario, index: int) -> Books | None:
    world = after_tick(scenario, index)
    return read_books(InMemoryLedgerItems(world.store), SCOPE) if world.ledger() is not None else None


def last_books(scenario: Scenario) -> Books:
    books = books_after(scenario, len(scenario.beats) - 1)
    assert books is not None
    return books


def store_ledger(home: Path, ledger: Ledger) -> None:
    """Put a ledger where another was."""
    file = next(home.glob("scope=*")) / "ledger.json"
    item = read_lease_item(file.read_text(encoding="utf-8"), "here")
    file.write_text(replace(item, ledger=canonical_json(ledger)).text(), encoding="utf-8")


def cash_by_hand(books: Books) -> Fraction:
    """What a trader would write down: capital, conversions, what trades gained, less what is left has cost."""
    gained = sum((Fraction(each["net_gain"]) for each in describe_trades(books)), Fraction(0))
    lots = books.ledger.lots.values()
    held = sum((Fraction(lot.cost) + Fraction(lot.entry_fees) for lot in lots), Fraction(0))
    dust = sum((Fraction(each.cost) for each in books.ledger.dust), Fraction(0))
    converted = sum((Fraction(each) for each in books.ledger.converted.values()), Fraction(0))
    return Fraction(books.ledger.capital) + converted + gained - held - dust


def cash_of(books: Books) -> Fraction:
    return sum((Fraction(each) for each in books.ledger.cash.values()), Fraction(0))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_trades_and_open_lots_explain_the_cash_to_the_last_unit(scenario: Scenario) -> None:
    """After every run of every kind."""
    for index in range(len(scenario.beats)):
        books = books_after(scenario, index)
        if books is None:
            continue

        assert cash_of(books) == cash_by_hand(books)
        assert (0, 0) == (check_sums(books).difference, check_sums(books).unassigned)


@given(histories())
def test_sums_agree_whatever_happened_and_however_the_news_came(history: History) -> None:
    """Partial fills, many sales of a lot, two strategies, conversions, fills in any order."""
    ledger: Ledger = history.ledger
    fills: list[Fill] = []
    for view in (*history.views, history.full_view()):
        done = reconcile(ledger, view, SETTINGS)
        ledger, fills = done.ledger, [*fills, *done.new_fills]
    orders = {each.venue_order_id: each for each in ledger.orders.values() if each.venue_order_id is not None}
    books = Books(ledger, tuple(fills), orders)

    assert cash_of(books) == cash_by_hand(books)
    assert Fraction(0) == Fraction(check_sums(books).difference)


def test_sums_agree_in_a_folder_of_schema_1() -> None:
    """Of its fills, some are in another quote asset, and some are next to nothing."""
    books = read_books(FileLedgerItems(SCHEMA_1), SCOPE)

    assert (0, 0) == (check_sums(books).difference, check_sums(books).unassigned)
    assert cash_of(books) == cash_by_hand(books)


def test_fill_that_is_lost_is_not_hidden(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sums no longer explain the cash, and the screen says by how much."""
    write_world(tmp_path, after_tick(STOPPED, len(STOPPED.beats) - 1))
    file = next(tmp_path.glob("scope=*")) / "fills.jsonl"
    first, *others = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(others), encoding="utf-8")

    assert first
    assert 1 == run_in(tmp_path, "trades")
    assert "do not explain the cash: difference -" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [(ENTRY, "target"), (STOPPED, "stop"), (EXIT_BY_TIME, "time"), (FLATTEN, "flatten"), (CLOSED, "close")],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_trade_says_why_it_was_sold(scenario: Scenario, reason: str) -> None:
    """As the books took it for the cool-down."""
    assert reason in {each["exit_reason"] for each in describe_trades(last_books(scenario))}


def test_trade_is_what_its_fills_say(tmp_path: Path) -> None:
    """Prices are averages by quantity, fees those of both sides, the gain what is left after all of them."""
    books = last_books(STOPPED)
    (trade,) = describe_trades(books)
    bought = [each for each in books.fills if each.side is Side.BUY]
    sold = [each for each in books.fills if each.side is Side.SELL]

    assert sum(each.notional for each in bought) / sum(each.quantity for each in bought) == trade["entry_price"]
    assert sum(each.fee for each in books.fills) == trade["fees"]
    assert (
        sum(each.notional for each in sold) - sum(each.notional for each in bought) - trade["fees"] == trade["net_gain"]
    )
    assert trade["net_gain"] < 0
    assert trade["gain_pct"] < 0
    assert sold[-1].time - bought[0].time == trade["held_seconds"]


def test_losses_stand_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """With their sign, and in the sums."""
    assert 0 == run_in(SCHEMA_1, "trades")
    text = capsys.readouterr().out

    assert "-1.19" in text
    assert "9 trades, 1 won, 8 lost · fees 6.22 · net -11.94 USD" in text
    assert "agree with the cash to the last unit" in text


def test_csv_and_json_keep_every_digit(capsys: pytest.CaptureFixture[str]) -> None:
    """The screen rounds, they do not."""
    assert 0 == run_in(SCHEMA_1, "trades", "--csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert 0 == run_in(SCHEMA_1, "trades", "--json")
    told: Any = read_json(capsys)

    assert [each["net_gain"] for each in told["trades"]] == [each["net_gain"] for each in rows]
    assert any(len(each["net_gain"].partition(".")[2]) > 8 for each in rows)
    assert "0" == told["cash_check"]["difference"]
    net = sum(Decimal(each["net_gain"]) for each in rows if each["quote"] == "USD")
    assert net == Decimal(told["sums"]["USD"]["net_gain"])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [60, 80, 140])
def test_table_fits_and_nothing_is_cut(
    command: str, width: int, synthetic_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns are left out and named; those that stay are whole, and what matters most stays."""
    monkeypatch.setenv("COLUMNS", str(width))
    for home in (synthetic_home, SCHEMA_1):
        assert 0 == run_in(home, command)
        lines = capsys.readouterr().out.splitlines()

        place = f"PAPER#main · {home}"
        assert not [line for line in lines if cell_len(line) > width and line != place]
        assert "…" not in "".join(lines)
        if lines[0] != f"no {command}":
            columns = {"trades": books_columns.TRADES, "fills": books_columns.FILLS, "lots": books_columns.LOTS}
            kept = [each.head for each in columns.get(command, books_columns.CYCLES) if each.rank == 0]
            assert all(head in lines[0] for head in kept), lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_books_say_whose_they_are_and_which_others_are_there(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever sees no trades may look at the books of another mode; what machines read stays as it was."""
    write_world(tmp_path, after_tick(ENTRY, 2))

    assert 0 == run_in(tmp_path, command)
    alone = capsys.readouterr().out
    for mode in ("DRY_RUN", "LIVE"):
        (tmp_path / f"scope={mode}#main").mkdir()
    assert 0 == run_in(tmp_path, command)
    beside = capsys.readouterr().out
    assert 0 == run_in(tmp_path, command, "--csv")

    assert f"PAPER#main · {tmp_path}" == alone.splitlines()[-1]
    others = "also here: DRY_RUN (--mode DRY_RUN), LIVE (--mode LIVE)"
    assert [f"PAPER#main · {tmp_path}", others] == beside.splitlines()[-2:]
    assert "PAPER#main" not in capsys.readouterr().out


def test_whole_numbers_stand_in_the_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantity and stop of every lot, digit for digit, in 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    assert 0 == run_in(SCHEMA_1, "lots", "--json")
    told: Any = read_json(capsys)
    assert 0 == run_in(SCHEMA_1, "lots")
    text = capsys.readouterr().out

    assert told["lots"]
    assert all(each["quantity"] in text and each["stop"] in text for each in told["lots"])


def test_lot_says_what_it_is_worth_where_it_ends_and_what_protects_it(
    synthetic_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the last accepted bid, as the last run left it."""
    assert 0 == run_in(synthetic_home, "lots", "--product", "xrp", "--json")
    told: Any = read_json(capsys)
    (lot,) = told["lots"]
    mark, quantity, cost, stop = (Decimal(lot[name]) for name in ("mark", "quantity", "cost", "stop"))

    assert mark * quantity - cost == Decimal(lot["gain"])
    assert (mark - stop) / mark * 100 == Decimal(lot["stop_distance_pct"])
    assert ("in place", 1, 3) == (lot["protection"], lot["day"], lot["days"])
    assert lot["opened_at"] <= lot["protected_since"] <= told["as_of"]
    assert "2025-12-31T23:55:00Z" == told["as_of"]


def test_bare_lot_is_named_with_what_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its bracket is gone from the ledger."""
    world = after_tick(ENTRY, 3)
    ledger = world.ledger()
    assert ledger is not None
    gone = {
        name: replace(each, status=OrderStatus.CANCELLED, final_at=Instant(0)) if each.intent.is_protection else each
        for name, each in ledger.orders.items()
    }
    home = write_world(tmp_path, world)
    store_ledger(home, replace(ledger, orders=gone))

    assert 0 == run_in(home, "lots")
    assert "→ trader status" in capsys.readouterr().out


def test_lot_is_told_as_by_status(synthetic_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every number that both have, digit for digit, and what the fills say of it."""
    assert 0 == run_in(synthetic_home, "lots", "--json")
    lots: Any = read_json(capsys)
    run_in(synthetic_home, "status", "--at", lots["as_of"], "--json")
    status: Any = read_json(capsys)
    by_name = {each["lot"]: each for each in status["lots"]}
    fills = {each.product_id: each for each in read_books(FileLedgerItems(synthetic_home), SCOPE).fills}
    other = {"mark": "price", "mark_at": "price_at", "stop": "stop_price", "target": "target_price"}
    other["protection_seen_at"] = "seen_at"

    assert lots["lots"]
    for each in lots["lots"]:
        known, fill = by_name[each["lot"]], fills[each["product"]]
        both = {name: value for name, value in each.items() if other.get(name, name) in known}
        assert {name: known[other.get(name, name)] for name in both} == both
        assert fill.price == Decimal(each["entry_price"])
        assert (Fraction(each["mark"]) - Fraction(fill.price)) * Fraction(fill.quantity) == Fraction(each["gain"])


def test_lot_that_is_sold_out_while_its_entry_may_still_fill_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By status too: it is neither red nor in the way of the others."""
    world = after_tick(ENTRY, 3)
    ledger = world.ledger()
    assert ledger is not None
    lots = {name: replace(each, quantity=Quantity(0), cost=Notional(0)) for name, each in ledger.lots.items()}
    home = write_world(tmp_path, world)
    store_ledger(home, replace(ledger, lots=lots, orders={}))

    assert 0 == run_in(home, "lots")
    assert "it is sold out" in capsys.readouterr().out
    run_in(home, "status", "--at", rfc3339(world.clock.now()))
    text = capsys.readouterr().out
    assert "it is sold out" in text
    assert "NOT at venue" not in text


@pytest.mark.parametrize("outcome", ["ABSTAINED", "ABORTED"])
def test_protection_that_the_last_run_has_not_seen_is_not_confirmed(
    outcome: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger says it is in place; nobody has looked."""
    world = after_tick(ENTRY, 3)
    ledger = world.ledger()
    assert ledger is not None
    assert ledger.last_run is not None
    home = write_world(tmp_path, world)
    assert 0 == run_in(home, "lots")
    assert "  yes  " in capsys.readouterr().out
    store_ledger(home, replace(ledger, last_run=replace(ledger.last_run, outcome=outcome)))

    assert 0 == run_in(home, "lots")
    text = capsys.readouterr().out

    assert "  unseen  " in text
    assert "  yes  " not in text
    assert "protection in place by the ledger, not seen at the venue → trader status" in text


def test_lots_are_told_as_of_what_is_known_and_not_of_a_run_that_never_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ledger of an older release does not know how its last run ended."""
    world = after_tick(ENTRY, 3)
    ledger = world.ledger()
    assert ledger is not None
    home = write_world(tmp_path, world)
    store_ledger(home, replace(ledger, last_run=None))

    assert 0 == run_in(home, "lots")
    text = capsys.readouterr().out

    assert "when the last cycle began" in text
    assert "when the last run ended" not in text


@pytest.mark.parametrize(("command", "name"), [("trades", "trades"), ("fills", "fills"), ("lots", "lots")])
@pytest.mark.parametrize("words", [("--limit", "2"), ("--product", "sol"), ("--since", "2026-01-04T19:00:00Z")])
def test_choice_says_of_how_many(
    command: str, name: str, words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever sees four trades must not take them for all."""
    assert 0 == run_in(SCHEMA_1, command, "--json")
    every: Any = read_json(capsys)
    assert 0 == run_in(SCHEMA_1, command, *words, "--json")
    chosen: Any = read_json(capsys)
    assert 0 == run_in(SCHEMA_1, command, *words)
    text = capsys.readouterr().out
    assert 0 == run_in(SCHEMA_1, command)
    whole = capsys.readouterr().out

    is_cut = len(chosen[command]) < len(every[command])
    assert is_cut or (command, words[0]) == ("lots", "--since")
    assert is_cut is (f"{len(chosen[command])} of {len(every[command])} {name}" in text)
    assert f"of {len(every[command])} {name}" not in whole
    assert f"{len(every[command])} {name}s" not in whole


def test_cycles_say_that_there_are_older_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Only if there are."""
    assert 0 == run_in(SCHEMA_1, "cycles", "--limit", "3")
    assert "3 runs · there are older ones" in capsys.readouterr().out
    assert 0 == run_in(SCHEMA_1, "cycles", "--limit", "10000")
    assert "older" not in capsys.readouterr().out


def test_gain_of_a_lot_is_said_to_be_before_fees(capsys: pytest.CaptureFixture[str]) -> None:
    """That of a trade is after them; the fees that the lots have paid stand below, by quote asset."""
    assert 0 == run_in(SCHEMA_1, "lots", "--json")
    told: Any = read_json(capsys)
    assert 0 == run_in(SCHEMA_1, "lots")
    text = " ".join(capsys.readouterr().out.split())

    assert "gains are of the price alone" in text
    for quote in {each["product"].rpartition("-")[2] for each in told["lots"]}:
        paid = sum(Fraction(each["entry_fees"]) for each in told["lots"] if each["product"].endswith(f"-{quote}"))
        assert f"{float(paid):.2f} {quote}" in text


@pytest.mark.parametrize("command", ["trades", "fills", "lots"])
def test_product_is_chosen_by_name_or_base(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In any case."""
    answers = []
    for name in ("SOL-USD", "sol", "Sol-Usd"):
        assert 0 == run_in(SCHEMA_1, command, "--product", name, "--json")
        told: Any = read_json(capsys)
        answers.append(told[command])

    assert answers[0]
    assert answers[0] == answers[1] == answers[2]
    assert {"SOL-USD"} == {each["product"] for each in answers[0]}


def test_since_and_limit_choose_the_newest(capsys: pytest.CaptureFixture[str]) -> None:
    """An instant, a span back from the newest, a number."""
    assert 0 == run_in(SCHEMA_1, "fills", "--json")
    every: Any = read_json(capsys)
    assert 0 == run_in(SCHEMA_1, "fills", "--since", "2026-01-04T19:00:00Z", "--json")
    since: Any = read_json(capsys)
    assert 0 == run_in(SCHEMA_1, "fills", "--limit", "3", "--json")
    three: Any = read_json(capsys)

    assert [each for each in every["fills"] if each["at"] >= "2026-01-04T19:00:00Z"] == since["fills"]
    assert every["fills"][-3:] == three["fills"]


def test_cycles_say_how_they_ended_and_why(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason stands below the row in full, at any width."""
    monkeypatch.setenv("COLUMNS", "60")
    assert 0 == run_in(SCHEMA_1, "cycles", "--limit", "100", "--json")
    told: Any = read_json(capsys)
    assert 0 == run_in(SCHEMA_1, "cycles", "--limit", "100")
    text = " ".join(capsys.readouterr().out.split())
    rows = {each["outcome"]: each for each in told["cycles"]}

    assert {"COMPLETED", "HALTED", "ABSTAINED"} == set(rows)
    assert rows["ABSTAINED"]["reason"] in text
    assert rows["HALTED"]["reason"] in text
    assert sum(each["fills"] for each in told["cycles"]) == len(read_books(FileLedgerItems(SCHEMA_1), SCOPE).fills)


def test_run_that_died_is_among_the_cycles_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of it counts: no order, no decision."""
    write_world(tmp_path, die_in_next_tick(ENTRY, 1))

    assert 0 == run_in(tmp_path, "cycles")
    text = capsys.readouterr().out

    assert f"{cycle_id_at(ENTRY.beats[2].at)}  DIED" in text
    assert "no ledger ever stood on it" in text


def test_last_run_is_told_as_the_ledger_remembers_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What its record cannot say, the ledger can."""
    world = after_tick(ENTRY, 3)
    ledger = world.ledger()
    assert ledger is not None
    assert ledger.last_run is not None
    write_world(tmp_path, world)
    store_ledger(tmp_path, replace(ledger, last_run=replace(ledger.last_run, outcome="ABORTED", reason="a sale")))

    assert 0 == run_in(tmp_path, "cycles", "--limit", "1", "--json")
    told: Any = read_json(capsys)

    assert (ledger.last_run.run_id, "ABORTED") == (told["cycles"][0]["run"], told["cycles"][0]["outcome"])


@pytest.mark.parametrize(
    ("ticks", "told"),
    [
        (0, ["no trades", "nothing was traded"]),
        (2, ["no trades", "what is held agrees with the cash to the last unit"]),
    ],
)
def test_books_without_a_trade_claim_none(
    ticks: int, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What agrees with the cash is what there is: nothing, or what is held."""
    write_world(tmp_path, after_tick(ENTRY, ticks))

    assert 0 == run_in(tmp_path, "trades")
    text = capsys.readouterr().out
    assert 0 == run_in(tmp_path, "cycles", "--limit", "1")

    assert told == [line for line in text.splitlines() if line][:2]
    assert "\n1 run" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["fills.jsonl", "orders.jsonl", "ledger.json"])
def test_broken_books_are_one_line(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sums over the rest would be wrong."""
    write_world(tmp_path, after_tick(STOPPED, len(STOPPED.beats) - 1))
    path = next(tmp_path.glob("scope=*")) / file
    path.write_bytes(b'{"half": \n' + path.read_bytes())

    assert 1 == run_in(tmp_path, "trades")
    assert 1 == len(capsys.readouterr().err.splitlines())


def test_line_that_is_being_written_is_left_for_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its end it was never committed."""
    write_world(tmp_path, after_tick(STOPPED, len(STOPPED.beats) - 1))
    path = next(tmp_path.glob("scope=*")) / "fills.jsonl"
    path.write_bytes(path.read_bytes() + b'{"fee": "0.')

    assert 0 == run_in(tmp_path, "trades")
    assert "agree with the cash" in capsys.readouterr().out


def test_least_important_columns_go_first() -> None:
    """Down to those that are always shown, and no further."""
    columns = [
        Column("a", lambda _: "1234567890"),
        Column("b", lambda _: "12345", rank=2),
        Column("c", lambda _: "1", rank=1),
    ]

    assert ["a", "b", "c"] == [each.head for each in choose_columns(columns, [{}], 20)]
    assert ["a", "c"] == [each.head for each in choose_columns(columns, [{}], 19)]
    assert ["a"] == [each.head for each in choose_columns(columns, [{}], 5)]
    assert "1234567890" in render_table(columns, [{}], 5)[2]


def test_text_is_folded_at_its_spaces_only() -> None:
    """A percentage stays whole."""
    assert ["day -0.37", "  % of"] != fold_words("day -0.37 % of", 9, "  ")
    assert ["a day", "  -0.37 %", "  of"] == fold_words("a day -0.37 % of", 9, "  ")
