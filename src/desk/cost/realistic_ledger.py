"""A ledger as it lies in a table after weeks of business: ids, prices and quantities of a real one's length.

What makes a packed ledger large is what cannot be guessed: the ids of orders, lots and trades, and the digits of
amounts. Those are drawn, from a seed; the rest is as a cycle writes it.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import replace
from decimal import Decimal

from trader.model.cycle_state import (
    AcceptedMark,
    Cooldown,
    CycleMark,
    CyclePhase,
    EntryPacing,
    EquityMarks,
    FeeCache,
    Membership,
    ProductCache,
    Regime,
    RegimeState,
)
from trader.model.ids import (
    Asset,
    ClientOrderId,
    Instant,
    ProductId,
    Scope,
    StrategyId,
    TradeId,
    VenueOrderId,
    client_order_id,
    cycle_id_at,
    utc_day,
    utc_week,
)
from trader.model.ledger import Ledger, SubLedger, open_ledger
from trader.model.lots import Dust, Lot
from trader.model.market import FeeRates, Product
from trader.model.money import ZERO, Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import ATTACHED, Bracket, Fill, Liquidity, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.round_trips import RoundTrip
from trader.model.tallies import OrderTally, name_tally

NOW = Instant(1_795_348_800)
_USD = Asset("USD")
_STRATEGIES = (StrategyId("rules_engine"), StrategyId("mean_reversion"))
_FEE_RATIO = Decimal("0.006")


def make_ledger(products: int, lots: int, orders: int, dust: int = 0, *, scope: Scope, seed: int = 1) -> Ledger:
    """Make the ledger of an account that holds *lots*, with so many orders remembered and so many assets of dust.

    Every lot has the entry that bought it and its bracket at the venue, as far as *orders* go; the others are entries
    that are over, filled or not.
    """
    draw = _Draw(random.Random(seed))  # noqa: S311 - scenery
    listed = [draw.product(number) for number in range(products)]
    held = [draw.order_pair(listed[number % products]) for number in range(lots)]
    others = [draw.order_pair(listed[number % products]) for number in range(orders)]
    records = [each for entry, bracket, _ in held for each in (entry, bracket)][:orders]
    records += [entry for entry, _, _ in others[: orders - len(records)]]
    ledger = open_ledger(scope, _USD, Notional(10_000))
    marks = {lot.base: AcceptedMark(Price(lot.entry_price.quantize(Decimal("0.0001"))), NOW) for _, _, lot in held}
    tallies = {name_tally(record.intent): OrderTally(made=1, touched_at=NOW) for record in records}
    return replace(
        ledger,
        lots={lot.lot_id: lot for _, _, lot in held},
        orders={record.intent.client_order_id: record for record in records},
        tallies=tallies,
        accepted_marks=marks,
        dust=tuple(draw.dust(number) for number in range(dust)),
        by_strategy={name: draw.sub_ledger() for name in _STRATEGIES},
        equity_marks=EquityMarks(utc_day(NOW), draw.notional(), utc_week(NOW), draw.notional(), draw.notional()),
        entry_pacing=EntryPacing(utc_day(NOW), 7, (NOW,), {lot.base: lot.opened_at for _, _, lot in held}),
        cooldowns={each.base: Cooldown(Instant(NOW + 3600), "loss") for each in listed[:5]},
        regime=RegimeState(Regime.CHOP, Regime.CHOP),
        membership={each.product_id: Membership(member=True) for each in listed},
        products=ProductCache(NOW, tuple(listed)),
        fees=FeeCache(NOW, FeeRates(_FEE_RATIO, 2 * _FEE_RATIO)),
        strategy_runs=dict.fromkeys(_STRATEGIES, NOW),
        last_cycle=CycleMark(cycle_id_at(NOW), CyclePhase.FINISHED),
        audit_head=draw.hex(64),
        bars_on_record={each.product_id: Instant(NOW - 300) for each in listed},
        # As many as there are lots: of most that closed, the strategy has opened one since.
        round_trips=tuple(draw.round_trip(listed[number % products], number) for number in range(min(lots, 40))),
    )


class _Draw:
    """Draws what nobody could guess."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def hex(self, digits: int) -> str:
        return f"{self._source.getrandbits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._source.getrandbits(128), version=4))

    def amount(self, digits: int, decimals: int) -> Decimal:
        return Decimal(self._source.randrange(1, 10**digits)).scaleb(-decimals)

    def round_trip(self, product: Product, number: int) -> RoundTrip:
        entry, opened_at = self.amount(7, 2), Instant(NOW - self._source.randrange(10**6))
        return RoundTrip(
            lot_id=ClientOrderId(f"t247-{self.hex(27)}"),
            strategy=_STRATEGIES[number % len(_STRATEGIES)],
            product_id=product.product_id,
            opened_at=opened_at,
            closed_at=Instant(opened_at + 7200),
            entry_price=Price(entry),
            exit_price=Price(entry * Decimal("0.94")),
            realized=Notional(-self.amount(8, 6)),
            ending="stop",
        )

    def notional(self) -> Notional:
        return Notional(10_000 + self.amount(13, 10))

    def earlier(self) -> Instant:
        return Instant(NOW - self._source.randrange(7 * 86_400))

    def product(self, number: int) -> Product:
        base = Asset("".join(self._source.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=3)) + str(number))
        decimals = self._source.randrange(2, 7)
        return Product(
            product_id=ProductId(f"{base}-{_USD}"),
            base=base,
            quote=_USD,
            base_increment=Quantity(Decimal(1).scaleb(-self._source.randrange(1, 9))),
            price_increment=Price(Decimal(1).scaleb(-decimals)),
            quote_increment=Notional("0.01"),
            base_size_min=Quantity(Decimal(1).scaleb(-self._source.randrange(1, 9))),
            base_size_max=Quantity(self._source.randrange(1, 500) * 100_000),
            quote_size_min=Notional(1),
            quote_size_max=Notional(self._source.randrange(1, 50) * 1_000_000),
            volume_24h=Notional(self.amount(17, 9)),
            price=Price(self.amount(6, decimals)),
            listed_at=Instant(NOW - self._source.randrange(10**8)),
        )

    def order_pair(self, product: Product) -> tuple[OrderRecord, OrderRecord, Lot]:
        """Draw an entry that was filled, the bracket that came with it, and the lot."""
        at, price = self.earlier(), Price(product.price or 1)
        strategy = self._source.choice(_STRATEGIES)
        order_id = client_order_id("t247-", self.hex(32))
        stop, target = (
            Price((price * ratio).quantize(product.price_increment)) for ratio in (Decimal("0.94"), Decimal("1.12"))
        )
        entry = OrderIntent(
            client_order_id=order_id,
            cycle_id=cycle_id_at(at),
            strategy=strategy,
            product_id=product.product_id,
            base=product.base,
            quote=_USD,
            side=Side.BUY,
            purpose=OrderPurpose.ENTRY,
            configuration=OrderConfiguration.POST_ONLY_GTD,
            quantity=Quantity(self.amount(11, 8)),
            limit_price=price,
            lot_id=order_id,
            decided_at=at,
            n=self._source.randrange(9),
            expires_at=Instant(at + 600),
            bracket=Bracket(stop, target),
            attach_bracket=True,
            max_hold_until=Instant(at + 172_800),
            fee_rate_max=_FEE_RATIO,
            reason="breakout up",
        )
        venue, child = VenueOrderId(self.uuid()), VenueOrderId(self.uuid())
        fill = self._fill(entry, venue)
        bought = OrderRecord(
            entry,
            OrderStatus.FILLED,
            venue,
            child,
            reported_filled=entry.quantity,
            fills=(fill,),
            final_at=Instant(at + 300),
        )
        lot = Lot(
            lot_id=order_id,
            strategy=strategy,
            product_id=product.product_id,
            base=product.base,
            quote=_USD,
            quantity=entry.quantity,
            cost=fill.notional,
            entry_fees=fill.fee,
            opened_at=fill.time,
            bracket=Bracket(stop, target),
            max_hold_until=Instant(at + 172_800),
            peak_price=Price(self.amount(6, 4)),
        )
        bracket_id = ClientOrderId(child)
        sale = lot.protect(bracket_id, entry.cycle_id, fill.time, lot.quantity, product.price_increment)
        return bought, OrderRecord(replace(sale, reason=ATTACHED), OrderStatus.OPEN, child), lot

    def _fill(self, intent: OrderIntent, venue_order_id: VenueOrderId) -> Fill:
        return Fill(
            trade_id=TradeId(self.hex(64)),
            venue_order_id=venue_order_id,
            product_id=intent.product_id,
            side=intent.side,
            price=intent.limit_price,
            quantity=intent.quantity,
            fee=Notional(intent.notional * _FEE_RATIO),
            time=Instant(intent.decided_at + self._source.randrange(300)),
            liquidity=Liquidity.MAKER,
        )

    def dust(self, number: int) -> Dust:
        base = Asset("".join(self._source.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=3)) + str(number))
        return Dust(self._source.choice(_STRATEGIES), base, Quantity(self.amount(9, 10)), Notional(self.amount(12, 12)))

    def sub_ledger(self) -> SubLedger:
        return SubLedger({_USD: Notional(-self.amount(14, 10))}, Notional(ZERO), Notional(self.amount(12, 10)), 40, 30)
