"""What became of one lot on the crash day, and what all of them come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from trader.model.ids import Instant, ProductId
from trader.model.money import HUNDRED, ONE, ZERO, Notional, Price, Quantity


class SoldBy(StrEnum):
    """The sales of the venue's protective order. The second line's have the reason of its exit."""

    STOP = "venue's stop"
    TARGET = "venue's target"


@dataclass(frozen=True, slots=True)
class Sale:
    """One execution that sold of a lot, by whom, and when it was seen: what a bar filled, at the bar's end."""

    sold_by: str
    at: Instant
    price: Price
    quantity: Quantity
    fee: Notional

    @property
    def is_of_venue(self) -> bool:
        """Whether the venue's protective order sold it."""
        return self.sold_by in (SoldBy.STOP, SoldBy.TARGET)


@dataclass(frozen=True, slots=True)
class LotStory:
    """What became of one lot.

    ``cost`` has the fees of the entry. ``passed_at`` is the end of the first closed bar whose low was at the stop or
    below. ``last_bid`` and ``lowest_bid`` are of the cycles that left a part of the lot unsold, as ``lowest_at`` is.
    ``missing`` is what of the owner's own coins was sold. ``exposed`` counts the cycles at whose end no order at the
    venue covered a part of the lot, ``silent`` those of them that did not ring.
    """

    product_id: ProductId
    bar: timedelta
    quantity: Quantity
    cost: Notional
    entry_price: Price
    stop_price: Price
    own_limit: Price
    lowest_price: Price
    passed_at: Instant | None
    sales: tuple[Sale, ...]
    last_bid: Price | None = None
    lowest_bid: Price | None = None
    lowest_at: Instant | None = None
    missing: Quantity = Quantity(0)
    exposed: int = 0
    silent: int = 0

    @property
    def sold(self) -> Quantity:
        """Base units sold."""
        return Quantity(sum((sale.quantity for sale in self.sales), ZERO))

    @property
    def is_left(self) -> bool:
        """Whether a part is unsold although a closed bar has passed its stop."""
        return self.passed_at is not None and self.sold < self.quantity

    @property
    def is_oversold(self) -> bool:
        """Whether more was sold than was bought."""
        return self.sold > self.quantity or self.missing > 0

    @property
    def second_line_ratio(self) -> Decimal:
        """Which part of the lot the second line sold."""
        return sum((sale.quantity for sale in self.sales if not sale.is_of_venue), ZERO) / self.quantity

    @property
    def average_price(self) -> Decimal | None:
        """At what it was sold on the average; None if nothing was."""
        return sum((sale.price * sale.quantity for sale in self.sales), ZERO) / self.sold if self.sales else None

    @property
    def below_stop_pct(self) -> Decimal | None:
        """How far the average is below the stop, in %; negative above it."""
        average = self.average_price
        return None if average is None else self.find_below_stop_pct(average)

    @property
    def loss(self) -> Decimal:
        """What was paid less what came back, with all fees; what is unsold is worth the last bid."""
        back = sum((sale.price * sale.quantity - sale.fee for sale in self.sales), ZERO)
        return self.cost - back - (self.quantity - self.sold) * (self.last_bid or ZERO)

    def find_below_stop_pct(self, price: Decimal) -> Decimal:
        """Return how far a price is below the stop, in %."""
        return (ONE - price / self.stop_price) * HUNDRED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What lots come to. ``left``: those of which a part is unsold although their stop was passed."""

    products: int
    sold_by_venue: int
    sold_by_second_line: int
    left: int
    worst_below_stop_pct: Decimal | None
    oversold: int
    exposed_cycles: int
    silent: int

    @property
    def is_good(self) -> bool:
        """Whether nothing that had to go is left, nothing was sold that was not ours, and what was exposed rang."""
        return not (self.left or self.oversold or self.silent)

    def __str__(self) -> str:
        worst = "none" if self.worst_below_stop_pct is None else f"{self.worst_below_stop_pct:.2f}"
        return (
            f"products={self.products} sold_by_venue={self.sold_by_venue} "
            f"sold_by_second_line={self.sold_by_second_line} left={self.left} worst_below_stop_pct={worst} "
            f"oversold={self.oversold} exposed_cycles={self.exposed_cycles}"
        )


def assess(stories: Sequence[LotStory]) -> Verdict:
    """Sum the lots up; one that both lines sold of counts for the second."""
    worst = [each.below_stop_pct for each in stories if each.below_stop_pct is not None]
    gone = [each for each in stories if each.sold >= each.quantity]
    return Verdict(
        products=len({each.product_id for each in stories}),
        sold_by_venue=sum(not each.second_line_ratio for each in gone),
        sold_by_second_line=sum(each.second_line_ratio > 0 for each in gone),
        left=sum(each.is_left for each in stories),
        worst_below_stop_pct=max(worst, default=None),
        oversold=sum(each.is_oversold for each in stories),
        exposed_cycles=sum(each.exposed for each in stories),
        silent=sum(each.silent for each in stories),
    )
