"""Whether a run may begin: its instant, its place after the last cycle, and, without books, whether to open them."""

from __future__ import annotations

from collections.abc import Mapping

from trader.cycle.report import CycleOutcome
from trader.errors import DataError, VenueAuth, VenueError
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.ids import Asset, Instant, cycle_id_at, rfc3339
from trader.model.inputs import Tick
from trader.model.market import Balance, split_answers
from trader.model.money import plain
from trader.ports import Ports
from trader.settings import Settings
from trader.settings.bounds import HOLD_HOURS_LIMIT
from trader.stages.reconcile.cash import find_total

#: How far back orders of ours are looked for before books are opened: twice as long as any position may be held.
_LOOK_BACK_SECONDS = 2 * HOLD_HOURS_LIMIT * 3600
#: Nothing is asked to run this far ahead of the clock but by mistake, as by local time written as UTC.
_AHEAD_SECONDS = 60


def why_not_run(tick: Tick, now: Instant) -> str | None:
    """Say why a run must not even take the lease."""
    ahead = tick.scheduled_at - now
    if ahead > _AHEAD_SECONDS:
        return (
            f"{tick.cycle_id} lies {ahead} s ahead of the clock, which says {rfc3339(now)}; allowed are "
            f"{_AHEAD_SECONDS} s. Is it local time written as UTC?"
        )
    return f"{tick.cycle_id} has no time left" if tick.deadline <= now else None


def why_not_now(mark: CycleMark, tick: Tick, now: Instant) -> tuple[CycleOutcome, str] | None:
    """Say why a tick has no place after the one that is remembered as the last."""
    if mark.cycle_id > cycle_id_at(Instant(now + _AHEAD_SECONDS)):
        return CycleOutcome.ABORTED, (
            f"the books say that their last cycle was {mark.cycle_id}, and the clock says {rfc3339(now)}: no tick runs "
            "until then. If the clock is right, `trader ledger forget-cycle` makes them forget it"
        )
    if (mark.cycle_id, mark.phase) >= (tick.cycle_id, CyclePhase.FINISHED):
        return CycleOutcome.SKIPPED, f"cycle {mark.cycle_id} is finished"
    return None


def why_not_open(settings: Settings, ports: Ports, now: Instant) -> tuple[CycleOutcome, str] | None:
    """Say why empty books must not be opened: an account with orders at the venue has had books before.

    A ledger that was lost would be replaced by one that knows of no position, and buys them all again. Nor are they
    opened above the cash that is there: every size and every cap would follow from money that nobody has.
    """
    if ports.exchange is None:
        return None
    try:
        listing = ports.exchange.account(Instant(now - _LOOK_BACK_SECONDS))
    except VenueError as error:
        # A key that is refused is mended by a person, who has to be told.
        outcome = CycleOutcome.ABORTED if isinstance(error, VenueAuth) else CycleOutcome.ABSTAINED
        return outcome, f"no books are opened while the venue cannot be read: {error}"
    prefix = settings.execution.order_prefix
    names = (order.client_order_id for order in listing.orders if order.client_order_id is not None)
    ours = [name for name in names if name.startswith(prefix)]
    if not ours:
        return _why_not_above(settings, listing.balances)
    seen = f"the venue lists {len(ours)} orders that begin with {prefix!r}, such as {min(ours)}"
    remedy = "`trader ledger rebuild`, or another execution.order_prefix"
    return CycleOutcome.ABORTED, f"there is no ledger, but {seen}: {remedy}"


def _why_not_above(settings: Settings, wallets: Mapping[Asset, Balance | DataError]) -> tuple[CycleOutcome, str] | None:
    """Say that the account has less than the configured capital, over all quote assets at par."""
    balances, unread = split_answers(wallets)
    capital, assets = settings.app.capital, settings.execution.preferred_quotes
    if blind := [f"{asset}: {unread[asset]}" for asset in assets if asset in unread]:
        return CycleOutcome.ABSTAINED, f"no books are opened while a wallet cannot be read: {'; '.join(blind)}"
    found = find_total(balances, settings)
    if found >= capital * (1 - settings.exchange.balance_tolerance_ratio):
        return None
    return CycleOutcome.ABORTED, (
        f"app.capital is {plain(capital)}, and the venue has {plain(found)} of {', '.join(assets)} to spend: no books "
        "are opened above what is there. Pay in, or lower app.capital"
    )
