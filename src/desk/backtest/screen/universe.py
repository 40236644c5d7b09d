"""``trader.stages.universe`` in columns: who is considered, who passes its checks, who is a member.

No check needs a position, so a whole run is judged at once. What a check reads of a product comes from the list of
products, which is read now and then, and anew of what is held; where both would not say the same, it is "maybe".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from desk.backtest.data.columns import Floats, Integers
from desk.backtest.grid import MARGIN, Codes, Flags, MarketGrid
from desk.backtest.screen.codes import ABSENT, MAYBE, PASS, encode_verdict
from trader.model.cycle_state import Membership
from trader.model.denials import DenialCode
from trader.model.flaws import find_flaw
from trader.model.ids import Asset, ProductId
from trader.model.market import Product
from trader.settings.universe import TierSettings, UniverseSettings
from trader.sim.fills import to_price
from trader.stages.pipeline import Pipeline
from trader.stages.triggers.engine import count_bars_needed
from trader.stages.universe.checks import check_metadata

_MISSING = encode_verdict(DenialCode.DATA_MISSING)
_STALE = encode_verdict(DenialCode.DATA_STALE)
#: By these a product that no tier lists is not even found.
_UNDISCOVERED = (DenialCode.VOLUME_BELOW_MIN, DenialCode.PRICE_BELOW_MIN)


@dataclass(frozen=True)
class Standing:
    """Whether a product is a member after each tick, for how many ticks the checks say otherwise, where that turns."""

    is_member: Flags
    disagreeing: NDArray[np.unsignedinteger]
    turns: Flags

    @classmethod
    def blank(cls, count: int, cycles_max: int) -> Standing:
        """Nobody is a member yet; no more cycles than these are ever counted."""
        return cls(
            np.zeros(count, np.bool_), np.zeros(count, np.min_scalar_type(cycles_max)), np.zeros(count, np.bool_)
        )


class UniverseScreen:
    """The checks of every product at every tick. *fetches* are the ticks at which the list of products is read."""

    def __init__(self, grid: MarketGrid, pipeline: Pipeline, fetches: Integers) -> None:
        self._grid, self._pipeline = grid, pipeline
        self._settings: UniverseSettings = grid.settings.universe
        self._fetches = fetches
        products = [columns.product for columns in grid.products.values()]
        self._odd = {product.base for product in products if self._may_be_flawed(product)}
        self._odd |= self._find_changing(products)
        self._looked_at = self._choose_listings()
        self.codes: dict[ProductId, Codes] = {}
        for product_id, columns in grid.products.items():
            self.codes[product_id] = self._judge(columns.product)
        most = max(self._settings.enter_after_cycles, self._settings.leave_after_cycles)
        self.standing = {product_id: Standing.blank(len(grid), most) for product_id in grid.products}

    def fetch_anew(self, fetches: Integers, begin: int) -> None:
        """Judge all ticks from one on by other readings of the list than were foreseen."""
        self._fetches = fetches
        for product_id, columns in self._grid.products.items():
            self.codes[product_id][begin:] = self._judge(columns.product)[begin:]

    def _choose_listings(self) -> set[ProductId]:
        """Name the product that each base is looked at through, and all those of a base that is odd."""
        products = [columns.product for columns in self._grid.products.values()]
        rows = self._pipeline.universe.rows.choose(products, frozenset(product.base for product in products))
        chosen = {row.product_id for row in rows}
        return {each.product_id for each in products if each.product_id in chosen or each.base in self._odd}

    def _find_changing(self, products: Sequence[Product]) -> set[Asset]:
        """Name the bases with several products of which one comes or goes: another one stands in for it meanwhile."""
        count = Counter(product.base for product in products)
        listed = self._grid.products
        return {each.base for each in products if count[each.base] > 1 and not listed[each.product_id].is_listed.all()}

    def _may_be_flawed(self, product: Product) -> bool:
        """Whether the list of products may at some time hold numbers of it that no order could keep."""
        prices = self._grid.prices(product.product_id)
        prices = prices[~np.isnan(prices)]
        ends = (None,) if not len(prices) else (None, float(prices.min()), float(prices.max()))
        # Each limit of a price is a lowest or a highest one.
        listed = (replace(product, price=each if each is None else to_price(each)) for each in ends)
        return any(find_flaw(each) is not None for each in listed)

    def _judge(self, product: Product) -> Codes:
        tier = self._find_tier(product)
        if tier is None or product.product_id not in self._looked_at:
            return np.full(len(self._grid), ABSENT, dtype=np.int8)
        if product.base in self._odd:
            # A row of the list that is not there, or makes no sense, may leave the base to another one.
            return np.full(len(self._grid), MAYBE, dtype=np.int8)
        codes = self._check_bars(product)
        market = self._check_market(product, tier)
        if not self._is_listed(product):
            market = self._hide_undiscovered(tier, market)
        for found in (self._check_quote(product, tier), market):
            codes = np.where(found == PASS, codes, found)
        metadata = check_metadata(product, self._settings, self._grid.at(0))
        if self._settings.bans.get(product.base) is not None:
            # A ban may end in the course of the run; anything else holds for all of it.
            codes = np.full_like(codes, MAYBE)
        elif metadata is not None:
            codes = np.full_like(codes, encode_verdict(metadata[0]))
        is_on_list = self._grid.products[product.product_id].is_listed[self._last_read()]
        return np.where(is_on_list, codes, ABSENT).astype(np.int8)

    def _find_tier(self, product: Product) -> TierSettings | None:
        """Return the tier of a product that may be considered; None of one that nothing names or finds."""
        settings = self._settings
        if self._is_listed(product):
            return settings.find_tier(product.base)
        tier = settings.tiers[settings.dynamic_tier]
        barred = {*settings.never_trade, *settings.stable_bases}
        is_payable = product.quote in self._pipeline.settings.execution.preferred_quotes
        return tier if tier.discover_max and is_payable and product.base not in barred else None

    def _is_listed(self, product: Product) -> bool:
        return any(product.base in tier.bases for tier in self._settings.tiers.values())

    def _hide_undiscovered(self, tier: TierSettings, codes: Codes) -> Codes:
        """Leave out what is found by its volume and lacks it; where more may be found than fit, ranks decide."""
        columns = (each.product for each in self._grid.products.values())
        rivals = sum(not self._is_listed(each) and self._find_tier(each) is not None for each in columns)
        if rivals > tier.discover_max:
            return np.full(len(codes), MAYBE, dtype=np.int8)
        is_hidden = np.isin(codes, [encode_verdict(code) for code in _UNDISCOVERED])
        return np.where(is_hidden, ABSENT, codes)

    def _check_market(self, product: Product, tier: TierSettings) -> Codes:
        """Judge volume and price as of the last reading of the list; "maybe" where one since then would differ."""
        grid, turnover = self._grid, self._turnover(product)
        price = grid.prices(product.product_id)
        now = np.full(len(grid), PASS, dtype=np.int8)
        least = float(tier.volume_24h_min)
        now[turnover < least] = encode_verdict(DenialCode.VOLUME_BELOW_MIN)
        # The cents that a turnover is cut to, and a sum in another order.
        now[np.abs(turnover - least) <= 0.01 + MARGIN * least] = MAYBE if least else PASS
        if tier.price_min > 0 or not self._is_listed(product):
            # What is found needs a price, however low it may be.
            lowest = float(tier.price_min)
            now[~(price >= lowest)] = encode_verdict(DenialCode.PRICE_BELOW_MIN)
            now[np.abs(price - lowest) <= MARGIN * lowest] = MAYBE
        read = self._last_read()
        codes = now[read]
        changed = np.concatenate(([0], np.cumsum(now[1:] != now[:-1])))
        codes[changed != changed[read]] = MAYBE
        if product.listed_at is not None:
            young = grid.ticks - product.listed_at < self._settings.listing_age_days_min * 86_400
            codes[young & (codes == PASS)] = encode_verdict(DenialCode.LISTING_TOO_NEW)
        return codes

    def _last_read(self) -> Integers:
        """Return, per tick, the last one until then at which the list of products was read."""
        places = np.searchsorted(self._fetches, np.arange(len(self._grid)), side="right") - 1
        return self._fetches[np.maximum(places, 0)]

    def _turnover(self, product: Product) -> Floats:
        series = self._grid.finest(product.product_id)
        columns = series.columns
        until = np.concatenate(([0.0], np.cumsum(columns.close * columns.volume)))
        high = self._grid.places(series)
        low = np.searchsorted(columns.start, self._grid.ticks - 86_400, side="left")
        return np.where(high > low, until[high] - until[np.minimum(low, high)], 0.0)

    def _check_quote(self, product: Product, tier: TierSettings) -> Codes:
        columns = self._grid.products[product.product_id]
        codes = np.full(len(self._grid), PASS, dtype=np.int8)
        spread, limit = self._grid.spreads(product.product_id), float(tier.spread_bps_max)
        with np.errstate(invalid="ignore"):
            codes[spread > limit] = encode_verdict(DenialCode.SPREAD_EXCEEDS_MAX)
            codes[np.abs(spread - limit) <= MARGIN * max(limit, 1.0)] = MAYBE
        codes[~(columns.bid > 0)] = MAYBE
        codes[~columns.has_quote] = encode_verdict(DenialCode.QUOTE_MISSING)
        return codes

    def is_candidate(self, product_id: ProductId) -> Flags:
        """Where a product passes every check and is a member."""
        found: Flags = (self.codes[product_id] == PASS) & self.standing[product_id].is_member
        return found

    def _check_bars(self, product: Product) -> Codes:
        grid, wanted = self._grid, self._grid.settings.bars
        series = grid.series(product.product_id, wanted.granularity)
        codes = np.full(len(grid), PASS, dtype=np.int8)
        if series is None or not series.has_candles:
            codes[:] = _MISSING
            return codes
        start, step = series.columns.start, wanted.granularity.seconds
        last = grid.ticks // step * step - step
        high = np.searchsorted(start, last, side="right")
        low = np.searchsorted(start, last - (wanted.count - 1) * step, side="left")
        newest, oldest = start[np.maximum(high - 1, 0)], start[np.minimum(low, len(start) - 1)]
        length = (newest - oldest) // step + 1
        filled = length - (high - low)
        count_min = count_bars_needed(self._pipeline.settings.triggers, step)
        codes[length < count_min] = encode_verdict(DenialCode.HISTORY_TOO_SHORT)
        gapped = filled / np.maximum(length, 1) > self._pipeline.settings.triggers.max_gap_ratio
        codes[gapped] = encode_verdict(DenialCode.DATA_GAPPED)
        codes[newest != last] = _STALE
        codes[high <= low] = _MISSING
        return codes

    def follow(self, product_id: ProductId, begin: int, before: Membership | None) -> None:
        """Carry a product's membership on from a tick, given what it was before that one."""
        codes, standing = self.codes[product_id][begin:], self.standing[product_id]
        if not len(codes):
            # A run of a single tick has none after it.
            return
        kinds = np.where(codes == PASS, 0, np.where(codes == ABSENT, 2, 1))
        edges = np.concatenate(([0], np.flatnonzero(kinds[1:] != kinds[:-1]) + 1, [len(kinds)]))
        member, count = (before.member, before.disagreeing_cycles) if before is not None else (False, 0)
        is_member, disagreeing, turns = (
            column[begin:] for column in (standing.is_member, standing.disagreeing, standing.turns)
        )
        is_member[:], disagreeing[:], turns[:] = False, 0, False
        was_absent = before is None
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            says, is_absent = bool(kinds[low] == 0), bool(kinds[low] == 2)
            turns[low] |= is_absent is not was_absent
            was_absent = is_absent
            if is_absent:
                # Who is not considered is forgotten, and begins anew.
                member, count = False, 0
                continue
            if says is member:
                is_member[low:high], count = member, 0
                continue
            needed = self._settings.leave_after_cycles if member else self._settings.enter_after_cycles
            turn = min(low + needed - 1 - count, high)
            is_member[low:turn] = member
            disagreeing[low:turn] = np.arange(count + 1, count + 1 + turn - low)
            count += turn - low
            if turn < high:
                turns[turn], is_member[turn:high], member, count = True, says, says, 0

    def membership(self, tick: int) -> dict[ProductId, Membership]:
        """Return what the ledger holds of it after a tick, in the order of the list of products."""
        return {
            product_id: Membership(each.is_member.item(tick), each.disagreeing.item(tick))
            for product_id, each in self.standing.items()
            if self.codes[product_id].item(tick) != ABSENT
        }


def find_believed(grid: MarketGrid, product_id: ProductId) -> Flags:
    """Return where the quote of a held product is surely believed."""
    columns = grid.products[product_id]
    limit = grid.settings.universe.find_tier(columns.product.base).spread_bps_max
    surely = float(limit * grid.settings.exits.spread_multiple_max) * (1 - MARGIN)
    with np.errstate(invalid="ignore"):
        found: Flags = columns.has_quote & (columns.bid > 0) & (grid.spreads(product_id) < surely)
    return found
