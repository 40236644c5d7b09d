"""Time ``trader why`` as a whole process over ten thousand recorded cycles; limit: one second of CPU time.

The records are those of a real day of PAPER on the synthetic market, 14 products, written again for each further day
under its own names and instants and chained on, as the code writes them; nothing is synced, as only reading is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from desk.in_memory import (
    InMemoryAuditLog,
    InMemoryKillSwitch,
    InMemorySimAccountStore,
    InMemoryStateStore,
    ManualClock,
)
from desk.markets import MarketSetup, set_up_synthetic
from desk.run import make_tick
from trader.adapters.config.files import load_settings
from trader.adapters.local.files import FileStateStore
from trader.adapters.local.lease import read_lease_item
from trader.cycle import run_cycle
from trader.entry.wiring import VenueAccess, build_pipeline, choose_exchange, make_identity, make_scope
from trader.model.codec import canonical_json, sha256_hex
from trader.model.ids import Instant, cycle_id_at
from trader.ports import Ports, name_audit_object
from trader.settings import Settings

#: What one question may take of a process, from its start to its end. Units: seconds.
CPU_SECONDS_MAX = 1.0
CYCLES = 10_000
_END, _DAY = Instant(1_767_225_600), 86_400
_HOURS = 170
_TRIES = 5


#: One cycle: its instant, and part and text of each of its objects.
Cycle = tuple[Instant, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A day of records: the objects of each cycle in the order of writing, and the item of the ledger at its end."""

    cycles: tuple[Cycle, ...]
    item: str


def record_day(settings: Settings, ticks: int) -> Recorded:
    """Run so many cycles in memory, up to the end of the synthetic market."""
    setup = set_up_synthetic(settings, _END, _HOURS)
    clock, store, audit = ManualClock(Instant(0)), InMemoryStateStore(), InMemoryAuditLog()
    ports = _build_ports(setup, clock, store, audit)
    pipeline, period = build_pipeline(settings), settings.cycle.period_seconds
    cycles = []
    for number in range(ticks):
        at = Instant(_END - (ticks - number) * period)
        clock.set(at)
        known = len(audit.texts)
        run_cycle(make_tick(at, settings), pipeline, ports)
        written = list(audit.texts.items())[known:]
        cycles.append((at, tuple((_read_part(key), text) for key, text in written)))
    return Recorded(tuple(cycles), store.texts[ports.identity.scope])


def _build_ports(setup: MarketSetup, clock: ManualClock, store: InMemoryStateStore, audit: InMemoryAuditLog) -> Ports:
    market = setup.market(clock)
    exchange = choose_exchange(setup.settings, VenueAccess(market, market), clock, InMemorySimAccountStore)
    return Ports(market, exchange, store, audit, InMemoryKillSwitch(), clock, make_identity(setup.settings))


def write_folder(home: Path, settings: Settings, day: Recorded, cycles: int) -> tuple[int, int]:
    """Write so many cycles, the day again and again, and the ledger that stands on the last; return objects, bytes."""
    scope, head, objects, size = make_scope(settings), "", 0, 0
    for number, (shift, (at, parts)) in enumerate(_repeat(day, cycles)):
        for part, text in parts:
            key = name_audit_object(scope, cycle_id_at(Instant(at + shift)), number + 1, part)
            moved = _move(text, at, shift, key, head)
            path = home / "audit" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(moved, encoding="utf-8")
            head, objects, size = sha256_hex(moved), objects + 1, size + len(moved)
    item = read_lease_item(day.item, "memory")
    ledger = json.loads(item.ledger) | {"audit_head": head}
    file = FileStateStore(home).folder(scope) / "ledger.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(replace(item, ledger=canonical_json(ledger)).text(), encoding="utf-8")
    return objects, size


def _repeat(day: Recorded, cycles: int) -> Iterator[tuple[int, Cycle]]:
    """Yield so many cycles, oldest first, each with the seconds that it is moved by; the last are not moved."""
    days = -(-cycles // len(day.cycles))
    every = [(-(days - 1 - number) * _DAY, cycle) for number in range(days) for cycle in day.cycles]
    yield from every[-cycles:]


def _move(text: str, at: Instant, shift: int, key: str, previous: str) -> str:
    """Write an object again for another instant, under another name, behind another object."""
    first, _, rest = text.partition("\n")
    header = {**json.loads(first), "key": key, "previous": previous}
    moved = rest.replace(cycle_id_at(at), cycle_id_at(Instant(at + shift))).replace(str(at), str(at + shift))
    return f"{canonical_json(header)}\n{moved}"


def _read_part(key: str) -> str:
    return key.rpartition("-")[2].removesuffix(".jsonl")


def measure_cpu(words: list[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """Run a command as a process of its own; return its CPU seconds and what it printed."""
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(words, stdout=out, env=dict(environment))  # noqa: S603 - our own words
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if child.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime, text


def measure_command(home: Path, *words: str) -> tuple[float, str]:
    """Return the median CPU time of ``trader`` with these words about a folder, and what it printed."""
    code = "from desk.cli import main; main()"
    command = [sys.executable, "-c", code, *words, "--home", str(home)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADER_")}
    tries = [measure_cpu(command, environment) for _ in range(_TRIES)]
    return statistics.median(seconds for seconds, _ in tries), tries[-1][1]


def main() -> None:
    """Print what each question takes; end with 1 if the newest decision takes more than the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=CYCLES)
    cycles = parser.parse_args().cycles
    settings = load_settings(Path("config"), {"TRADER_MODE": "PAPER"}).settings
    day = record_day(settings, min(cycles, _DAY // settings.cycle.period_seconds))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        objects, size = write_folder(home, settings, day, cycles)
        middle = datetime.fromtimestamp(_END - 15 * _DAY, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        newest, text = measure_command(home, "why", "SOL-USD")
        earlier, _ = measure_command(home, "why", "SOL-USD", "--at", middle) if cycles == CYCLES else (newest, "")
        week, _ = measure_command(home, "why", "--summary", "--since", "7d")
    print(text)
    print(
        f"cycles={cycles} objects={objects} megabytes={size / 1e6:.0f} why_cpu_seconds={newest:.2f} "
        f"why_at_cpu_seconds={earlier:.2f} summary_7d_cpu_seconds={week:.2f} limit_seconds={CPU_SECONDS_MAX}"
    )
    sys.exit(max(newest, earlier) > CPU_SECONDS_MAX)


if __name__ == "__main__":
    main()
