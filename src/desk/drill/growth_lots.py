"""The stories of `make growth` about one lot: it can be neither sold nor protected, or is protected again and again.

The lot is opened by the cycle itself, out of an entry that is remembered and not sent yet. Then its protective order is
cancelled at the venue, as by a person, and the trouble begins. Nobody trades in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from desk.drill.growth_world import BASE, OTHER_PORTFOLIO, PRODUCT, SCOPE, USD, GrowthWorld, Run, make_flat_bar
from desk.in_memory import InMemorySimAccountStore
from trader.adapters.coinbase.failures import classify_refused_order, classify_status
from trader.cycle import run_cycle
from trader.model.ids import StrategyId, client_order_id, cycle_id_at
from trader.model.ledger import open_ledger
from trader.model.market import Candle
from trader.model.money import Notional, Price, Quantity
from trader.model.order_record import OrderRecord
from trader.model.orders import (
    Bracket,
    OrderConfiguration,
    OrderIntent,
    OrderPurpose,
    Rejected,
    Side,
    Submission,
    Unknown,
)
from trader.settings import Settings
from trader.sim.account import SimAccount

_STRATEGY, _ENTRY_PRICE, _QUANTITY = StrategyId("rules_engine"), 100.0, Quantity(1)
_BRACKET = Bracket(Price(94), Price(112))
#: The cycles that open the lot and look at it, before the first one that is measured.
_SET_UP = 2
#: After so many cycles without protection the lot has been held for as long as it may.
DUE_AFTER, _NEVER = 100, 10_000
#: Too little for any order to get a share of it.
_BUSY, _NO_VOLUME = 2000.0, 1e-9


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a lot.

    ``flags`` are the product's, ``price`` is the market's from then on, ``volume`` what is traded in a bar, ``shown``
    what the book takes of each sale. ``answer`` is given to every order instead of the venue's own. ``begin`` changes
    the world once. After ``due_after`` cycles the lot is to be sold. The protective order is cancelled at the venue
    before the first cycle, unless the lot stays *covered*, and then before each ``cancels_every``-th. Where the account
    has no such coins any more, the ledger may give the lot up.
    """

    name: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    price: float = _ENTRY_PRICE
    volume: float = _NO_VOLUME
    shown: Quantity = Quantity(0)
    answer: Submission | None = None
    begin: Callable[[LotWorld], None] | None = None
    due_after: int = DUE_AFTER
    is_covered: bool = False
    cancels_every: int = 0
    may_give_up: bool = False


class LotWorld(GrowthWorld):
    """One lot, and what happens to it."""

    def __init__(self, trouble: Trouble, settings: Settings, cycles: int, run: Run = run_cycle) -> None:
        self._trouble = trouble
        super().__init__(settings, self._make_bar, cycles + _SET_UP, {}, run)

    def set_up(self) -> None:
        self._remember_entry()
        for period in range(_SET_UP):
            report = self.play(period)
        if len(self.ledger().lots) != 1 or report.exposed or not self.account().active:
            raise RuntimeError(f"{self._trouble.name}: the lot was not set up: {report.outcome} {report.reason}")
        if not self._trouble.is_covered:
            self._cancel_protection()
        self.market.flags, self.market.shown = self._trouble.flags, self._trouble.shown
        self.venue.answer = self._trouble.answer
        if self._trouble.begin is not None:
            self._trouble.begin(self)

    def play_next(self, number: int) -> None:
        every = self._trouble.cancels_every
        if every and number % every == 0:
            self._cancel_protection()
        self.play(_SET_UP + number)

    def check(self, cycles: int) -> None:
        if not self.ledger().lots and not self._trouble.may_give_up:
            raise RuntimeError(f"{self._trouble.name}: the lot is gone after {cycles} cycles")

    def take_coins(self) -> None:
        """Let the account's owner sell the coins of the lot elsewhere."""
        self.venue.deposit(BASE, -_QUANTITY)

    def change_portfolio(self) -> None:
        """Let the key open an account with none of our coins, cash or orders."""
        self.accounts = InMemorySimAccountStore(SimAccount())
        self.venue.change_key(OTHER_PORTFOLIO, self.open_venue(self.accounts))

    def unlist(self) -> None:
        """Take the product off the venue's list."""
        self.market.is_listed = False

    def _cancel_protection(self) -> None:
        self.venue.cancel(list(self.account().active))

    def _make_bar(self, period: int, start: int) -> Candle:
        if period < _SET_UP:
            return make_flat_bar(_ENTRY_PRICE, _BUSY, start)
        return make_flat_bar(self._trouble.price, self._trouble.volume, start)

    def _remember_entry(self) -> None:
        # Books that look as if their last run had died before it sent the entry that it had committed.
        app, now = self.settings.app, self.clock.now()
        lot_id = client_order_id(self.settings.execution.order_prefix, SCOPE, PRODUCT)
        entry = OrderIntent(
            client_order_id=lot_id,
            cycle_id=cycle_id_at(now),
            strategy=_STRATEGY,
            product_id=PRODUCT,
            base=BASE,
            quote=USD,
            side=Side.BUY,
            purpose=OrderPurpose.ENTRY,
            configuration=OrderConfiguration.LIMIT_IOC,
            quantity=_QUANTITY,
            limit_price=Price(101),
            lot_id=lot_id,
            decided_at=now,
            bracket=_BRACKET,
            attach_bracket=True,
            max_hold_until=self.instant(_SET_UP + self._trouble.due_after),
            fee_rate_max=Decimal("0.02"),
            reason="drill",
        )
        ledger = open_ledger(SCOPE, app.accounting_asset, Notional(app.capital)).with_order(OrderRecord(entry))
        grant = self.store.acquire(SCOPE, "drill", now, self.step)
        self.store.commit(grant, ledger, release=True)


def _refuse_at_edge() -> Rejected:
    # What the adapter makes of a page with status 403.
    failure = classify_status("POST /orders", 403, "<html>Access denied</html>", None)
    assert failure is not None
    return Rejected(str(failure.error), classify_refused_order(failure))


TROUBLES = (
    Trouble("cancel-only market", {"cancel_only": True}),
    Trouble("delisted, and says so", {"status": "delisted", "is_disabled": True, "trading_disabled": True}),
    Trouble("delisted, the flags do not say so", answer=Rejected("TRADING_DISABLED")),
    Trouble("delisted, gone from the list", begin=LotWorld.unlist),
    Trouble("coins gone", begin=LotWorld.take_coins, may_give_up=True),
    Trouble("key of another portfolio", begin=LotWorld.change_portfolio, may_give_up=True),
    Trouble("403 of the edge to every order", answer=_refuse_at_edge()),
    Trouble("no answer to any order", answer=Unknown("ReadTimeout")),
    Trouble("post-only, held too long", {"post_only": True}, due_after=0),
    Trouble("post-only, below the stop", {"post_only": True}, price=90.0),
    Trouble("held too long, nobody buys", due_after=0),
    Trouble("held too long, sold in small parts", shown=Quantity("0.001"), due_after=0),
    Trouble("bracket triggered, filled in small parts", price=93.0, volume=0.01, due_after=_NEVER, is_covered=True),
    Trouble("protection cancelled by a person 200 times", due_after=_NEVER, cancels_every=3),
)
