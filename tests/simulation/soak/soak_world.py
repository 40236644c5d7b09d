"""One world of a soak: episodes of foul weather, each followed by calm in which everything must come right.

After every invocation, whatever struck it, the checker of the sweeps is asked for what must always hold, and every
order is watched as it leaves. None of that is relaxed while a fault is active. What is demanded in the calm only:

- nothing in doubt, no lease held, ledger and venue agree on orders and fills, after two healthy cycles. A doubt rests
  on the venue's word, and while it lags, errs or is silent there is none.
- every lot protected or being sold, after one healthy cycle more. A bracket needs a quote, a listing and an answer;
  and a kill switch on HALT forbids to send one.
- a conversion in doubt closed, an hour later: its commit is not idempotent, so it is waited for.

Caps are measured by the largest capital that the world was ever given: what was bought under it may stay.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

from desk.sandbox.options import Lags
from simulation.checker import _announced, _split, open_converts, unprotected, unsettled, violations
from simulation.nemesis import Crash
from simulation.soak.fault_kinds import CALM, FaultKind, FaultMix, FaultPlan
from simulation.soak.market import BARS, random_scenario
from simulation.soak.nemesis import Storm
from simulation.soak.operator import Operator
from simulation.soak.told import Log, Told
from simulation.soak.world import Seen, open_soak_world
from simulation.wire.watch import ChainWatch, Gate
from trader.cycle import CycleOutcome, CycleReport, run_cycle
from trader.errors import LedgerCorrupt, StoreError, TraderError, VenueError
from trader.model.ids import ClientOrderId, Instant, cycle_id_at
from trader.model.inputs import Tick
from trader.model.orders import OrderPurpose, Side

_CALM_TICKS = 3
_SETTLED_AFTER = 2
#: A lease that was taken by a clock ahead of the venue's lasts that much longer.
_LEASE_GONE_SECONDS = 180
_SKEW_MAX = 45
_INVOCATION_SECONDS = 210
_GIVEN_UP_AFTER = 13
_LATE_SECONDS = 150
_BROKEN_MAX = 5


class SoakWorld:
    """Tells one world from its seed: the same seed and number, the same world in every request."""

    def __init__(self, seed: int, number: int, echo: Callable[[str], None] | None = None) -> None:
        self.seed, self.number = seed, number
        self.chance = random.Random(f"{seed}/{number}")
        self.told = Told(number)
        self.log = Log(echo=echo)
        self.scenario = random_scenario(self.chance, f"soak {seed}/{number}")
        self.climate = FaultPlan.of(self.chance)
        self.bar = 0
        self.at = self.scenario.at(0)
        self.chain = ChainWatch()
        self._bare: Counter[str] = Counter()

    def run(self) -> Told:
        """Play the world to its end."""
        with open_soak_world(self.scenario) as world:
            self.world = world
            self.operator = Operator(world, self.chance, self.told.tally)
            try:
                self._play()
            except Exception as error:
                error.add_note(self._where())
                raise
            book = world.book()
            ours, _ = _split(world, book)
            ids = {order.venue_order_id for order in ours}
            self.told.orders = len(ours)
            self.told.fills = sum(fill.venue_order_id in ids for fill in book.fills)
        self.told.trace = self.log.digest
        return self.told

    def _play(self) -> None:
        for _ in range(self.chance.randint(2, 3)):
            for _ in range(self.chance.randint(10, 22)):
                if self.bar >= BARS - 10:
                    break
                self._foul_tick()
                if self.told.broken:
                    return
            self._calm()
            if self.told.broken:
                return
        self._wait_for_converts()

    # --- foul weather

    def _foul_tick(self) -> None:
        gust = self.climate.gust(self.chance)
        self._next_bar(1)
        if FaultKind.LATE_TICK in gust.ticks:
            self.world.clock.set(Instant(self.at + _LATE_SECONDS))
            self.told.tally.add(FaultKind.LATE_TICK)
        self.operator.between(gust)
        self._weather(gust)
        if FaultKind.OLD_TICK in gust.ticks and self.bar > 1:
            self.told.tally.add(FaultKind.OLD_TICK)
            self._invoke(self.scenario.at(self.chance.randrange(1, self.bar)), gust)
        report = self._invoke(self.at, gust, may_happen=True)
        if report is None or report.outcome is CycleOutcome.ABORTED:
            self._start_again(gust)
        if FaultKind.DUPLICATE_TICK in gust.ticks:
            self.told.tally.add(FaultKind.DUPLICATE_TICK)
            self._invoke(self.at, gust)

    def _weather(self, gust: FaultMix) -> None:
        offset = self.chance.choice((-200, -30, 130, 200)) if FaultKind.VENUE_CLOCK in gust.ticks else 0
        self.world.venue.configure(lags=gust.lags, slices=gust.slices, clock_offset_seconds=offset)

    def _start_again(self, gust: FaultMix) -> None:
        how = self.chance.choice(("at once", "at once", "after the lease", "not"))
        if how == "at once":
            self.world.free_the_lease()
        elif how == "after the lease":
            self.world.clock.advance(_LEASE_GONE_SECONDS)
        if how != "not":
            self._invoke(self.at, gust)

    def _next_bar(self, least: int, not_before: int = 0) -> None:
        """Go on to the next tick, or to the first that time has not overtaken."""
        now, self.bar = self.world.clock.now(), self.bar + least
        while self.scenario.at(self.bar) < max(now, not_before):
            self.bar += 1
        self.at = self.scenario.at(self.bar)
        self.world.clock.set(self.at)

    # --- one invocation

    def _invoke(self, at: Instant, gust: FaultMix, *, may_happen: bool = False) -> CycleReport | None:
        """Run one invocation and look; None if it died or could not even tell."""
        skewed, before = FaultKind.CLOCK_SKEW in gust.ticks, self.world.ours.ahead
        self.world.ours.ahead = self.chance.randint(-_SKEW_MAX, _SKEW_MAX) if skewed else 0
        storm = Storm(self.world, gust, self.chance, self.told.tally, self.log)
        if may_happen:
            storm.expect(lambda kind: self._happen(kind, gust, storm))
        self.storm = storm
        if self.world.ours.ahead:
            storm.hit(FaultKind.CLOCK_SKEW)
        found: list[str] = []
        Gate(self.world, storm, found)
        self.told.cycles += 1
        self.log.add(f"bar {self.bar}, tick {at}, now {self.world.clock.now()}, {self.world.ours.ahead:+}")
        report = self._run(at, storm)
        outcome = report.outcome.value if report is not None else "died or could not begin"
        self.told.outcomes[outcome] += 1
        self.log.add(f"  = {outcome}")
        self.world.ours.ahead = before
        self._look(found)
        return report

    def _run(self, at: Instant, storm: Storm) -> CycleReport | None:
        now = self.world.ours.now()
        tick = Tick(cycle_id_at(at), at, Instant(max(at, now) + _INVOCATION_SECONDS))
        scenario = self.world.scenario
        try:
            with self.world.invocation(f"invocation {self.told.cycles}", storm) as ports:
                if self.world.venue.options.clock_offset_seconds and self.chance.random() < 0.7:
                    # As a cold start does: compare the clocks before anything is signed.
                    ports.exchange.server_time()  # type: ignore[union-attr]
                return run_cycle(tick, scenario.pipeline, ports)
        except Crash:
            return None
        except VenueError as error:
            if "GET /time" not in str(error):
                self._broke(f"{type(error).__name__} came out of the cycle: {error}")
            return None
        except TraderError as error:
            if isinstance(error, LedgerCorrupt) or not isinstance(error, StoreError):
                self._broke(f"{type(error).__name__} came out of the cycle: {error}")
            return None

    def _happen(self, kind: FaultKind, gust: FaultMix, storm: Storm) -> None:
        """Let something happen between two requests of an invocation, which sleeps meanwhile."""
        clock = self.world.clock
        if kind is FaultKind.PRINT:
            self.operator.print_trade()
        elif kind is FaultKind.SWITCH_WITHIN:
            self.operator.turn_switch(kind)
        elif kind is FaultKind.CLOCK_STEP:
            ahead = self.world.ours.ahead + self.chance.choice((-30, -10, 10, 30))
            self.world.ours.ahead = max(-_SKEW_MAX, min(_SKEW_MAX, ahead))
            storm.hit(kind)
        else:
            storm.hit(kind)
            if kind is FaultKind.STALLED_INTO_SAME:
                clock.advance(_LEASE_GONE_SECONDS)
            elif kind is FaultKind.STALLED_INTO_NEXT:
                self._next_bar(1)
            self._invoke(self.at, gust)
            self.storm = storm

    # --- calm

    def _calm(self) -> None:
        """Switch every fault off, and see everything come right."""
        self.world.venue.configure(lags=Lags(), slices=1, clock_offset_seconds=0)
        self.operator.settle()
        self._bare.clear()
        for count in range(1, _CALM_TICKS + 1):
            self._next_bar(1, self.world.clock.now() + _LEASE_GONE_SECONDS)
            self._healthy_tick()
            if count >= _SETTLED_AFTER:
                self.told.broken += [self._located(each) for each in unsettled(Seen(self.world))]
            if self.told.broken:
                return

    def _healthy_tick(self) -> None:
        doubted = self._list_doubted_sales()
        report = self._invoke(self.at, CALM)
        # A sale in doubt is sent again, and where that is refused the lot is sold by the next run: it knows only now.
        settles = bool(doubted) and not doubted & self._list_doubted_sales()
        sound = {CycleOutcome.COMPLETED, *([CycleOutcome.ABORTED] if settles else [])}
        if report is None or report.outcome not in sound:
            self._broke(f"a healthy cycle ended as {report and (report.outcome, report.reason)}")
        cycle = cycle_id_at(self.at)
        leaving = {
            each["lot_id"]
            for each in _announced(self.world).values()
            if each["purpose"] == OrderPurpose.EXIT and each["cycle_id"] == cycle
        }
        bare = unprotected(Seen(self.world)) - leaving
        self._bare = Counter({lot: self._bare[lot] + 1 for lot in bare})
        for lot, count in self._bare.items():
            if count > 1:
                self._broke(f"lot {lot} is neither protected nor being sold after {count} healthy cycles")

    def _list_doubted_sales(self) -> set[ClientOrderId]:
        """Name the sells of which nobody knows whether the venue has them."""
        ledger = self.world.ledger()
        records = () if ledger is None else ledger.active_orders
        return {each.intent.client_order_id for each in records if each.is_in_doubt and each.intent.side is Side.SELL}

    def _wait_for_converts(self) -> None:
        if not open_converts(self.world):
            return
        for _ in range(2):
            self._next_bar(_GIVEN_UP_AFTER)
            self._healthy_tick()
        for each in open_converts(self.world):
            self._broke(f"conversion {each} is open for ever")

    # --- what is wrong

    def _look(self, sent: Sequence[str]) -> None:
        """Check what must hold after any cycle; *sent* is what was wrong with what left in it."""
        seen = Seen(self.world)
        found = [*sent, *violations(seen, self.operator.largest_capital), *self.chain.look(seen)]
        ledger = self.world.ledger()
        if ledger is not None and Decimal(ledger.capital) not in self.operator.capitals:
            found.append(f"capital is {ledger.capital}, configured were {sorted(self.operator.capitals)}")
        for each in found:
            self._broke(each)

    def _broke(self, what: str) -> None:
        if len(self.told.broken) < _BROKEN_MAX:
            self.told.broken.append(self._located(what))

    def _located(self, what: str) -> str:
        return f"{self._where()}: {what}"

    def _where(self) -> str:
        storm = getattr(self, "storm", None)
        step = f"{len(storm.trail)} {storm.trail[-1]}" if storm is not None and storm.trail else "0"
        return f"seed {self.seed}, world {self.number}, tick {self.bar}, cycle {self.told.cycles}, step {step}"
