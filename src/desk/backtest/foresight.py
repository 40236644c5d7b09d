"""What the screens foresee of a run, and from where the books stand: the next tick that may be anything but quiet."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from desk.backtest.data.columns import Integers
from desk.backtest.grid import Flags, MarketGrid
from desk.backtest.next_due import find_next_due
from desk.backtest.quiet import is_calm
from desk.backtest.screen.codes import ABSENT, MAYBE, encode_verdict
from desk.backtest.screen.exits import ExitScreen, compute_equities, find_timeless
from desk.backtest.screen.regime import RegimeScreen
from desk.backtest.screen.strategies import Answers, Screens, StrategyScreen, find_missing_bars, find_screen
from desk.backtest.screen.universe import UniverseScreen, find_believed
from desk.backtest.screen.venue import VenueScreen
from desk.backtest.screen.watch import Watch
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId, StrategyId
from trader.model.ledger import Ledger
from trader.settings.policy import StrategySettings
from trader.sim.account import SimAccount
from trader.stages.pipeline import Pipeline
from trader.stages.universe.checks import DATA_FAILURES

_FAILING = [encode_verdict(each.value) for each in DATA_FAILURES]


class Foresight:
    """The screens of a run, bound to what the books were last seen to hold."""

    def __init__(self, grid: MarketGrid, pipeline: Pipeline, screens: Screens) -> None:
        self.grid, self.settings = grid, grid.settings
        self._fetch_seconds = self.settings.universe.products_cache_minutes * 60
        self.fetches: Integers = _list_fetches(grid, self._fetch_seconds)
        self.universe = UniverseScreen(grid, pipeline, self.fetches)
        self.regime = RegimeScreen(grid)
        watch, believed = Watch(), {each: find_believed(grid, each) for each in grid.products}
        self._exits, self._venue = ExitScreen(grid, believed, watch, pipeline.exits.applied), VenueScreen(grid, watch)
        shipped = {str(each): find_screen(strategy) for each, strategy in pipeline.strategies.items()}
        self._screens: dict[str, StrategyScreen | None] = shipped | dict(screens)
        self.answers: dict[StrategyId, dict[ProductId, Answers]] = {}
        self._needs = pipeline.needs
        self._timeless = find_timeless(pipeline.exits.applied)
        grid.forget_newest()

    def begin(self, ledger: Ledger) -> None:
        """Foresee all ticks after the first, from the books that it left."""
        self._follow_membership(1, ledger)
        self.regime.follow(1, ledger.regime)
        self._ask()
        self._plan()

    def check(self, tick: int, ledger: Ledger) -> None:
        """Foresee anew what came otherwise, as after a tick of which the screens could not tell."""
        if tick + 1 == len(self.grid):
            return
        is_other = self.regime.state(tick) != ledger.regime
        if is_other:
            self.regime.follow(tick + 1, ledger.regime)
            if not np.array_equal(self.regime.current()[tick + 1 :], self._regimes[tick + 1 :]):
                self._ask()
        if ledger.products is not None and ledger.products.fetched_at != self._last_fetch(tick):
            before = self.fetches[: int(np.searchsorted(self.fetches, tick, side="right"))]
            after = _list_fetches(self.grid, self._fetch_seconds, tick + 1, ledger.products.fetched_at)
            self.fetches = np.concatenate((before, after))
            self.universe.fetch_anew(self.fetches, tick + 1)
            self._follow_membership(tick + 1, ledger)
            is_other = True
        strays = self._list_strays(tick, ledger)
        known = {each: standing for each, standing in ledger.membership.items() if each not in strays}
        if self.universe.membership(tick) != known:
            self._follow_membership(tick + 1, ledger)
            is_other = True
        if is_other:
            self._plan()

    def next_tick(self, begin: int, ledger: Ledger, account: SimAccount | None) -> int:
        """Return the next tick from *begin* on that has to be run; the count of ticks after the last."""
        count = len(self.grid)
        if begin >= count or account is None or not is_calm(ledger, account, self.settings):
            return begin
        if ledger.products is not None and self._is_exact(ledger.products.fetched_at):
            # What was told of the products in trouble is believed until they are asked for anew.
            return begin
        if self._list_strays(begin - 1, ledger) or self._list_strays(begin, ledger):
            return begin
        due = find_next_due(ledger, self.grid.at(begin - 1), self._timeless)
        found = min(_first_from(self._turns, begin, count), self.grid.find(due))
        for lot in ledger.lots.values():
            found = min(found, self._exits.next_tick(lot, begin, self._crash))
        for order in account.active.values():
            found = min(found, self._venue.next_tick(order, begin))
        for strategy_id in self.answers:
            found = self._next_wish(strategy_id, begin, found, ledger)
        return self._next_halt(begin, max(found, begin), ledger)

    # --- inside

    def _is_exact(self, at: Instant) -> bool:
        place = self.grid.find(at)
        return place < len(self.grid) and bool(self.grid.exact[place])

    def _last_fetch(self, tick: int) -> Instant:
        return self.grid.at(self.fetches.item(int(self.fetches.searchsorted(tick, side="right")) - 1))

    def _list_strays(self, tick: int, ledger: Ledger) -> set[ProductId]:
        """Name what is considered only because it is held, or was a tick ago: screens do not know of it."""
        codes = self.universe.codes
        return {each for each in ledger.membership if each in codes and codes[each][tick] == ABSENT}

    def _follow_membership(self, begin: int, ledger: Ledger) -> None:
        for product_id in self.grid.products:
            self.universe.follow(product_id, begin, ledger.membership.get(product_id))

    def _ask(self) -> None:
        """Ask the screens of the strategies, which may mind the regime in force at a tick."""
        self._regimes = self.regime.current()
        for strategy_id, section in sorted(self.settings.strategies.items()):
            if section.enabled:
                self.answers[strategy_id] = self._assess(strategy_id, section)

    def _assess(self, strategy_id: StrategyId, section: StrategySettings) -> dict[ProductId, Answers]:
        """Ask one screen. Where bars are missing that the strategy needs of its own, no screen is believed."""
        assess, count = self._screens.get(strategy_id), len(self.grid)
        if section.schedule.at is not None:
            return dict.fromkeys(self.grid.products, Answers.silent(count))
        if assess is None:
            return dict.fromkeys(self.grid.products, Answers.unknown(count))
        answers = dict(assess(self.grid, section.settings, self._regimes))
        for need in self._needs[strategy_id]:
            for product_id, answer in answers.items():
                is_missing = find_missing_bars(self.grid, product_id, need)
                proposes, sells = answer.proposes | is_missing, answer.sells | is_missing
                answers[product_id] = replace(answer, proposes=proposes, sells=sells)
        return answers

    def _plan(self) -> None:
        """List the ticks that are run whatever is held, and for each strategy those at which it may want something."""
        turns = self.grid.exact | self.regime.turns | self.regime.unsure | ~self._is_complete()
        for product_id, codes in self.universe.codes.items():
            turns |= (codes == MAYBE) | self.universe.standing[product_id].turns
        self._turns: list[int] = np.flatnonzero(turns).tolist()
        self._crash = self.regime.is_crash()
        self._wants = {
            strategy_id: {
                each: np.flatnonzero(answer.proposes & self.universe.is_candidate(each)).tolist()
                for each, answer in answers.items()
            }
            for strategy_id, answers in self.answers.items()
        }
        self._sells = {
            strategy_id: {each: np.flatnonzero(answer.sells).tolist() for each, answer in answers.items()}
            for strategy_id, answers in self.answers.items()
        }

    def _is_complete(self) -> Flags:
        """Where so few data fail that entries are possible at all."""
        failed, known = (np.zeros(len(self.grid), dtype=np.int64) for _ in range(2))
        for codes in self.universe.codes.values():
            failed += np.isin(codes, _FAILING)
            known += codes != ABSENT
        # The stage's own division: a product might round to the other side of the limit.
        is_complete: Flags = failed / np.maximum(known, 1) <= self.settings.universe.failures_max_ratio
        return is_complete

    def _next_wish(self, strategy_id: StrategyId, begin: int, end: int, ledger: Ledger) -> int:
        """Return the first tick before *end* at which a strategy is asked and may want something, else *end*."""
        held = {lot.product_id for lot in ledger.lots.values() if lot.strategy == strategy_id}
        wants, sells = self._wants[strategy_id], self._sells[strategy_id]
        schedule, last = self.settings.strategies[strategy_id].schedule, ledger.strategy_runs.get(strategy_id)
        if schedule.at is not None:
            # Whoever is asked once a day is asked at a tick that is run, whatever a screen knows.
            return min(max(self.grid.find(schedule.find_next(last, self.grid.at(begin))), begin), end)
        pace, place = schedule.every_minutes * 60, begin
        while place < end:
            if pace and last is not None:
                place = max(place, self.grid.find(last + pace))
            found = [_first_from(sells[each] if each in held else ticks, place, end) for each, ticks in wants.items()]
            wish = min(found, default=end)
            if not pace or wish in (place, end):
                return wish
            # It is asked here and says nothing; the next time is at its own pace.
            last, place = self.grid.at(place), place + 1
        return end

    def _next_halt(self, begin: int, end: int, ledger: Ledger) -> int:
        """Return the first tick at which the drawdown may reach its limit."""
        marks, limit = ledger.equity_marks, float(self.settings.risk.drawdown_pct_max) / 100
        if ledger.drawdown_halt or marks is None or begin >= end:
            return end
        # Without lots the equity stays; but the last tick was valued before it acted.
        path = compute_equities(self.grid, ledger, begin, end if ledger.lots else begin + 1)
        peak = np.maximum.accumulate(np.maximum(path, float(marks.peak_equity)))
        hits = (peak - path) >= peak * limit * (1 - 1e-6)
        at = int(hits.argmax())
        return begin + at if hits[at] else end


def _first_from(places: Sequence[int], begin: int, end: int) -> int:
    at = bisect_left(places, begin)
    return min(places[at], end) if at < len(places) else end


def _list_fetches(grid: MarketGrid, seconds: int, begin: int = 0, last: Instant | None = None) -> Integers:
    """List the ticks from *begin* on at which the list of products is read: each that finds the *last* one too old."""
    places, place = [], begin if last is None else max(grid.find(last + seconds), begin)
    while place < len(grid):
        places.append(place)
        place = max(grid.find(grid.at(place) + seconds), place + 1)
    return np.array(places, dtype=np.int64)
