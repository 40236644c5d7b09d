"""Mark the ledger with this cycle's believed quotes, and sweep what can no longer be sold."""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import Decimal
from types import MappingProxyType

from trader.model.booking import book_dust
from trader.model.cycle_state import AcceptedMark
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId
from trader.model.inputs import CycleInputs
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Product, Quote
from trader.model.money import Notional, Price, floor_to
from trader.model.portfolio import advance_equity_marks, equity_of, loss_pct
from trader.settings.policy import RiskSettings

#: To so many decimals the price of a stablecoin is kept.
_PEG_DECIMALS = 6
#: A stablecoin may lose everything. None has been worth twice what it stands for: then a quote on its path is wrong.
_PEG_MAX = Decimal(2)


def accept_marks(
    ledger: Ledger, quotes: Mapping[ProductId, Quote], pegs: Mapping[Asset, AcceptedMark] = MappingProxyType({})
) -> Ledger:
    """Mark every asset held with the bid of the product it is held on, or leave its last mark; forget the others.

    Cash other than the accounting asset is marked with its price in *pegs*, for whoever reads the ledger alone.
    """
    cash = {asset for asset, amount in ledger.cash.items() if amount and asset != ledger.accounting_asset}
    held = (quotes[lot.product_id] for lot in ledger.lots.values() if lot.product_id in quotes)
    new = {quote.product_id: AcceptedMark(quote.bid, quote.time) for quote in held}
    wanted = ledger.held_bases() | cash
    marks = {base: mark for base, mark in ledger.accepted_marks.items() if base in wanted}
    marks |= {asset: mark for asset, mark in pegs.items() if asset in cash}
    marks |= {lot.base: new[lot.product_id] for lot in ledger.lots.values() if lot.product_id in new}
    return replace(ledger, accepted_marks=marks)


def note_unbelieved(ledger: Ledger, quotes: Mapping[ProductId, Quote], now: Instant) -> Ledger:
    """Remember since when held products have no believed quote: since the last mark of their asset, if it has one."""
    since: dict[ProductId, Instant] = {}
    for lot in ledger.lots.values():
        if lot.product_id not in quotes:
            mark = ledger.accepted_marks.get(lot.base)
            begun = min(mark.at, now) if mark is not None else now
            since[lot.product_id] = ledger.unbelieved.get(lot.product_id, begun)
    return ledger if since == ledger.unbelieved else replace(ledger, unbelieved=since)


def find_old_marks(ledger: Ledger, unbelieved: Container[ProductId]) -> Mapping[Asset, AcceptedMark]:
    """Return the marks of the assets held that no believed quote renewed."""
    marks = ledger.accepted_marks
    held = sorted({lot.base for lot in ledger.lots.values() if lot.product_id in unbelieved})
    return {base: marks[base] for base in held if base in marks}


def price_pegs(
    quotes: Mapping[ProductId, Quote], paths: Mapping[Asset, tuple[ProductId, ...]]
) -> Mapping[Asset, Decimal]:
    """Price each stable quote asset: the mid of the first product on its path, divided by those that follow.

    An asset with a missing or crossed quote on its path, or with a price that no stable asset has, has none here;
    nobody assumes it is worth 1. *quotes* are believed ones.
    """
    prices: dict[Asset, Decimal] = {}
    for asset, path in paths.items():
        found = [quotes[product_id] for product_id in path if product_id in quotes]
        if len(found) != len(path) or any(quote.is_crossed for quote in found) or not found:
            continue
        price = Decimal(found[0].mid)
        for quote in found[1:]:
            price /= quote.mid
        if price <= _PEG_MAX:
            prices[asset] = price
    return prices


def sweep_dust(
    inputs: CycleInputs, ledger: Ledger, quotes: Mapping[ProductId, Quote], value_max: Decimal
) -> tuple[Ledger, tuple[AuditNote, ...]]:
    """Write off every lot too small for the venue to sell, once no order of it is active and no parent adds to it.

    A lot whose product is missing, or of which no quote is believed, is left as it is; so is one that cost, or is
    worth, more than *value_max*. *quotes* are believed ones. Units: *value_max* in the accounting asset.
    """
    notes: list[AuditNote] = []
    for lot in sorted(ledger.lots.values(), key=lambda each: each.lot_id):
        product, quote = inputs.products.get(lot.product_id), quotes.get(lot.product_id)
        if product is None or quote is None or not _is_dust(lot, product, quote, value_max):
            continue
        if lot.lot_id in ledger.parents or any(record.is_active for record in ledger.orders_of(lot.lot_id)):
            continue
        ledger = book_dust(ledger, lot)
        body = {"lot": lot.lot_id, "base": lot.base, "quantity": lot.quantity, "cost": lot.cost}
        notes.append(AuditNote(EventKind.DUST_BOOKED, lot.lot_id, body))
    return ledger, tuple(notes)


def _is_dust(lot: Lot, product: Product, quote: Quote, value_max: Decimal) -> bool:
    whole = floor_to(lot.quantity, product.base_increment)
    value = whole * quote.bid
    if max(lot.cost, lot.quantity * quote.bid) > value_max:
        return False
    return whole < product.base_size_min or max(lot.cost, value) < product.quote_size_min


def mark_equity(
    ledger: Ledger, quotes: Mapping[ProductId, Quote], prices: Mapping[Asset, Decimal], now: Instant, risk: RiskSettings
) -> tuple[Ledger, Notional | None]:
    """Compute the equity and carry the marks forward; remember a lost peg, and a drawdown until a person clears it.

    *quotes* are believed ones; an asset without one is worth what it last was, and since when is remembered.
    """
    marks = {asset: AcceptedMark(Price(round(price, _PEG_DECIMALS)), now) for asset, price in prices.items()}
    ledger = note_unbelieved(accept_marks(ledger, quotes, marks), quotes, now)
    equity = equity_of(ledger, prices)
    ledger = advance_equity_marks(ledger, equity, now)
    depegged = {**ledger.depegged, **{asset: now for asset, price in prices.items() if price < risk.peg_min}}
    rested = {asset: at for asset, at in depegged.items() if now - at < risk.peg_cooldown_minutes * 60}
    halted = ledger.drawdown_halt or (
        equity is not None
        and ledger.equity_marks is not None
        and loss_pct(ledger.equity_marks.peak_equity, equity) >= risk.drawdown_pct_max
    )
    if (rested, halted) != (ledger.depegged, ledger.drawdown_halt):
        ledger = replace(ledger, depegged=rested, drawdown_halt=halted)
    return ledger, equity
