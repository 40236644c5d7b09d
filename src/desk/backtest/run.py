"""One backtest from settings and candles to its result, by either engine and by each fill model that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from desk.backtest.disturbances import Disturbance
from desk.backtest.engines import GoesOn, run_exhaustive, run_screened
from desk.backtest.result import BacktestResult, measure_result
from desk.backtest.schedule import Schedule
from desk.backtest.screen.strategies import Screens
from desk.backtest.world import Recorded, World
from trader.model.frozen import replace
from trader.settings.app import FillModel, Mode


@dataclass(frozen=True, slots=True)
class Backtest:
    """What is run: a recorded market, when, and by which engine. ``screens`` are those of plug-ins."""

    recorded: Recorded
    schedule: Schedule
    is_exhaustive: bool = False
    disturbances: Sequence[Disturbance] = ()
    screens: Screens | None = None

    def run(self, models: Sequence[FillModel] = ()) -> Mapping[FillModel, BacktestResult]:
        """Run it by each of these fill models; without any by the configured one."""
        settings = self.recorded.settings
        return {model: self.run_model(model) for model in models or (settings.simulation.fills,)}

    def run_model(self, model: FillModel, goes_on: GoesOn = lambda _done: True) -> BacktestResult:
        """Run it by one fill model, as far as it is told to go on: what was run until then is a whole result."""
        settings = self.recorded.settings
        simulation = replace(settings.simulation, fills=model)
        app = replace(settings.app, mode=Mode.PAPER)
        recorded = replace(self.recorded, settings=replace(settings, app=app, simulation=simulation))
        world, schedule = World(recorded, self.disturbances), self.schedule
        if self.is_exhaustive:
            tally = run_exhaustive(world, schedule, lambda *_: None, goes_on)
        else:
            screens, disturbances = self.screens or {}, self.disturbances
            tally = run_screened(world, recorded, schedule, screens, lambda *_: None, disturbances, goes_on)
        return measure_result(world, recorded, schedule.cut_to(tally.ticks), tally)
