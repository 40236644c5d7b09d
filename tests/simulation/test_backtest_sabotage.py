"""Each screen, rule and due instant of the backtest, made a little wrong: the comparison of both engines finds it.

The table of ``SABOTAGES`` says which piece is damaged, how, and on which market it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from desk.backtest import engines, foresight, next_due, skipped, watches
from desk.backtest.advance import Advancer
from desk.backtest.data.universe import Listing
from desk.backtest.disturbances import Troubled, list_doubtful
from desk.backtest.schedule import Schedule
from desk.backtest.screen import mean_reversion
from desk.backtest.screen.exits import ExitScreen
from desk.backtest.screen.regime import RegimeScreen
from desk.backtest.screen.strategies import Answers
from desk.backtest.screen.universe import UniverseScreen
from desk.backtest.screen.venue import VenueScreen
from desk.bench import breakout_screen
from simulation.backtest.comparison import SCREENS, Played, find_differences, play
from simulation.backtest.found_markets import FOUND
from simulation.backtest.markets import Market
from simulation.test_backtest import CASES
from trader.cycle.report import CycleOutcome
from trader.model.ids import Instant, ProductId
from trader.model.ledger import Ledger
from trader.settings.schedule import ScheduleSettings

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Sabotage:
    """A damage, and the market on which it must be found: one of ``test_backtest.CASES``, or one that found a fault."""

    case: str
    damage: Callable[[Patch], None]


def skip_rule(name: str) -> Callable[[Patch], None]:
    """Leave a rule of the advance out: the ledger comes back as it went in."""
    return lambda patch: patch.setattr(Advancer, name, lambda self, ledger, *_: ledger)


def change_method(owner: Any, name: str, change: Callable[[Any], Any]) -> Callable[[Patch], None]:
    """Change what a method or function returns."""

    def damage(patch: Patch) -> None:
        honest = getattr(owner, name)
        patch.setattr(owner, name, lambda *given, **named: change(honest(*given, **named)))

    return damage


def never(patch: Patch, owner: Any, name: str) -> None:
    """Let a screen see nothing until the end of the run."""
    patch.setattr(owner, name, lambda self, *_: len(self._grid))


def forget_hold_times(patch: Patch) -> None:
    """Let no lot's time fall due."""
    patch.setattr(next_due, "_list_due", lambda *_: iter(()))


def apply_no_exit(patch: Patch) -> None:
    """Believe that no general exit applies to any lot."""
    honest = ExitScreen.__init__

    def bind(self: Any, grid: Any, believed: Any, watch: Any, _: Any, **named: Any) -> None:
        honest(self, grid, believed, watch, {each: frozenset() for each in grid.settings.strategies}, **named)

    patch.setattr(ExitScreen, "__init__", bind)


def skip_days(patch: Patch) -> None:
    """Value a stretch as if it lay within one day."""
    patch.setattr(Advancer, "value", Advancer._value_day)


def shorten_by_one(found: Any) -> Any:
    """Judge each tick by what the one before it saw."""
    return replace(found, proposes=np.roll(found.proposes, 1))


def keep_turns(patch: Patch) -> None:
    """Let no turn of the regime be run."""
    honest = RegimeScreen.follow

    def follow(self: RegimeScreen, begin: int, before: Any) -> None:
        honest(self, begin, before)
        self.turns[:] = False

    patch.setattr(RegimeScreen, "follow", follow)


def keep_members(patch: Patch) -> None:
    """Let no turn of a membership be run."""
    honest = UniverseScreen.follow

    def follow(self: UniverseScreen, product_id: Any, begin: int, before: Any) -> None:
        honest(self, product_id, begin, before)
        self.standing[product_id].turns[:] = False

    patch.setattr(UniverseScreen, "follow", follow)


def count_as_held(patch: Patch) -> None:
    """Count of a product that is held what is said of one that is not."""
    honest = breakout_screen.assess

    def assess(*given: Any) -> dict[ProductId, Answers]:
        return {name: replace(found, held=found.free) for name, found in honest(*given).items()}

    patch.setitem(SCREENS, "breakout", assess)


def list_always(patch: Patch) -> None:
    """Let the screens take every product for listed all the time."""
    patch.setattr(Listing, "find_listed", lambda _, ticks: np.ones(len(ticks), dtype=np.bool_))


def see_late(patch: Patch) -> None:
    """Let the strategy's screen see each signal a tick late."""
    honest = breakout_screen.assess

    def assess(*given: Any) -> dict[ProductId, Answers]:
        return {name: shorten_by_one(found) for name, found in honest(*given).items()}

    patch.setitem(SCREENS, "breakout", assess)


def forget_outages(patch: Patch) -> None:
    """Take every last run for one that saw all there is to see, and the first instant after a trouble for any other."""
    honest = foresight.is_calm

    def is_calm(ledger: Ledger, *given: Any) -> bool:
        run = ledger.last_run
        seen = ledger if run is None else replace(ledger, last_run=replace(run, outcome=CycleOutcome.COMPLETED))
        return honest(seen, *given)

    def list_covered(schedule: Schedule, troubles: Sequence[Troubled]) -> tuple[list[int], frozenset[Instant]]:
        ticks, looks = list_doubtful(schedule, troubles)

        def is_covered(at: Instant) -> bool:
            return any(each.covers(at) for each in troubles)

        return [number for number in ticks if is_covered(schedule.starts[number])], frozenset(filter(is_covered, looks))

    for module in (foresight, watches):
        patch.setattr(module, "is_calm", is_calm)
    patch.setattr(engines, "list_doubtful", list_covered)


def answer_for_candidates_alone(patch: Patch) -> None:
    """Let mean reversion say nothing of a lot of what is no candidate."""
    honest = mean_reversion.assess

    def assess(*given: Any) -> dict[ProductId, Answers]:
        return {name: replace(found, is_loyal=False) for name, found in honest(*given).items()}

    patch.setattr(mean_reversion, "assess", assess)


SABOTAGES: dict[str, Sabotage] = {
    "marks and peaks are not advanced": Sabotage("plain", skip_rule("value")),
    "the peak of a lot is not raised": Sabotage(
        "trailing", lambda p: p.setattr(Advancer, "_raise_peak", lambda _, lot, *__: lot)
    ),
    "the highest equity on the way is not marked": Sabotage(
        "plain", lambda p: p.setattr(Advancer, "_mark_highest", lambda _, ledger, *__: ledger)
    ),
    "what is over is not forgotten": Sabotage("plain", skip_rule("forget")),
    "held products are not renewed": Sabotage("plain", skip_rule("renew_held")),
    "the list of products is not fetched": Sabotage("plain", skip_rule("fetch")),
    "fees are not renewed": Sabotage("plain", skip_rule("renew_fees")),
    "the last run is not marked": Sabotage("plain", skip_rule("mark_run")),
    "the last run is marked one tick early": Sabotage(
        "plain",
        lambda p: p.setattr(Advancer, "mark_run", _one_early(Advancer.mark_run)),
    ),
    "the venue has read the tape a tick too far": Sabotage(
        "plain", lambda p: p.setattr(Advancer, "match", _one_late(Advancer.match))
    ),
    "time limits do not fall due": Sabotage("plain", forget_hold_times),
    "days do not begin with their own marks": Sabotage("plain", skip_days),
    "nothing of a lot is seen": Sabotage("trailing", lambda p: never(p, ExitScreen, "next_tick")),
    "no order is seen": Sabotage("plain", lambda p: never(p, VenueScreen, "next_tick")),
    "orders are seen a tick late": Sabotage("plain", change_method(VenueScreen, "next_tick", lambda at: at + 1)),
    "turns of the regime are skipped": Sabotage("regimes", keep_turns),
    "turns of a membership are skipped": Sabotage("holes", keep_members),
    "products are always listed": Sabotage("come and gone", list_always),
    "signals are seen a tick late": Sabotage("plain", see_late),
    "held products are counted as free": Sabotage("plain", count_as_held),
    "the turns of a day are not seen": Sabotage(
        "once a day", change_method(ScheduleSettings, "find_next", lambda at: at + 10**9)
    ),
    "missing bars of a strategy are not seen": Sabotage(
        "hours missing", change_method(foresight, "find_missing_bars", lambda flags: flags & False)
    ),
    "exits that do not apply are believed to": Sabotage("trailing", apply_no_exit),
    "the pace of a strategy is not kept": Sabotage(
        "slow strategy", change_method(skipped.SkippedTicks, "_ask", lambda at: at - 300)
    ),
    "the drawdown's limit is not seen": Sabotage(
        "drawdown", lambda p: p.setattr(foresight.Foresight, "_next_halt", lambda _, __, end, ___: end)
    ),
    "a tick after an outage is taken for calm": Sabotage("filled in an outage", forget_outages),
    **{
        f"nothing is said of what is {case}": Sabotage(case, answer_for_candidates_alone)
        for case in ("held and no candidate, one strategy", "held and no candidate, two strategies")
    },
}


def _one_early(honest: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, ledger, tick: honest(self, ledger, tick - 1)


def _one_late(honest: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, tick: honest(self, min(tick + 1, len(self._grid) - 1))


@lru_cache(maxsize=8)
def truth_of(case: str) -> tuple[Market, Played]:
    """Run every tick of a case, once."""
    market = FOUND[case] if case in FOUND else CASES[case][0]
    return market, play(market.record(), market.schedule(), None, market.disturbances())


def differences_of(market: Market, truth: Played) -> list[str]:
    """Run a case by the screened engine, as it is now, and name what differs."""
    screened = play(market.record(), market.schedule(), SCREENS, market.disturbances())
    return find_differences(truth, screened)


@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotage_is_found(name: str, monkeypatch: Patch) -> None:
    """By a difference, or because the run cannot go on."""
    sabotage = SABOTAGES[name]
    market, truth = truth_of(sabotage.case)
    sabotage.damage(monkeypatch)

    try:
        found = differences_of(market, truth)
    except AssertionError as error:
        found = [f"it broke off: {error}"]

    assert found, f"{name} is not noticed on {sabotage.case}"


def test_without_sabotage_nothing_is_found() -> None:
    """So that what is found above is the sabotage."""
    for case in {each.case for each in SABOTAGES.values()}:
        market, truth = truth_of(case)
        assert differences_of(market, truth) == []
