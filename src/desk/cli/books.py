"""``trader trades``, ``fills``, ``lots``, ``parents`` and ``cycles``: tables, CSV, JSON. They read only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import islice
from typing import Annotated

import typer

from desk.cli import books_columns
from desk.cli.books_print import count_shown, print_books
from desk.cli.columns import Row
from desk.cli.journal_options import SINCE_HELP, open_journal, read_since, read_since_books
from desk.cli.located import System, with_system
from desk.cli.options import AsJson
from desk.counting import write_count
from desk.journal.books import Books, check_sums, compute_gains, describe_fills, describe_trades, read_books
from desk.journal.cycles import describe_cycles
from desk.journal.open_lots import describe_lots
from desk.journal.open_parents import describe_parents
from desk.journal.words import write_money
from desk.recovery.stored import locate_items
from trader.adapters.local.clock import SystemClock
from trader.entry.wiring import make_scope
from trader.errors import MissingData
from trader.model.codec import encode
from trader.model.ids import rfc3339
from trader.model.money import ZERO, plain
from trader.settings import Settings

Since = Annotated[str | None, typer.Option("--since", help=SINCE_HELP)]
Product = Annotated[str | None, typer.Option("--product", help="Of one product or base asset only.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="No more than so many, the newest.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, every number in full.")]
_CYCLES_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add ``trader trades``, ``fills``, ``lots``, ``parents`` and ``cycles``."""
    app.command("trades")(trades)
    app.command("fills")(fills)
    app.command("lots")(lots)
    app.command("parents")(parents)
    app.command("cycles")(cycles)


@with_system("table", "bucket")
def trades(
    system: System,
    since: Since = None,
    product: Product = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List round trips: what was bought and sold of each lot, at what prices, and what was left after all fees.

    Below them the sums, and whether they agree with the ledger's cash. Ends with 1 if not.
    """
    books, settings = _read(system)
    every = list(describe_trades(books))
    rows = _choose(every, "sold_at", books, since, product, limit)
    sums, check = compute_gains(rows), check_sums(books)
    more = {"sums": encode(sums), "cash_check": encode(check)}
    foot = [
        f"{write_count(each['trades'], 'trade')}, {each['won']} won, {each['lost']} lost · "
        f"fees {write_money(each['fees'])} · net {write_money(each['net_gain'])} {quote}"
        for quote, each in sums.items()
    ]
    if len(rows) < len(every):
        foot.insert(0, count_shown(rows, every, "trade"))
    if parts := sum(each["left_is"] == "held" for each in rows):
        foot.append(f"{parts} of them in lots of which a part is still held")
    if check.difference or check.unassigned:
        foot.append(
            f"these do not explain the cash: difference {check.difference:f}, "
            f"{write_count(check.unassigned, 'fill')} without a trade → trader audit verify"
        )
    else:
        agreeing = "all trades and what is held agree" if every else "what is held agrees"
        nothing = not every and not books.ledger.lots
        foot.append("nothing was traded" if nothing else f"{agreeing} with the cash to the last unit")
    print_books(
        "trades",
        books_columns.TRADES,
        rows,
        foot,
        more,
        place=_name_place(system, settings),
        as_csv=as_csv,
        as_json=as_json,
    )
    if check.difference or check.unassigned:
        raise typer.Exit(1)


@with_system("table", "bucket")
def fills(
    system: System,
    since: Since = None,
    product: Product = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List executions as they were booked, oldest first, with the order and the lot they belong to."""
    books, settings = _read(system)
    every = list(describe_fills(books))
    rows = _choose(every, "at", books, since, product, limit)
    fees = _sum_by_quote(rows, "fee")
    foot = [
        " · ".join(
            [count_shown(rows, every, "fill"), *(f"fees {write_money(sum_)} {name}" for name, sum_ in fees.items())]
        )
    ]
    print_books(
        "fills",
        books_columns.FILLS,
        rows,
        foot,
        {},
        place=_name_place(system, settings),
        as_csv=as_csv,
        as_json=as_json,
    )


@with_system("table", "bucket")
def lots(
    system: System,
    since: Since = None,
    product: Product = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List what is held: entry, last mark, gain, stop and its distance, protection, and by when it is sold."""
    books, settings = _read(system)
    now = books.as_of if books.as_of is not None else SystemClock().now()
    every = list(describe_lots(books, settings, now))
    rows = _choose(every, "opened_at", books, since, product, limit)
    foot = [f"{count_shown(rows, every, 'lot')} · as of {rfc3339(now)}, {_name_instant(books)}"]
    if rows:
        fees = ", ".join(f"{write_money(paid)} {quote}" for quote, paid in _sum_by_quote(rows, "entry_fees").items())
        foot.append(f"gains are of the price alone: {fees} of entry fees are paid, those of the sales are to come")
    bare = [each for each in rows if each["protection"] != "in place" or each["protection_seen_at"] is None]
    foot += [f"{each['product']} {each['lot']} protection {_tell_protection(each)} → trader status" for each in bare]
    print_books(
        "lots",
        books_columns.LOTS,
        rows,
        foot,
        {"as_of": rfc3339(now)},
        place=_name_place(system, settings),
        as_csv=as_csv,
        as_json=as_json,
    )


@with_system("table", "bucket")
def parents(
    system: System,
    since: Since = None,
    product: Product = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List what is still being bought: wanted, filled, at the venue or in doubt, worst price, and until when.

    A parent is what risk approved to be bought. One that is over leaves the list: its fills and its lot tell of it.
    """
    books, settings = _read(system)
    now = books.as_of if books.as_of is not None else SystemClock().now()
    every = list(describe_parents(books, settings, now))
    rows = _choose(every, "decided_at", books, since, product, limit)
    foot = [f"{count_shown(rows, every, 'parent')} · as of {rfc3339(now)}, {_name_instant(books)}"] if every else []
    for each in rows:
        name = f"{each['product']} {each['parent']}"
        if each["in_doubt"]:
            foot.append(f"{name}: nobody knows whether the venue has {plain(each['in_doubt'])} of it → trader status")
        if not each["understood"]:
            foot.append(f"{name} is of a newer release: it counts as exposure, and nothing is bought for it here")
    print_books(
        "parents",
        books_columns.PARENTS,
        rows,
        foot,
        {"as_of": rfc3339(now)},
        place=_name_place(system, settings),
        as_csv=as_csv,
        as_json=as_json,
    )


@with_system("table", "bucket")
def cycles(
    system: System,
    since: Since = None,
    product: Annotated[str | None, typer.Option("--product", help="With what was decided about it.")] = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List the runs that left a record, newest first: how they ended and why, orders, fills, equity, regime.

    Twenty of them, unless --since or --limit says otherwise. Ends with 1 if a record cannot be read.
    """
    settings = system.settings()
    journal = open_journal(system, settings)
    if journal.find_newest() is None:
        raise MissingData(f"no run of {journal.scope} is on record; trader cycle and trader run make some")
    start = read_since(since, journal) if since is not None else None
    most = limit or (None if since is not None else _CYCLES_SHOWN)
    told = describe_cycles(journal, start, settings, product or "")
    rows = list(islice(told, most))
    more = " · there are older ones: --limit, --since" if next(told, None) is not None else ""
    foot = [f"{write_count(len(rows), 'run')}{more}"] + [
        f"BROKEN {each.told} → trader audit verify" for each in journal.broken
    ]
    broken = {"broken": [each.told for each in journal.broken]}
    columns = books_columns.CYCLES if product is None else books_columns.CYCLES_OF_PRODUCT
    print_books(
        "cycles", columns, rows, foot, broken, place=_name_place(system, settings), as_csv=as_csv, as_json=as_json
    )
    if journal.broken:
        raise typer.Exit(1)


def _read(system: System) -> tuple[Books, Settings]:
    settings = system.settings()
    return read_books(locate_items(system.location), make_scope(settings)), settings


def _name_place(system: System, settings: Settings) -> list[str]:
    """Say whose books a table is of, where they lie, and whose others lie there."""
    scope = make_scope(settings)
    return [each for each in (system.name_books(scope), system.name_other_books(scope)) if each]


def _choose(
    every: Sequence[Row], when: str, books: Books, since: str | None, product: str | None, limit: int | None
) -> Sequence[Row]:
    """Choose by product and instant, and then the newest so many."""
    if product is not None:
        wanted = product.strip().upper()
        every = [each for each in every if wanted in (each["product"], each["product"].rpartition("-")[0])]
    if since is not None:
        start = rfc3339(read_since_books(since, books))
        every = [each for each in every if each[when] >= start]
    return every[-limit:] if limit is not None else every


def _sum_by_quote(rows: Iterable[Row], name: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for each in rows:
        quote = each["product"].rpartition("-")[2]
        sums[quote] = sums.get(quote, ZERO) + each[name]
    return sums


def _name_instant(books: Books) -> str:
    if books.ledger.last_run is not None:
        return "when the last run ended"
    return "when the last cycle began" if books.ledger.last_cycle is not None else "which is now"


def _tell_protection(lot: Row) -> str:
    return (
        f"{lot['protection']} by the ledger, not seen at the venue"
        if lot["protection"] == "in place"
        else lot["protection"]
    )
