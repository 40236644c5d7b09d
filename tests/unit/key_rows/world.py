"""Facts for one decision, and what a decision does: the observable part of it, without any limit it compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from factories_market import NOW, a_product
from factories_settings import assumed_evidence
from trader.entry.wiring import build_pipeline, make_scope
from trader.model.decisions import Decision
from trader.model.ids import Instant, ProductId, cycle_id_at
from trader.model.inputs import CycleInputs
from trader.model.ledger import Ledger, open_ledger
from trader.model.lots import Lot
from trader.model.market import Bars, Depth, FeeRates, Product, Quote
from trader.model.money import Notional, Price
from trader.model.trading_state import TradingState
from trader.settings import Settings
from unit.config_keys import Outcome
from unit.key_rows import shapes

SOL, ETH = "SOL-USD", "ETH-USD"


@dataclass(frozen=True)
class Seen:
    """One product as a cycle sees it. *price* is the mid, else the last close; *product* are fields of the product."""

    product_id: str = SOL
    bars: Bars | None = None
    price: str = ""
    spread_bps: str = "2"
    age: int = 0
    depth: str = "10000000"
    product: Mapping[str, Any] | None = None

    def mid(self) -> Decimal:
        """The middle of bid and ask."""
        return Decimal(self.price or format(self.bars.close[-1] if self.bars else 1, ".4f"))

    def quote(self, now: int) -> Quote:
        """The best bid and ask."""
        half = self.mid() * Decimal(self.spread_bps) / 20000
        return Quote(
            ProductId(self.product_id), Price(self.mid() - half), Price(self.mid() + half), Instant(now - self.age)
        )

    def as_product(self) -> Product:
        """The metadata."""
        fields = {"price": Price(self.mid()), "price_increment": Price("0.0001"), **(self.product or {})}
        return a_product(self.product_id, **fields)


def a_ledger(settings: Settings, **changes: Any) -> Ledger:
    """The books as the first cycle opens them."""
    opened = open_ledger(make_scope(settings), settings.app.accounting_asset, Notional(settings.app.capital))
    return replace(opened, **changes)


def believing(outcome: Outcome) -> Outcome:
    """An outcome with the targets of all rules assumed to come first half of the time."""
    return lambda settings: outcome(replace(settings, evidence=assumed_evidence()))


def holding(*lots: Lot) -> dict[str, Any]:
    """What the ledger of whoever holds these lots differs in."""
    return {"lots": {lot.lot_id: lot for lot in lots}}


def inputs(
    settings: Settings,
    *seen: Seen,
    ledger: Ledger | None = None,
    benchmark: Bars | None = None,
    now: int = NOW,
    late: int = 0,
    **changes: Any,
) -> CycleInputs:
    """What a cycle read; the tick is *late* by so many seconds. *changes* are fields of the facts."""
    made = CycleInputs(
        cycle_id=cycle_id_at(Instant(now - late)),
        now=Instant(now),
        scheduled_at=Instant(now - late),
        trading_state=TradingState.RUN,
        ledger=a_ledger(settings) if ledger is None else ledger,
        products={ProductId(each.product_id): each.as_product() for each in seen},
        quotes={ProductId(each.product_id): each.quote(now) for each in seen},
        bars={ProductId(each.product_id): each.bars for each in seen if each.bars is not None},
        benchmark=shapes.calm() if benchmark is None else benchmark,
        fees=FeeRates(settings.exchange.assumed_maker_fee_ratio, settings.exchange.assumed_taker_fee_ratio),
        depth={
            ProductId(each.product_id): Depth(ProductId(each.product_id), Notional(each.depth), Notional(each.depth))
            for each in seen
        },
    )
    return replace(made, **changes)


def decided(settings: Settings, *seen: Seen, **more: Any) -> Decision:
    """The whole decision, for scenarios of several cycles."""
    return build_pipeline(settings).decide(inputs(settings, *seen, **more))


def decision(settings: Settings, *seen: Seen, **more: Any) -> object:
    """What the decision does."""
    return acts(decided(settings, *seen, **more), seen)


def acts(made: Decision, seen: Sequence[Seen]) -> object:
    """The verdict of each product there is, and every order, cancel and conversion: codes and orders, no limits."""
    shown = {each.product_id for each in seen}
    verdicts = [(each.product_id, each.outcome, each.code) for each in made.verdicts if each.product_id in shown]
    orders = [
        (
            each.product_id, each.side, each.purpose, each.configuration, each.quantity, each.limit_price,
            each.stop_price, each.expires_at, each.bracket, each.attach_bracket, each.max_hold_until,
        )
        for each in made.plan.intents
    ]  # fmt: skip
    conversions = [(each.source, each.target, each.amount) for each in made.plan.conversions]
    return verdicts, orders, made.plan.cancels, conversions


def on(*seen: Seen, books: Mapping[str, Any] | None = None, **more: Any) -> Outcome:
    """The outcome of one decision on these products, with such *books* in the ledger."""
    return lambda settings: decision(settings, *seen, ledger=a_ledger(settings, **(books or {})), **more)
