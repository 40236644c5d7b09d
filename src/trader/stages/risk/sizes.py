"""How much of a purchase the caps on exposure leave. They trim or refuse; they never enlarge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trader.model.cycle_state import Regime
from trader.model.decisions import Approval, Details, TradeProposal, Trim
from trader.model.denials import DenialCode
from trader.model.ids import Asset, StrategyId
from trader.model.money import ONE, ZERO, Notional, ceil_to, share
from trader.model.portfolio import Portfolio
from trader.settings.policy import RiskSettings, StrategySettings
from trader.settings.universe import UniverseSettings

_CENT = Decimal("0.01")

Refusal = tuple[DenialCode, Details]
#: One cap: its code, the most it allows, and what counts against it already.
Cap = tuple[DenialCode, Decimal, Decimal]


@dataclass(slots=True)
class ExposureTally:
    """The exposure of every strategy in every asset; what this very review approves counts like what exists."""

    exposures: dict[tuple[StrategyId, Asset], Decimal]
    entries: int = 0
    trades: Counter[StrategyId] = field(default_factory=Counter)
    opened: set[tuple[StrategyId, Asset]] = field(default_factory=set)

    def approve(self, proposal: TradeProposal, amount: Notional) -> None:
        """Count a purchase that was approved."""
        key = (proposal.strategy, proposal.base)
        self.entries += 1
        self.trades[proposal.strategy] += 1
        self.opened.add(key)
        self.exposures[key] = self.exposures.get(key, ZERO) + amount

    def used(self, bases: Collection[Asset] | None, strategy: StrategyId | None) -> Decimal:
        """Sum the exposure in some assets and of one strategy; in all and of all where None."""
        return sum(
            (
                amount
                for (who, base), amount in self.exposures.items()
                if (bases is None or base in bases) and (strategy is None or who == strategy)
            ),
            ZERO,
        )


@dataclass(frozen=True, slots=True)
class PurchaseSizer:
    """Caps bound to one method, ``size``."""

    settings: RiskSettings
    universe: UniverseSettings
    strategies: Mapping[StrategyId, StrategySettings]
    size_multiplier: Mapping[Regime, Decimal]
    taker_fee_ratio: Decimal

    def size(
        self,
        proposal: TradeProposal,
        portfolio: Portfolio,
        regime: Regime,
        tally: ExposureTally,
        approvals: list[Approval],
        trims: list[Trim],
    ) -> Refusal | None:
        """Approve a purchase, trimmed to the tightest cap; one that is then too small for an order is refused.

        One that replaces a parent is sized as if that were not there: its size is all that is wanted by it, what has
        been bought included.
        """
        parent = portfolio.ledger.find_parent(proposal.strategy, proposal.base)
        if parent is None:
            return self._size_new(proposal, portfolio, regime, tally, approvals, trims)
        key, entries = (proposal.strategy, proposal.base), tally.entries
        before = tally.exposures.get(key, ZERO)
        tally.exposures[key] = max(before - parent.notional_left - parent.spent, ZERO)
        refusal = self._size_new(proposal, portfolio, regime, tally, approvals, trims)
        if refusal is not None:
            tally.exposures[key] = before
        else:
            # What replaces a parent is no entry and no trade more.
            tally.trades[proposal.strategy] -= 1
        tally.entries = entries
        return refusal

    def _size_new(
        self,
        proposal: TradeProposal,
        portfolio: Portfolio,
        regime: Regime,
        tally: ExposureTally,
        approvals: list[Approval],
        trims: list[Trim],
    ) -> Refusal | None:
        equity = portfolio.equity
        if equity is None:
            return DenialCode.EQUITY_UNKNOWN, {}
        multiplier = self.size_multiplier[regime]
        wish = share(equity, proposal.size_pct) * multiplier
        code, limit, used = min(
            self._caps(proposal, portfolio, equity, multiplier, tally), key=lambda cap: (cap[1] - cap[2], cap[0])
        )
        room = max(limit - used, ZERO)
        amount = Notional(min(wish, room))
        trimmed = amount < wish
        # A multiplier of one cuts nothing; a wish too small by itself names it all the same.
        scaled: Details = {} if trimmed and multiplier == ONE else {"size_multiplier": multiplier}
        least = self.settings.notional_min
        if amount * (ONE - self.taker_fee_ratio) < least:
            details = {"wish": wish, "room": room, "limit": limit, "used": used, "min": least}
            details["min_before_fee"] = ceil_to(least / (ONE - self.taker_fee_ratio), _CENT)
            return (code if trimmed else DenialCode.NOTIONAL_BELOW_MIN), {**details, **scaled}
        if trimmed:
            trims.append(Trim(proposal, amount, code, scaled))
        approvals.append(Approval(proposal, notional=amount))
        tally.approve(proposal, amount)
        return None

    def _caps(
        self, proposal: TradeProposal, portfolio: Portfolio, equity: Notional, multiplier: Decimal, tally: ExposureTally
    ) -> list[Cap]:
        """List every cap on this proposal: on what is filled, working, in doubt and approved just now together."""
        base, strategy, limits = proposal.base, proposal.strategy, self.settings
        caps: list[Cap] = []

        def cap(
            code: DenialCode, pct: Decimal, bases: Collection[Asset] | None = None, of: StrategyId | None = None
        ) -> None:
            caps.append((code, share(equity, pct), tally.used(bases, of)))

        cap(DenialCode.POSITION_EXCEEDS_MAX, limits.position_pct_max * multiplier, {base}, strategy)
        cap(DenialCode.PRODUCT_EXCEEDS_MAX, limits.product_pct_max, {base})
        tier = portfolio.tiers.get(base)
        if tier is not None:
            members = {other for other, name in portfolio.tiers.items() if name == tier}
            cap(DenialCode.TIER_EXCEEDS_MAX, self.universe.tiers[tier].allocation_max_pct, members)
        for cluster in portfolio.clusters.get(base, ()):
            members = {other for other, names in portfolio.clusters.items() if cluster in names}
            members.update(self.universe.clusters[cluster].bases)
            cap(DenialCode.CLUSTER_EXCEEDS_MAX, self.universe.clusters[cluster].allocation_max_pct, members)
        if peers := portfolio.peers.get(base):
            cap(DenialCode.CORRELATED_EXCEEDS_MAX, limits.correlated_pct_max, {base, *peers})
        cap(DenialCode.STRATEGY_EXCEEDS_WEIGHT, self.strategies[strategy].weight_pct, None, strategy)
        cap(DenialCode.EXPOSURE_EXCEEDS_MAX, limits.total_pct_max)
        return caps
