"""What a trade may hope for before its costs, and where that number comes from."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trader.model.unknown import OpenEnum

#: The rule of a purchase that comes from a target weight: it is judged by the fee its strategy could bear.
WEIGHT_RULE = "target weight"


class EdgeSource(OpenEnum):
    """Where the edge of a purchase comes from: trades that were counted, an assumption, or nowhere."""

    MEASURED = "measured"
    ASSUMED = "assumed"
    NONE = "unmeasured"


@dataclass(frozen=True, slots=True)
class Edge:
    """What a trade is expected to earn before costs. Units: percent of the notional.

    Of a measured mean it is the lower end of the interval, over so many ``trades`` that ended before ``until``.
    ``pct`` is None where nothing is known.
    """

    source: EdgeSource = EdgeSource.NONE
    pct: Decimal | None = None
    trades: int = 0
    until: str = ""


UNMEASURED = Edge()
