"""What of a backtest's time has no candles: such days earn nothing and lose nothing, and flatter what is by year."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trader.model.ids import Instant, rfc3339

if TYPE_CHECKING:
    from desk.backtest.schedule import Schedule
    from desk.backtest.world import Recorded

_NAMED = 6


def list_coverage_notes(recorded: Recorded, schedule: Schedule) -> Iterator[str]:
    """Say which products begin or end in between, how many ticks no candle precedes or follows, and a benchmark's end.

    A product without a candle for a bar or two at either edge is none of those: nothing may have traded.
    """
    first, last = schedule.ticks[0], schedule.ticks[-1]
    length = recorded.settings.bars.granularity
    spans = {}
    for (product_id, granularity), series in sorted(recorded.series.items()):
        if granularity is length and series.has_candles:
            start = series.columns.start
            spans[product_id] = int(start[0]), int(start[-1]) + granularity.seconds
    traded = {each.product_id for each in recorded.products}
    own = {each: span for each, span in spans.items() if each in traded}
    if not own:
        return
    begin, end = min(low for low, _ in own.values()), max(high for _, high in own.values())
    slack = 2 * max(length.seconds, recorded.settings.cycle.period_seconds)
    outside = sum(not begin <= each <= end + slack for each in schedule.ticks)
    if outside:
        told = f"{outside} of {len(schedule.ticks)} ticks; figures by year count them all"
        yield f"candles are from {rfc3339(Instant(begin))} to {rfc3339(Instant(end))}, and there are none for {told}"
    late = [
        f"{each} begins {rfc3339(Instant(low))}" for each, (low, _) in own.items() if low > max(first, begin) + slack
    ]
    early = [
        f"{each} ends {rfc3339(Instant(high))}" for each, (_, high) in own.items() if high < min(last, end) - slack
    ]
    if partial := [*late, *early]:
        more = f" and {len(partial) - _NAMED} more" if len(partial) > _NAMED else ""
        yield f"in between {', '.join(partial[:_NAMED])}{more}"
    benchmark = recorded.settings.bars.benchmark
    if benchmark in spans and benchmark not in traded and spans[benchmark][1] < last - slack:
        ended = rfc3339(Instant(spans[benchmark][1]))
        yield f"the benchmark {benchmark} ends {ended}: the regime is judged by what was last known"
