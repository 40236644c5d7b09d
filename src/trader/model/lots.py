"""What is held: a lot for each entry, the position they make up, and the dust that is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trader.model.carried import CarriedLot
from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, StrategyId
from trader.model.money import ZERO, Notional, Price, Quantity, ceil_to, limit_of_stop
from trader.model.orders import Bracket, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.unknown import NONE_UNKNOWN, UnknownFields


class GeneralExit(StrEnum):
    """What sells a lot whatever its strategy says of it, beside its stop, which always does.

    ``TARGET`` is the lot's own, ``TIME`` its limit; ``TRAILING`` and ``CRASH`` are those of section ``exits``.
    """

    TARGET = "target"
    TRAILING = "trailing"
    TIME = "time"
    CRASH = "crash"


EVERY_EXIT = frozenset(GeneralExit)


@dataclass(frozen=True, slots=True)
class Lot:
    """What one entry bought and has not yet sold, with where and when it must end.

    ``cost`` and ``entry_fees`` belong to the remaining quantity; ``realized`` to what was sold, all fees deducted.
    ``max_hold_until`` is None where no time ends it. ``peak_price`` is the best bid seen since entry. A lot is a
    function of the fills of its orders; ``carried`` is what those came to that are not remembered one by one. Its stop
    is that of its entry until ``stop_changed_at``.
    """

    lot_id: ClientOrderId
    strategy: StrategyId
    product_id: ProductId
    base: Asset
    quote: Asset
    quantity: Quantity
    cost: Notional
    entry_fees: Notional
    opened_at: Instant
    bracket: Bracket
    max_hold_until: Instant | None
    realized: Notional = Notional(0)
    peak_price: Price = Price(0)
    carried: CarriedLot | None = None
    stop_changed_at: Instant | None = None
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def entry_price(self) -> Price:
        """Average price paid, fees not included."""
        return Price(self.cost / self.quantity)

    def sell(
        self, order_id: ClientOrderId, cycle_id: CycleId, now: Instant, quantity: Quantity, limit_price: Price
    ) -> OrderIntent:
        """Make the intent of an immediate exit that sells of this lot."""
        return OrderIntent(
            client_order_id=order_id,
            cycle_id=cycle_id,
            strategy=self.strategy,
            product_id=self.product_id,
            base=self.base,
            quote=self.quote,
            side=Side.SELL,
            purpose=OrderPurpose.EXIT,
            configuration=OrderConfiguration.LIMIT_IOC,
            quantity=quantity,
            limit_price=limit_price,
            lot_id=self.lot_id,
            decided_at=now,
        )

    def protect(
        self, order_id: ClientOrderId, cycle_id: CycleId, now: Instant, quantity: Quantity, increment: Price, n: int = 0
    ) -> OrderIntent:
        """Make the intent of a bracket of our own; without a target, of a stop that sells at a limit.

        Rounding: target and stop up to the increment, the limit of a stop down.
        """
        stop, target = Price(ceil_to(self.bracket.stop_price, increment)), self.bracket.target_price
        limit = limit_of_stop(stop, increment) if target is None else Price(ceil_to(target, increment))
        kind = OrderConfiguration.STOP_LIMIT_GTC if target is None else OrderConfiguration.BRACKET_GTC
        return replace(
            self.sell(order_id, cycle_id, now, quantity, limit),
            purpose=OrderPurpose.PROTECTION,
            configuration=kind,
            stop_price=stop,
            n=n,
            reason="protection",
        )


@dataclass(frozen=True, slots=True)
class Position:
    """All lots one strategy holds of one product."""

    strategy: StrategyId
    product_id: ProductId
    base: Asset
    lots: tuple[Lot, ...]

    @property
    def quantity(self) -> Quantity:
        """Base units held."""
        return Quantity(sum((lot.quantity for lot in self.lots), ZERO))


@dataclass(frozen=True, slots=True)
class Dust:
    """What was left of lots of one asset below what the venue lets us sell. Still owned, no longer managed.

    ``strategy`` is None where the lots were of several.
    """

    strategy: StrategyId | None
    base: Asset
    quantity: Quantity
    cost: Notional
    unknown: UnknownFields = NONE_UNKNOWN
