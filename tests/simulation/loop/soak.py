"""The loop by the clock: LIVE at a simulated venue that errs and lags, the process killed again and again.

``make loop-soak SECONDS=1200 SEED=1``. The clocks run fast, so that a period takes seconds. In the first part there are
faults and kills; then only faults, while the memory of one process is watched; at last it is calm, and everything must
come right: nothing in doubt, every lot protected, our own sums from fills equal to the venue's to the last unit.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from desk.real_venue import name_folder
from desk.sandbox.auth import make_key
from desk.sandbox.faults import Fault
from desk.sandbox.options import Lags
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from simulation.checker import unprotected, unsettled, violations
from simulation.loop.clocks import FastClock
from simulation.loop.folder_world import FolderWorld, Snapshot
from simulation.loop.markets import begin_of, make_scenario, make_settings, make_venue
from simulation.loop.process import start
from simulation.soak.market import SoakScenario
from trader.adapters.local.files import FileKillSwitch, FileStateStore
from trader.entry.wiring import make_scope
from trader.model.ids import Asset
from trader.model.money import ZERO
from trader.model.orders import Side
from trader.model.trading_state import TradingState
from trader.settings.app import Mode

KILLS = 20
#: So much faster than the machine's the clocks run: 1200 seconds are four hours and ten minutes, 50 ticks.
FACTOR = 12.5
_PERIOD = 300
_KILLING_SHARE = 0.5
#: Ticks at the end in which nothing goes wrong any more, and the seconds of that, by the machine's clock.
_CALM_SECONDS = 3 * _PERIOD / FACTOR
#: What the process may hold more at its end than in its youth. Units: KiB.
_GROWTH_KIB_MAX = 4096
_LOOK_SECONDS = 0.5
_STOP_SECONDS = 60
#: How long the kill switch says RUN, how long another word, by the machine's clock; and which words.
_BETWEEN_TURNS, _TURNED = (20.0, 80.0), (2.0, 12.0)
_WORDS = (TradingState.REDUCE_ONLY, TradingState.HALT, TradingState.FLATTEN)
#: What a crash between two files of one commit leaves until the next commit, and never longer.
_TORN = "cash is "
_ON_ORDERS = (
    Fault.ACCEPTED_THEN_FAILED,
    Fault.PARTIAL_THEN_CANCELLED,
    Fault.POST_ONLY_RACE,
    Fault.CANCEL_FILL_RACE,
    Fault.REJECTED_WITHOUT_REASON,
)
_ON_ANYTHING = tuple(fault for fault in Fault if fault not in _ON_ORDERS)


@dataclass
class LoopSoak:
    """One soak: its chance, its world, the process at work, and what was found."""

    seed: int
    seconds: float
    kills: int
    folder: Path
    found: list[str] = field(default_factory=list)
    killed: int = 0
    ended: list[str] = field(default_factory=list)
    checks: int = 0
    torn: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    memory: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"loop soak {self.seed}")
        self.scenario: SoakScenario = make_scenario(self.seed)
        self.settings = make_settings(self.scenario, Mode.LIVE)
        self._is_torn, self._last_run = False, ""

    def run(self) -> Snapshot:
        """Play it all; return the last look."""
        clock, key = FastClock(begin_of(self.scenario), time.time(), FACTOR), make_key()
        key_file = self.folder / "key.json"
        key_file.write_text(json.dumps(key.file()), encoding="utf-8")
        venue = make_venue(self.scenario, clock, [key])
        log = self.folder / "said.txt"
        with VenueServer(venue) as server, log.open("w", encoding="utf-8") as out:
            self.home = self.folder / name_folder(server.url)
            self.home.mkdir()
            fast = {"origin": clock.origin, "began": clock.began, "factor": clock.factor}
            told = {"url": server.url, "home": str(self.folder), "seed": self.seed, "mode": "LIVE", "fast": fast}
            told["key_file"] = str(key_file)
            self._start = lambda: start(told, out)
            self.world = FolderWorld(self.scenario, self.home, make_scope(self.settings), venue)
            self._process = self._start()
            self._let_trade()
            self._play(venue)
            last = self.world.take()
            self.found += [*violations(last), *unsettled(last), *compare_sums(self.scenario, last)]
            self.found += [f"lot {lot} is not protected" for lot in sorted(unprotected(last))]
        self._read_log(log.read_text(encoding="utf-8"))
        return last

    # --- the course of it

    def _play(self, venue: Venue) -> None:
        begun = time.monotonic()
        calm_at = self.seconds - min(_CALM_SECONDS, self.seconds / 2)
        moments = sorted(self.chance.uniform(2, max(calm_at * _KILLING_SHARE, 3)) for _ in range(self.kills))
        is_calm, is_turned, next_gust, next_turn = False, False, 0.0, self.chance.uniform(*_BETWEEN_TURNS)
        while (passed := time.monotonic() - begun) < self.seconds and not self.found:
            if moments and passed >= moments[0]:
                moments.pop(0)
                self._kill()
            if not is_calm and passed >= calm_at:
                is_calm = True
                venue.faults.clear()
                venue.configure(lags=Lags(), slices=1)
                self._turn_switch(TradingState.RUN)
            elif not is_calm and passed >= next_gust:
                next_gust = passed + self.chance.uniform(0.5, 4)
                self._blow(venue)
            if not is_calm and passed >= next_turn:
                word = TradingState.RUN if is_turned else self.chance.choice(_WORDS)
                is_turned = word is not TradingState.RUN
                next_turn = passed + self.chance.uniform(*(_TURNED if is_turned else _BETWEEN_TURNS))
                self._turn_switch(word)
            self._keep_up()
            if not moments:
                self._note_memory()
            self._look()
            time.sleep(_LOOK_SECONDS)
        self._stop()

    def _let_trade(self) -> None:
        """The first books of LIVE begin at HALT: once there are any, a person lets orders out."""
        books, until = FileStateStore(self.home).folder(make_scope(self.settings)), time.monotonic() + _STOP_SECONDS
        while not books.exists() and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        self._turn_switch(TradingState.RUN)

    def _turn_switch(self, word: TradingState) -> None:
        FileKillSwitch(self.home / "kill-switch").write(word)

    def _blow(self, venue: Venue) -> None:
        """Change what goes wrong: some rules for the next requests, and how late the venue tells things."""
        chance = self.chance
        for rule in venue.faults.rules():
            self.faults[rule.fault.value] += rule.fired
        venue.faults.clear()
        for _ in range(chance.choice((0, 1, 3, 6))):
            details = {"count": chance.randint(1, 4), "every": chance.randint(1, 6), "seconds": 0.1}
            if chance.random() < 0.3:
                venue.faults.add(chance.choice(_ON_ORDERS), "POST", "/orders$", count=2)
            else:
                path = chance.choice(("", "", "/orders", "/accounts", "/orders/historical", "/market", "/products"))
                venue.faults.add(chance.choice(_ON_ANYTHING), chance.choice(("", "GET", "POST")), path, **details)
        lag = chance.choice((0, 0, 2, 5, 15, 30))
        lags = Lags(order=lag, listing=lag, fills=lag, settled=lag, balance=lag) if lag else Lags()
        venue.configure(lags=lags, slices=chance.choice((1, 1, 2, 3)))

    # --- the process

    def _kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self.killed += self._process.wait() == -signal.SIGKILL
        dead = self.world.take()
        self._is_torn = any(line.startswith(_TORN) for line in self._judge(dead))
        self.torn += self._is_torn
        self._process = self._start()

    def _keep_up(self) -> None:
        """Start the process again if it ended by itself, as systemd does: a venue that refuses a key may do that."""
        if self._process.poll() is not None:
            self.ended.append(str(self._process.returncode))
            self.memory.clear()
            self._process = self._start()

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code:
            self.found.append(f"the process ended with {code} after SIGTERM")

    def _note_memory(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        self.memory += [int(found[1])] if found else []

    @property
    def growth(self) -> int:
        """By how much the memory of the last process was larger at its end than in the second fifth of its life."""
        fifth = len(self.memory) // 5
        if not fifth:
            return 0
        young, old = self.memory[fifth : 2 * fifth], self.memory[-fifth:]
        return round(statistics.median(old) - statistics.median(young))

    # --- looks

    def _look(self) -> None:
        """Judge what the last run left, once for each run that has finished."""
        seen = self.world.take()
        ledger = seen.ledger()
        if ledger is None or seen.lease_owner() or ledger.last_run is None or ledger.last_run.run_id == self._last_run:
            return
        self._last_run = ledger.last_run.run_id
        self.outcomes[ledger.last_run.outcome] += 1
        if not any(line.startswith(_TORN) for line in self._judge(seen)):
            self._is_torn = False

    def _judge(self, seen: Snapshot) -> list[str]:
        """Look for violations; after a kill the stored fills may be ahead of the ledger for a while."""
        self.checks += 1
        found = violations(seen)
        is_dead = self._process.returncode is not None
        self.found += [each for each in found if not (each.startswith(_TORN) and (self._is_torn or is_dead))]
        return found

    def _read_log(self, text: str) -> None:
        if "Traceback" in text:
            self.found.append("a process ended with a traceback")


def compare_sums(scenario: SoakScenario, seen: Snapshot) -> list[str]:
    """Compare what our stored fills and conversions make of the opening account with what the venue says it is."""
    ours: defaultdict[Asset, Decimal] = defaultdict(Decimal, scenario.opening)
    for fill in seen.stored_fills():
        sign = 1 if fill.side is Side.BUY else -1
        base, _, quote = fill.product_id.rpartition("-")
        ours[Asset(base)] += sign * fill.quantity
        ours[Asset(quote)] -= sign * fill.notional + fill.fee
    ledger = seen.ledger()
    converted: Mapping[Asset, Decimal] = ledger.converted if ledger is not None else {}
    for asset, amount in converted.items():
        ours[asset] += amount
    theirs = seen.account.totals
    return [
        f"{asset}: ours is {ours[asset]}, the venue's {theirs.get(asset, ZERO)}"
        for asset in sorted(ours.keys() | theirs.keys())
        if ours[asset] != theirs.get(asset, ZERO)
    ]


def main() -> int:
    """Soak, print one line, and say by the exit code whether anything was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--folder", type=Path, help="keep what the processes wrote here")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        soak = LoopSoak(told.seed, told.seconds, told.kills, told.folder or Path(scratch))
        last = soak.run()
    for line in soak.found:
        print(f"VIOLATION {line}")
    is_flat = soak.growth <= _GROWTH_KIB_MAX
    print(
        f"seed={told.seed} seconds={told.seconds:.0f} factor={FACTOR} kills={soak.killed} ended={len(soak.ended)} "
        f"faults={soak.faults.total()} kinds={len(+soak.faults)} runs={soak.outcomes.total()} checks={soak.checks} "
        f"orders={len(last.account.finished) + len(last.account.active)} fills={len(last.fills)} torn={soak.torn} "
        f"rss_kib={soak.memory[-1] if soak.memory else 0} growth_kib={soak.growth} violations={len(soak.found)}"
    )
    return int(bool(soak.found) or soak.killed != told.kills or not is_flat or not last.fills)


if __name__ == "__main__":
    sys.exit(main())
