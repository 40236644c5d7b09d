"""May it be done, and how much of it. Risk denies or trims; it never enlarges. A missing input denies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trader.model.capital import why_not_fund
from trader.model.cycle_state import Regime, RegimeReading
from trader.model.decisions import Approval, Denial, RiskReview, TradeProposal, Trim
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ClientOrderId, Instant, StrategyId, utc_day
from trader.model.money import ZERO, Quantity
from trader.model.orders import OrderPurpose, Side
from trader.model.parents import ParentOrder
from trader.model.portfolio import UNBELIEVED_SECONDS_MAX, Portfolio, find_implausible, find_unbelieved, loss_pct
from trader.settings.policy import RiskSettings, StrategySettings
from trader.settings.universe import UniverseSettings
from trader.stages.risk.sizes import ExposureTally, PurchaseSizer, Refusal

STAGE = "risk"
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class RiskManager:
    """Caps and stops bound to one method, ``check_all``."""

    settings: RiskSettings
    universe: UniverseSettings
    strategies: Mapping[StrategyId, StrategySettings]
    size_multiplier: Mapping[Regime, Decimal]
    max_tick_age_seconds: int
    taker_fee_ratio: Decimal
    accounting_asset: Asset
    quiet_seconds: int

    def check_all(self, proposals: Sequence[TradeProposal], portfolio: Portfolio, regime: Regime) -> RiskReview:
        """Approve, trim or deny every proposal, each exactly once.

        Sells come first and pass everything that guards against new risk. Buys follow by conviction, so that a cap
        with room for some goes to the best; what is approved counts at once against those that follow.
        """
        approvals: list[Approval] = []
        trims: list[Trim] = []
        denials: list[Denial] = []
        tally = ExposureTally(portfolio.exposures())
        sizer = PurchaseSizer(self.settings, self.universe, self.strategies, self.size_multiplier, self.taker_fee_ratio)
        for proposal in sorted(proposals, key=lambda p: (not p.reduces, -p.conviction, p.product_id, p.strategy)):
            if proposal.reduces:
                refusal = self._refuse_sell(proposal, portfolio)
                if refusal is None and proposal.lot_id is not None:
                    lot = portfolio.ledger.lots[proposal.lot_id]
                    part = lot.quantity if proposal.quantity is None else min(lot.quantity, proposal.quantity)
                    approvals.append(Approval(proposal, quantity=Quantity(part)))
            else:
                refusal = self._refuse_buy(proposal, portfolio, regime, tally)
                if refusal is None:
                    refusal = sizer.size(proposal, portfolio, regime, tally, approvals, trims)
            if refusal is not None:
                code, details = refusal
                denials.append(Denial(proposal.product_id, code, STAGE, details, proposal.strategy, proposal))
        return RiskReview(tuple(approvals), tuple(trims), tuple(denials))

    def check_parents(
        self, portfolio: Portfolio, regime: Regime, approvals: Sequence[Approval]
    ) -> Mapping[ClientOrderId, Denial]:
        """Say of each parent that may not buy just now why; what it buys was approved, and is not sized anew.

        One that has no place in the pace, as its first child never came to be, asks for one after the *approvals* of
        this very cycle.
        """
        refused: dict[ClientOrderId, Denial] = {}
        find_parent = portfolio.ledger.find_parent
        new = (each.proposal for each in approvals if not each.proposal.reduces)
        tally = ExposureTally({}, sum(find_parent(each.strategy, each.base) is None for each in new))
        left = portfolio.ledger.failure_streak.cooldown_until - portfolio.now
        for key, parent in portfolio.ledger.parents.items():
            refusal = (
                self._switch_and_ledger(parent, portfolio)
                or ((DenialCode.VENUE_UNHEALTHY, {"seconds_left": left}) if left > 0 else None)
                or self._regime(regime, portfolio.reading)
                or self._loss_stops(portfolio)
                or self._pegs(portfolio)
                or (self._pacing(parent, portfolio, tally) if parent.paced_at is None else None)
            )
            if refusal is None:
                tally.entries += parent.paced_at is None
            else:
                code, details = refusal
                refused[key] = Denial(parent.product_id, code, STAGE, {"parent": key, **details}, parent.strategy)
        return refused

    # --- sells

    def _refuse_sell(self, proposal: TradeProposal, portfolio: Portfolio) -> Refusal | None:
        if not portfolio.trading_state.permits(OrderPurpose.EXIT):
            return DenialCode.SWITCH_NOT_RUN, {"trading_state": portfolio.trading_state.value}
        lot = portfolio.ledger.lots.get(proposal.lot_id) if proposal.lot_id is not None else None
        if lot is None or lot.quantity <= 0 or lot.strategy != proposal.strategy:
            return DenialCode.POSITION_MISSING, {"lot": proposal.lot_id or "none"}
        settled = Instant(portfolio.now - self.quiet_seconds)
        for record in portfolio.ledger.orders_of(lot.lot_id):
            is_ours = record.intent.is_exit and record.is_understood
            is_repriced = record.intent.is_resting_sale and record.is_at_venue
            if is_ours and not is_repriced and record.awaits_fills(settled):
                return DenialCode.ORDER_WORKING, {"order": record.intent.client_order_id}
        return None

    # --- buys: one check after the other, in the order of the rule book

    def _refuse_buy(
        self, proposal: TradeProposal, portfolio: Portfolio, regime: Regime, tally: ExposureTally
    ) -> Refusal | None:
        is_new = portfolio.ledger.find_parent(proposal.strategy, proposal.base) is None
        return (
            self._switch_and_ledger(proposal, portfolio)
            or self._freshness(portfolio)
            or self._regime(regime, portfolio.reading)
            or self._loss_stops(portfolio)
            or (self._pacing(proposal, portfolio, tally) if is_new else None)
            or self._cooldowns(proposal, portfolio)
            or self._pegs(portfolio)
            or self._counts(proposal, portfolio, tally)
        )

    def _switch_and_ledger(self, proposal: TradeProposal | ParentOrder, portfolio: Portfolio) -> Refusal | None:
        state = portfolio.trading_state
        if not state.permits(OrderPurpose.ENTRY):
            return DenialCode.SWITCH_NOT_RUN, {"trading_state": state.value}
        if (newer := portfolio.ledger.newer) is not None:
            return DenialCode.LEDGER_NEWER, newer
        if (unfunded := why_not_fund(portfolio.ledger)) is not None:
            return unfunded
        size, size_max = portfolio.ledger_bytes, portfolio.ledger_bytes_max
        if 0 < size_max <= size:
            return DenialCode.LEDGER_SIZE_EXCEEDS_MAX, {"size_bytes": size, "size_max_bytes": size_max}
        if portfolio.commands.unread:
            return DenialCode.COMMAND_UNREAD, {"commands": ", ".join(portfolio.commands.unread)}
        if (pause := portfolio.commands.find_pause(proposal.base, proposal.strategy, portfolio.now)) is not None:
            is_product = pause.target == f"product {proposal.base}"
            code = DenialCode.PRODUCT_PAUSED if is_product else DenialCode.STRATEGY_PAUSED
            return code, {"until": pause.until or 0, "who": pause.who, "why": pause.why}
        why = portfolio.ledger.reduce_only.get(proposal.base)
        return (DenialCode.PRODUCT_REDUCE_ONLY, {"why": why}) if why is not None else None

    def _freshness(self, portfolio: Portfolio) -> Refusal | None:
        age = portfolio.now - portfolio.scheduled_at
        if age > self.max_tick_age_seconds:
            return DenialCode.TICK_STALE, {"age_seconds": age, "limit": self.max_tick_age_seconds}
        if not portfolio.data_complete:
            failures = portfolio.data_failures
            return DenialCode.DATA_INCOMPLETE, {"cause": next(iter(failures), "unknown"), "failures": len(failures)}
        left = portfolio.ledger.failure_streak.cooldown_until - portfolio.now
        return (DenialCode.VENUE_UNHEALTHY, {"seconds_left": left}) if left > 0 else None

    def _regime(self, regime: Regime, reading: RegimeReading) -> Refusal | None:
        if regime is Regime.UNKNOWN:
            return DenialCode.REGIME_UNKNOWN, reading.details()
        multiplier = self.size_multiplier.get(regime, ZERO)
        if multiplier > 0:
            return None
        return DenialCode.REGIME_CRASH, {"size_multiplier": multiplier, **reading.details()}

    def _loss_stops(self, portfolio: Portfolio) -> Refusal | None:
        marks, equity, limits = portfolio.ledger.equity_marks, portfolio.equity, self.settings
        if equity is None or marks is None:
            return DenialCode.EQUITY_UNKNOWN, {**find_implausible(portfolio.ledger)}
        if unbelieved := find_unbelieved(portfolio.ledger, portfolio.now):
            return DenialCode.MARK_STALE, {**unbelieved, "limit": UNBELIEVED_SECONDS_MAX}
        for code, start, limit in (
            (DenialCode.DAY_LOSS_EXCEEDS_MAX, marks.day_equity, limits.day_loss_pct_max),
            (DenialCode.WEEK_LOSS_EXCEEDS_MAX, marks.week_equity, limits.week_loss_pct_max),
            (DenialCode.DRAWDOWN_EXCEEDS_MAX, marks.peak_equity, limits.drawdown_pct_max),
        ):
            loss = loss_pct(start, equity)
            if loss >= limit:
                return code, {"loss_pct": loss, "limit_pct": limit}
        if portfolio.ledger.drawdown_halt:
            return DenialCode.DRAWDOWN_EXCEEDS_MAX, {"until": "operator"}
        return None

    def _pacing(
        self, proposal: TradeProposal | ParentOrder, portfolio: Portfolio, tally: ExposureTally
    ) -> Refusal | None:
        pacing, now, limits = portfolio.ledger.entry_pacing, portfolio.now, self.settings
        trades = (pacing.trades_today if pacing.day == utc_day(now) else 0) + tally.entries
        if trades >= limits.trades_per_day_max:
            return DenialCode.DAY_TRADES_EXCEED_MAX, {"trades": trades, "limit": limits.trades_per_day_max}
        recent = [at for at in pacing.entries if now - at < _HOUR]
        if len(recent) + tally.entries >= limits.entries_per_hour_max:
            details = {"entries": len(recent) + tally.entries, "limit": limits.entries_per_hour_max}
            return DenialCode.HOUR_ENTRIES_EXCEED_MAX, details
        since = now - max(recent, default=now - _HOUR)
        if since < limits.entry_spacing_seconds:
            return DenialCode.ENTRY_TOO_SOON, {"seconds": since, "limit": limits.entry_spacing_seconds}
        last = pacing.last_entry.get(proposal.base)
        if last is not None and now - last < limits.product_spacing_minutes * 60:
            details = {"seconds": now - last, "limit": limits.product_spacing_minutes * 60}
            return DenialCode.PRODUCT_ENTRY_TOO_SOON, details
        return None

    def _cooldowns(self, proposal: TradeProposal, portfolio: Portfolio) -> Refusal | None:
        now = portfolio.now
        cooldown = portfolio.ledger.cooldowns.get(proposal.base)
        if cooldown is not None and now < cooldown.until:
            return DenialCode.PRODUCT_COOLING, {"after": cooldown.reason, "seconds_left": cooldown.until - now}
        left = portfolio.ledger.loss_streak.cooldown_until - now
        return (DenialCode.LOSSES_COOLING, {"seconds_left": left}) if left > 0 else None

    def _pegs(self, portfolio: Portfolio) -> Refusal | None:
        """Refuse every entry while a stable asset that we hold, or would pay with, has lost its peg."""
        now = portfolio.now
        for asset in sorted(portfolio.ledger.cash):
            if asset == self.accounting_asset or portfolio.ledger.cash[asset] <= 0:
                continue
            price = portfolio.pegs.get(asset)
            if price is None:
                return DenialCode.PEG_UNKNOWN, {"asset": asset}
            if price < self.settings.peg_min:
                return DenialCode.PEG_BELOW_MIN, {"asset": asset, "price": price, "limit": self.settings.peg_min}
        for asset, seen in sorted(portfolio.ledger.depegged.items()):
            left = seen + self.settings.peg_cooldown_minutes * 60 - now
            if left > 0 and portfolio.ledger.cash.get(asset, ZERO) > 0:
                return DenialCode.PEG_BELOW_MIN, {"asset": asset, "seconds_left": left}
        return None

    def _counts(self, proposal: TradeProposal, portfolio: Portfolio, tally: ExposureTally) -> Refusal | None:
        limits, ledger = self.settings, portfolio.ledger
        own = ledger.find_parent(proposal.strategy, proposal.base)
        if own is None and tally.entries >= limits.entries_per_cycle_max:
            return DenialCode.CYCLE_ENTRIES_EXCEED_MAX, {"limit": limits.entries_per_cycle_max}
        trades, trades_max = tally.trades[proposal.strategy], self.strategies[proposal.strategy].trades_per_cycle_max
        if own is None and trades >= trades_max:
            return DenialCode.TRADES_EXCEED_MAX, {"trades": trades, "limit": trades_max}
        if (proposal.strategy, proposal.base) in tally.opened:
            return DenialCode.ORDER_WORKING, {"order": "approved in this very review"}
        for parent in ledger.parents.values():
            if parent.base == proposal.base and parent is not own and parent.may_buy:
                return DenialCode.ORDER_WORKING, {"parent": parent.parent_id, "state": parent.state.value}
        for record in ledger.orders.values():
            is_child = own is not None and record.intent.lot_id == own.parent_id
            if record.intent.base == proposal.base and record.intent.side is Side.BUY and record.is_active:
                if is_child:
                    continue
                code = DenialCode.ORDER_IN_DOUBT if record.is_in_doubt else DenialCode.ORDER_WORKING
                return code, {"order": record.intent.client_order_id, "status": record.status.value}
        held = {(lot.strategy, lot.base) for lot in ledger.lots.values()}
        held |= {(parent.strategy, parent.base) for parent in ledger.parents.values()}
        held |= {
            (r.intent.strategy, r.intent.base) for r in ledger.orders.values() if r.intent.is_entry and r.is_active
        }
        held |= tally.opened
        if (proposal.strategy, proposal.base) not in held and len(held) >= limits.open_positions_max:
            return DenialCode.POSITIONS_EXCEED_MAX, {"positions": len(held), "limit": limits.open_positions_max}
        return None
