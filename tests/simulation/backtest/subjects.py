"""Whether a run met what its case is named for: a case that met no stop proves nothing about stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from architecture.tree import ROOT
from simulation.backtest.comparison import Played
from trader.adapters.config.files import load_settings
from trader.model.cycle_state import Regime
from trader.model.denials import DenialCode
from trader.model.money import ZERO
from trader.model.order_record import OrderRecord
from trader.model.orders import Side

_HOUR = 3600


def list_executed(played: Played) -> Iterator[OrderRecord]:
    """List the orders of a run that were executed, in full or in part."""
    ledger = played.world.ledger
    assert ledger is not None
    orders = {**played.world.store.finished, **ledger.orders}
    sold = {each.venue_order_id for each in played.world.store.fills.values()}
    yield from (each for each in orders.values() if each.venue_order_id in sold)


def measure_drawdown(played: Played) -> float:
    """Return by how much the equity at the end of a day lay below the highest before it. Units: percent."""
    deepest, peak = ZERO, ZERO
    for line in played.tally.by_date().values():
        if line.equity is not None:
            peak = max(peak, line.equity)
            deepest = max(deepest, 1 - line.equity / peak)
    return float(deepest * 100)


def _is_sold_for(reason: str) -> Callable[[Played], bool]:
    return lambda played: any(
        each.intent.side is Side.SELL and each.intent.reason == reason for each in list_executed(played)
    )


def _is_refused_for(code: DenialCode) -> Callable[[Played], bool]:
    return lambda played: played.tally.verdicts[code.value] > 0


def _is_stopped_out(played: Played) -> bool:
    """Whether a protective order sold at its stop or below it."""
    stops = {
        each.venue_order_id: each.intent.stop_price
        for each in list_executed(played)
        if each.intent.is_protection and each.intent.stop_price is not None
    }
    fills = (each for each in played.world.store.fills.values() if each.venue_order_id in stops)
    return any(each.price <= (stops[each.venue_order_id] or ZERO) for each in fills)


def _goes_beyond_shipped_stops(played: Played) -> bool:
    """Whether the equity fell by more than the shipped configuration allows, and purchases went on."""
    limit = float(load_settings(ROOT / "config", {}).settings.risk.drawdown_pct_max)
    return measure_drawdown(played) > limit and not _is_refused_for(DenialCode.DRAWDOWN_EXCEEDS_MAX)(played)


def _fails_for_a_while(played: Played) -> bool:
    return any(each is None or not each.complete for each in played.decisions.values())


def _sees_every_regime(played: Played) -> bool:
    seen = {ledger.regime.current for _, ledger in played.books.values() if ledger is not None}
    return seen >= {Regime.BULL, Regime.BEAR, Regime.CHOP, Regime.CRASH}


def _sells_within_a_bar(played: Played) -> bool:
    return any(each.intent.side is Side.SELL and each.intent.decided_at % _HOUR for each in list_executed(played))


#: What a case may be named for, and whether a run met it.
SUBJECTS: Mapping[str, Callable[[Played], bool]] = {
    "stop": _is_stopped_out,
    "trailing": _is_sold_for("trailing"),
    "time": _is_sold_for("time"),
    "crash": _is_sold_for("crash"),
    "regimes": _sees_every_regime,
    "day loss": _is_refused_for(DenialCode.DAY_LOSS_EXCEEDS_MAX),
    "drawdown": _is_refused_for(DenialCode.DRAWDOWN_EXCEEDS_MAX),
    "losses in a row": _is_refused_for(DenialCode.LOSSES_COOLING),
    "beyond the shipped stops": _goes_beyond_shipped_stops,
    "outage": _fails_for_a_while,
    "within an hour": _sells_within_a_bar,
}


def find_unmet(played: Played, subjects: tuple[str, ...], strategies: tuple[str, ...]) -> list[str]:
    """Name what a run should have met and did not; each strategy that is on should have bought."""
    bought = {each.intent.strategy for each in list_executed(played) if each.intent.side is Side.BUY}
    found = [f"{each} bought nothing" for each in strategies if each not in bought]
    return [*found, *(f"it met no {each}" for each in subjects if not SUBJECTS[each](played))]
