"""The nemesis of a soak: it may strike at every request, in many ways, and lets things happen between two requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import requests

from desk.sandbox.faults import Fault as VenueFault
from simulation.nemesis import Crash, Nemesis
from simulation.soak.damage import BY_VENUE, FATES, INSTEAD, REASONS, aws_error, damaged, instead, refused
from simulation.soak.fault_kinds import FaultKind, FaultMix
from simulation.soak.lags import late_answers
from simulation.soak.told import Log, Tally
from simulation.soak.world import SoakWorld

Act = Callable[[], Any]

_ORDER, _CANCEL = "venue POST /orders", "venue POST /orders/batch_cancel"
#: Kinds that mean something at some requests only; the others may strike anywhere.
_ONLY_AT: Mapping[FaultKind, str] = {
    FaultKind.CANCEL_FILL_RACE: _CANCEL,
    FaultKind.CROSSED_QUOTES: "venue GET /best_bid_ask",
    FaultKind.STALE_QUOTES: "venue GET /best_bid_ask",
    FaultKind.PROOF_TOKEN: "venue GET /orders/historical",
}
_AT_ORDERS = (
    FaultKind.REFUSED,
    FaultKind.WITHOUT_REASON,
    FaultKind.ACCEPTED_THEN_FAILED,
    FaultKind.PARTIAL_THEN_CANCELLED,
    FaultKind.POST_ONLY_RACE,
)
_EFFECTS = ("venue POST ", "s3.", "dynamodb.")
_SLOW_SECONDS = (0.2, 0.9, 1.9, 3.0, 5.0, 8.0)
_GIVEN_UP_SECONDS = 10
#: So many times the chance at what changes something at the venue: there are few such requests.
_AT_EFFECTS = 1.6
_EVENT_STEP_MAX = 24


class Storm(Nemesis):
    """Strikes at random requests of one invocation, as hard as a gust says.

    ``expect`` tells it who does what happens between two requests; that may be to run other invocations whole.
    """

    def __init__(
        self,
        world: SoakWorld,
        gust: FaultMix,
        chance: random.Random,
        tally: Tally,
        log: Log,
    ) -> None:
        super().__init__()
        self.world, self.gust, self.chance, self.tally, self.log = world, gust, chance, tally, log
        self.happen: Callable[[FaultKind], None] | None = None
        self.plan: dict[FaultKind, tuple[int, bool]] = {}
        self.outages = gust.outages

    def expect(self, happen: Callable[[FaultKind], None]) -> None:
        """Draw what is to happen between requests, and who does it."""
        self.happen = happen
        events = [kind for kind, rate in self.gust.events.items() if self.chance.random() < rate]
        # Half of them wait for a request that changes something: there are few, and that is where it hurts.
        self.plan = {kind: (self.chance.randint(1, _EVENT_STEP_MAX), self.chance.random() < 0.5) for kind in events}

    def strike(self, name: str, act: Act, lose: Act | None, args: tuple[Any, ...] = ()) -> Any:
        """Send one request, or what the storm leaves of it."""
        self.trail.append(name)
        self.log.add(f"{len(self.trail)} {name}")
        dies = self._between(name)
        for watch in self.watchers:
            watch(name, args)
        if dies is FaultKind.CRASH_BEFORE:
            raise self._crash(dies, name)
        answer = self._venue(name, act, lose) if name.startswith("venue ") else self._aws(name, act, lose, args)
        if dies is FaultKind.CRASH_AFTER:
            raise self._crash(dies, name)
        return answer

    def hit(self, kind: FaultKind, count: int = 1) -> None:
        """Count something that hit."""
        self.tally.add(kind, count)
        self.log.add(f"  {kind.name}")

    def _crash(self, kind: FaultKind, name: str) -> Crash:
        self.hit(kind)
        return Crash(name)

    # --- between two requests

    def _between(self, name: str) -> FaultKind | None:
        """Let happen what is due; tell whether the process dies here."""
        matters = name.startswith(_EFFECTS)
        due = [kind for kind, (step, waits) in self.plan.items() if step <= len(self.trail) and (matters or not waits)]
        for kind in due:
            # The known hole: who sleeps between the last look at the clock and the request cannot be fenced, and what
            # it sends then is another decision than the next tick's. Of the same tick it is the same order.
            if kind is FaultKind.STALLED_INTO_NEXT and name == _ORDER:
                continue
            del self.plan[kind]
            if kind in (FaultKind.CRASH_BEFORE, FaultKind.CRASH_AFTER):
                return kind
            if self.happen is not None:
                self.happen(kind)
        return None

    def _drawn(self, shares: Mapping[FaultKind, float], name: str) -> FaultKind | None:
        left = self.chance.random() / (_AT_EFFECTS if " POST " in name else 1)
        for kind, share in shares.items():
            if not name.startswith(_ONLY_AT.get(kind, "")) or (kind in _AT_ORDERS and name != _ORDER):
                continue
            left -= share
            if left < 0:
                return kind
        return None

    # --- the venue

    def _venue(self, name: str, act: Act, lose: Act | None) -> Any:
        kind = self._drawn(self.gust.orders, name) if " POST " in name else None
        kind = kind or self._drawn(self.gust.venue, name)
        if kind is None:
            return self._burdened(self._told(name, act()))
        if kind in (FaultKind.LOST_REQUEST, FaultKind.LOST_REPLY):
            if kind is FaultKind.LOST_REPLY:
                act()
            self.world.clock.wait(_GIVEN_UP_SECONDS)
            self.hit(kind)
            assert lose is not None
            return lose()
        if kind in INSTEAD:
            self.hit(kind)
            return instead(INSTEAD[kind])
        if kind is FaultKind.REFUSED:
            self.hit(kind)
            return refused(self.chance.choice(REASONS))
        if kind is FaultKind.ERROR_AFTER_WORK:
            act().close()
            self.hit(kind)
            return instead(self.chance.choice((VenueFault.INTERNAL_ERROR, VenueFault.BAD_GATEWAY)))
        if kind in BY_VENUE:
            return self._by_venue(kind, act)
        if kind in FATES:
            return self._fate(kind, name, act)
        return self._damaged(kind, self._told(name, act()))

    def _told(self, name: str, response: requests.Response) -> requests.Response:
        """Count what an answer told too late, and a token that was refused for the clock."""
        for kind in late_answers(self.world.venue, name, response):
            self.hit(kind)
        if response.status_code == 401 and self.world.venue.options.clock_offset_seconds:
            self.hit(FaultKind.VENUE_CLOCK)
        return response

    def _burdened(self, response: requests.Response) -> requests.Response:
        """Make an answer late and strange, but not wrong."""
        for kind, rate in self.gust.burdens.items():
            if self.chance.random() >= rate:
                continue
            if kind is FaultKind.SLOW:
                self.world.clock.wait(self.chance.choice(_SLOW_SECONDS))
                self.hit(kind)
            else:
                response = self._damaged(kind, response)
        return response

    def _by_venue(self, kind: FaultKind, act: Act) -> Any:
        rule = self.world.venue.faults.add(BY_VENUE[kind], count=1)
        try:
            return act()
        finally:
            self.world.venue.faults.clear()
            if rule.fired:
                self.hit(kind)

    def _fate(self, kind: FaultKind, name: str, act: Act) -> Any:
        book = self.world.venue.account
        befallen, done = _befallen(self.world), len(book.executions)
        self.world.venue.faults.add(FATES[kind], count=1)
        try:
            response = act()
        finally:
            self.world.venue.faults.clear()
        if _befallen(self.world) > befallen or (kind is FaultKind.CANCEL_FILL_RACE and len(book.executions) > done):
            self.hit(kind)
        return self._told(name, response)

    def _damaged(self, kind: FaultKind, response: requests.Response) -> requests.Response:
        made, differs = damaged(kind, response, self.world.clock.now())
        if differs:
            self.hit(kind)
        return made

    # --- AWS

    def _aws(self, name: str, act: Act, lose: Act | None, args: tuple[Any, ...]) -> Any:
        service = name.partition(".")[0]
        out = self.outages.get(service)
        kind = self._drawn(self.gust.aws, name)
        if out is not None:
            self.hit(out)
            kind = self.chance.choice((FaultKind.AWS_LOST_REQUEST, FaultKind.AWS_ERROR, FaultKind.AWS_THROTTLED))
        elif kind is None:
            return act()
        else:
            self.hit(kind)
        if kind in (FaultKind.AWS_LOST_REPLY, FaultKind.AWS_ERROR_AFTER_WORK):
            act()
        if kind in (FaultKind.AWS_LOST_REPLY, FaultKind.AWS_LOST_REQUEST):
            assert lose is not None
            return lose()
        return aws_error(args[0].url, service, is_throttle=kind is FaultKind.AWS_THROTTLED)


def _befallen(world: SoakWorld) -> int:
    return sum(order.planned_fault is not None for order in world.venue.account.orders.values())
