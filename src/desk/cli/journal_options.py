"""What the commands about the records share: how they are opened, and from when on they are read."""

from __future__ import annotations

import re
from collections.abc import Callable

from desk.cli.located import System
from desk.cli.options import read_instant
from desk.journal.books import Books
from desk.journal.runs import Journal
from desk.recovery.stored import locate_items, locate_records
from trader.entry.wiring import make_scope
from trader.errors import ConfigError
from trader.model.ids import Instant
from trader.settings import Settings

SINCE_HELP = "From then on: an instant, a day, or 12h, 7d back from the newest record."
_SPAN = re.compile(r"(\d{1,6})([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def open_journal(system: System, settings: Settings) -> Journal:
    """Open the records of a system. The ledger is read first: what a run writes meanwhile is newer than it."""
    scope, items = make_scope(settings), locate_items(system.location)
    stored = items.find(scope)
    ledger = stored.ledger if stored is not None else None
    head, last = (ledger.audit_head, ledger.last_run) if ledger is not None else (None, None)
    return Journal(locate_records(system.location), scope, items.read_owed(scope), head, last)


def read_since(text: str, journal: Journal) -> Instant:
    """Read an instant, or a span that ends at the newest record: a market of the past has no other now.

    Raises: ConfigError.
    """
    return _read(text, journal.find_newest)


def read_since_books(text: str, books: Books) -> Instant:
    """Read an instant, or a span that ends with the last run or the newest fill. Raises: ConfigError."""
    ends = (books.as_of, *(each.time for each in books.fills[-1:]))
    return _read(text, lambda: max((each for each in ends if each is not None), default=None))


def _read(text: str, find_end: Callable[[], Instant | None]) -> Instant:
    found = _SPAN.fullmatch(text)
    if found is not None:
        return Instant(max((find_end() or 0) - int(found[1]) * _SECONDS[found[2]], 0))
    try:
        return read_instant(text, "--since")
    except ConfigError:
        allowed = "7d, 12h, 30m, a day, or 2025-10-10T21:35:00Z"
        raise ConfigError(f"--since: {text!r} is no span and no instant; allowed is {allowed}") from None
