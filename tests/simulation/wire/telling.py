"""One history on the real adapters as it is told: invocations, and what an outsider finds wrong after each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from simulation.checker import open_converts, unobeyed, unprotected, unsettled, violations
from simulation.errands import Strand, do_errand
from simulation.nemesis import Crash, Nemesis
from simulation.wire.watch import ChainWatch, Gate
from simulation.wire.world import WireWorld
from simulation.world import RUN_SECONDS, Beat, Scenario
from trader.cycle import CycleOutcome, CycleReport
from trader.errors import StoreError

#: As many as must be enough to settle everything.
_QUIET_BEATS = 2
_PATIENCE = 1
_SETTLED_AFTER = 2
_GIVEN_UP_AFTER = 13


@dataclass
class Telling:
    """A world, and what was found; ``calm`` counts undisturbed cycles since the last that was disturbed."""

    world: WireWorld
    found: list[str] = field(default_factory=list)
    calm: int = 0
    _bare: dict[str, int] = field(default_factory=dict)
    _chain: ChainWatch = field(default_factory=ChainWatch)

    def stage(self, beat: Beat) -> None:
        """Let time come to a tick, and the operator have his way."""
        self.world.clock.set(beat.at)
        if beat.switch is not None:
            self.world.put_switch(beat.switch)

    def come_to(self, index: int) -> Beat:
        """Play the ticks before one undisturbed, let its time come, and return it."""
        self.play(self.beats[:index], "before")
        self.stage(self.beats[index])
        return self.beats[index]

    def invoke(
        self,
        beat: Beat,
        owner: str,
        nemesis: Nemesis | None = None,
        *,
        seconds: int = RUN_SECONDS,
        strand: Strand | None = None,
    ) -> CycleReport | None:
        """Run one invocation; None if it died or could not even tell."""
        nemesis = nemesis or Nemesis()
        Gate(self.world, nemesis, self.found)
        self.calm = 0
        try:
            with self.world.invocation(owner, nemesis) as ports:
                clock = ports.clock if strand is None else strand.clock(ports.clock)
                return do_errand(beat, self.world, replace(ports, clock=clock), seconds)
        except (Crash, StoreError):
            return None

    def look(self, *, healthy: bool) -> None:
        """Check what must hold after any cycle; and count for how many healthy ones a lot has been bare."""
        self.found += violations(self.world)
        bare = unprotected(self.world)
        self._bare = {lot: self._bare.get(lot, 0) + 1 for lot in bare} if healthy else {}
        self.found += [
            f"lot {lot} is unprotected after {count} healthy cycles"
            for lot, count in self._bare.items()
            if count > _PATIENCE
        ]
        self.found += self._chain.look(self.world)

    def cycle(self, beat: Beat, owner: str) -> CycleReport | None:
        """Run one undisturbed invocation, and look; after two of them all must be settled."""
        calm = self.calm + 1
        report = self.invoke(beat, owner)
        # Who only looked has settled nothing.
        self.calm = calm if report is None or report.outcome is not CycleOutcome.SKIPPED else calm - 1
        if report is None or report.outcome is CycleOutcome.ABORTED:
            self.found.append(f"an undisturbed cycle ended as {report and report.reason}")
        self.look(healthy=True)
        if calm >= _SETTLED_AFTER:
            self.found += unsettled(self.world)
        return report

    def play(self, beats: Sequence[Beat], owner: str) -> None:
        """Run undisturbed ticks one after the other."""
        for beat in beats:
            self.stage(beat)
            self.cycle(beat, owner)

    def conclude(self) -> None:
        """Check what must hold at the end; a conversion in doubt is waited for until its quote is long dead."""
        self.found += [*unsettled(self.world), *unobeyed(self.world)]
        if not open_converts(self.world):
            return
        last = self.beats[-1].bar
        self.play([Beat(last + _GIVEN_UP_AFTER), Beat(last + _GIVEN_UP_AFTER + 1)], "much later")
        self.found += [f"conversion {each} is open for ever" for each in open_converts(self.world)]

    @property
    def beats(self) -> tuple[Beat, ...]:
        """The scripted ticks, and the quiet ones after them."""
        return beats_of(self.world.scenario)


def beats_of(scenario: Scenario) -> tuple[Beat, ...]:
    """The scripted ticks of a scenario, and the quiet ones after them."""
    last = scenario.beats[-1].bar
    return (*scenario.beats, *(Beat(last + 1 + index) for index in range(_QUIET_BEATS)))
