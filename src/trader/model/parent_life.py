"""The life of a parent order: every state, which may follow which, and how it can end."""

from __future__ import annotations

from collections.abc import Mapping

from trader.model.unknown import OpenEnum


class ParentState(OpenEnum):
    """A parent that is over leaves the ledger: its last event says how it ended.

    WORKING gets child orders. SLEEPING gets none while entries are not allowed, and waits. ENDING gets none any more,
    and waits for what is left of its last child.
    """

    WORKING = "WORKING"
    SLEEPING = "SLEEPING"
    ENDING = "ENDING"


#: From each state, those that a run may put it into. From ENDING on it only leaves.
PARENT_TRANSITIONS: Mapping[ParentState, frozenset[ParentState]] = {
    ParentState.WORKING: frozenset({ParentState.SLEEPING, ParentState.ENDING}),
    ParentState.SLEEPING: frozenset({ParentState.WORKING, ParentState.ENDING}),
    ParentState.ENDING: frozenset(),
}


class ParentEnd(OpenEnum):
    """Why a parent gets no more children.

    FILLED: all of it. BELOW_MINIMUM: the venue takes no order for what is left. GAVE_UP: its time is over. COMMAND: an
    operator flattens or closes its lot. CRASH: the regime. PRICE_REACHED: the bid is at its stop or its target.
    SOLD: something of its lot was sold, or is to be. OPPOSED: its strategy wants to sell the asset.
    """

    FILLED = "FILLED"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    GAVE_UP = "GAVE_UP"
    COMMAND = "COMMAND"
    CRASH = "CRASH"
    PRICE_REACHED = "PRICE_REACHED"
    SOLD = "SOLD"
    OPPOSED = "OPPOSED"


class ParentStyle(OpenEnum):
    """How a parent is worked: resting on the book only, resting first and taking last, or taking at once."""

    PASSIVE = "PASSIVE"
    PASSIVE_THEN_TAKER = "PASSIVE_THEN_TAKER"
    TAKER = "TAKER"

    @property
    def may_take(self) -> bool:
        """Whether a child of it may take what is on the book."""
        return self in (ParentStyle.PASSIVE_THEN_TAKER, ParentStyle.TAKER)
