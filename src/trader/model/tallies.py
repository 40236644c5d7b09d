"""What became of the orders made for one lot, or one wish to enter, and purpose: counts instead of records.

An order that ends leaves the ledger; what it teaches stays here. ``made`` names the next order, ``tries`` says how far
the market was followed, and a refusal that is no try is waited out, longer each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trader.model.frozen import replace
from trader.model.ids import Asset, Instant
from trader.model.orders import OrderIntent, OrderPurpose, Rejected
from trader.model.refusals import RefusalClass
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

#: The ladder of prices is climbed no faster than this.
_TRY_SECONDS = 60
#: The reason of an order that the venue took and then failed. Taking the next one proves nothing.
FAILED_LATER = "failed after it was taken"


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often in a row such a refusal came, its last reason, and until when nothing more is sent because of it."""

    reason: str
    count: int
    until: Instant
    unknown: UnknownFields = NONE_UNKNOWN

    def details(self, now: Instant) -> dict[str, int | str]:
        """Return the reason, how often it was given, and the seconds that are left to wait."""
        return {"reason": self.reason, "count": self.count, "seconds": self.until - now}


@dataclass(frozen=True, slots=True)
class OrderTally:
    """Counts over all orders made for one lot, or one wish, and purpose.

    ``made`` only rises; ``tries`` are those that the market left unfilled, the last at ``tried_at``. ``touched_at`` is
    when anything here last changed.
    """

    made: int = 0
    tries: int = 0
    tried_at: Instant = Instant(0)
    touched_at: Instant = Instant(0)
    refusals: Mapping[RefusalClass, Refusals] = field(default_factory=dict)
    unknown: UnknownFields = NONE_UNKNOWN

    def count_made(self, intent: OrderIntent, now: Instant) -> OrderTally:
        """Count an order that is about to be remembered."""
        return replace(self, made=max(self.made, intent.n + 1), touched_at=now)

    def count_try(self, now: Instant) -> OrderTally:
        """Count an order that the market left unfilled, at most one a minute."""
        if self.tries and now - self.tried_at < _TRY_SECONDS:
            return self
        return replace(self, tries=self.tries + 1, tried_at=now, touched_at=now)

    def count_success(self, now: Instant) -> OrderTally:
        """Forget tries and refusals: the venue took it, and the market filled it."""
        return replace(self, tries=0, refusals={}, touched_at=now)

    def count_taken(self) -> OrderTally:
        """Forget refusals: the venue takes such an order; not that it failed those it had taken."""
        kept = {kind: each for kind, each in self.refusals.items() if each.reason == FAILED_LATER}
        return self if len(kept) == len(self.refusals) else replace(self, refusals=kept)

    def count_refusal(self, refused: Rejected, now: Instant, wait_seconds: tuple[int, int]) -> OrderTally:
        """Count a refusal; all but those of the market are waited out.

        Those of one class count together: the words of a venue may hold a number that is another each time.

        Units: *wait_seconds* is the first wait, doubled each time, and the longest.
        """
        before = self.refusals.get(refused.refusal)
        count = before.count + 1 if before is not None else 1
        first, longest = wait_seconds
        until = Instant(now + min(first * 2 ** min(count - 1, 30), longest))
        waited = now if refused.refusal is RefusalClass.MARKET else until
        new = Refusals(refused.reason, count, waited)
        seen = new if before is None else replace(new, unknown=before.unknown)
        return replace(self, refusals={**self.refusals, refused.refusal: seen}, touched_at=now)

    def why_wait(self, now: Instant) -> Refusals | None:
        """Return the refusal that is still waited out, the longest wait first."""
        standing = [each for each in self.refusals.values() if each.until > now]
        return max(standing, key=lambda each: each.until, default=None)


#: Of nothing yet.
NO_TALLY = OrderTally()


def name_tally(intent: OrderIntent) -> str:
    """Name what an order counts for: its lot and purpose, or the strategy's wish to hold an asset."""
    return name_tally_for(name_parent(intent), intent.purpose)


def name_tally_for(parent: str, purpose: OrderPurpose) -> str:
    """Name what the orders count for that are made for this lot or wish, and purpose."""
    return f"{parent}|{purpose}"


def name_conversion(source: Asset, target: Asset) -> str:
    """Name what a conversion counts for."""
    return f"{source}-{target}|CONVERSION"


def name_parent(intent: OrderIntent) -> str:
    """Name the lot that an order sells or protects, or the wish that it is an entry for."""
    return f"{intent.strategy}|{intent.base}" if intent.is_entry else intent.lot_id
