"""Mutation testing by sample: small faults are put into the code one at a time, and the tests beside it must notice.

mutmut makes the mutants; which of them are tried, where, and by which tests is settled here. `make mutate SEED=1` draws
the same mutants again. The checkout is only read: every mutant is written into a scratch copy.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import Mutation, create_mutations

ROOT = Path(__file__).resolve().parents[2]
EXCUSED = Path(__file__).with_name("excused.toml")
#: What is mutated, each with the contracts that it has to keep besides its unit tests.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "stages": (),
    "cycle": (),
    "adapters/aws": ("test_audit_log.py", "test_kill_switch.py", "test_sim_account_store.py", "test_state_store.py"),
    "adapters/coinbase": ("test_coinbase_fixtures.py", "test_exchange.py"),
}
#: More survivors than this, excused or not, or fewer mutants tried, and the run has failed.
SURVIVORS_MAX = 8
MUTANTS_MIN = 80
PROCESSES = 2
#: Tests that do not end have noticed: a mutant may wait or loop for ever.
SECONDS_MAX = 240
_PYTEST = ("-m", "pytest", "-n", "0", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:warnings")
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "var")


@dataclass(frozen=True)
class Mutant:
    """One fault: its place, the lines that differ (sound ones, an arrow, mutated ones), and the file that has it."""

    file: str
    line: int
    function: str
    change: str
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What an excuse names; the line is not part of it, since lines move."""
        return self.file, self.function, self.change


def find_suites(file: str) -> list[list[str]]:
    """Find the tests of a module, nearest first: those named after it or its package, all beside them, contracts."""
    module = Path(file).relative_to("src/trader").with_suffix("")
    package = next(name for name in PACKAGES if module.as_posix().startswith(f"{name}/"))
    suites: list[list[str]] = []
    for part in (module, *module.parents):
        beside = Path("tests/unit") / part
        named = beside.with_name(f"test_{part.name}.py")
        suites += [[path.as_posix()] for path in (named, beside) if (ROOT / path).exists()]
        if part.as_posix() == package:
            break
    contracts = [f"tests/contract/{name}" for name in PACKAGES[package]]
    return [*suites, contracts] if contracts else suites


def draw_mutants(seed: int, count: int) -> Iterator[Mutant]:
    """Draw a sample, in an order that the seed fixes; what cannot be compiled or changes nothing is passed over."""
    trees: dict[str, cst.Module] = {}
    pool: list[tuple[str, Mutation]] = []
    folders = (ROOT / "src/trader" / package for package in PACKAGES)
    for file in sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*.py")):
        trees[file], mutations, *_ = create_mutations(file, (ROOT / file).read_text(encoding="utf-8"))
        # mutmut leaves what stands outside of functions, and so do we: names, types and numbers, read at import.
        inside = (each for each in mutations if isinstance(each.contained_by_top_level_function, cst.FunctionDef))
        pool += [(file, mutation) for mutation in inside]
    random.Random(seed).shuffle(pool)
    made = (_make_mutant(file, trees[file], mutation) for file, mutation in pool)
    return islice((mutant for mutant in made if mutant is not None), count)


def _make_mutant(file: str, tree: cst.Module, mutation: Mutation) -> Mutant | None:
    text = cst.ensure_type(tree.deep_replace(mutation.original_node, mutation.mutated_node), cst.Module).code
    try:
        compile(text, file, "exec")
    except SyntaxError:
        return None
    if ast.dump(ast.parse(text)) == ast.dump(ast.parse(tree.code)):
        return None
    line = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(PositionProvider)[mutation.original_node].start.line
    lines = list(difflib.unified_diff(tree.code.splitlines(), text.splitlines(), n=0, lineterm=""))[2:]
    sides = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return Mutant(file, line, _name_function(tree, mutation), " → ".join(sides), text)


def _name_function(tree: cst.Module, mutation: Mutation) -> str:
    """Name the function as Python does: a method after its class."""
    function = mutation.contained_by_top_level_function
    assert function is not None
    for each in tree.body:
        if isinstance(each, cst.ClassDef) and function in each.body.body:
            return f"{each.name.value}.{function.name.value}"
    return function.name.value


def read_excuses() -> dict[tuple[str, str, str], str]:
    """Read the reasons of the committed list; one for code that is no longer there is an error."""
    excuses = {}
    for row in tomllib.loads(EXCUSED.read_text(encoding="utf-8")).get("excused", []):
        text = " ".join((ROOT / row["file"]).read_text(encoding="utf-8").split())
        if row["change"].partition(" → ")[0] not in text or not row["reason"]:
            raise SystemExit(f"{EXCUSED.name}: excuses what is not there, or for no reason: {row}")
        excuses[row["file"], row["function"], row["change"]] = row["reason"]
    return excuses


def run_tests(python: str, copy: Path, paths: list[str], *, sound: bool) -> bool:
    """Run tests in a copy, of the sound code or of a mutant; true if they pass, and in time."""
    # A mutant can have the size and the second of the sound file, and would be taken for it if that were cached.
    environment = os.environ | {
        "PYTHONPATH": f"{copy}/src:{copy}/tests",
        "PYTHONDONTWRITEBYTECODE": "" if sound else "1",
    }
    command, quiet = [python, *_PYTEST, *paths], subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=copy, env=environment, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        return process.wait(None if sound else SECONDS_MAX) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def is_killed(python: str, copy: Path, mutant: Mutant) -> bool:
    """Tell whether a test fails with the mutant in place; the copy is sound again afterwards."""
    target = copy / mutant.file
    text = target.read_bytes()
    for cached in (target.parent / "__pycache__").glob(f"{target.stem}.*"):
        cached.unlink()
    target.write_text(mutant.text, encoding="utf-8")
    try:
        return not all(run_tests(python, copy, paths, sound=False) for paths in find_suites(mutant.file))
    finally:
        target.write_bytes(text)


def main() -> int:
    """Try the sample, print what survived, and fail if that is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in {"seed": int, "mutants": int, "python": str}.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    excuses = read_excuses()
    mutants = list(draw_mutants(options.seed, options.mutants))
    with tempfile.TemporaryDirectory(prefix="mutate-") as scratch, ThreadPoolExecutor(PROCESSES) as threads:
        first = shutil.copytree(ROOT, Path(scratch, "0"), ignore=_NOT_COPIED)
        suites = {path: None for mutant in mutants for paths in find_suites(mutant.file) for path in paths}
        if not run_tests(options.python, first, list(suites), sound=True):
            raise SystemExit("the tests fail on the sound code")
        free: SimpleQueue[Path] = SimpleQueue()
        free.put(first)
        for number in range(1, PROCESSES):
            free.put(shutil.copytree(first, Path(scratch, str(number))))

        def try_mutant(mutant: Mutant) -> bool:
            copy = free.get()
            try:
                return is_killed(options.python, copy, mutant)
            finally:
                free.put(copy)

        survived = 0
        for mutant, killed in zip(mutants, threads.map(try_mutant, mutants), strict=True):
            if not killed:
                excuse = excuses.get(mutant.key)
                survived += 1
                verdict = "not excused" if excuse is None else f"excused: {excuse}"
                print(f"{mutant.file}:{mutant.line} {mutant.function}\n    {mutant.change}\n    {verdict}", flush=True)
    count = len(mutants)
    print(f"mutants={count} killed={count - survived} survived={survived} seed={options.seed}")
    return int(survived > SURVIVORS_MAX or count < MUTANTS_MIN)


if __name__ == "__main__":
    sys.exit(main())
