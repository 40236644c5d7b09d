"""Strategies that want anything at any time, on any path, under any word of the operator, while calls fail at random.

Beside the invariants of ``checker`` after every run, of every story: what is held and may still be bought is no more
than what is wanted or what is held already, whichever is more; the stop of a lot never moves down; no money is missed
where none is gone; and no lot is bare for longer than a healthy run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import pytest

from factories import RULES
from simulation.fault_run import Watch, invoke, prepare_world
from simulation.nemesis import Fault, Nemesis
from simulation.scenarios import SOL
from simulation.world import START, STEP, Bar, Beat, Scenario, World, open_world
from trader.model.capital import why_not_fund
from trader.model.decisions import TradeProposal
from trader.model.ids import Asset, ClientOrderId
from trader.model.inputs import StrategyContext
from trader.model.money import ZERO, Price, Quantity
from trader.model.parent_life import ParentStyle
from trader.model.targets import StopChange, TargetWeight
from trader.model.trading_state import TradingState
from trader.strategies.base import Answer

_STORIES = 60
_BARS = 14
#: Of a parent that is made smaller by less than a hundredth, nothing is taken off the book.
_SLACK = Decimal("1.011")
_WEIGHTS = ("0", "0.05", "0.1", "0.2", "0.3")
_STATES = (TradingState.RUN, TradingState.RUN, TradingState.REDUCE_ONLY, TradingState.HALT, TradingState.FLATTEN)


@dataclass
class Story:
    """One seed: a path, what the strategy says at each bar, what the operator says, and when a call fails."""

    seed: int
    wanted: dict[int, Decimal] = field(default_factory=dict)

    def scenario(self) -> Scenario:
        """Draw the market and the ticks."""
        chance, price, bars = Random(f"market {self.seed}"), 100.0, [Bar(100.0)]
        for _ in range(_BARS + 6):
            before, price = price, round(price * (1 + chance.uniform(-0.012, 0.012)), 2)
            reach = chance.uniform(0, 1.2)
            volume = chance.choice((8.0, 40.0, 3000.0))
            low, high = round(min(before, price) - reach, 2), round(max(before, price) + reach, 2)
            bars.append(Bar(price, low=low, high=high, volume=volume))
        beats = []
        for bar in range(_BARS):
            switch = chance.choice(_STATES) if chance.random() < 0.15 else TradingState.RUN
            beats.append(Beat(bar, switch))
            if chance.random() < 0.4:
                beats.append(Beat(bar, switch, late=chance.choice((50, 110, 170)), watches=True))
        pace: dict[str, object] = {
            "risk.product_spacing_minutes": 0,
            "risk.entry_spacing_seconds": 0,
            "risk.entries_per_hour_max": 50,
            "risk.cooldown_win_minutes": 0,
            "risk.cooldown_loss_minutes": 0,
        }
        return Scenario(f"random {self.seed}", tuple(beats), {SOL: bars}, pace, answers=self.answer)

    def answer(self, context: StrategyContext) -> Sequence[Answer]:
        """Want something, by nothing but the seed, the bar and what is held."""
        bar = (context.now - START) // STEP
        chance = Random(f"answers {self.seed} {bar}")
        weight = Decimal(Random(f"weight {self.seed} {bar // 3}").choice(_WEIGHTS))
        said: list[Answer] = []
        for lot in sorted(context.lots, key=lambda each: each.lot_id):
            if chance.random() < 0.5:
                stop = Price(
                    (lot.bracket.stop_price * Decimal(str(chance.choice((0.9, 1.001, 1.04, 1.2))))).quantize(1)
                )
                said.append(StopChange(lot.strategy, lot.product_id, lot.base, lot.lot_id, stop))
            if chance.random() < 0.2:
                part = Quantity(lot.quantity * Decimal(str(chance.choice((0.001, 0.3, 0.999)))))
                said.append(TradeProposal.sell(lot, "part", part))
        if SOL in context.candidates and context.capital is not None:
            self.wanted[bar] = context.capital * weight
            style = chance.choice((ParentStyle.PASSIVE, ParentStyle.PASSIVE_THEN_TAKER))
            terms = {"stop_loss_pct": Decimal(8), "band": Decimal(chance.choice(("0", "0.02")))}
            said.append(TargetWeight(RULES, SOL, Asset("SOL"), weight, style=style, give_up_minutes=30, **terms))
        return said


class Demands:
    """What must hold after every run, beside what ``Watch`` asks."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._stops: dict[ClientOrderId, Price] = {}
        self._bar = -1

    def look(self, world: World, beat: Beat, price: Decimal) -> list[str]:
        """Say what is wrong after a run that ended."""
        ledger = world.ledger()
        if ledger is None:
            return []
        found = [
            f"the stop of {key} went down to {lot.bracket.stop_price}"
            for key, lot in ledger.lots.items()
            if lot.bracket.stop_price < self._stops.get(key, ZERO)
        ]
        if (unfunded := why_not_fund(ledger)) is not None:
            found.append(f"no money is missing, and yet {unfunded[0]}: {dict(unfunded[1])}")
        self._stops |= {key: lot.bracket.stop_price for key, lot in ledger.lots.items()}
        wanted = self._story.wanted.get(beat.bar)
        held = sum((lot.quantity for lot in ledger.lots.values()), ZERO) * price
        buying = sum((each.notional_left for each in ledger.parents.values() if each.may_buy), ZERO)
        is_asked = beat.decides and wanted is not None
        if is_asked and wanted is not None and held + buying > max(wanted, held) * _SLACK + 1:
            found.append(f"{held} held and {buying} to be bought of {wanted} wanted")
        return found


def play(seed: int, strikes: int) -> tuple[list[str], int]:
    """Play a story in which so many calls fail; say what was wrong, and how much was traded."""
    story, chance = Story(seed), Random(f"faults {seed}")
    scenario = story.scenario()
    world, watch, demands = open_world(scenario), Watch(), Demands(story)
    struck = set(chance.sample(range(len(scenario.beats)), min(strikes, len(scenario.beats))))
    found: list[str] = []
    for place, beat in enumerate(scenario.beats):
        prepare_world(world, beat)
        world.free_the_lease()
        nemesis = Nemesis(chance.randint(8, 45), chance.choice(list(Fault))) if place in struck else Nemesis()
        report = invoke(world, beat, f"run {place}", nemesis, watch)
        watch.after(world, healthy=report is not None and not nemesis.has_struck)
        if report is not None and not nemesis.has_struck:
            price = Decimal(str(scenario.scripts[SOL][beat.bar].close))
            found += demands.look(world, beat, price)
    for bar in range(_BARS, _BARS + 4):
        beat = Beat(bar, TradingState.RUN)
        prepare_world(world, beat)
        invoke(world, beat, f"last {bar}", Nemesis(), watch)
        watch.after(world, healthy=True)
    watch.at_end(world)
    return [*watch.violations, *found], len(world.stored_fills())


@pytest.mark.parametrize("strikes", [0, 4])
def test_whatever_a_strategy_wants_is_bounded_covered_and_settled(strikes: int) -> None:
    """Sixty stories, undisturbed and with four runs struck in each."""
    broken: list[str] = []
    fills = 0
    for seed in range(_STORIES):
        wrong, traded = play(seed, strikes)
        broken += [f"seed {seed}: {each}" for each in wrong]
        fills += traded

    assert broken[:5] == []
    assert fills > 3 * _STORIES
