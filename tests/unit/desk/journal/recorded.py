"""Folders with records in them: of worlds of the simulation, of a short run of the synthetic market, and made up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from desk.journal.runs import Journal
from desk.recovery.chain import FolderAuditReader
from factories_settings import CONFIG
from simulation.recovery_world import after_tick
from simulation.world import SCOPE, Beat, Scenario, World, tick_of
from trader.adapters.local.files import FileStateStore
from trader.cycle import run_cycle
from trader.model.codec import canonical_json
from trader.model.events import AuditNote, AuditObject, EventKind
from trader.model.ids import CycleId, Instant, Scope, cycle_id_at
from trader.ports import name_audit_object
from trader.stages.audit_record import stamp_notes

FIRST = Instant(1_795_305_600)


class Died(Exception):
    """A process that is gone."""


class DyingStore:
    """A store whose process dies when it commits, the first time or after some."""

    def __init__(self, store: Any, commits: int = 0) -> None:
        self._store, self._left = store, commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, *given: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Died
        return self._store.commit(*given, **named)


class CountingReader:
    """A reader that remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self._reader = FolderAuditReader(folder)
        self.days: list[str] = []
        self.keys: list[str] = []

    def list_days(self, scope: Scope) -> list[str]:
        return self._reader.list_days(scope)

    def list_keys(self, scope: Scope, day: str) -> list[str]:
        self.days.append(day)
        return self._reader.list_keys(scope, day)

    def read_texts(self, keys: Iterable[str]) -> Mapping[str, str]:
        self.keys += keys
        return self._reader.read_texts(keys)


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files by their names."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_world(home: Path, world: World) -> Path:
    """Write a world as the stores of one machine would."""
    folder = FileStateStore(home).folder(SCOPE)
    write_texts(home / "audit", world.audit_texts())
    write_texts(folder / "owed", {quote(key, safe=""): text for key, text in world.owed_texts().items()})
    lines = {"fills.jsonl": world.stored_fills(), "orders.jsonl": world.stored_orders()}
    texts = {name: "".join(f"{canonical_json(each)}\n" for each in rows) for name, rows in lines.items()}
    item = {"ledger.json": world.store.texts[SCOPE]} if SCOPE in world.store.texts else {}
    write_texts(folder, {**item, **texts})
    (home / "kill-switch").write_text("RUN\n", encoding="utf-8")
    return home


def journal_of(world: World, home: Path) -> Journal:
    """The records of a world, from a folder."""
    write_world(home, world)
    ledger = world.ledger()
    head = ledger.audit_head if ledger is not None else None
    return Journal(CountingReader(home / "audit"), SCOPE, world.owed_texts(), head)


def decision_notes(verdicts: Mapping[str, str], *, state: str = "RUN") -> list[AuditNote]:
    """What a cycle writes about some products, each refused with a code, as little of it as there can be."""
    notes = [AuditNote(EventKind.INPUTS_GATHERED, "inputs", {"trading_state": state, "quotes": [], "failures": []})]
    for product, code in verdicts.items():
        verdict = {"product_id": product, "outcome": "REFUSED", "stage": "triggers", "code": code, "details": {}}
        notes.append(AuditNote(EventKind.VERDICT_GIVEN, product, {"verdict": verdict}))
    return notes


def make_chain(
    decisions: Sequence[Sequence[AuditNote]], period: int = 300, first: Instant = FIRST
) -> tuple[dict[str, str], str]:
    """Objects of cycles one after the other, and the digest of the last."""
    texts: dict[str, str] = {}
    head = ""
    for number, notes in enumerate(decisions):
        at = Instant(first + number * period)
        made = make_object(cycle_id_at(at), number + 1, head, notes, at)
        texts[made.key], head = made.text(), made.digest
    return texts, head


def make_object(
    cycle_id: CycleId, epoch: int, previous: str, notes: Iterable[AuditNote], at: Instant = FIRST
) -> AuditObject:
    """One decision."""
    key = name_audit_object(SCOPE, cycle_id, epoch, "decision")
    return AuditObject(key, previous, stamp_notes(notes, cycle_id, at))


def run(*arguments: str) -> int:
    """The code a command leaves the process with."""
    with pytest.raises(SystemExit) as left:
        run_command(build(), arguments)
    return int(left.value.code or 0)


def run_in(home: Path, *arguments: str) -> int:
    """The same about a folder."""
    return run(*arguments, "--home", str(home), "--mode", "PAPER", "--config", str(CONFIG))


def read_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """What was printed."""
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def die_in_next_tick(scenario: Scenario, index: int) -> World:
    """The world in which the process of a tick died between its record and its commit; the tick after it ran well."""
    world = after_tick(scenario, index)
    died, ran = scenario.beats[index + 1 : index + 3]
    die_in(world, scenario, died)
    world.free_the_lease()
    world.clock.set(ran.at)
    run_cycle(tick_of(ran, ran.at), scenario.pipeline, world.ports("run"))
    return world


def die_in(world: World, scenario: Scenario, beat: Beat, commits: int = 0) -> None:
    """Let the process of a tick die between a record and its commit, after so many commits."""
    world.clock.set(beat.at)
    ports = world.ports("run", lambda name, part: DyingStore(part, commits) if name == "store" else part)
    with pytest.raises(Died):
        run_cycle(tick_of(beat, beat.at), scenario.pipeline, ports)
