"""What a stretch of quiet ticks changes in the books, without running them: one rule for each piece of state.

A field of the ledger either stays as it is, or is written anew by the next tick whatever it was, or has a rule here.
Money is computed by the stages' own functions, at the few ticks of the stretch that matter.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from desk.backtest.data.columns import Floats
from desk.backtest.foresight import Foresight
from desk.backtest.grid import MARGIN
from desk.backtest.screen.exits import compute_equities
from desk.backtest.tally import DAY_SECONDS
from desk.backtest.world import World
from trader.cycle.products import list_holdings, load_products
from trader.cycle.report import CycleOutcome
from trader.model.cycle_state import CycleMark, CyclePhase, FeeCache, RunMark
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId, cycle_id_at
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Quote, split_answers
from trader.model.money import Price
from trader.model.portfolio import advance_equity_marks, equity_of
from trader.stages.reconcile.forgetting import forget_entries, forget_orders, forget_tallies
from trader.stages.valuation import accept_marks

#: Fields that a quiet tick leaves as they are.
UNCHANGED = frozenset(
    {
        "scope",
        "accounting_asset",
        "capital",
        "cash",
        "conversions",
        "converted",
        "by_strategy",
        "dust",
        "unbelieved",
        "unmarked_flow",
        "loss_streak",
        "depegged",
        "failure_streak",
        "reduce_only",
        "drawdown_halt",
        "cancels",
        "recorded_capital",
        "cash_shortage",
        "cash_shifted",
        "alarms",
        "owed",
        "unrecorded",
        "parents",
        "portfolio",
        "applied_commands",
        "round_trips",
        "schema",
        "unknown",
    }
)
#: Fields that the next tick writes anew, whatever was in them, or that only say what is on record: here nothing is.
MADE_ANEW = frozenset({"audit_head", "bars_on_record", "checkpoint"})
#: Fields with a rule in this module.
ADVANCED = frozenset(
    {
        "lots",
        "closed_lots",
        "orders",
        "entry_pacing",
        "tallies",
        "cooldowns",
        "accepted_marks",
        "equity_marks",
        "regime",
        "membership",
        "products",
        "fees",
        "strategy_runs",
        "last_cycle",
        "last_run",
        "fills_known_until",
    }
)


#: Told of the last tick of each day in a stretch, and of the books as they are valued then.
OnDay = Callable[[Instant, Ledger], None]


class Advancer:
    """Carries the books of a world over a stretch of quiet ticks."""

    def __init__(self, world: World, foresight: Foresight, on_day: OnDay) -> None:
        self._world, self._foresight, self._grid = world, foresight, foresight.grid
        self._on_day = on_day
        self._fee_seconds = world.settings.exchange.fee_cache_hours * 3600

    def advance(self, ledger: Ledger, begin: int, end: int) -> None:
        """Leave the books, and the venue's, as the ticks from *begin* up to and without *end* would."""
        last, foresight = end - 1, self._foresight
        ledger = self.fetch(ledger, begin, end)
        ledger = self.renew_held(self.forget(ledger, last), last)
        ledger = self.renew_fees(self.value(ledger, begin, end), begin, end)
        membership = foresight.universe.membership(last)
        ledger = replace(ledger, regime=foresight.regime.state(last), membership=membership)
        self.match(last)
        self._world.store.skip(self.mark_run(ledger, last), end - begin)

    def value(self, ledger: Ledger, begin: int, end: int) -> Ledger:
        """Mark what is held: peaks of lots, marks and equity as of the last tick, and the highest equity on the way.

        Day by day, since a day and a week begin with the last equity before them.
        """
        days = self._grid.ticks[begin:end] // DAY_SECONDS
        edges = (np.flatnonzero(days[1:] != days[:-1]) + begin + 1).tolist()
        for low, high in pairwise((begin, *edges, end)):
            ledger = self._value_day(ledger, low, high)
            self._on_day(self._grid.at(high - 1), ledger)
        return ledger

    def _value_day(self, ledger: Ledger, begin: int, end: int) -> Ledger:
        if not ledger.lots:
            ledger = accept_marks(ledger, {}) if ledger.accepted_marks else ledger
            return advance_equity_marks(ledger, equity_of(ledger, {}), self._grid.at(end - 1))
        ledger = replace(ledger, lots={key: self._raise_peak(lot, begin, end) for key, lot in ledger.lots.items()})
        marks = ledger.equity_marks
        assert marks is not None
        path = compute_equities(self._grid, ledger, begin, end)
        peak = float(path.max())
        if peak > float(marks.peak_equity) * (1 - MARGIN) - self._coarseness(ledger):
            ledger = self._mark_highest(ledger, begin, path, peak)
        return self._mark(ledger, end - 1)

    def _mark_highest(self, ledger: Ledger, begin: int, path: Floats, peak: float) -> Ledger:
        places = np.flatnonzero(path >= peak * (1 - MARGIN) - self._coarseness(ledger))
        for place in places.tolist():
            ledger = self._mark(ledger, begin + place)
        return ledger

    def _coarseness(self, ledger: Ledger) -> float:
        """By how much the equity of floats may be wrong for prices rounded to the wrong increment."""
        products = self._grid.products
        return (
            sum(
                float(lot.quantity) * float(products[lot.product_id].product.price_increment)
                for lot in ledger.lots.values()
            )
            * 1e-3
        )

    def _mark(self, ledger: Ledger, tick: int) -> Ledger:
        quotes = self._quotes(ledger, tick)
        ledger = accept_marks(ledger, quotes)
        return advance_equity_marks(ledger, equity_of(ledger, {}), self._grid.at(tick))

    def _quotes(self, ledger: Ledger, tick: int) -> dict[ProductId, Quote]:
        self._world.clock.set(self._grid.at(tick))
        held = list(dict.fromkeys(lot.product_id for lot in ledger.lots.values()))
        return dict(split_answers(self._world.market.quotes(held))[0])

    def _raise_peak(self, lot: Lot, begin: int, end: int) -> Lot:
        bid = self._grid.products[lot.product_id].bid[begin:end]
        place = int(bid.argmax())
        if bid[place] < float(lot.peak_price) * (1 - MARGIN):
            return lot
        self._world.clock.set(self._grid.at(begin + place))
        quote = self._world.market.quotes([lot.product_id])[lot.product_id]
        assert isinstance(quote, Quote)
        return replace(lot, peak_price=Price(quote.bid)) if quote.bid > lot.peak_price else lot

    def fetch(self, ledger: Ledger, begin: int, end: int) -> Ledger:
        """Read the list of products at the last tick of a stretch at which it was due, as that tick would have."""
        fetches = self._foresight.fetches
        place = int(fetches.searchsorted(end)) - 1
        if place < 0 or fetches[place] < begin:
            return ledger
        at = self._grid.at(int(fetches[place]))
        self._world.clock.set(at)
        return load_products(ledger, self._world.pipeline, self._world.market, at)

    def renew_held(self, ledger: Ledger, tick: int) -> Ledger:
        """Take over what the list of products says at a tick of what is held or worked, as every tick does."""
        held = list(dict.fromkeys(each.product_id for each in list_holdings(ledger)))
        if not held or ledger.products is None:
            return ledger
        self._world.clock.set(self._grid.at(tick))
        return replace(ledger, products=ledger.products.renew(self._world.market.products(held)))

    def forget(self, ledger: Ledger, tick: int) -> Ledger:
        """Let go of what is long over by a tick, as each tick on the way would have; keep orders beside the books."""
        now, settings = self._grid.at(tick), self._world.settings
        memory = settings.cycle.order_memory_seconds
        oldest = now - memory
        records = ledger.orders.values()
        if any((each.final_at or now) <= oldest or any(fill.time <= oldest for fill in each.fills) for each in records):
            ledger, finished = forget_orders(ledger, now, memory)
            self._world.store.keep_finished(finished)
        ledger = forget_entries(forget_tallies(ledger, now, settings), now, settings)
        if any(each.until <= now for each in ledger.cooldowns.values()):
            ledger = replace(
                ledger, cooldowns={base: each for base, each in ledger.cooldowns.items() if now < each.until}
            )
        return ledger

    def renew_fees(self, ledger: Ledger, begin: int, end: int) -> Ledger:
        """Carry on when the fees were last asked for; the simulated venue's never change."""
        cache = ledger.fees
        if cache is None:
            return ledger
        at, begun = cache.fetched_at, begin
        while (tick := max(self._grid.find(at + self._fee_seconds), begun)) < end:
            at, begun = self._grid.at(tick), tick + 1
        return ledger if at == cache.fetched_at else replace(ledger, fees=FeeCache(at, cache.rates))

    def mark_run(self, ledger: Ledger, tick: int) -> Ledger:
        """Remember a tick as the last that was run and finished."""
        at = self._grid.at(tick)
        cycle_id = cycle_id_at(at)
        return replace(
            ledger,
            last_cycle=CycleMark(cycle_id, CyclePhase.FINISHED),
            last_run=RunMark(cycle_id, at, at, CycleOutcome.COMPLETED.value),
            fills_known_until=at,
        )

    def match(self, tick: int) -> None:
        """Let the simulated venue have read the tape up to a tick: no bar until then touches an order."""
        account = self._world.accounts.load()
        if account is None or not account.matched_until:
            return
        at = self._grid.at(tick)
        steps = {each: self._grid.finest(each).granularity.seconds for each in account.matched_until}
        matched = {each: Instant(at // step * step) for each, step in steps.items()}
        self._world.accounts.put(replace(account, matched_until=matched))
