"""Let products in and out of the universe: the checks, damped by how long they have disagreed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from trader import indicators
from trader.errors import DataError
from trader.model.cycle_state import Membership, ProductCache
from trader.model.decisions import Denial, Details, TradeProposal
from trader.model.denials import DenialCode
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId
from trader.model.inputs import Candidate, CycleInputs, UniverseSelection
from trader.model.market import Bars, Depth, Product, Quote
from trader.model.orders import Side
from trader.settings.universe import UniverseSettings
from trader.stages.universe import checks
from trader.stages.universe.checks import Refusal
from trader.stages.universe.rows import RowChoice, UniverseRow

STAGE = "universe"
_STRANGER = Membership(member=False)


@dataclass(frozen=True, slots=True)
class UniverseScreen:
    """Every base under consideration, and what refuses it before its bars are asked for; None if nothing does."""

    rows: tuple[UniverseRow, ...]
    refusals: Mapping[ProductId, Refusal | None]
    quotes: Mapping[ProductId, Quote]
    held: frozenset[Asset]

    def only_held(self) -> UniverseScreen:
        """Leave out what is not held."""
        rows = tuple(row for row in self.rows if row.base in self.held)
        return replace(self, rows=rows, refusals={row.product_id: self.refusals[row.product_id] for row in rows})

    def products_needing_bars(self) -> tuple[ProductId, ...]:
        """Name the products worth reading candles of: held, or passing every check that needs no bars."""
        return tuple(
            row.product_id
            for row in self.rows
            if row.product is not None and (row.base in self.held or self.refusals[row.product_id] is None)
        )


@dataclass(frozen=True, slots=True)
class UniverseManager:
    """Settings bound to the choice of products."""

    settings: UniverseSettings
    triggers_max_gap_ratio: float
    preferred_quotes: tuple[Asset, ...]
    bars_count_min: int

    @property
    def rows(self) -> RowChoice:
        """The choice of the product that each base is looked at through."""
        return RowChoice(self.settings, self.preferred_quotes)

    def shortlist(self, products: Iterable[Product], held: frozenset[Asset]) -> tuple[Product, ...]:
        """Reduce the venue's whole list to what can matter, by product id.

        That is every listing of each configured, *held* or discovered base, and every product of a held one. A base
        that cannot be paid by any is kept with the product that it is looked at through.
        """
        listed = tuple(products)
        rows = self.rows.choose(listed, held)
        found = (each for row in rows for each in (row.product, *row.listings) if each is not None)
        chosen = {each.product_id: each for each in found}
        chosen |= {each.product_id: each for each in listed if each.base in held}
        return tuple(chosen[product_id] for product_id in sorted(chosen))

    def screen(
        self,
        products: Mapping[ProductId, Product],
        quotes: Mapping[ProductId, Quote],
        now: Instant,
        held: frozenset[Asset],
        causes: Mapping[ProductId, str],
        cache: ProductCache | None,
    ) -> UniverseScreen:
        """Run the checks that need no bars on every base, once per cycle; ``admit`` finishes them.

        *causes* says why products or their quotes are missing; the *cache* also which rows make no sense of products
        that are known from before, and what is not listed: that is not considered, unless it is held. The order of
        checks: PRODUCT_MISSING, QUOTE_ASSET_UNSUPPORTED, then as in ``universe.checks`` (metadata, market, quote).
        """
        cache = ProductCache(Instant(0), ()) if cache is None else cache
        gone = frozenset(cache.unlisted) - held
        chosen = self.rows.choose(products.values(), held, cache.causes)
        rows = tuple(row for row in chosen if row.product is not None or row.base not in gone)
        refusals = {row.product_id: self._refusal_before_bars(row, quotes, now, causes, cache) for row in rows}
        return UniverseScreen(rows, refusals, quotes, held)

    def admit(
        self,
        screen: UniverseScreen,
        bars: Mapping[ProductId, Bars | DataError],
        membership: Mapping[ProductId, Membership],
    ) -> UniverseSelection:
        """Check the bars and damp what is left; each base ends as a candidate or with the first denial it met.

        The bars come after every check of the screen, HYSTERESIS last. Nothing bypasses a check: a member that fails
        one is not tradable now, however long it stays a member. Hysteresis only holds back who passes and is not a
        member yet.
        """
        rows = screen.rows
        refusals = {
            product_id: refusal
            or checks.check_bars(bars.get(product_id), self.triggers_max_gap_ratio, self.bars_count_min)
            for product_id, refusal in screen.refusals.items()
        }
        standing = self._standing(rows, {each: refusal is None for each, refusal in refusals.items()}, membership)
        candidates: dict[ProductId, Candidate] = {}
        denials: list[Denial] = []
        for base, tier, product_id, product, listings in rows:
            refusal, series, member = refusals[product_id], bars.get(product_id), standing[product_id]
            if refusal is None and not member.member:
                details = {"cycles": member.disagreeing_cycles, "cycles_min": self.settings.enter_after_cycles}
                refusal = DenialCode.HYSTERESIS, details
            if refusal is not None:
                denials.append(Denial(product_id, refusal[0], STAGE, {"tier": tier, "base": base, **refusal[1]}))
            elif product is not None and isinstance(series, Bars):
                candidates[product_id] = Candidate(product, listings, tier, screen.quotes[product_id], series)
        return UniverseSelection(
            considered=tuple(row.product_id for row in rows),
            candidates=candidates,
            denials=tuple(denials),
            membership=standing,
            tiers={row.base: row.tier for row in rows},
            products={row.base: row.product_id for row in rows},
        )

    def check_depths(
        self, proposals: Iterable[TradeProposal], selection: UniverseSelection, inputs: CycleInputs
    ) -> tuple[list[TradeProposal], tuple[Denial, ...]]:
        """Part the proposals that may go on from those to buy where the book is too thin, or was not read."""
        kept: list[TradeProposal] = []
        denials: list[Denial] = []
        for proposal in proposals:
            candidate = selection.candidates.get(proposal.product_id)
            denial = None
            if proposal.side is Side.BUY and candidate is not None:
                denial = self.check_depth(candidate, inputs.depth.get(proposal.product_id), inputs.causes)
            if denial is None:
                kept.append(proposal)
            else:
                denials.append(replace(denial, strategy=proposal.strategy, proposal=proposal))
        return kept, tuple(denials)

    def check_depth(self, candidate: Candidate, depth: Depth | None, causes: Mapping[ProductId, str]) -> Denial | None:
        """Refuse to buy from a book that is too thin near the mid, or that was not read. Judged on the asks."""
        product_id, limit = candidate.product.product_id, self.settings.tiers[candidate.tier].depth_min
        if depth is None:
            missing: Details = {"depth_min": limit, "cause": causes.get(product_id, checks.NOT_READ)}
            return Denial(product_id, DenialCode.DEPTH_MISSING, STAGE, missing)
        if depth.ask_notional < limit:
            details = {"depth": depth.ask_notional, "depth_min": limit}
            return Denial(product_id, DenialCode.DEPTH_BELOW_MIN, STAGE, details)
        return None

    def find_peers(
        self, candidates: Mapping[ProductId, Candidate], proposed: Collection[Asset], exposed: Collection[Asset]
    ) -> Mapping[Asset, frozenset[Asset]]:
        """Say of each proposed asset which others, proposed or exposed to already, it moves with.

        Where that cannot be measured, it is taken to move along: not knowing is no diversification. Nothing proposed,
        nothing measured.
        """
        compared = {*proposed, *exposed} if proposed else set()
        window = self.settings.correlation_window
        profiles = {
            candidate.product.base: indicators.return_profile(candidate.bars.close, candidate.bars.count(window))
            for candidate in candidates.values()
            if candidate.product.base in compared and len(candidate.bars) > candidate.bars.count(window)
        }
        return {
            asset: frozenset(
                other for other in compared - {asset} if self._moves_with(profiles.get(asset), profiles.get(other))
            )
            for asset in sorted(set(proposed))
        }

    def assign_clusters(
        self, peers: Mapping[Asset, frozenset[Asset]], held: Collection[Asset]
    ) -> Mapping[Asset, tuple[str, ...]]:
        """Name the clusters of every proposed asset, which has *peers*, and of every held one.

        An asset is in the clusters that list it. A proposed one also joins those of each held asset that it moves with.
        """
        if not peers:
            return {}
        listed = {
            asset: {name for name, cluster in self.settings.clusters.items() if asset in cluster.bases}
            for asset in sorted({*peers, *held})
        }
        joined = {asset: set(names) for asset, names in listed.items()}
        for asset, others in peers.items():
            for other in others.intersection(held):
                joined[asset] |= listed[other]
        return {asset: tuple(sorted(names)) for asset, names in joined.items()}

    @staticmethod
    def failed_ratio(selection: UniverseSelection) -> float:
        """Share of the known products that were left out because their data failed; 0 if there are none.

        A product of which nothing can be known says nothing about the health of the data of others.
        """
        failed = sum(denial.code in checks.DATA_FAILURES for denial in selection.denials)
        unknown = sum(denial.code is DenialCode.PRODUCT_MISSING for denial in selection.denials)
        known = len(selection.considered) - unknown
        return failed / known if known else 0.0

    def _moves_with(self, one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
        if one is None or other is None:
            return True
        return indicators.correlation(one, other) > self.settings.correlation_max

    def _refusal_before_bars(
        self,
        row: UniverseRow,
        quotes: Mapping[ProductId, Quote],
        now: Instant,
        causes: Mapping[ProductId, str],
        cache: ProductCache,
    ) -> Refusal | None:
        product = row.product
        if product is None or row.product_id in cache.causes:
            names = (row.product_id, *self.rows.name_listings(row.base))
            said = (each[name] for name in names for each in (cache.causes, causes) if name in each)
            unknown = checks.UNLISTED if row.base in cache.unlisted else checks.NOT_READ
            return DenialCode.PRODUCT_MISSING, {"cause": next(said, unknown)}
        if product.quote not in self.preferred_quotes:
            return DenialCode.QUOTE_ASSET_UNSUPPORTED, {"quote": product.quote}
        tier, cause = self.settings.tiers[row.tier], causes.get(row.product_id, checks.NOT_READ)
        return (
            checks.check_metadata(product, self.settings, now)
            or checks.check_market(product, tier, self.settings, now)
            or checks.check_quote(quotes.get(row.product_id), cause, tier.spread_bps_max, self.settings, now)
        )

    def _standing(
        self,
        rows: Sequence[UniverseRow],
        passes: Mapping[ProductId, bool],
        membership: Mapping[ProductId, Membership],
    ) -> Mapping[ProductId, Membership]:
        """Carry membership forward, also to another listing of the book. Without any history all who pass are members.

        Then there is nothing to damp.
        """
        if not membership:
            return {product_id: Membership(passed) for product_id, passed in passes.items()}
        standing: dict[ProductId, Membership] = {}
        for row in rows:
            before = membership.get(row.product_id)
            if before is None:
                book = {each.canonical_id for each in row.listings} | {each.product_id for each in row.listings}
                before = next((membership[name] for name in sorted(book) if name in membership), _STRANGER)
            standing[row.product_id] = self._next(before, passes[row.product_id])
        return standing

    def _next(self, before: Membership, passed: bool) -> Membership:
        if passed is before.member:
            return replace(before, disagreeing_cycles=0) if before.disagreeing_cycles else before
        needed = self.settings.leave_after_cycles if before.member else self.settings.enter_after_cycles
        disagreeing = before.disagreeing_cycles + 1
        if disagreeing >= needed:
            return replace(before, member=passed, disagreeing_cycles=0)
        return replace(before, disagreeing_cycles=disagreeing)
