"""Cuts the future off a recorded market, and names what of the past is different without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from desk.backtest.data.columns import Columns
from desk.backtest.schedule import Schedule
from desk.backtest.series import ColumnSeries
from desk.backtest.tally import DAY_SECONDS
from desk.backtest.world import Recorded
from simulation.backtest.comparison import Played
from trader.model.ids import Instant, cycle_id_at


def cut_series(series: ColumnSeries, at: int) -> ColumnSeries:
    """Keep the candles that have closed at an instant; of the one that runs nothing but its open."""
    columns, step = series.columns, series.granularity.seconds
    count, closed = series.count_until(at), series.count_until(at - step)
    start, opened = columns.start[:count], columns.open[:count]
    prices = (np.concatenate((getattr(columns, name)[:closed], opened[closed:])) for name in ("high", "low", "close"))
    volume = np.concatenate((columns.volume[:closed], np.zeros(count - closed)))
    return ColumnSeries(Columns(series.granularity, start, opened, *prices, volume))


def cut_market(recorded: Recorded, at: int) -> Recorded:
    """Keep of a recorded market what is known at an instant."""
    return replace(recorded, series={key: cut_series(each, at) for key, each in recorded.series.items()})


def cut_schedule(schedule: Schedule, ticks: int) -> Schedule:
    """Keep so many ticks that are all on time."""
    return Schedule.on_time(schedule.ticks[:ticks])


def find_changes(whole: Played, short: Played, last: Instant) -> Iterator[str]:
    """Name what differs up to and with the *last* tick of the run whose future was cut off there."""
    edge, day = cycle_id_at(last), last // DAY_SECONDS
    for name in ("books", "decisions"):
        past = {tick: each for tick, each in getattr(whole, name).items() if tick <= edge}
        if past != getattr(short, name):
            yield f"{name} until {edge}"
    fills = {key: each for key, each in whole.world.store.fills.items() if each.time <= last}
    if fills != short.world.store.fills:
        yield f"fills until {edge}"
    if not short.world.store.finished.items() <= whole.world.store.finished.items():
        yield f"orders until {edge}"
    lines = ({number: each for number, each in run.tally.days.items() if number < day} for run in (whole, short))
    if next(lines) != next(lines):
        yield f"days before {edge}"
