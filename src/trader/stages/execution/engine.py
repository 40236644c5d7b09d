"""The plan of one cycle: what to cancel, convert and send, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trader.model.decisions import Approval, Denial, Plan
from trader.model.orders import OrderIntent
from trader.model.portfolio import Portfolio, Switch
from trader.model.settings import Settings
from trader.stages.execution.entries import Entry, entry_order
from trader.stages.execution.maintenance import stale_orders
from trader.stages.execution.market import Market
from trader.stages.execution.purse import Purse
from trader.stages.execution.sells import exit_order, protection_orders


@dataclass(frozen=True, slots=True)
class ExecutionEngine:
    """Settings bound to one method, ``plan``."""

    settings: Settings

    def plan(
        self, approvals: Sequence[Approval], portfolio: Portfolio, market: Market, *, entries_allowed: bool
    ) -> Plan:
        """Lay out cancels, conversions and orders: exits before protection before entries.

        With HALT nothing is sent: only our working entries are cancelled. Protective orders stay at the venue.
        """
        switch, ledger, rules = portfolio.conditions.switch, portfolio.ledger, self.settings.execution
        period, quiet = self.settings.cycle.period_seconds, self.settings.cycle.quiet_period_seconds
        cancels = stale_orders(ledger, market.now, period, switch, entries_allowed=entries_allowed)
        if switch is Switch.HALT:
            return Plan(cancels=tuple(cancels))
        intents: list[OrderIntent] = []
        denials: list[Denial] = []
        for approval in approvals:
            if approval.proposal.reduces:
                sale = exit_order(approval, ledger, market, rules, quiet)
                intents += [sale.intent] if sale.intent else []
                denials += [sale.denial] if sale.denial else []
                cancels += sale.cancels
        if switch is not Switch.FLATTEN:
            exiting = {intent.lot_id for intent in intents}
            intents += protection_orders(ledger, market, rules, quiet, exiting)
        entries = self._entries(approvals, portfolio, market, denials)
        return Plan(
            intents=(*intents, *(entry.intent for entry in entries)),
            cancels=tuple(dict.fromkeys(cancels)),
            converts=tuple(entry.convert for entry in entries if entry.convert is not None),
            denials=tuple(denials),
            trims=tuple(entry.trim for entry in entries if entry.trim is not None),
        )

    def _entries(
        self, approvals: Sequence[Approval], portfolio: Portfolio, market: Market, denials: list[Denial]
    ) -> list[Entry]:
        # One purse for all of them: what the first entry spends the second cannot.
        purse = Purse(self.settings.execution, self.settings.risk, portfolio, market)
        entries = []
        for approval in approvals:
            if approval.proposal.reduces:
                continue
            made = entry_order(approval, portfolio.ledger, market, self.settings, purse)
            if isinstance(made, Denial):
                denials.append(made)
            else:
                entries.append(made)
        return entries
