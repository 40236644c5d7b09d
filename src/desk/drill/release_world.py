"""The world of `make release-drill`: four lots that this release opens, and what the next one makes of them.

Books, lease and the simulated account lie as text, so that they can be edited as another release would write them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from desk.drill import release_writer as writer
from desk.drill.growth_trades import LowHigh, add_strategy
from desk.drill.growth_world import BASE, PRODUCT, SCOPE, USD, GrowthVenue, GrowthWorld, Run, make_flat_bar
from desk.drill.release_writer import Planted
from desk.in_memory import InMemorySimAccountStore, InMemoryStateStore
from trader.cycle import CycleReport, run_cycle
from trader.model.codec import canonical_json, read_stored
from trader.model.commands import Command, CommandKind
from trader.model.ids import Asset, ClientOrderId, StrategyId, VenueOrderId, client_order_id, cycle_id_at, name_attached
from trader.model.ledger import open_ledger
from trader.model.market import Candle
from trader.model.money import Notional, Price, Quantity
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.schema import SCHEMA, upgrade_stored
from trader.settings import Settings
from trader.sim.account import SimAccount

#: Cycles before the next release writes: they open the lots, and let the universe and the regime be confirmed.
SET_UP = 6
_BUSY, _IDLE, _LOW = 2000.0, 101.0, 100.0
#: What of each lot this release may sell: nothing of it stands in an order of the next one, or a part, or all.
FREE: Mapping[str, Decimal] = {
    "plain": Decimal(1),
    "unknown configuration": Decimal(0),
    "unknown status": Decimal(0),
    "unknown purpose": Decimal("0.6"),
}
_HEDGED = Decimal("0.4")


class TextAccountStore(InMemorySimAccountStore[SimAccount]):
    """A simulated account kept as text, as the stores of PAPER keep it."""

    text = ""

    def load(self) -> SimAccount | None:
        self._account = read_stored(SimAccount, self.text, "account", upgrade_stored) if self.text else None
        return self._account

    def save(
        self,
        account: SimAccount,
        ended: Mapping[str, Any] = MappingProxyType({}),
        *,
        replaces: SimAccount | None = None,
    ) -> None:
        super().save(account, ended, replaces=replaces)
        self.text = canonical_json(account)


class WatchedVenue(GrowthVenue):
    """The simulated venue, and all that was sent and cancelled there."""

    def __init__(self, world: ReleaseWorld) -> None:
        super().__init__(world.open_venue(world.accounts))
        self.intents: list[OrderIntent] = []
        self.cancelled: list[VenueOrderId] = []

    def submit(self, intent: OrderIntent) -> Any:
        self.intents.append(intent)
        return super().submit(intent)

    def cancel(self, venue_order_ids: Sequence[VenueOrderId]) -> Mapping[VenueOrderId, bool]:
        self.cancelled += venue_order_ids
        taken: Mapping[VenueOrderId, bool] = self._inner.cancel(venue_order_ids)
        return taken


class ReleaseWorld(GrowthWorld):
    """Four lots of one product, each under its own bracket; a strategy wants more once the price falls a little."""

    def __init__(self, settings: Settings, ticks: int, store: InMemoryStateStore, run: Run = run_cycle) -> None:
        super().__init__(add_strategy(settings), self._make_bar, SET_UP + ticks, {StrategyId("drill"): LowHigh()}, run)
        self.store, self._account = store, TextAccountStore()
        self.accounts = self._account
        self.watched = self.venue = WatchedVenue(self)
        self.lot_ids = {name: self._name(name) for name in FREE}
        self.planted: list[Planted] = []

    def set_up(self) -> None:
        app, now = self.settings.app, self.clock.now()
        ledger = open_ledger(SCOPE, app.accounting_asset, Notional(app.capital))
        for lot_id in self.lot_ids.values():
            ledger = ledger.with_order(OrderRecord(self._make_entry(lot_id)))
        grant = self.store.acquire(SCOPE, "drill", now, self.step)
        self.store.commit(grant, ledger, release=True)
        for period in range(SET_UP):
            self.play(period)
        covered = [each for each in self.ledger().active_orders if each.intent.is_protection and each.is_at_venue]
        if len(covered) != len(FREE):
            raise RuntimeError(f"{len(self.ledger().lots)} lots and {len(covered)} brackets were set up")

    def play_next(self, number: int) -> None:
        self.play_after_setup(number)

    def play_after_setup(self, number: int) -> CycleReport:
        """Play the cycle of so many periods after the lots were set up."""
        return self.play(SET_UP + number)

    def check(self, cycles: int) -> None:
        """Nothing: the drill counts."""

    # --- the next release

    def write_next(self) -> None:
        """Let the next release write into everything that is stored."""
        self.store.texts[SCOPE] = writer.edit_text(self.store.texts[SCOPE], self._edit_item)
        self._account.text = writer.edit_text(self._account.text, self._edit_account)

    def newer_orders(self) -> frozenset[VenueOrderId]:
        """Name the orders at the venue that this release must leave alone."""
        orders = self.read_plain()["orders"]
        names = [each.owner[1] for each in self.planted if each.owner[0] == "orders" and each.way[-1] != writer.FIELD]
        return frozenset(VenueOrderId(orders[name]["venue_order_id"]) for name in names)

    def read_plain(self) -> dict[str, Any]:
        """Read the ledger as it lies there, whatever this release makes of it."""
        ledger: dict[str, Any] = json.loads(self.store.texts[SCOPE])["ledger"]
        return ledger

    def find_lost(self) -> list[Planted]:
        """Find what the next release had put into records that are still there, and that is not there any more."""
        item = json.loads(self.store.texts[SCOPE])
        lost: list[Planted] = []
        finished = {each.intent.client_order_id: canonical_json(each) for each in self.store.finished(SCOPE)}
        for each in self.planted:
            owner = item if each.owner[0] == "item" else writer.find_owner(item["ledger"], each.owner)
            if owner is None and each.owner[0] == "orders" and each.owner[1] in finished:
                owner = json.loads(finished[ClientOrderId(each.owner[1])])
            # A lot that is sold out goes with the last of its orders, in every release.
            if owner is not None and not writer.is_there(each, owner):
                lost.append(each)
        account = json.loads(self._account.text)
        holders = [account, *account["active"].values()]
        marked = Planted(("account", ""), (writer.FIELD,), canonical_json(writer.ADDED))
        return lost + [marked for each in holders if not writer.is_there(marked, each)]

    def _edit_item(self, item: dict[str, Any]) -> None:
        ledger, covers = item["ledger"], {name: self._cover(lot_id) for name, lot_id in self.lot_ids.items()}
        hedge = self._name("hedge")
        part = json.loads(json.dumps(ledger["orders"][covers["unknown purpose"]]))
        ledger["orders"][covers["unknown purpose"]]["intent"]["quantity"] = str(FREE["unknown purpose"])
        part["intent"] |= {"client_order_id": hedge, "quantity": str(_HEDGED), "reason": "hedge"}
        part |= {"venue_order_id": hedge, "attached_order_id": None}
        ledger["orders"][hedge] = part
        self.planted = writer.add_everywhere(
            ledger, self.lot_ids.values(), (*self.lot_ids.values(), *covers.values(), hedge)
        )
        for order_id, way, word in (
            (covers["unknown configuration"], ("intent", "configuration"), writer.CONFIGURATION),
            (covers["unknown status"], ("status",), writer.STATUS),
            (hedge, ("intent", "purpose"), writer.PURPOSE),
        ):
            self.planted.append(writer.add_value(ledger, ("orders", order_id), way, word))
        self.planted += writer.add_slots(item, self.clock.now())

    def _edit_account(self, account: dict[str, Any]) -> None:
        account["schema"] = SCHEMA + 1
        account[writer.FIELD] = writer.ADDED
        orders, active = self.read_plain()["orders"], account["active"]
        names = {name: orders[self._cover(lot_id)]["venue_order_id"] for name, lot_id in self.lot_ids.items()}
        active[names["unknown configuration"]]["configuration"] = writer.CONFIGURATION
        whole, hedge = active[names["unknown purpose"]], self._name("hedge")
        active[hedge] = {
            **whole, "venue_order_id": hedge, "client_order_id": hedge, "root": hedge, "quantity": str(_HEDGED),
            "parent": None,
        }  # fmt: skip
        whole["quantity"] = str(FREE["unknown purpose"])
        for each in active.values():
            each[writer.FIELD] = writer.ADDED

    # --- this release

    def resume(self) -> None:
        """Let the operator end the FLATTEN, and leave the lots that are still there."""
        now = self.clock.now()
        self.store.write_command(SCOPE, Command(CommandKind.RESUME, now, "resume-1", "operator", abandon=True))

    def _name(self, what: str) -> ClientOrderId:
        return client_order_id(self.settings.execution.order_prefix, SCOPE, PRODUCT, what)

    def _cover(self, lot_id: ClientOrderId) -> ClientOrderId:
        return name_attached(self.settings.execution.order_prefix, lot_id)

    def _make_bar(self, period: int, start: int) -> Candle:
        return make_flat_bar(_IDLE if period < SET_UP - 1 else _LOW, _BUSY, start)

    def _make_entry(self, lot_id: ClientOrderId) -> OrderIntent:
        # As if the last run had died before it sent the entries that it had committed.
        now = self.clock.now()
        return OrderIntent(
            client_order_id=lot_id,
            cycle_id=cycle_id_at(now),
            strategy=StrategyId("rules_engine"),
            product_id=PRODUCT,
            base=Asset(BASE),
            quote=USD,
            side=Side.BUY,
            purpose=OrderPurpose.ENTRY,
            configuration=OrderConfiguration.LIMIT_IOC,
            quantity=Quantity(1),
            limit_price=Price(103),
            lot_id=lot_id,
            decided_at=now,
            bracket=Bracket(Price(94), Price(112)),
            attach_bracket=True,
            max_hold_until=self.instant(10_000),
            fee_rate_max=Decimal("0.02"),
            reason="drill",
        )
