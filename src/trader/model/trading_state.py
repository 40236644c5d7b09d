"""What the operator allows."""

from __future__ import annotations

from enum import StrEnum

from trader.errors import MalformedData
from trader.model.orders import OrderPurpose


class TradingState(StrEnum):
    """What the operator allows. Anything unreadable is HALT.

    RUN allows everything, HALT nothing. REDUCE_ONLY and FLATTEN allow no entry; FLATTEN sells every lot besides.
    """

    RUN = "RUN"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALT = "HALT"
    FLATTEN = "FLATTEN"

    def permits(self, purpose: OrderPurpose) -> bool:
        """Tell whether an order of this purpose may be sent."""
        if purpose is OrderPurpose.ENTRY:
            return self is TradingState.RUN
        return self is not TradingState.HALT


def parse_trading_state(word: str, where: str) -> TradingState:
    """Read the operator's word. Raises: MalformedData for any other word."""
    try:
        return TradingState(word)
    except ValueError as error:
        allowed = ", ".join(TradingState)
        raise MalformedData(f"{where} says {word!r:.80}, which is no word of it; allowed are {allowed}") from error
