"""Ranges and shapes that a setting may take, declared beside the setting."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from trader.model.durations import Duration
from trader.model.ids import Asset, ProductId, StrategyId


@dataclass(frozen=True, slots=True)
class Between:
    """Bounds of a number, both inclusive. *low* and *high* are text so that a Decimal and a float compare exactly."""

    low: str
    high: str

    def check(self, value: Any) -> Any:
        """Return the value, or raise ValueError with the value and the range."""
        if not Decimal(self.low) <= Decimal(str(value)) <= Decimal(self.high):
            raise ValueError(f"{value} is out of range; allowed is {self.low} to {self.high}")
        return value


@dataclass(frozen=True, slots=True)
class Matching:
    """Shape of a text: the whole of it must match *pattern*, and *words* say so to people."""

    pattern: str
    words: str

    def check(self, value: Any) -> Any:
        """Return the text, or raise ValueError with the text and the shape."""
        if re.fullmatch(self.pattern, str(value)) is None:
            raise ValueError(f"{value} has the wrong shape; allowed is {self.words}")
        return value


#: No position may be held longer; where a lost ledger is looked for follows from it.
HOLD_HOURS_LIMIT = 2400

Pct = Annotated[Decimal, Between("0", "100")]
Ratio = Annotated[Decimal, Between("0", "1")]
Bps = Annotated[Decimal, Between("0", "10000")]
Amount = Annotated[Decimal, Between("0", "1000000000000")]
FloatPct = Annotated[float, Between("0", "1000")]
FloatRatio = Annotated[float, Between("0", "1")]
Multiple = Annotated[float, Between("0", "1000")]
Count = Annotated[int, Between("0", "1000000")]
AtLeastOne = Annotated[int, Between("1", "1000000")]
Seconds = Annotated[int, Between("0", "31536000")]
HoldHours = Annotated[int, Between("1", str(HOLD_HOURS_LIMIT))]

AssetName = Annotated[Asset, Matching("[A-Z0-9]{1,20}", "capital letters and digits, such as BTC")]
ProductName = Annotated[ProductId, Matching("[A-Z0-9]{1,20}-[A-Z0-9]{1,20}", "BASE-QUOTE, such as BTC-USD")]
AssetPair = Annotated[str, Matching("[A-Z0-9]{1,20}-[A-Z0-9]{1,20}", "SOURCE-TARGET, such as USD-USDC")]
AccountName = Annotated[str, Matching("[a-z0-9-]{1,32}", "1 to 32 lower-case letters, digits and dashes")]
OrderPrefix = Annotated[str, Matching("[a-z0-9-]{1,16}", "1 to 16 lower-case letters, digits and dashes")]
StrategyName = Annotated[
    StrategyId, Matching("[a-z][a-z0-9_]{0,31}", "a lower-case letter, then up to 31 of them, digits and underscores")
]
LookBack = Annotated[
    Duration, Matching("[1-9][0-9]{0,4}[mhd]", "a whole number and m, h or d, such as 60m, 24h or 30d")
]
Day = Annotated[str, Matching("[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", "a day as YYYY-MM-DD")]
