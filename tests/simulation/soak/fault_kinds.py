"""What may go wrong in a soak, by name; how often it did; and how hard it blows in one tick.

A kind is counted when it really hit something: a request that was dropped, an answer that was damaged or replaced,
a process that died, an answer that differed from the truth because of a lag. A fault that was planned and found
nothing to hit is not counted.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from desk.sandbox.options import Lags


class FaultKind(StrEnum):
    """One kind of fault. The word before the colon says where."""

    CRASH_BEFORE = "process: dies before a request leaves"
    CRASH_AFTER = "process: dies before an answer arrives"
    STALLED_INTO_SAME = "process: stalls past its lease, the tick is delivered again meanwhile"
    STALLED_INTO_NEXT = "process: stalls past its lease, the next tick runs meanwhile"
    TWIN = "process: a twin of the same tick runs in the middle"
    DUPLICATE_TICK = "tick: delivered twice"
    OLD_TICK = "tick: an old one delivered late"
    LATE_TICK = "tick: delivered more than its greatest age late"

    LOST_REQUEST = "venue: request lost"
    LOST_REPLY = "venue: reply lost"
    RESET_BEFORE = "venue: connection reset instead of the work"
    RESET_AFTER = "venue: connection reset after the work"
    CUT_OFF = "venue: connection closed in the middle of an answer"
    THROTTLED_PAGE = "venue: 429 as a page"
    THROTTLED_JSON = "venue: 429 as JSON"
    INTERNAL_ERROR = "venue: 500"
    BAD_GATEWAY = "venue: 502"
    UNAVAILABLE = "venue: 503"
    ERROR_AFTER_WORK = "venue: 5xx after the work was done"
    UNAUTHORIZED = "venue: 401"
    FORBIDDEN = "venue: 403"
    NOT_FOUND = "venue: 404"
    WITHOUT_REASON = "venue: order refused without a reason"
    REFUSED = "venue: order refused for a reason of some class"
    TRUNCATED = "venue: answer truncated"
    EMPTY = "venue: answer empty"
    GARBLED = "venue: answer garbled"
    UNKNOWN_ENUMS = "venue: unknown enums in an answer"
    EXTRA_KEYS = "venue: extra keys in an answer"
    NUMBERS_FOR_TEXT = "venue: numbers where text should be"
    PROOF_TOKEN = "venue: lists withheld, a proof token is wanted"
    FOREIGN_ROWS = "venue: odd rows of the owner's in a listing"
    SLOW = "venue: answer takes seconds"

    ACCEPTED_THEN_FAILED = "order: accepted, then FAILED"
    PARTIAL_THEN_CANCELLED = "order: filled in part, then cancelled by the venue"
    POST_ONLY_RACE = "order: post-only, accepted, cancelled at once"
    CANCEL_FILL_RACE = "order: cancel taken, then filled"

    LAG_ORDERS = "lag: list of orders was not up to date"
    LAG_FILLS = "lag: list of fills was not up to date"
    LAG_BALANCES = "lag: balances were not up to date"
    LAG_SETTLED = "lag: finished orders shown as not settled"
    LAG_ORDER = "lag: an existing order was not found"
    LAG_PENDING = "lag: an accepted order was not on the book yet"
    LAG_CANCEL = "lag: a cancellation was queued"
    LAG_CONVERSION = "lag: a committed conversion was still running"

    CROSSED_QUOTES = "quotes: crossed"
    STALE_QUOTES = "quotes: stale"
    PRINT = "market: a trade between two requests moved the price"
    PARTIAL_FILL = "market: a trade between two requests filled part of an order of ours"

    AWS_LOST_REQUEST = "aws: request lost"
    AWS_LOST_REPLY = "aws: reply lost"
    AWS_THROTTLED = "aws: throttled"
    AWS_ERROR = "aws: 500"
    AWS_ERROR_AFTER_WORK = "aws: 500 after the work was done"
    TABLE_OUT = "aws: table unavailable for a whole tick"
    BUCKET_OUT = "aws: bucket unavailable for a whole tick"
    PARAMETER_OUT = "aws: parameter unavailable for a whole tick"

    CLOCK_SKEW = "clock: ours differs from the venue's for a whole invocation"
    CLOCK_STEP = "clock: ours is put forward or back in the middle of an invocation"
    VENUE_CLOCK = "clock: the venue's token check differs, token refused"

    SWITCH_BETWEEN = "switch: turned between two ticks"
    SWITCH_WITHIN = "switch: turned between two requests"
    SWITCH_GARBAGE = "switch: set to no known word"
    SWITCH_DELETED = "switch: parameter deleted"
    OTHER_RULES = "config: another set of rules from this tick on"
    OTHER_CAPITAL = "config: another capital from this tick on"
    OTHER_UNIVERSE = "config: a product left or entered the universe"


#: Faults of single requests to the venue, and how often among them.
VENUE_KINDS: Mapping[FaultKind, float] = {
    FaultKind.LOST_REQUEST: 1,
    FaultKind.LOST_REPLY: 1,
    FaultKind.RESET_BEFORE: 0.5,
    FaultKind.RESET_AFTER: 0.5,
    FaultKind.CUT_OFF: 0.5,
    FaultKind.THROTTLED_PAGE: 1.5,
    FaultKind.THROTTLED_JSON: 1.5,
    FaultKind.INTERNAL_ERROR: 1,
    FaultKind.BAD_GATEWAY: 1,
    FaultKind.UNAVAILABLE: 1,
    FaultKind.UNAUTHORIZED: 0.7,
    FaultKind.FORBIDDEN: 0.3,
    FaultKind.NOT_FOUND: 0.3,
    FaultKind.TRUNCATED: 1,
    FaultKind.EMPTY: 0.7,
    FaultKind.GARBLED: 0.7,
    FaultKind.UNKNOWN_ENUMS: 1,
    FaultKind.PROOF_TOKEN: 0.5,
    FaultKind.CROSSED_QUOTES: 2,
    FaultKind.STALE_QUOTES: 2,
}
#: What befalls only requests that change something.
ORDER_KINDS: Mapping[FaultKind, float] = {
    FaultKind.ERROR_AFTER_WORK: 1.5,
    FaultKind.WITHOUT_REASON: 1,
    FaultKind.REFUSED: 2,
    FaultKind.ACCEPTED_THEN_FAILED: 1,
    FaultKind.PARTIAL_THEN_CANCELLED: 1.5,
    FaultKind.POST_ONLY_RACE: 1,
    FaultKind.CANCEL_FILL_RACE: 8,
}
#: What an answer may bear all at once, and an honest client shrugs off: the largest chance of each.
BURDENS: Mapping[FaultKind, float] = {
    FaultKind.EXTRA_KEYS: 0.95,
    FaultKind.NUMBERS_FOR_TEXT: 0.9,
    FaultKind.FOREIGN_ROWS: 0.9,
    FaultKind.SLOW: 0.85,
}
AWS_KINDS: Mapping[FaultKind, float] = {
    FaultKind.AWS_LOST_REQUEST: 1,
    FaultKind.AWS_LOST_REPLY: 1,
    FaultKind.AWS_THROTTLED: 2,
    FaultKind.AWS_ERROR: 1,
    FaultKind.AWS_ERROR_AFTER_WORK: 1,
}
#: What happens between two requests, once an invocation at most.
EVENT_KINDS: Mapping[FaultKind, float] = {
    FaultKind.CRASH_BEFORE: 0.12,
    FaultKind.CRASH_AFTER: 0.12,
    FaultKind.STALLED_INTO_SAME: 0.08,
    FaultKind.STALLED_INTO_NEXT: 0.08,
    FaultKind.TWIN: 0.08,
    FaultKind.PRINT: 0.5,
    FaultKind.SWITCH_WITHIN: 0.10,
    FaultKind.CLOCK_STEP: 0.12,
}
#: What one service refuses to do for a whole tick.
OUTAGES: Mapping[FaultKind, str] = {
    FaultKind.TABLE_OUT: "dynamodb",
    FaultKind.BUCKET_OUT: "s3",
    FaultKind.PARAMETER_OUT: "ssm",
}
TICK_KINDS: Mapping[FaultKind, float] = {
    FaultKind.DUPLICATE_TICK: 0.12,
    FaultKind.OLD_TICK: 0.08,
    FaultKind.LATE_TICK: 0.05,
    FaultKind.TABLE_OUT: 0.02,
    FaultKind.BUCKET_OUT: 0.02,
    FaultKind.PARAMETER_OUT: 0.02,
    FaultKind.CLOCK_SKEW: 0.25,
    FaultKind.VENUE_CLOCK: 0.10,
    FaultKind.SWITCH_BETWEEN: 0.12,
    FaultKind.OTHER_RULES: 0.05,
    FaultKind.OTHER_CAPITAL: 0.04,
    FaultKind.OTHER_UNIVERSE: 0.04,
}
LAG_KINDS = tuple(kind for kind in FaultKind if kind.value.startswith("lag:"))

#: The venue has its quiet period, 60 s as shipped, to show what it knows. A venue that needs longer is not one that
#: the system promises to survive, so the longest lag stays below.
LAG_SECONDS_MAX = 45
_ON_IN_A_WORLD = 0.8
_ON_IN_A_TICK = 0.6


@dataclass(frozen=True)
class FaultMix:
    """How hard it blows in one tick: the share of requests struck, by which kinds, and what else is to happen."""

    venue: Mapping[FaultKind, float] = field(default_factory=dict)
    orders: Mapping[FaultKind, float] = field(default_factory=dict)
    burdens: Mapping[FaultKind, float] = field(default_factory=dict)
    aws: Mapping[FaultKind, float] = field(default_factory=dict)
    events: Mapping[FaultKind, float] = field(default_factory=dict)
    ticks: frozenset[FaultKind] = frozenset()
    lags: Lags = field(default_factory=Lags)
    slices: int = 1

    @property
    def outages(self) -> Mapping[str, FaultKind]:
        """Which services are out."""
        return {OUTAGES[kind]: kind for kind in OUTAGES if kind in self.ticks}


CALM = FaultMix()


@dataclass(frozen=True)
class FaultPlan:
    """Which kinds a world knows at all."""

    kinds: frozenset[FaultKind]
    strength: float

    @staticmethod
    def of(chance: random.Random, kinds: Iterable[FaultKind] = tuple(FaultKind)) -> FaultPlan:
        """Draw one."""
        return FaultPlan(frozenset(k for k in kinds if chance.random() < _ON_IN_A_WORLD), chance.uniform(0.6, 1.0))

    def gust(self, chance: random.Random) -> FaultMix:
        """Draw the weather of one tick."""
        strength = self.strength * chance.choice((0.3, 0.6, 0.9, 1.0))
        events = {kind: rate for kind, rate in EVENT_KINDS.items() if kind in self.kinds}
        ticks = [kind for kind, rate in TICK_KINDS.items() if kind in self.kinds and chance.random() < rate]
        return FaultMix(
            venue=self._shares(chance, VENUE_KINDS, 0.5 * strength),
            orders=self._shares(chance, ORDER_KINDS, 0.9 * strength),
            burdens={kind: rate * strength for kind, rate in BURDENS.items() if kind in self.kinds},
            aws=self._shares(chance, AWS_KINDS, 0.35 * strength),
            events={kind: rate for kind, rate in events.items() if chance.random() < _ON_IN_A_TICK},
            ticks=frozenset(ticks),
            lags=self._lags(chance),
            slices=chance.choice((1, 1, 2, 3)),
        )

    def _shares(self, chance: random.Random, kinds: Mapping[FaultKind, float], share: float) -> dict[FaultKind, float]:
        """Spread a share of all requests over the kinds that are on."""
        on = {kind: w for kind, w in kinds.items() if kind in self.kinds and chance.random() < _ON_IN_A_TICK}
        whole = sum(on.values())
        return {kind: share * weight / whole for kind, weight in on.items()}

    def _lags(self, chance: random.Random) -> Lags:
        names = ("orders", "fills", "balances", "settled", "order", "pending", "cancel", "conversion")
        seconds = {
            name: float(chance.choice((2, 5, 15, 30, LAG_SECONDS_MAX)))
            if FaultKind[f"LAG_{name.upper()}"] in self.kinds and chance.random() < _ON_IN_A_TICK
            else 0.0
            for name in names
        }
        return Lags(
            pending=seconds["pending"],
            order=seconds["order"],
            listing=seconds["orders"],
            fills=seconds["fills"],
            settled=seconds["settled"],
            balance=seconds["balances"],
            cancel=seconds["cancel"],
            conversion=seconds["conversion"],
        )
