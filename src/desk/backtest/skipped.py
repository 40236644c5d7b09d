"""The ticks that were not run: which they were, what was held meanwhile, and what would have been said of products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from desk.backtest.foresight import Foresight
from desk.backtest.grid import Codes, Flags
from desk.backtest.screen.codes import ABSENT, COUNT, PASS, decode_verdict, encode_verdict
from desk.backtest.tally import DAY_SECONDS
from trader.model.decisions import Outcome
from trader.model.denials import DenialCode
from trader.model.ids import Instant, ProductId, StrategyId
from trader.model.ledger import Ledger

KeyT = TypeVar("KeyT")

_HYSTERESIS = encode_verdict(DenialCode.HYSTERESIS)
_HELD, _REFUSED = encode_verdict(Outcome.HELD), encode_verdict(Outcome.REFUSED)


class SkippedTicks:
    """Stretch after stretch of quiet ticks; counted once, at the end."""

    def __init__(self, foresight: Foresight) -> None:
        self._foresight, self._grid = foresight, foresight.grid
        self.flags: Flags = np.zeros(len(self._grid), dtype=np.bool_)
        self._held: dict[tuple[StrategyId, ProductId], Flags] = {}
        self._asked: dict[StrategyId, Flags] = {}

    def add(self, ledger: Ledger, begin: int, end: int) -> Mapping[StrategyId, Instant]:
        """Add a stretch; returns when each strategy was asked last at its end."""
        self.flags[begin:end] = True
        for lot in ledger.lots.values():
            self._column(self._held, (lot.strategy, lot.product_id))[begin:end] = True
        strategies = self._grid.settings.strategies
        paced = [each for each in self._foresight.answers if strategies[each].schedule.at is None]
        return {**ledger.strategy_runs, **{each: self._ask(each, ledger, begin, end) for each in paced}}

    def _ask(self, strategy_id: StrategyId, ledger: Ledger, begin: int, end: int) -> Instant:
        asked, grid = self._column(self._asked, strategy_id), self._grid
        pace = grid.settings.strategies[strategy_id].schedule.every_minutes * 60
        last = ledger.strategy_runs.get(strategy_id, grid.at(begin))
        if not pace:
            asked[begin:end] = True
            return grid.at(end - 1)
        place = begin if strategy_id not in ledger.strategy_runs else max(begin, grid.find(last + pace))
        while place < end:
            asked[place], last = True, grid.at(place)
            place = max(place + 1, grid.find(last + pace))
        return last

    def _column(self, columns: dict[KeyT, Flags], key: KeyT) -> Flags:
        if key not in columns:
            columns[key] = np.zeros(len(self._grid), dtype=np.bool_)
        return columns[key]

    def count_verdicts(self) -> dict[int, Counter[str]]:
        """Count outcome or denial code of every product over these ticks, by the day of the tick since 1970."""
        ticks = np.flatnonzero(self.flags)
        if not len(ticks):
            return {}
        days = self._grid.ticks[ticks] // DAY_SECONDS
        first = int(days[0])
        counts = np.zeros((int(days[-1]) - first + 1) * COUNT, dtype=np.int64)
        for product_id in self._grid.products:
            codes = self._say(product_id)[ticks]
            is_said = codes != ABSENT
            counts += np.bincount((days[is_said] - first) * COUNT + codes[is_said], minlength=len(counts))
        found: dict[int, Counter[str]] = {}
        for place in np.flatnonzero(counts).tolist():
            day, number = divmod(place, COUNT)
            found.setdefault(first + day, Counter())[decode_verdict(number)] = int(counts[place])
        return found

    def _say(self, product_id: ProductId) -> Codes:
        """Return what is said of a product: the last denial in the order of the chain."""
        universe, count = self._foresight.universe, len(self._grid)
        detected, said = (np.full(count, PASS, dtype=np.int8) for _ in range(2))
        loyal, is_held = np.full(count, PASS, dtype=np.int8), np.zeros(count, dtype=np.bool_)
        for strategy_id, answers in self._foresight.answers.items():
            answer, own = answers[product_id], self._held.get((strategy_id, product_id))
            asked = self._column(self._asked, strategy_id)
            if answer.detected is not None:
                detected = np.where(asked & (answer.detected != ABSENT), answer.detected, detected)
            code = answer.free if own is None else np.where(own, answer.held, answer.free)
            said = np.where(asked & (code != ABSENT), code, said)
            if own is not None:
                is_held |= own
                if answer.is_loyal:
                    loyal = np.where(asked & own & (answer.held != ABSENT), answer.held, loyal)
        codes = universe.codes[product_id]
        codes = np.where((codes == PASS) & ~universe.standing[product_id].is_member, _HYSTERESIS, codes)
        is_candidate = codes == PASS
        for found in (detected, said):
            codes = np.where(is_candidate & (found != PASS), found, codes)
        codes = np.where(~is_candidate & (loyal != PASS), loyal, codes)
        nothing: Codes = np.where(codes == PASS, np.where(is_held, _HELD, _REFUSED), codes).astype(np.int8)
        return nothing
