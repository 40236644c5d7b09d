"""What is still being bought, parent by parent, as the ledger stood when the last run ended."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from desk.journal.books import Books
from trader.entry.status import describe_state
from trader.model.ids import Instant
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from trader.settings import Settings

#: What is a number in the rows, and text in what ``trader status`` says.
_NUMBERS = ("quantity", "filled", "open", "in_doubt", "price_max", "cost_max")


def describe_parents(books: Books, settings: Settings, now: Instant) -> Iterator[dict[str, Any]]:
    """Tell every parent in the order in which a run works them; what ``trader status`` says of it is taken from there.

    ``open`` is what its child at the venue may still buy, ``in_doubt`` what nobody knows the venue to have. Units: base
    units, the quote asset for ``price_max`` and ``cost_max``, seconds from *now* for ``seconds_left``.
    """
    told = describe_state(StateReading(books.ledger), TradingState.RUN, now, settings)
    for known in told["parents"]:
        yield {
            "parent": known["parent"],
            "product": known["product"],
            "strategy": known["strategy"],
            "style": known["style"],
            "state": known["state"],
            "understood": known["understood"],
            **{name: Decimal(known[name]) for name in _NUMBERS},
            "tries": known["tries"],
            "decided_at": known["decided_at"],
            "give_up_at": known["give_up_at"],
            "seconds_left": known["seconds_left"],
            "end": known["end"],
        }
