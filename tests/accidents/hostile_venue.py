"""A venue that refuses: what it says of a product, which orders it takes, and what it tells of them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from accidents.one_account import DIP, SOL, Bar, World, a_path, a_world
from factories import a_proposal, once
from trader.adapters.coinbase.wire.requests import encode_order
from trader.model.ids import Asset, Instant, ProductId
from trader.model.lots import Lot
from trader.model.money import ZERO, Quantity
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderIntent, OrderPurpose, Rejected, Side, Submission

QUIET = [Bar()] * 400
#: Every mode in which the venue does not take every order of ours.
MODES: dict[str, dict[str, Any]] = {
    "cancel_only": {"cancel_only": True},
    "post_only": {"post_only": True},
    "auction": {"in_auction": True},
    "disabled": {"is_disabled": True},
    "trading_disabled": {"trading_disabled": True},
    "view_only": {"view_only": True},
    "offline": {"status": "offline"},
}


@dataclass
class Refusing:
    """A meddler that refuses the orders it is told to, and keeps what was asked of the venue, in order."""

    reason: str
    purposes: Sequence[OrderPurpose] = tuple(OrderPurpose)
    times: int = 10**9
    sent: list[OrderIntent] = field(default_factory=list)
    refused: list[OrderIntent] = field(default_factory=list)

    def __call__(self, original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
        """Refuse, or pass on."""
        self.sent.append(intent)
        if intent.purpose in self.purposes and len(self.refused) < self.times:
            self.refused.append(intent)
            return Rejected(self.reason)
        return original(intent)

    def of(self, purpose: OrderPurpose) -> list[OrderIntent]:
        """What was sent for a purpose."""
        return [each for each in self.sent if each.purpose is purpose]


def refuse(world: World, reason: str, *purposes: OrderPurpose, times: int = 10**9) -> Refusing:
    """From now on the venue refuses orders for these purposes, or all."""
    refusing = Refusing(reason, purposes or tuple(OrderPurpose), times)
    world.meddlers["exchange.submit"] = refusing
    return refusing


def holding_due(after: Sequence[Bar] = (), *, hours: int = 1, minutes_old: int = 60, **over: Any) -> World:
    """One lot of SOL with its bracket at the venue; an hour old its time is up, unless it may be held longer.

    Nothing more is bought.
    """
    wish = a_proposal("SOL-USD", max_hold_hours=hours, take_profit_pct=Decimal(60))
    world = a_world(strategy=once(wish), paths={SOL: a_path(DIP, *[Bar()] * 12, *after, *QUIET)}, **over)
    world.cycles(3)
    world.clock.advance(60 * minutes_old - 2 * 300)
    lot_of(world)
    return world


def lot_of(world: World) -> Lot:
    """The one lot."""
    (lot,) = world.ledger.lots.values()
    return lot


def entry_of(world: World) -> OrderRecord:
    """The one order that opened the one lot."""
    (entry,) = (each for each in world.ledger.orders_of(lot_of(world).lot_id) if each.intent.is_entry)
    return entry


def resting(world: World, base: str = "SOL") -> Decimal:
    """What sells of an asset at the venue, by the venue's own book."""
    world.venue.balances()
    orders = world.stored.active.values()
    return sum((each.remaining for each in orders if each.side is Side.SELL and each.base == Asset(base)), ZERO)


def show(world: World, product_id: ProductId = SOL, **flags: Any) -> None:
    """Let the venue say, and mean, something else of a product from now on."""
    world.market._products[product_id] = replace(world.market._products[product_id], **flags)


def time_passes_while_waiting(world: World) -> None:
    """Let the clock go on when the run waits, as it does outside of tests."""
    left = [0.0]

    def wait(seconds: float) -> None:
        left[0] += seconds
        whole = int(left[0])
        left[0] -= whole
        world.clock.set(Instant(world.clock.at + whole))

    ports = world.ports

    class Waiting:
        def now(self) -> Instant:
            return world.clock.now()

        def wait(self, seconds: float) -> None:
            wait(seconds)

    world.ports = lambda owner="one": replace(ports(owner), clock=Waiting())  # type: ignore[method-assign]


def bodies_by_id(intents: Sequence[OrderIntent]) -> dict[str, set[bytes]]:
    """Every body that was sent under each id."""
    bodies: dict[str, set[bytes]] = {}
    for intent in intents:
        bodies.setdefault(intent.client_order_id, set()).add(encode_order(intent))
    return bodies


def is_covered(world: World) -> bool:
    """Whether the venue's own book sells all of the one lot, or nothing is held any more."""
    return not world.ledger.lots or resting(world) >= Quantity(lot_of(world).quantity)
