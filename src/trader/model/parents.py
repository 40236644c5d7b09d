"""A wish on its way to being held: what risk approved, bought by one child order after the other."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trader.model.edges import EdgeSource
from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, StrategyId
from trader.model.money import ONE, ZERO, Notional, Price, Quantity, notional
from trader.model.orders import Bracket, Fill
from trader.model.parent_life import PARENT_TRANSITIONS, ParentEnd, ParentState, ParentStyle
from trader.model.unknown import NONE_UNKNOWN, UnknownFields


@dataclass(frozen=True, slots=True)
class ParentOrder:
    """What one approval may buy in all, at which price at most, until when.

    Its children are entries whose ``lot_id`` is ``parent_id``: they open one lot and add to it. What is filled, open
    and in doubt together is never more than ``quantity``, none of it for more than ``price_max``. ``filled`` and
    ``spent`` are what its children have booked. ``fee_rate_max`` is that of the last step of its style. ``edge_pct`` is
    what the trade is expected to earn, as its ``edge_source`` has it, and must be ``edge_multiple`` times its costs for
    a child that takes; of what is unmeasured nobody knows, and no child waits for that.
    ``taken_at`` is when the first child that the venue had was decided, ``paced_at`` that of its place in the
    pace; a first child that never came to be gives that back. ``tries`` is how many children in a row the market left
    unfilled; ``end`` is why it gets no more. Units: base, quote; percent of the notional.
    """

    parent_id: ClientOrderId
    strategy: StrategyId
    product_id: ProductId
    base: Asset
    quote: Asset
    quantity: Quantity
    price_max: Price
    style: ParentStyle
    bracket: Bracket
    max_hold_until: Instant | None
    decided_at: Instant
    give_up_at: Instant
    fee_rate_max: Decimal
    edge_pct: Decimal = ZERO
    edge_multiple: Decimal = ONE
    reason: str = ""
    state: ParentState = ParentState.WORKING
    end: ParentEnd | None = None
    filled: Quantity = Quantity(0)
    spent: Notional = Notional(0)
    tries: int = 0
    taken_at: Instant | None = None
    paced_at: Instant | None = None
    edge_source: EdgeSource = EdgeSource.ASSUMED
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def is_understood(self) -> bool:
        """Whether this release may work it. One of a newer release counts as exposure, and is left to that."""
        return self.style.is_known and self.state.is_known

    @property
    def may_buy(self) -> bool:
        """Whether it may get another child, now or later; one that this release does not understand may, elsewhere."""
        return self.state is not ParentState.ENDING

    @property
    def quantity_left(self) -> Quantity:
        """Base units that are not bought yet."""
        return Quantity(max(self.quantity - self.filled, ZERO))

    @property
    def notional_left(self) -> Notional:
        """Money that the rest may cost at most, before fees."""
        return notional(self.price_max, self.quantity_left)

    @property
    def reserve(self) -> Notional:
        """Cash that it may still take, fees of its dearest step included; zero once it gets no more children."""
        return Notional(self.notional_left * (ONE + self.fee_rate_max) if self.may_buy else ZERO)

    def book(self, fill: Fill) -> ParentOrder:
        """Count a fill of one of its children."""
        filled, spent = Quantity(self.filled + fill.quantity), Notional(self.spent + fill.notional)
        return replace(self, filled=filled, spent=spent)

    def turn(self, state: ParentState, end: ParentEnd | None = None) -> ParentOrder:
        """Put it into another state; the same parent if that cannot follow on its own, or is unknown."""
        if state not in PARENT_TRANSITIONS.get(self.state, ()):
            return self
        return replace(self, state=state, end=end)


def name_wish(strategy: StrategyId, base: Asset) -> str:
    """Name what a strategy wants to hold: there is at most one parent for it."""
    return f"{strategy}|{base}"
