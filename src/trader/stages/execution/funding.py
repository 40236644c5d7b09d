"""Which quote asset pays for an entry: the one we hold, in the preferred order; else one converted into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trader.model.conversions import ConversionIntent
from trader.model.ids import Asset, client_order_id
from trader.model.market import Product
from trader.model.money import ZERO, Notional, ceil_to
from trader.model.parents import ParentOrder
from trader.model.portfolio import Portfolio
from trader.model.tallies import name_conversion
from trader.settings.policy import ExecutionSettings, RiskSettings
from trader.stages.execution.context import ExecutionContext

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Funding:
    """Where the money comes from: the listing to buy on, what may be spent there, and the asset to convert from."""

    product: Product
    amount: Decimal
    convert_from: Asset | None = None


@dataclass(slots=True)
class BuyingPower:
    """What is still free of each quote asset while a plan grows. Lives for one call of ``plan``.

    ``free`` is what no parent, no working order and no open conversion can still take; ``held`` is what the venue lets
    us spend. What a parent has set aside is free to nobody else.
    """

    rules: ExecutionSettings
    risk: RiskSettings
    portfolio: Portfolio
    context: ExecutionContext
    free: dict[Asset, Decimal] = field(default_factory=dict)
    held: dict[Asset, Decimal] = field(default_factory=dict)
    conversions: int = 0

    def __post_init__(self) -> None:
        """Count what is free in the books, and what there is at the venue, if there is one to ask."""
        for asset in self.rules.preferred_quotes:
            self.free[asset] = Decimal(self.portfolio.free_cash(asset))
            cash = self.portfolio.ledger.cash.get(asset, ZERO)
            available = self.context.available
            self.held[asset] = cash if available is None else available.get(asset, ZERO)

    def find_spendable(self, parent: ParentOrder) -> Decimal:
        """Return what a parent may spend now, fees included: what it has set aside, as far as it is there."""
        return max(min(parent.reserve, self.held.get(parent.quote, ZERO)), ZERO)

    def spend(self, parent: ParentOrder, cost: Decimal) -> None:
        """Take the cost of a child of a parent, which has set it aside, from what there is at the venue."""
        self.held[parent.quote] = self.held.get(parent.quote, ZERO) - cost

    def give_back(self, parent: ParentOrder) -> None:
        """Free what a parent has set aside, and what its children hold at the venue, so that it can be planned anew."""
        self.free[parent.quote] = self.free.get(parent.quote, ZERO) + parent.reserve
        self.held[parent.quote] = self.held.get(parent.quote, ZERO) + self._sum_holds(parent)

    def hold(self, parent: ParentOrder) -> None:
        """Let the children of a parent hold again, once it is planned anew: nobody else can spend it."""
        self.held[parent.quote] = self.held.get(parent.quote, ZERO) - self._sum_holds(parent)

    def take(self, parent: ParentOrder) -> None:
        """Set aside what a parent may still spend."""
        self.free[parent.quote] = self.free.get(parent.quote, ZERO) - parent.reserve

    def reserve(self, listings: Sequence[Product], cost: Notional) -> Funding | None:
        """Find a listing whose quote asset covers the cost; convert if that helps; else take what there is.

        Returns None if no usable listing has any money behind it.
        """
        usable = [
            listing
            for asset in self.rules.preferred_quotes
            for listing in listings
            if listing.quote == asset and not listing.trading_restrictions and self._holds_peg(asset)
        ]
        for listing in usable:
            if self._free(listing.quote) >= cost:
                return Funding(listing, cost)
        for listing in usable:
            source = self._source_for(listing.quote, cost)
            if source is not None:
                return Funding(listing, cost, source)
        richest = max(usable, key=lambda listing: self._free(listing.quote), default=None)
        if richest is None or self._free(richest.quote) <= 0:
            return None
        return Funding(richest, self._free(richest.quote))

    def use(self, funding: Funding, cost: Notional) -> ConversionIntent | None:
        """Set the cost aside; return the conversion that has to come first, if one has to.

        Rounding: the converted amount up to a cent.
        """
        asset = funding.product.quote
        missing = cost - self._free(asset)
        # Rounded down to what the venue sells, an order may cost less than was asked for, and what there is may do.
        if funding.convert_from is None or missing <= 0:
            self.free[asset] -= cost
            return None
        amount = Notional(ceil_to(missing, _CENT))
        for amounts in (self.free, self.held):
            amounts[funding.convert_from] -= amount
            amounts[asset] += amount
        self.free[asset] -= cost
        self.conversions += 1
        context, source = self.context, funding.convert_from
        # Two entries may need the same amount: the place in the plan tells their conversions apart.
        parts = ("convert", source, asset, amount, self.conversions)
        return ConversionIntent(
            conversion_id=client_order_id(
                self.rules.order_prefix, self.portfolio.ledger.scope, context.cycle_id, *parts
            ),
            cycle_id=context.cycle_id,
            source=source,
            target=asset,
            amount=amount,
            decided_at=context.now,
        )

    def _sum_holds(self, parent: ParentOrder) -> Decimal:
        children = self.portfolio.ledger.orders_of(parent.parent_id)
        return sum((each.open_cost for each in children if each.intent.is_entry and each.is_at_venue), ZERO)

    def _free(self, asset: Asset) -> Decimal:
        return min(self.free[asset], self.held[asset])

    def _source_for(self, target: Asset, cost: Notional) -> Asset | None:
        if not self.rules.auto_convert:
            return None
        missing = ceil_to(cost - self._free(target), _CENT)
        for source in self.rules.preferred_quotes:
            allowed = f"{source}-{target}" in self.rules.conversion_pairs and self._holds_peg(source)
            if source != target and allowed and not self._waits(source, target) and self._free(source) >= missing:
                return source
        return None

    def _waits(self, source: Asset, target: Asset) -> bool:
        """Tell whether a conversion of this pair is waited for: one that was refused, or of which nothing is known."""
        ledger = self.portfolio.ledger
        is_unread = any(
            each.is_open and each.is_unread and (each.intent.source, each.intent.target) == (source, target)
            for each in ledger.conversions.values()
        )
        return is_unread or ledger.tally(name_conversion(source, target)).why_wait(self.context.now) is not None

    def _holds_peg(self, asset: Asset) -> bool:
        if asset == self.portfolio.ledger.accounting_asset:
            return True
        price = self.portfolio.pegs.get(asset)
        is_cooling = asset in self.portfolio.ledger.depegged
        return price is not None and price >= self.risk.peg_min and not is_cooling
