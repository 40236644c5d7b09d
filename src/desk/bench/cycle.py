"""What a whole cycle of ten products costs, beside an older commit on the same machine in the same minutes.

Both codes run ``trader run`` in PAPER on the synthetic market, in processes of their own and by turns, so that a busy
moment of the machine meets both. What counts is the CPU time of these processes. Each code runs twice a round, with a
few cycles and with 200 more, and the difference is what 200 cycles cost: starting up cancels out. What does not is the
longer stretch of market that is made up for more cycles: about 0.1 ms for each, on both sides.

The older code lies in a temporary checkout. Each code reads its own configuration, reduced to ten products. If nothing
that decides has changed between them, both end with the same ledger; that is printed, not judged.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import CodeType
from typing import Any

import yaml

from desk.cli.run import run
from trader.adapters.local.files import FileAuditLog, FileStateStore
from trader.cycle import run_cycle
from trader.cycle.gather import add_depth, gather_inputs
from trader.model.codec import digest_of
from trader.settings.app import Mode
from trader.sim.exchange import SimulatedExchange
from trader.stages.audit_record import record_decision, stamp_notes
from trader.stages.pipeline import Pipeline
from trader.stages.reconcile.account import reconcile

_PRODUCTS = 10
_ROUNDS = 7
_CYCLES = 200
# In the shorter run. The first cycles of a market open books, read what is cached later and buy what they find.
_FIRST_CYCLES = 10

_PROGRAM = "from desk.cli import main; main()"
_ROOT = Path(__file__).parents[3]

# What a cycle is made of. No two call one another, but for the screen of the universe within the gathering.
_PARTS: Mapping[str, tuple[CodeType, ...]] = {
    "gather": (gather_inputs.__code__, add_depth.__code__),
    "decide": (Pipeline.screen.__code__, Pipeline.propose.__code__, Pipeline.conclude.__code__),
    "record": (record_decision.__code__, stamp_notes.__code__, FileAuditLog.write.__code__),
    "store": (FileStateStore.acquire.__code__, FileStateStore.commit.__code__, FileStateStore.release.__code__),
    "exchange": (
        SimulatedExchange.balances.__code__,
        SimulatedExchange.orders.__code__,
        SimulatedExchange.fills.__code__,
        SimulatedExchange.submit.__code__,
        SimulatedExchange.cancel.__code__,
    ),
    "reconcile": (reconcile.__code__,),
}
_MEANINGS: Mapping[str, str] = {
    "gather": "products, quotes, bars, order books",
    "decide": "the pipeline, from the screen of the universe to the plan",
    "record": "audit events, their encoding and their file",
    "store": "lease and ledger: reading, encoding, writing",
    "exchange": "the simulated venue: account read, orders sent and cancelled",
    "reconcile": "fills booked, orders observed",
    "rest": "switch, order of things, reports",
}


@dataclass(frozen=True, slots=True)
class Code:
    """One code to measure: where it is checked out, its configuration of ten products, a folder for byte-code."""

    name: str
    root: Path
    config: Path
    bytecode: Path


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of some cycles cost and came to: seconds of CPU, and the digest of the last ledger."""

    seconds: float
    ledger: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a cycle cost, round by round, in the commit *base* and in the working tree; and the digests of ledgers."""

    base: str
    base_ms: Sequence[float]
    tree_ms: Sequence[float]
    base_ledger: str
    tree_ledger: str
    ratio_max: float

    @property
    def ratio(self) -> float:
        """How many times as much a cycle costs in the working tree, by the medians."""
        return median(self.tree_ms) / median(self.base_ms)

    @property
    def exit_code(self) -> int:
        """0, or 1 if a cycle has become too dear."""
        return 0 if self.ratio <= self.ratio_max else 1

    def line(self) -> str:
        """Write the line for machines."""
        return (
            f"cycle_ms_base={median(self.base_ms):.3f} cycle_ms={median(self.tree_ms):.3f} "
            f"ratio={self.ratio:.3f} ratio_max={self.ratio_max:.2f} "
            f"same_ledger={'yes' if self.base_ledger == self.tree_ledger else 'no'} "
            f"products={_PRODUCTS} base={self.base}"
        )


@contextlib.contextmanager
def check_out(root: Path, commit: str) -> Iterator[Path]:
    """Check a commit out into a temporary folder; afterwards nothing is left of it, whatever happened meanwhile."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "checkout")
        _git(root, "worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            yield folder
        finally:
            # By force: running the code leaves files that git does not know.
            _git(root, "worktree", "remove", "--force", str(folder))


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - what the user named
    if done.returncode:
        sys.exit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def write_config(source: Path, folder: Path) -> Path:
    """Copy a configuration, of whose universe the first ten bases named are kept and none is discovered."""
    shutil.copytree(source, folder)
    file = folder / "universe.yaml"
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    tiers, room = tree["universe"]["tiers"], _PRODUCTS
    for tier in tiers.values():
        tier["bases"] = tier.get("bases", [])[:room]
        room -= len(tier["bases"])
        tier.pop("discover_max", None)
    # A tier with nothing in it would be refused.
    tree["universe"]["tiers"] = {name: tier for name, tier in tiers.items() if tier["bases"]}
    file.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return folder


def run_cycles(code: Code, cycles: int) -> Run:
    """Run so many cycles in a process. Exits, saying why, if that fails or if they were not of ten products."""
    options = ["--ticks", str(cycles), "--mode", "PAPER", "--config", str(code.config), "--json"]
    command = [sys.executable, "-c", _PROGRAM, "run", *options]
    with tempfile.TemporaryDirectory() as home:
        environment = _environment(code, home)
        begun = _children_seconds()
        done = subprocess.run(  # noqa: S603 - our own program
            command, cwd=code.root, env=environment, capture_output=True, text=True, check=False
        )
        seconds = _children_seconds() - begun
        if done.returncode:
            sys.exit(f"{code.name}: trader run failed:\n{done.stderr.strip()[-2000:]}")
        if (problem := why_not_comparable(json.loads(done.stdout), cycles)) is not None:
            sys.exit(f"{code.name}: {problem}")
        (ledger,) = Path(home).rglob("ledger.json")
        return Run(seconds, _digest(json.loads(ledger.read_text(encoding="utf-8"))["ledger"]))


def why_not_comparable(said: Mapping[str, Any], cycles: int) -> str | None:
    """Say why what a run printed is not that of so many cycles with ten products on the market each; None if it is."""
    verdicts = {code: count for code, count in said["verdicts"].items() if code != "PRODUCT_MISSING"}
    judged = sum(verdicts.values())
    if said["outcomes"] == {"COMPLETED": cycles} and judged == _PRODUCTS * cycles:
        return None
    return f"{cycles} cycles of {_PRODUCTS} products were expected; they gave {judged} verdicts, and {said['outcomes']}"


def _environment(code: Code, home: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRADER_")}
    return {
        **inherited,
        "PYTHONPATH": str(code.root / "src"),
        "PYTHONHASHSEED": "0",
        # Byte-code is kept, so that no run but the first compiles; not in the tree, which would be an old one's gain.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(code.bytecode),
        "TRADER_HOME": home,
    }


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _digest(ledger: dict[str, Any]) -> str:
    # The record names the version of the code, so its head differs where nothing else does.
    return digest_of({name: value for name, value in ledger.items() if name != "audit_head"})[:12]


def measure(base: Code, tree: Code, ratio_max: float) -> Comparison:
    """Run both codes in every round, and give what a cycle cost in each."""
    taken: dict[str, list[float]] = {base.name: [], tree.name: []}
    ledgers: dict[str, str] = {}
    for code in (base, tree):
        # Thrown away: this one compiles.
        run_cycles(code, 1)
    for _ in range(_ROUNDS):
        for code in (base, tree):
            shorter, longer = run_cycles(code, _FIRST_CYCLES), run_cycles(code, _FIRST_CYCLES + _CYCLES)
            taken[code.name].append((longer.seconds - shorter.seconds) / _CYCLES * 1000)
            ledgers[code.name] = longer.ledger
    return Comparison(
        base=base.name,
        base_ms=taken[base.name],
        tree_ms=taken[tree.name],
        base_ledger=ledgers[base.name],
        tree_ledger=ledgers[tree.name],
        ratio_max=ratio_max,
    )


def measure_functions(config: Path) -> dict[CodeType, float]:
    """Run the longer run under a profiler, in this process; gives the CPU seconds of each function with its callees."""
    profile = cProfile.Profile(time.process_time)
    with (
        tempfile.TemporaryDirectory() as home,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        profile.runcall(run, ticks=_FIRST_CYCLES + _CYCLES, mode=Mode.PAPER, home=Path(home), config=config)
    return {entry.code: entry.totaltime for entry in profile.getstats() if isinstance(entry.code, CodeType)}


def compute_shares(seconds: Mapping[CodeType, float]) -> dict[str, float]:
    """Split the cycles among their parts, in percent; what is in none of them is the rest."""
    whole = seconds[run_cycle.__code__]
    parts = {name: sum(seconds.get(code, 0.0) for code in codes) for name, codes in _PARTS.items()}
    # It says which bars are worth reading, so it runs amid the gathering; it is counted as deciding.
    parts["gather"] -= seconds.get(Pipeline.screen.__code__, 0.0)
    parts["rest"] = whole - sum(parts.values())
    return {name: part / whole * 100 for name, part in parts.items()}


def main() -> None:
    """Print a line per code, what a cycle is made of, and the line for machines last; exit with 1 if it is too dear."""
    parser = argparse.ArgumentParser(description="Compare the CPU time of a cycle with that of an older commit.")
    parser.add_argument("--base", required=True, help="the commit or tag to compare with")
    parser.add_argument("--ratio-max", type=float, default=1.2)
    given = parser.parse_args()
    # Told to end, it still takes its checkout away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    name = _git(_ROOT, "rev-parse", "--verify", "--short", f"{given.base}^{{commit}}")
    with check_out(_ROOT, name) as checkout, tempfile.TemporaryDirectory() as scratch:
        base, tree = (
            Code(each, root, write_config(root / "config", Path(scratch, each)), Path(scratch, f"{each}-bytecode"))
            for each, root in ((name, checkout), ("tree", _ROOT))
        )
        compared = measure(base, tree, given.ratio_max)
        shares = compute_shares(measure_functions(tree.config))
    for each, taken, ledger in (
        (f"commit {name}", compared.base_ms, compared.base_ledger),
        ("working tree", compared.tree_ms, compared.tree_ledger),
    ):
        print(f"{each}: {median(taken):.2f} ms a cycle ({min(taken):.2f} to {max(taken):.2f}), ledger {ledger}")
    for part, share in shares.items():
        print(f"  {part:<10}{share:5.1f} %  {_MEANINGS[part]}")
    print(compared.line())
    sys.exit(compared.exit_code)


if __name__ == "__main__":
    main()
