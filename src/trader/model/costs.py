"""What trading costs, and what it must promise to be worth it."""

from __future__ import annotations

from decimal import Decimal

from trader.model.market import FeeRates, Quote
from trader.model.money import BPS, HUNDRED, ONE, ZERO


def round_trip_ratio(fees: FeeRates, quote: Quote, slippage_bps: Decimal, *, entry_takes: bool) -> Decimal:
    """Cost of buying and selling again, as a fraction of the notional.

    The exit always counts as a taker: a stop is one. Entering as a taker adds the taker fee and another slippage.
    Units: a ratio (0.02 is 2 %); the whole spread is paid once per round trip.
    """
    entry = fees.taker + slippage_bps / BPS if entry_takes else fees.maker
    return entry + fees.taker + (quote.spread_bps + slippage_bps) / BPS


def expected_edge_pct(target_pct: Decimal | None, stop_pct: Decimal, hit_ratio: Decimal) -> Decimal:
    """Return what a trade earns on average before costs if *hit_ratio* of all trades reach the target; 0 without one.

    Units: percent of the notional; *hit_ratio* from 0 to 1.
    """
    if target_pct is None:
        return ZERO
    return target_pct * hit_ratio - stop_pct * (ONE - hit_ratio)


def hurdle_pct(round_trip: Decimal, edge_multiple: Decimal) -> Decimal:
    """Return the edge that a trade must exceed to be proposed. Units: percent of the notional."""
    return round_trip * HUNDRED * edge_multiple
