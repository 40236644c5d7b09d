"""The plan of one cycle: what to cancel, convert and send, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from trader.model.decisions import Approval, Denial, Plan
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId
from trader.model.ledger import Ledger
from trader.model.money import Quantity, floor_to
from trader.model.orders import OrderIntent, OrderPurpose
from trader.model.parent_life import ParentState
from trader.model.parents import ParentOrder
from trader.model.portfolio import Portfolio
from trader.model.trading_state import TradingState
from trader.settings import Settings
from trader.stages.execution.cancels import find_stale_orders
from trader.stages.execution.child_orders import Leaving, Worked, work_parent
from trader.stages.execution.context import ExecutionContext
from trader.stages.execution.exit_orders import plan_exit
from trader.stages.execution.funding import BuyingPower
from trader.stages.execution.parent_orders import PlannedParent, plan_parent
from trader.stages.execution.protection import plan_protection


@dataclass(frozen=True, slots=True)
class ExecutionEngine:
    """Settings bound to one method, ``plan``."""

    settings: Settings

    def plan(
        self,
        approvals: Sequence[Approval],
        portfolio: Portfolio,
        context: ExecutionContext,
        resting: Mapping[ClientOrderId, Denial] = MappingProxyType({}),
        *,
        entries_allowed: bool,
    ) -> Plan:
        """Lay out cancels, conversions and orders: exits before protection before entries.

        *resting* says of parents why they may not buy just now.

        With HALT nothing is sent: only our working entries are cancelled. Protective orders stay at the venue.
        """
        state, ledger, rules = portfolio.trading_state, portfolio.ledger, self.settings.execution
        period, quiet = self.settings.cycle.period_seconds, self.settings.cycle.quiet_period_seconds
        commands = portfolio.commands
        cancels = find_stale_orders(ledger, context.now, period, state, commands, entries_allowed=entries_allowed)
        if not state.permits(OrderPurpose.EXIT):
            # One of a newer release is left to that.
            own = (each for each in ledger.parents.values() if each.is_understood)
            sleeping = tuple(each.turn(ParentState.SLEEPING) for each in own)
            changed = (each for each in sleeping if ledger.parents[each.parent_id] != each)
            return Plan(cancels=tuple(cancels), parents=tuple(changed))
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
        leaving = _list_leaving(approvals, ledger, context)
        worked, planned = self._buy(approvals, portfolio, context, resting, leaving, denials)
        cancels += [order_id for each in worked for order_id in each.cancels]
        parents = {each.parent.parent_id: each.parent for each in worked}
        return Plan(
            intents=(*intents, *(each.child for each in worked if each.child is not None)),
            covers=tuple(covers),
            cancels=tuple(dict.fromkeys(cancels)),
            conversions=tuple(each.conversion for each in planned if each.conversion is not None),
            denials=(*denials, *(each.denial for each in worked if each.denial is not None)),
            trims=tuple(each.trim for each in planned if each.trim is not None),
            parents=tuple(each for key, each in parents.items() if ledger.parents.get(key) != each),
        )

    def _buy(
        self,
        approvals: Sequence[Approval],
        portfolio: Portfolio,
        context: ExecutionContext,
        resting: Mapping[ClientOrderId, Denial],
        leaving: Leaving,
        denials: list[Denial],
    ) -> tuple[list[Worked], list[PlannedParent]]:
        """Open and change parents, and work all there are: those of before first, in the order they were decided."""
        # One buying power for all of them: what the first entry spends the second cannot.
        buying_power = BuyingPower(self.settings.execution, self.settings.risk, portfolio, context)
        ledger, planned = portfolio.ledger, list[PlannedParent]()
        for approval in approvals:
            if approval.proposal.reduces:
                continue
            made = plan_parent(approval, ledger, context, self.settings, buying_power)
            if isinstance(made, Denial):
                denials.append(made)
            else:
                planned.append(made)
        changed = {each.parent.parent_id: each for each in planned}
        known = {key: each for key, each in ledger.parents.items() if key not in changed}
        old = sorted(ledger.parents, key=lambda key: (ledger.parents[key].decided_at, key))
        worked = []
        for key in dict.fromkeys((*old, *changed)):
            parent = _limit(known[key], context) if key in known else changed[key].parent
            if not parent.is_understood or parent.state is ParentState.ENDING:
                continue
            ends = portfolio.trading_state is TradingState.FLATTEN or key in portfolio.commands.closing()
            each = work_parent(
                parent, ledger, context, self.settings, buying_power, resting.get(key), leaving, ends_by_command=ends
            )
            conversion = changed[key].conversion if key in changed else None
            if each.child is not None and conversion is not None:
                child = replace(each.child, depends_on=(conversion.conversion_id,))
                each = replace(each, child=child)
            worked.append(each)
        return worked, planned


def _list_leaving(approvals: Sequence[Approval], ledger: Ledger, context: ExecutionContext) -> Leaving:
    """List what is being sold, what these approvals sell, and what no strategy wants any more."""
    sales = [each.proposal for each in approvals if each.proposal.reduces]
    lots = {each.lot_id for each in sales if each.lot_id is not None}
    lots |= {each.intent.lot_id for each in ledger.active_orders if each.intent.is_exit}
    unwanted = (key for key, limit in context.limits.items() if limit <= 0)
    return Leaving(lots, {*unwanted, *((each.strategy, each.base) for each in sales)})


def _limit(parent: ParentOrder, context: ExecutionContext) -> ParentOrder:
    """Let a parent buy no more than is wanted by now; nobody is asked for less. Rounding: down."""
    limit = context.limits.get((parent.strategy, parent.base))
    if limit is None or limit >= parent.notional_left:
        return parent
    product = context.products.get(parent.product_id)
    left = limit / parent.price_max if product is None else floor_to(limit / parent.price_max, product.base_increment)
    return replace(parent, quantity=Quantity(parent.filled + left))
