"""What a strategy is, and the two sums every one of them does: is it worth the cost, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, Protocol

from trader.model.decisions import Denial, TradeProposal
from trader.model.facts import StrategyContext
from trader.model.ids import StrategyId
from trader.model.money import HUNDRED, from_float

STAGE = "strategies"

_SIZE_DIGITS = Context(prec=12, rounding=ROUND_FLOOR)


class Strategy(Protocol):
    """Settings bound to one pure method. It remembers nothing: its memory is the lots in the context.

    A module in this package offers two names: ``STRATEGY``, the class, and ``SETTINGS``, the frozen dataclass its
    section of policy.yaml is read into.
    """

    def __init__(self, strategy_id: StrategyId, settings: Any) -> None:
        """Bind the settings."""

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Say what to buy and which own lots to sell; every trigger looked at gives a proposal or a denial.

        A BUY opens a new lot, a SELL names the lot it closes.
        """
        ...


def expected_edge_pct(stop_pct: Decimal, target_pct: Decimal, hit_ratio: Decimal) -> Decimal:
    """What a trade is expected to earn before costs, in percent of its notional, if the hit ratio is true."""
    return target_pct * hit_ratio - stop_pct * (1 - hit_ratio)


def edge_needed_pct(round_trip_ratio: Decimal, edge_multiple: Decimal) -> Decimal:
    """What a trade must be expected to earn: its round-trip cost times a margin. Units: percent of the notional."""
    return round_trip_ratio * HUNDRED * edge_multiple


def risked_size_pct(
    *,
    stop_pct: Decimal,
    volatility: float,
    base_size_pct: Decimal,
    risk_per_trade_pct: Decimal,
    volatility_target_pct: Decimal,
) -> Decimal:
    """Size a trade so that its stop loses at most *risk_per_trade_pct*, less in a wild market, at most the base size.

    Units: percent of equity; *volatility* annualised, a ratio. A market that did not move gets no more for it.
    """
    size = risk_per_trade_pct / stop_pct * HUNDRED
    if volatility > 0:
        size = size * volatility_target_pct / (from_float(volatility) * HUNDRED)
    return min(size, base_size_pct)


def rounded_size_pct(size_pct: Decimal) -> Decimal:
    """Cut a size to twelve significant digits. Rounding: down, so that it never grows."""
    return _SIZE_DIGITS.create_decimal(size_pct)
