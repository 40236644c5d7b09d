"""The life of an order: every status, and which may follow which."""

from __future__ import annotations

from collections.abc import Mapping

from trader.model.unknown import OpenEnum


class OrderStatus(OpenEnum):
    """Ours before the venue has it, the venue's from then on.

    CONTINGENT waits for the end of a sale and has not left; WITHHELD certainly never left. ABANDONED was given up after
    a doubt, or by a person: it may still come alive.
    """

    CONTINGENT = "CONTINGENT"
    INTENDED = "INTENDED"
    IN_DOUBT = "IN_DOUBT"
    PENDING = "PENDING"
    QUEUED = "QUEUED"
    OPEN = "OPEN"
    EDIT_QUEUED = "EDIT_QUEUED"
    CANCEL_QUEUED = "CANCEL_QUEUED"
    UNKNOWN_ORDER_STATUS = "UNKNOWN_ORDER_STATUS"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    WITHHELD = "WITHHELD"
    ABANDONED = "ABANDONED"

    @property
    def is_final(self) -> bool:
        """Whether no more is expected of the order itself. Fills may still be reported late, and see TRANSITIONS."""
        return self in _FINAL

    @property
    def is_unseen(self) -> bool:
        """Whether it ended without the venue ever having had it, as far as we know: it counts as no try."""
        return self in (OrderStatus.WITHHELD, OrderStatus.ABANDONED)


_VENUE_FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED})
_GIVEN_UP = frozenset({OrderStatus.REJECTED, OrderStatus.WITHHELD, OrderStatus.ABANDONED})
_FINAL = _VENUE_FINAL | _GIVEN_UP
_OURS = frozenset({OrderStatus.CONTINGENT, OrderStatus.INTENDED, OrderStatus.IN_DOUBT})
_VENUE_ACTIVE = frozenset(OrderStatus) - _FINAL - _OURS
_AT_VENUE = _VENUE_ACTIVE | _VENUE_FINAL

#: From each status, the statuses that may be observed next. Observations skip steps (an order may be filled between
#: create and the first look) and the venue changes its mind in a few documented ways: a cancel that was accepted and
#: then filled, a CANCELLED order whose last fill turns it FILLED, an acceptance that FAILED afterwards, an order
#: given up as ABANDONED or REJECTED that shows up after all, even one WITHHELD: the venue's word counts for more than
#: our certainty. What never happens is a finished order coming back to
#: life: that is an old page, and it is ignored.
TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.CONTINGENT: _AT_VENUE | {OrderStatus.INTENDED, OrderStatus.WITHHELD},
    OrderStatus.INTENDED: _AT_VENUE | _GIVEN_UP | {OrderStatus.IN_DOUBT},
    OrderStatus.IN_DOUBT: (_AT_VENUE | _GIVEN_UP) - {OrderStatus.WITHHELD},
    **{status: _AT_VENUE - {status} for status in OrderStatus if status in _VENUE_ACTIVE},
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset({OrderStatus.FILLED}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.FILLED}),
    OrderStatus.FAILED: frozenset(),
    **dict.fromkeys((OrderStatus.REJECTED, OrderStatus.WITHHELD, OrderStatus.ABANDONED), _AT_VENUE),
}


def may_follow(current: OrderStatus, observed: OrderStatus) -> bool:
    """Tell whether *observed* is news after *current*; the same again is none, nor is anything after an unknown one."""
    return observed in TRANSITIONS.get(current, ())
