"""The intents behind an adoption: what would have been sent, had it been ours from the start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from desk.recovery.replay import ADOPTED
from trader.errors import MissingData
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, StrategyId, client_order_id, cycle_id_at
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import ZERO, Price, Quantity, plain
from trader.model.orders import Bracket, OrderConfiguration, OrderIntent, OrderPurpose, OrderStatusReport, Side
from trader.ports import ExchangeAdapter, StateStore
from trader.settings import Settings


@dataclass(frozen=True, slots=True)
class AdoptionTerms:
    """What an operator says about a lot that begins: whose it is and where it ends. Unsaid: as the lot beside it.

    Units: ``hold_hours`` is 0 where no time is to end it.
    """

    lot: str | None = None
    product: str | None = None
    strategy: str | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    hold_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Quantities:
    """Base units to add (positive) or to take out (negative), what one was worth, and the fee."""

    asset: Asset
    change: Decimal
    price: Decimal
    fee: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class AdoptionContext:
    """What an adoption is made on: the ledger and its store, the venue, now, and an epoch to take ids from."""

    settings: Settings
    ledger: Ledger
    exchange: ExchangeAdapter
    now: Instant
    epoch: int
    store: StateStore


def make_purchase(context: AdoptionContext, wanted: Quantities, terms: AdoptionTerms, reason: str) -> OrderIntent:
    """Make the intent of a buy that opens a lot. Raises: MissingData for a missing term, or more than the cash."""
    neighbor = _lot(context.ledger, wanted.asset, terms.lot, required=False)
    quote = context.ledger.accounting_asset
    product = terms.product or (neighbor.product_id if neighbor is not None else f"{wanted.asset}-{quote}")
    intent = _entry(context, ProductId(product), neighbor, terms, reason)
    intent = replace(intent, quantity=Quantity(wanted.change), limit_price=Price(wanted.price))
    if intent.base != wanted.asset:
        raise MissingData(f"product {product} does not trade {wanted.asset}")
    cost, cash = intent.notional + wanted.fee, context.ledger.cash.get(intent.quote, ZERO)
    if cost > cash:
        raise MissingData(f"{plain(cost)} {intent.quote} are needed, the ledger has {plain(cash)}")
    return intent


def make_exit(context: AdoptionContext, wanted: Quantities, terms: AdoptionTerms, reason: str) -> OrderIntent:
    """Make the intent of an exit out of one lot. Raises: MissingData."""
    lot = _lot(context.ledger, wanted.asset, terms.lot, required=True)
    assert lot is not None
    if -wanted.change > lot.quantity:
        raise MissingData(f"lot {lot.lot_id} has {plain(lot.quantity)} {lot.base}, {plain(-wanted.change)} was asked")
    return _exit(context, lot, Quantity(-wanted.change), Price(wanted.price), reason)


def make_as_shown(
    context: AdoptionContext, report: OrderStatusReport, terms: AdoptionTerms, reason: str
) -> OrderIntent:
    """Make the intent of an order from what the venue shows of it. Raises: MissingData."""
    base = Asset(report.product_id.rpartition("-")[0])
    if report.quantity is None or report.limit_price is None:
        raise MissingData(f"order {report.client_order_id}: the venue does not say its size and price")
    if report.side is Side.SELL:
        lot = _lot(context.ledger, base, terms.lot, required=True)
        assert lot is not None
        intent = _exit(context, lot, report.quantity, report.limit_price, reason)
        if report.stop_price is not None:
            intent = replace(
                intent,
                purpose=OrderPurpose.PROTECTION,
                configuration=OrderConfiguration.BRACKET_GTC,
                stop_price=report.stop_price,
            )
        return replace(intent, client_order_id=report.client_order_id, decided_at=report.created_at)
    intent = _entry(context, report.product_id, _lot(context.ledger, base, terms.lot, required=False), terms, reason)
    return replace(
        intent,
        client_order_id=report.client_order_id,
        lot_id=report.client_order_id,
        decided_at=report.created_at,
        configuration=OrderConfiguration.POST_ONLY_GTD,
        quantity=report.quantity,
        limit_price=report.limit_price,
        attach_bracket=report.attached_order_id is not None,
    )


def _entry(
    context: AdoptionContext, product_id: ProductId, neighbor: Lot | None, terms: AdoptionTerms, reason: str
) -> OrderIntent:
    base, _, quote = product_id.rpartition("-")
    strategy = terms.strategy or (neighbor.strategy if neighbor is not None else None)
    stop = terms.stop if terms.stop is not None else (neighbor.bracket.stop_price if neighbor is not None else None)
    target = (
        terms.target if terms.target is not None else (neighbor.bracket.target_price if neighbor is not None else None)
    )
    until = neighbor.max_hold_until if neighbor is not None else None
    if terms.hold_hours is not None:
        until = Instant(context.now + terms.hold_hours * 3600) if terms.hold_hours else None
    # No end at all is said by 0 hours, or by the lot beside it.
    hours = terms.hold_hours if neighbor is None else 0
    said = {"--strategy": strategy, "--stop": stop, "--target": target, "--hold-hours": hours}
    if unsaid := [name for name, value in said.items() if value is None]:
        raise MissingData(f"a lot that begins needs {', '.join(unsaid)}: there is no lot of {base} to take them from")
    assert strategy is not None
    assert stop is not None
    assert target is not None
    if strategy not in context.settings.strategies:
        raise MissingData(f"strategy {strategy!r}; allowed are {', '.join(sorted(context.settings.strategies))}")
    if not 0 < stop < target:
        raise MissingData(f"stop {stop} must be above zero and below target {target}")
    name = _name(context)
    return OrderIntent(
        client_order_id=name,
        cycle_id=cycle_id_at(context.now),
        strategy=StrategyId(strategy),
        product_id=product_id,
        base=Asset(base),
        quote=Asset(quote),
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.LIMIT_IOC,
        quantity=Quantity(0),
        limit_price=Price(0),
        lot_id=name,
        decided_at=context.now,
        bracket=Bracket(Price(stop), Price(target)),
        max_hold_until=until,
        reason=f"adopted: {reason}",
    )


def _exit(context: AdoptionContext, lot: Lot, quantity: Quantity, price: Price, reason: str) -> OrderIntent:
    intent = lot.sell(_name(context), cycle_id_at(context.now), context.now, quantity, price)
    return replace(intent, reason=f"adopted: {reason}")


def _name(context: AdoptionContext) -> ClientOrderId:
    return client_order_id(context.settings.execution.order_prefix, context.ledger.scope, ADOPTED, context.epoch)


def _lot(ledger: Ledger, base: Asset, name: str | None, *, required: bool) -> Lot | None:
    lots = {lot_id: lot for lot_id, lot in sorted(ledger.lots.items()) if lot.base == base}
    if name is not None and name in lots:
        return lots[ClientOrderId(name)]
    if name is None and len(lots) == 1:
        return next(iter(lots.values()))
    if name is None and not lots and not required:
        return None
    there = ", ".join(f"{lot_id} ({plain(lot.quantity)})" for lot_id, lot in lots.items()) or "none"
    raise MissingData(f"--lot {name or 'is not given'}; the lots of {base} are: {there}")
