"""The proof that no money was made up or lost: the cash, computed again from the stored fills alone.

Exact fractions, and none of the ledger's own arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from trader.model.ids import Asset
from trader.model.ledger import Ledger
from trader.model.orders import Fill, Side


@dataclass(frozen=True, slots=True)
class CashCheck:
    """What the cash must be, what it is, and the difference, over all quote assets; zero in sound books."""

    expected: Decimal
    actual: Decimal
    difference: Decimal


def check_cash(opening: Decimal, fills: Iterable[Fill], ledger: Ledger) -> CashCheck:
    """Compare opening cash less purchases and fees plus sales with the ledger's cash, to the last unit.

    Conversions move cash between quote assets one to one and are part of the sum.
    """
    expected = Fraction(opening)
    for fill in fills:
        worth = Fraction(fill.price) * Fraction(fill.quantity)
        expected += (worth if fill.side is Side.SELL else -worth) - Fraction(fill.fee)
    converted: Mapping[Asset, Decimal] = ledger.converted
    expected += sum((Fraction(amount) for amount in converted.values()), Fraction(0))
    actual = sum((Fraction(amount) for amount in ledger.cash.values()), Fraction(0))
    return CashCheck(_decimal(expected), _decimal(actual), _decimal(actual - expected))


def _decimal(value: Fraction) -> Decimal:
    # Every sum of decimals is a decimal: the denominator has no prime factor but 2 and 5, and this is exact.
    return Decimal(value.numerator) / Decimal(value.denominator)
