"""Whether the bars are there that a strategy needs of its own, and who is asked, and about what, where they are not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from trader.errors import DataError, MalformedData, MissingData
from trader.model.decisions import Denial
from trader.model.denials import find_data_code
from trader.model.ids import ProductId, StrategyId
from trader.model.inputs import CycleInputs, UniverseSelection
from trader.model.ledger import Ledger
from trader.model.market import Bars, BarsNeeded, Granularity
from trader.settings import Settings
from trader.strategies.base import STAGE

Series = Mapping[tuple[ProductId, Granularity], Bars]
#: What each strategy needs beside what every cycle reads, as ``read_needs`` lists it.
Needs = Mapping[StrategyId, tuple[BarsNeeded, ...]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Who is asked now, and what of their own bars is there.

    ``unfinished`` are those whose turn is not over yet, because a read may still succeed; one that is asked once a day
    is among ``asked`` only if it is not among them. ``lacking`` are the products of which a strategy has not all bars.
    """

    asked: tuple[StrategyId, ...]
    unfinished: frozenset[StrategyId] = frozenset()
    series: Mapping[StrategyId, Series] = field(default_factory=dict)
    lacking: Mapping[StrategyId, frozenset[ProductId]] = field(default_factory=dict)
    denials: tuple[Denial, ...] = ()


def check_readiness(
    due: tuple[StrategyId, ...],
    needs: Needs,
    inputs: CycleInputs,
    ledger: Ledger,
    selection: UniverseSelection,
    settings: Settings,
) -> Readiness:
    """Look at the bars that due strategies need of candidates and of what they hold; deny what some are missing of.

    A bar that makes no sense will make none in the next cycle either, and what is held and no candidate may have no
    market any more: neither keeps a turn waiting. Where a candidate's bars are not there, or not yet, a strategy with a
    pace is asked about the others and keeps its turn. One that is asked once a day decides once, on the whole of its
    data: it waits, and in the last tick of its hours is asked about what there is.
    """
    if not any(needs[strategy_id] for strategy_id in due):
        return Readiness(due)
    asked, unfinished = [], set()
    series: dict[StrategyId, Series] = {}
    lacking: dict[StrategyId, frozenset[ProductId]] = {}
    denials: list[Denial] = []
    for strategy_id in due:
        schedule = settings.strategies[strategy_id].schedule
        looked_at = _list_looked_at(strategy_id, ledger, selection)
        series[strategy_id], errors = _sort_bars(looked_at, needs[strategy_id], inputs, settings)
        lacking[strategy_id] = frozenset(errors)
        denials += [_deny(strategy_id, product_id, *error) for product_id, error in errors.items()]
        waits = any(not isinstance(errors[each][1], MalformedData) for each in errors if each in selection.candidates)
        if waits and not schedule.is_last_chance(inputs.scheduled_at, settings.cycle.period_seconds):
            unfinished.add(strategy_id)
        if schedule.at is None or strategy_id not in unfinished:
            asked.append(strategy_id)
    return Readiness(tuple(asked), frozenset(unfinished), series, lacking, tuple(denials))


def _list_looked_at(
    strategy_id: StrategyId, ledger: Ledger, selection: UniverseSelection
) -> Mapping[ProductId, Collection[ProductId]]:
    """Name the candidates and the products of what a strategy holds, each with the names that it is asked for by."""
    names = {product_id: {product_id} for product_id in selection.candidates}
    for lot in ledger.lots.values():
        if lot.strategy == strategy_id:
            looked_at = selection.products.get(lot.base, lot.product_id)
            names.setdefault(looked_at, {looked_at}).add(lot.product_id)
    return names


def _sort_bars(
    looked_at: Mapping[ProductId, Collection[ProductId]],
    needs: tuple[BarsNeeded, ...],
    inputs: CycleInputs,
    settings: Settings,
) -> tuple[Series, Mapping[ProductId, tuple[BarsNeeded, DataError]]]:
    """Part the bars that are there from the first reason, for each product, why some are not."""
    there: dict[tuple[ProductId, Granularity], Bars] = {}
    errors: dict[ProductId, tuple[BarsNeeded, DataError]] = {}
    own = BarsNeeded(settings.bars.granularity, settings.bars.count)
    for need in needs:
        read = inputs.bars if need == own else inputs.strategy_bars.get(need, {})
        for product_id, names in looked_at.items():
            found = read.get(product_id, MissingData("it was not read"))
            if isinstance(found, Bars):
                there |= {(name, need.granularity): found for name in names}
            else:
                errors.setdefault(product_id, (need, found))
    return there, errors


def _deny(strategy_id: StrategyId, product_id: ProductId, need: BarsNeeded, error: DataError) -> Denial:
    details = {"granularity": need.granularity.value, "bars": need.count, "reason": str(error)}
    return Denial(product_id, find_data_code(error), STAGE, details, strategy_id)


def list_bars_needed(due: tuple[StrategyId, ...], needs: Needs, settings: Settings) -> tuple[BarsNeeded, ...]:
    """List the bars to be read for those who are due, beside those that every cycle reads; each once."""
    own = BarsNeeded(settings.bars.granularity, settings.bars.count)
    found = (each for strategy_id in due for each in needs[strategy_id] if each != own)
    return tuple(dict.fromkeys(found))
