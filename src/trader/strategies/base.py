"""What a strategy is, and how every one of them sizes a buy."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, ClassVar, Protocol

from trader.model.decisions import Denial, TradeProposal
from trader.model.ids import StrategyId
from trader.model.inputs import StrategyContext
from trader.model.money import HUNDRED, from_float

STAGE = "strategies"

_SIZE_DIGITS = Context(prec=12, rounding=ROUND_FLOOR)


class Strategy(Protocol):
    """Settings bound to one pure method. It remembers nothing: its memory is the lots in the context.

    A module in this package offers three names: ``STRATEGY``, the class; ``SETTINGS``, the frozen dataclass its section
    of policy.yaml is read into; and ``find_contradictions``, which says what of it contradicts what.
    """

    #: Whether it answers triggers. Where no due strategy does, none is looked for.
    reads_triggers: ClassVar[bool]

    def __init__(self, strategy_id: StrategyId, settings: Any) -> None:
        """Bind the settings."""

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Say what to buy and which own lots to sell; every trigger looked at gives a proposal or a denial.

        A BUY opens a new lot, a SELL names the lot it closes.
        """


def compute_risked_size_pct(
    *,
    stop_pct: Decimal,
    volatility: float,
    base_size_pct: Decimal,
    risk_per_trade_pct: Decimal,
    volatility_target_pct: Decimal,
) -> Decimal:
    """Size a trade so that its stop loses at most *risk_per_trade_pct*, less in a wild market, at most the base size.

    Units: percent of equity; *volatility* annualized, a ratio. A market that did not move gets no more for it.
    """
    size = risk_per_trade_pct / stop_pct * HUNDRED
    if volatility > 0:
        size = size * volatility_target_pct / (from_float(volatility) * HUNDRED)
    return min(size, base_size_pct)


def round_size_pct(size_pct: Decimal) -> Decimal:
    """Cut a size to twelve significant digits. Rounding: down, so that it never grows."""
    return _SIZE_DIGITS.create_decimal(size_pct)
