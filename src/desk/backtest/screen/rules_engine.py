"""``trader.strategies.rules_engine`` in columns: what the rules table makes of the triggers, down to the proposal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from desk.backtest.data.columns import Floats, Integers
from desk.backtest.grid import MARGIN, Codes, Flags, MarketGrid
from desk.backtest.screen.codes import ABSENT, PASS, encode_verdict
from desk.backtest.screen.strategies import Answers, Regimes
from desk.backtest.screen.triggers import KINDS, TriggerColumns, detect_triggers, index_regimes
from desk.backtest.windows import TickBars, fill_bars
from trader.model.decisions import Direction
from trader.model.denials import DenialCode
from trader.model.ids import ProductId
from trader.settings.policy import RuleSettings
from trader.strategies.rules_engine import RulesEngineSettings


def assess(grid: MarketGrid, settings: RulesEngineSettings, regimes: Regimes) -> Mapping[ProductId, Answers]:
    """Answer the trigger of every product at every tick.

    Where more products may have a trigger than go on in one cycle, their ranks decide: those ticks are unsure.
    """
    places, answers = index_regimes(regimes), {}
    fires: dict[ProductId, Flags] = {}
    for product_id in grid.products:
        bars = fill_bars(grid, product_id)
        if bars is None:
            answers[product_id] = Answers.silent(len(grid))
            continue
        triggers = detect_triggers(bars, grid.settings.triggers, places)
        answers[product_id] = _Table(grid, settings, product_id, bars, triggers).answer()
        fires[product_id] = triggers.has_trigger
    count = np.zeros(len(grid), dtype=np.int16)
    for each in fires.values():
        count += each
    is_crowded = count > grid.settings.triggers.per_cycle_max
    for product_id, each in fires.items():
        answers[product_id].proposes[is_crowded & each] = True
        answers[product_id].sells[is_crowded & each] = True
    return answers


class _Table:
    """The rows, bound to the triggers of one product."""

    def __init__(
        self,
        grid: MarketGrid,
        settings: RulesEngineSettings,
        product_id: ProductId,
        bars: TickBars,
        triggers: TriggerColumns,
    ) -> None:
        self._settings, self._bars, self._triggers = settings, bars, triggers
        universe = grid.settings.universe
        tier = universe.find_tier(grid.products[product_id].product.base)
        self._is_core = tier is next(iter(universe.tiers.values()))

    def answer(self) -> Answers:
        """Answer every trigger by its row, or for want of one."""
        triggers = self._triggers
        is_there = triggers.codes == PASS
        free = np.full(len(is_there), ABSENT, dtype=np.int8)
        held, unsure = free.copy(), triggers.unsure.copy()
        free[is_there] = held[is_there] = encode_verdict(DenialCode.RULE_MISSING)
        for rule in self._settings.rules:
            mine = is_there & (triggers.kind == KINDS.index(rule.trigger))
            rows = np.flatnonzero(mine & (triggers.is_up == (rule.direction is Direction.UP)))
            code, near = self._check(rule, rows)
            free[rows], held[rows] = code, encode_verdict(DenialCode.POSITION_HELD)
            unsure[rows] |= near
        detected = np.where(is_there, ABSENT, triggers.codes).astype(np.int8)
        proposes = (free == PASS) | unsure
        # It never sells; what is held makes a difference to nothing but whether there is a trigger and a row for it.
        return Answers(proposes, triggers.unsure.copy(), free, held, detected)

    def _check(self, rule: RuleSettings, rows: Integers) -> tuple[Codes, Flags]:
        """Return the first condition that a trigger fails by a row, and where that cannot be said."""
        triggers, settings = self._triggers, self._settings
        codes = np.full(len(rows), PASS, dtype=np.int8)
        codes[self._bars.length[rows] <= self._bars.count(settings.volatility_window)] = encode_verdict(
            DenialCode.HISTORY_TOO_SHORT
        )
        conviction = self._measure_conviction(rows)
        is_weak = conviction < settings.conviction_min
        codes[is_weak] = encode_verdict(DenialCode.CONVICTION_BELOW_MIN)
        near: Flags = np.abs(conviction - settings.conviction_min) <= MARGIN
        for failing, code in (
            (np.abs(triggers.move[rows]) * 100 < rule.move_pct_min, DenialCode.MOVE_BELOW_MIN),
            (triggers.signs.count[rows] < rule.confirmations_min, DenialCode.CONFIRMATIONS_BELOW_MIN),
        ):
            codes[failing] = encode_verdict(code)
            near &= ~failing
        return codes, near

    def _measure_conviction(self, rows: Integers) -> Floats:
        own, triggers, signs = self._settings, self._triggers, self._triggers.signs
        total = own.strength_weight * triggers.strength[rows] + own.confidence_weight * triggers.confidence[rows]
        total += own.boost_above_vwap * signs.above_vwap[rows] + own.boost_higher_low * signs.higher_low[rows]
        total += own.boost_rsi * signs.rsi_crossed_up[rows] + own.boost_bounce * signs.bounced[rows]
        found: Floats = np.minimum(total + own.boost_core * self._is_core, 1.0)
        return found
