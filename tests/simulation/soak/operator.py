"""What people and markets do meanwhile: turn the switch, deploy another configuration, trade."""

from __future__ import annotations

import random
from decimal import Decimal

from simulation.soak.fault_kinds import FaultKind, FaultMix
from simulation.soak.market import random_rules
from simulation.soak.told import Tally
from simulation.soak.world import SoakWorld
from trader.model.ids import ProductId
from trader.model.orders import Side
from trader.model.trading_state import TradingState

_GARBAGE = ("banana", "run")
_STOPS = (TradingState.HALT, TradingState.REDUCE_ONLY, TradingState.FLATTEN, TradingState.FLATTEN)
_WORDS: tuple[str | None, ...] = (*_STOPS, TradingState.RUN, *_GARBAGE, None)
_BACK_TO_RUN = 0.7
_AT_OUR_ORDERS = 0.6
_CENT = Decimal("0.01")


class Operator:
    """Acts on one world, out of its chance."""

    def __init__(self, world: SoakWorld, chance: random.Random, tally: Tally) -> None:
        self.world, self.chance, self.tally = world, chance, tally
        self.word: str | None = TradingState.RUN
        self.capitals = {Decimal(world.scenario.settings.app.capital)}
        self.cast = world.scenario.products_of

    @property
    def largest_capital(self) -> Decimal:
        """The most the system was ever given."""
        return max(self.capitals)

    def between(self, gust: FaultMix) -> None:
        """Do what is done between two ticks."""
        if self.word != TradingState.RUN and self.chance.random() < _BACK_TO_RUN:
            self._set(TradingState.RUN)
        if self.chance.random() < _BACK_TO_RUN:
            self.end_prints()
        if FaultKind.SWITCH_BETWEEN in gust.ticks:
            self.turn_switch(FaultKind.SWITCH_BETWEEN)
        for kind in (FaultKind.OTHER_RULES, FaultKind.OTHER_CAPITAL, FaultKind.OTHER_UNIVERSE):
            if kind in gust.ticks:
                self._deploy(kind)

    def settle(self) -> None:
        """Let the markets follow their candles, and trading go on, or at least the selling."""
        self.end_prints()
        self._set(self.chance.choice((TradingState.RUN, TradingState.RUN, TradingState.REDUCE_ONLY)))

    # --- the switch

    def turn_switch(self, kind: FaultKind) -> None:
        """Write another word, perhaps none that exists, or delete the parameter."""
        word = self.chance.choice([each for each in _WORDS if each != self.word])
        self._set(word)
        self.tally.add(kind)
        if word is None:
            self.tally.add(FaultKind.SWITCH_DELETED)
        elif word in _GARBAGE:
            self.tally.add(FaultKind.SWITCH_GARBAGE)

    def _set(self, word: str | None) -> None:
        self.world.put_switch(word)
        self.word = word

    # --- the configuration

    def _deploy(self, kind: FaultKind) -> None:
        scenario = self.world.scenario
        before = scenario.settings.digest
        if kind is FaultKind.OTHER_RULES:
            other = scenario.variant(random_rules(self.chance))
        elif kind is FaultKind.OTHER_CAPITAL:
            other = scenario.variant({"app.capital": self.chance.choice((8_000, 9_500, 10_000, 12_000))})
        else:
            chosen = [each for each in self.cast if self.chance.random() < 0.6]
            other = scenario.variant({}, chosen or self.cast)
        if other.settings.digest == before:
            return
        self.world.scenario = other
        self.capitals.add(Decimal(other.settings.app.capital))
        self.tally.add(kind)

    # --- the market

    def print_trade(self) -> None:
        """Let somebody trade: at a price nearby, or so that part of an order of ours is filled."""
        venue = self.world.venue
        with venue.lock:
            venue.advance()
            filled = {each.order_id: each.core.filled for each in venue.account.active.values()}
            drawn = self._trade()
            if drawn is None:
                return
            product, price, volume = drawn
            venue.set_price(product, str(price.quantize(_CENT)), str(volume))
            self.tally.add(FaultKind.PRINT)
            live = venue.account.active.values()
            self.tally.add(
                FaultKind.PARTIAL_FILL, sum(each.core.filled > filled.get(each.order_id, 0) for each in live)
            )

    def _trade(self) -> tuple[ProductId, Decimal, Decimal] | None:
        venue, prefix = self.world.venue, self.world.scenario.settings.execution.order_prefix
        live = sorted(venue.account.active.values(), key=lambda each: each.sequence)
        ours = [each.core for each in live if each.core.root.startswith(prefix)]
        if ours and self.chance.random() < _AT_OUR_ORDERS:
            order = self.chance.choice(ours)
            # A resting order is filled by what trades beyond it, up to its share of that.
            beyond = Decimal("0.999") if order.side is Side.BUY else Decimal("1.001")
            part = Decimal(self.chance.choice(("0.3", "0.6", "2")))
            volume = order.remaining / venue.settings.volume_share_ratio * part
            return order.product_id, order.limit_price * beyond, volume
        product = self.chance.choice(self.cast)
        last = venue.market.last(product)
        if last is None:
            return None
        price = last * Decimal(str(round(self.chance.uniform(0.97, 1.03), 4)))
        return product, price, Decimal(self.chance.choice((1, 20, 1_000_000)))

    def end_prints(self) -> None:
        """Let every product follow its candles again."""
        for product in self.cast:
            self.world.venue.set_price(product, None)
