"""Through which product each base asset is looked at, and on which others the same order book can be paid.

A base asset is looked at through one product: of those that take orders the canonical one, that is the first in the
order of preferred quote assets that is not another product's alias. So an alias stands in for a product that is
view-only where we live; and where nothing takes orders, the canonical product says why. Products of the same base on
another book (BTC-USDT beside BTC-USD) are markets of their own and are not used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from trader.model.ids import Asset, ProductId
from trader.model.market import Product
from trader.settings.universe import UniverseSettings


class UniverseRow(NamedTuple):
    """A base asset under consideration; *product_id* names it even where the venue has no product.

    *listings* are the products on one order book by which it can be bought.
    """

    base: Asset
    tier: str
    product_id: ProductId
    product: Product | None
    listings: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class RowChoice:
    """Settings bound to the choice of products."""

    settings: UniverseSettings
    preferred_quotes: tuple[Asset, ...]

    def name_bases(self, held: frozenset[Asset]) -> tuple[Asset, ...]:
        """Name each configured and *held* base."""
        return tuple(self._place({}, held, ()))

    def name_listings(self, base: Asset) -> tuple[ProductId, ...]:
        """Name the products that a base could be bought by, preferred ones first, whether they are listed or not."""
        return tuple(ProductId(f"{base}-{quote}") for quote in self.preferred_quotes)

    def choose(
        self, products: Iterable[Product], held: frozenset[Asset], flawed: Collection[ProductId] = ()
    ) -> tuple[UniverseRow, ...]:
        """Name each base to consider once: configured ones as listed, then discovered by volume, then held ones.

        By what is *flawed* nothing can be bought; it is looked at only where there is nothing else.
        """
        by_base: dict[Asset, list[Product]] = {}
        for product in products:
            by_base.setdefault(product.base, []).append(product)
        placed = self._place(by_base, held, flawed)
        return tuple(self._row(base, tier, by_base.get(base, ()), flawed) for base, tier in placed.items())

    def _place(
        self, by_base: Mapping[Asset, Sequence[Product]], held: frozenset[Asset], flawed: Collection[ProductId]
    ) -> Mapping[Asset, str]:
        """Give each base its tier."""
        tiers = sorted(self.settings.tiers)
        placed = {base: tier for tier in tiers for base in self.settings.tiers[tier].bases}
        for tier in tiers:
            if self.settings.tiers[tier].discover_max:
                placed.update(dict.fromkeys(self._discover(by_base, tier, placed, flawed), tier))
        # A held base that nobody lists is judged like a discovered one.
        placed.update((base, self.settings.dynamic_tier) for base in sorted(held) if base not in placed)
        return placed

    def _row(self, base: Asset, tier: str, products: Sequence[Product], flawed: Collection[ProductId]) -> UniverseRow:
        product = self._find_first(products, flawed)
        if product is None:
            return UniverseRow(base, tier, self.name_listings(base)[0], None, ())
        listings = [
            each
            for each in products
            if each.canonical_id == product.canonical_id
            and each.quote in self.preferred_quotes
            and each.product_id not in flawed
        ]
        if len(listings) > 1:
            listings.sort(key=lambda each: (self._rank(each), each.product_id))
        return UniverseRow(base, tier, product.product_id, product, tuple(listings))

    def _find_first(self, products: Sequence[Product], flawed: Collection[ProductId]) -> Product | None:
        if len(products) == 1:
            return products[0]
        # An alias stands in where its canonical product has no quote asset we use; so does, last, any product at all.
        return min(
            products,
            key=lambda each: (
                each.quote not in self.preferred_quotes,
                each.product_id in flawed,
                bool(each.trading_restrictions),
                each.canonical_id != each.product_id,
                self._rank(each),
                each.product_id,
            ),
            default=None,
        )

    def _rank(self, product: Product) -> int:
        quotes = self.preferred_quotes
        return quotes.index(product.quote) if product.quote in quotes else len(quotes)

    def _discover(
        self,
        by_base: Mapping[Asset, Sequence[Product]],
        tier: str,
        placed: Collection[Asset],
        flawed: Collection[ProductId],
    ) -> tuple[Asset, ...]:
        """Rank the bases that nobody lists by the 24 h volume of their product, and take the first few."""
        limits = self.settings.tiers[tier]
        barred = {*placed, *self.settings.never_trade, *self.settings.stable_bases}
        found = (
            product
            for base, products in by_base.items()
            if base not in barred and (product := self._find_first(products, flawed)) is not None
            if product.quote in self.preferred_quotes
            and product.volume_24h >= limits.volume_24h_min
            and product.price is not None
            and product.price >= limits.price_min
            and not product.trading_restrictions
        )
        ranked = sorted(found, key=lambda product: (-product.volume_24h, product.product_id))
        return tuple(product.base for product in ranked[: limits.discover_max])
