"""What trading costs, and what it must promise to be worth it."""

from __future__ import annotations

from decimal import Decimal

from trader.model.market import FeeRates, Quote
from trader.model.money import BPS, HUNDRED


def round_trip_ratio(fees: FeeRates, quote: Quote, slippage_bps: Decimal, *, entry_takes: bool) -> Decimal:
    """Cost of buying and selling again, as a fraction of the notional.

    The exit always counts as a taker: a stop is one. Entering as a taker adds the taker fee and another slippage.
    Units: a ratio (0.02 is 2 %); the whole spread is paid once per round trip.
    """
    entry = fees.taker + slippage_bps / BPS if entry_takes else fees.maker
    return entry + fees.taker + (quote.spread_bps + slippage_bps) / BPS


def hurdle_pct(round_trip: Decimal, edge_multiple: Decimal) -> Decimal:
    """Return the edge that a trade must exceed to be bought. Units: percent of the notional."""
    return round_trip * HUNDRED * edge_multiple
