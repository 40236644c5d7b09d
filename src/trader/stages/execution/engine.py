"""The plan of one cycle: what to cancel, convert and send, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trader.model.decisions import Approval, Denial, Plan
from trader.model.orders import OrderIntent, OrderPurpose
from trader.model.portfolio import Portfolio
from trader.model.trading_state import TradingState
from trader.settings import Settings
from trader.stages.execution.cancels import find_stale_orders
from trader.stages.execution.context import ExecutionContext
from trader.stages.execution.entry_orders import Entry, plan_entry
from trader.stages.execution.exit_orders import plan_exit
from trader.stages.execution.funding import BuyingPower
from trader.stages.execution.protection import plan_protection


@dataclass(frozen=True, slots=True)
class ExecutionEngine:
    """Settings bound to one method, ``plan``."""

    settings: Settings

    def plan(
        self, approvals: Sequence[Approval], portfolio: Portfolio, context: ExecutionContext, *, entries_allowed: bool
    ) -> Plan:
        """Lay out cancels, conversions and orders: exits before protection before entries.

        With HALT nothing is sent: only our working entries are cancelled. Protective orders stay at the venue.
        """
        state, ledger, rules = portfolio.trading_state, portfolio.ledger, self.settings.execution
        period, quiet = self.settings.cycle.period_seconds, self.settings.cycle.quiet_period_seconds
        commands = portfolio.commands
        cancels = find_stale_orders(ledger, context.now, period, state, commands, entries_allowed=entries_allowed)
        if not state.permits(OrderPurpose.EXIT):
            return Plan(cancels=tuple(cancels))
        intents: list[OrderIntent] = []
        covers: list[OrderIntent] = []
        denials: list[Denial] = []
        for approval in approvals:
            if approval.proposal.reduces:
                # Told to flatten, nothing is waited out.
                is_patient = state is not TradingState.FLATTEN
                dust = self.settings.exits.dust_value_max
                order = plan_exit(approval, ledger, context, rules, quiet, dust, is_patient=is_patient)
                intents += [order.intent] if order.intent else []
                covers += [order.cover] if order.cover else []
                denials += [order.denial] if order.denial else []
                cancels += order.cancels
        if state is not TradingState.FLATTEN:
            exiting = {intent.lot_id for intent in intents}
            intents += plan_protection(ledger, context, rules, quiet, exiting)
        entries = self._entries(approvals, portfolio, context, denials)
        return Plan(
            intents=(*intents, *(entry.intent for entry in entries)),
            covers=tuple(covers),
            cancels=tuple(dict.fromkeys(cancels)),
            conversions=tuple(entry.conversion for entry in entries if entry.conversion is not None),
            denials=tuple(denials),
            trims=tuple(entry.trim for entry in entries if entry.trim is not None),
        )

    def _entries(
        self, approvals: Sequence[Approval], portfolio: Portfolio, context: ExecutionContext, denials: list[Denial]
    ) -> list[Entry]:
        # One buying power for all of them: what the first entry spends the second cannot.
        buying_power = BuyingPower(self.settings.execution, self.settings.risk, portfolio, context)
        entries = []
        for approval in approvals:
            if approval.proposal.reduces:
                continue
            made = plan_entry(approval, portfolio.ledger, context, self.settings, buying_power)
            if isinstance(made, Denial):
                denials.append(made)
            else:
                entries.append(made)
        return entries
