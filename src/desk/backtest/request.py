"""What a backtest is asked for, in the words of its command, and how it becomes one that can be run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desk.backtest.figures.bootstrap import SEED
from desk.backtest.run import Backtest
from desk.backtest.schedule import plan_schedule
from desk.backtest.setup import record_market
from trader.errors import ConfigError
from trader.model.codec import digest_of
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId, StrategyId, rfc3339
from trader.settings.app import FillModel, Mode

if TYPE_CHECKING:
    from desk.backtest.data.columns import CandleSource
    from trader.model.market import FeeRates, Granularity
    from trader.settings import Settings

#: More ticks than forty years of five minutes are a mistake.
_TICKS_MAX = 5_000_000


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """What is run, and when.

    Without products everything there is, without strategies those that are on, without fees and models what the
    configuration says of the simulated venue. One that ``stretches`` looks back over as many bars as it would of the
    configured length. ``seed`` draws the days of the bootstrap.
    """

    candles: Path
    start: Instant
    end: Instant
    granularity: Granularity | None = None
    products: tuple[ProductId, ...] = ()
    strategies: tuple[StrategyId, ...] = ()
    fees: FeeRates | None = None
    models: tuple[FillModel, ...] = ()
    watches: bool = False
    is_exhaustive: bool = False
    stretches: bool = False
    seed: int = SEED


def prepare_backtest(request: BacktestRequest, settings: Settings, source: CandleSource) -> Backtest:
    """Set a backtest up under the settings; *source* has the candles of its folder.

    Raises: ConfigError naming the option; DataError for candles that cannot be read.
    """
    if request.start >= request.end:
        raise ConfigError(f"--from {rfc3339(request.start)} must be before --to {rfc3339(request.end)}")
    recorded = record_market(
        fit_to_request(settings, request),
        source,
        request.start,
        request.end,
        granularity=request.granularity,
        metadata=request.candles,
        only=request.products,
        stretch=request.stretches,
    )
    period = recorded.settings.cycle.period_seconds
    if (request.end - request.start) // period > _TICKS_MAX:
        count = (request.end - request.start) // period
        raise ConfigError(f"--from and --to: {count} ticks; allowed are {_TICKS_MAX}")
    schedule = plan_schedule(request.start, request.end, period, watches=request.watches)
    return Backtest(recorded, schedule, is_exhaustive=request.is_exhaustive)


def describe_backtest(backtest: Backtest) -> dict[str, Any]:
    """Say of a backtest what a list of them shows."""
    recorded, schedule = backtest.recorded, backtest.schedule
    return {
        "from": rfc3339(schedule.ticks[0]),
        "to": rfc3339(schedule.ticks[-1]),
        "ticks": len(schedule.ticks),
        "granularity": recorded.settings.bars.granularity.value,
        "products": sorted(each.product_id for each in recorded.products),
        "strategies": sorted(name for name, each in recorded.settings.strategies.items() if each.enabled),
    }


def fit_to_request(settings: Settings, request: BacktestRequest) -> Settings:
    """Return the settings under which a request is run: in PAPER, with its strategies and its fees."""
    if request.strategies:
        _check_names(request.strategies, settings.strategies)
        strategies = {
            name: replace(each, enabled=name in request.strategies) for name, each in settings.strategies.items()
        }
        settings = replace(settings, strategies=strategies)
    if request.fees is not None:
        maker, taker = request.fees.maker, request.fees.taker
        settings = replace(
            settings,
            simulation=replace(settings.simulation, maker_fee_ratio=maker, taker_fee_ratio=taker),
            exchange=replace(settings.exchange, assumed_maker_fee_ratio=maker, assumed_taker_fee_ratio=taker),
        )
    settings = replace(settings, app=replace(settings.app, mode=Mode.PAPER), digest="")
    return replace(settings, digest=digest_of(settings))


def _check_names(names: Collection[StrategyId], known: Collection[StrategyId]) -> None:
    for each in names:
        if each not in known:
            raise ConfigError(f"--strategy {each!r:.80}: allowed is one of {', '.join(sorted(known))}")
