"""A world in memory whose ledger item can be lost, and everything that a recovery touches of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from desk.recovery.ledger_item import StoredLedger, read_stored_item, replace_item
from desk.recovery.store import RecoveryStores
from simulation.fault_run import fault_run_of
from simulation.world import SCOPE, Scenario, Store, World
from trader.model.commands import Command
from trader.model.ids import Instant, Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill


class InMemoryLedgerItems:
    """The items of the store in memory."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.aside: list[str] = []

    def find(self, scope: Scope) -> StoredLedger | None:
        text = self.store.texts.get(scope)
        return None if text is None else read_stored_item(text, "memory")

    def put(
        self,
        scope: Scope,
        found: StoredLedger | None,
        ledger: Ledger,
        epoch: int,
        now: Instant,
        commands: Sequence[Command] = (),
    ) -> None:
        self.store.texts[scope] = replace_item(self.find(scope), found, ledger, epoch, now, commands).text()

    def set_aside(self, scope: Scope, text: str) -> str:
        self.aside.append(text)
        return "memory"

    def read_owed(self, scope: Scope) -> Mapping[str, str]:
        return {key: text for (owner, key), text in self.store.owed.items() if owner == scope}

    def read_fills(self, scope: Scope) -> Sequence[Fill]:
        return self.store.fills(scope)

    def read_finished(self, scope: Scope) -> Sequence[OrderRecord]:
        return self.store.finished(scope)


class InMemoryAuditReader:
    """The audit in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def texts(self, scope: Scope) -> Mapping[str, str]:
        return {key: text for key, text in self._world.audit_texts().items() if key.startswith("scope=")}

    def checkpoints(self, scope: Scope) -> Mapping[str, str]:
        return {key: text for key, text in self._world.audit_texts().items() if key.startswith("checkpoints/")}


def the_store(world: World) -> RecoveryStores:
    """Everything of a world that a recovery touches."""
    return RecoveryStores(
        settings=world.scenario.settings,
        scope=SCOPE,
        owner="operator",
        store=world.store,
        items=InMemoryLedgerItems(world.store),
        audit=world.audit,
        reader=InMemoryAuditReader(world),
        exchange=world.exchange,
        clock=world.clock,
    )


def after_tick(scenario: Scenario, index: int) -> World:
    """The undisturbed world at the instant that a tick ended."""
    fault_run = fault_run_of(scenario)
    world = fault_run.openings[index + 1].fork()
    world.clock.set(fault_run.beats[index].at)
    return world


def wipe(world: World) -> World:
    """The world without any item of the store: ledger, fills and finished orders are gone."""
    world.store.texts.clear()
    world.store._fills.clear()
    world.store._finished.clear()
    return world
