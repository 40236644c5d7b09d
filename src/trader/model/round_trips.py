"""What became of lots that are sold out: a few rows for each strategy, which it remembers its last trades by.

The rows are bounded by number, not by time: the newest of each asset, and of those the newest of each strategy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, StrategyId
from trader.model.lots import Lot
from trader.model.money import ZERO, Notional, Price
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderConfiguration, Side
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

#: So many rows are kept of an asset, and of all assets together, for each strategy.
PER_ASSET_MAX = 2
PER_STRATEGY_MAX = 20
#: What closed a lot whose sales nobody remembers.
UNFILLED = "unfilled"
_ENDING_LENGTH = 60
_DIGITS = Context(prec=8)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One lot from its first buy to its last sale.

    ``ending`` is ``stop``, ``target``, the name of another exit, or the reason of the sale. ``exit_price`` is the mean
    of the sales that were still remembered when it closed: of the last ``order_memory_seconds`` at least. Units: prices
    without fees, ``realized`` in the quote asset, all fees deducted. Rounding: to eight digits, since nothing is booked
    by them.
    """

    lot_id: ClientOrderId
    strategy: StrategyId
    product_id: ProductId
    opened_at: Instant
    closed_at: Instant
    entry_price: Price
    exit_price: Price
    realized: Notional
    ending: str
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def base(self) -> Asset:
        """What was bought and sold."""
        return Asset(self.product_id.rpartition("-")[0])


def describe_closing(records: Iterable[OrderRecord]) -> str:
    """Name what closed a lot, of all whose orders: stop, target, or the reason of the exit that sold last."""
    sells = [
        (fill.time, record, fill) for record in records if record.intent.side is Side.SELL for fill in record.fills
    ]
    if not sells:
        return UNFILLED
    _, record, fill = max(sells, key=lambda each: (each[0], each[2].trade_id))
    if record.intent.is_protection:
        # Only the limit of a bracket is a target; that of a stop alone is what it sells at, at the worst.
        has_target = record.intent.configuration is OrderConfiguration.BRACKET_GTC
        return "target" if has_target and fill.price >= record.intent.limit_price else "stop"
    return record.intent.reason


def make_round_trip(lot: Lot, records: Sequence[OrderRecord]) -> RoundTrip | None:
    """Sum up a lot that is closed, from its orders that are remembered; None if no sale of it is."""
    bought, sold = _list_fills(records, Side.BUY), _list_fills(records, Side.SELL)
    if not sold:
        return None
    quantity, cost = _add_up(bought)
    if lot.carried is not None:
        quantity, cost = quantity + lot.carried.quantity, cost + lot.carried.cost
    sold_quantity, proceeds = _add_up(sold)
    return RoundTrip(
        lot_id=lot.lot_id,
        strategy=lot.strategy,
        product_id=lot.product_id,
        opened_at=lot.opened_at,
        closed_at=max(fill.time for fill in sold),
        entry_price=_divide(cost, quantity),
        exit_price=_divide(proceeds, sold_quantity),
        realized=Notional(_DIGITS.plus(lot.realized)),
        ending=describe_closing(records)[:_ENDING_LENGTH],
    )


def keep_round_trip(rows: Iterable[RoundTrip], newest: RoundTrip) -> tuple[RoundTrip, ...]:
    """Add a row, in the place of an older one of the same lot, and let the oldest go of those that are too many.

    Shape: in the order in which the lots closed.
    """
    others = (each for each in rows if each.lot_id != newest.lot_id)
    kept: list[RoundTrip] = []
    by_strategy: Counter[StrategyId] = Counter()
    by_asset: Counter[tuple[StrategyId, Asset]] = Counter()
    for row in sorted((*others, newest), key=lambda each: (each.closed_at, each.lot_id), reverse=True):
        place = row.strategy, row.base
        if by_asset[place] < PER_ASSET_MAX and by_strategy[row.strategy] < PER_STRATEGY_MAX:
            kept.append(row)
            by_asset[place] += 1
            by_strategy[row.strategy] += 1
    return tuple(reversed(kept))


def _list_fills(records: Iterable[OrderRecord], side: Side) -> list[Fill]:
    return [fill for record in records if record.intent.side is side for fill in record.fills]


def _add_up(fills: Iterable[Fill]) -> tuple[Decimal, Decimal]:
    quantity, amount = ZERO, ZERO
    for fill in fills:
        quantity, amount = quantity + fill.quantity, amount + fill.notional
    return quantity, amount


def _divide(amount: Decimal, quantity: Decimal) -> Price:
    return Price(_DIGITS.divide(amount, quantity) if quantity else ZERO)
