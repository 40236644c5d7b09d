"""Which test catches which mutant: run them all, and say what each of them said.

Every test is run as it stands, by pytest. With a mutant in place it is run in a process of its own, so that nothing
which was worked out with one mutant is taken for true with the next.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import pytest

from simulation.mutants.registry import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[3]
_ABOUT = "tests/simulation/test_mutants.py"
_WIDTH = 160


@dataclass(frozen=True)
class Row:
    """One test, and what it said of a mutant; nothing if it let the mutant pass, or fails without it too.

    ``is_ordinary``: it knows nothing of mutants, and was run once on the sound code and once with the mutant in place.
    """

    mutant: str
    broken: str
    where: tuple[str, ...]
    test: str
    said: str
    is_ordinary: bool

    @property
    def is_caught(self) -> bool:
        """Whether this test would have told us."""
        return bool(self.said)


@dataclass(eq=False)
class _Ear:
    """A plugin that hears which tests failed, and over what; and what the others have to tell.

    ``said`` maps a test to the first thing it found, ``passed`` holds those that ended well.
    """

    said: dict[str, str] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    _compared: str = ""

    def pytest_assertrepr_compare(self, left: object, right: object) -> None:
        """Keep the first of findings of which there were to be none."""
        if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)) and bool(left) != bool(right):
            self._compared = str((*left, *right)[0])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep how a test ended."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            first = (crash.message if crash is not None else str(report.longrepr)).splitlines()[0]
            self.said.setdefault(report.nodeid, self._compared or first)
        elif report.when == "call":
            self.passed.add(report.nodeid)
            for name, said in report.user_properties:
                if name == "said":
                    self.said[report.nodeid] = str(said)
        self._compared = ""


def _run(tests: Iterable[str], mutant: Mutant | None = None) -> _Ear:
    """Run some tests in this process, quietly, with a mutant in place or none."""
    ear, words = _Ear(), io.StringIO()
    chosen = [f"{ROOT / test}" for test in tests]
    quiet = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    with contextlib.redirect_stdout(words), mutant.applied() if mutant is not None else contextlib.nullcontext():
        code = pytest.main([*quiet, *chosen], plugins=[ear])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code!r} on {list(tests)}:\n{words.getvalue()}")
    return ear


def _about(mutants: Sequence[Mutant]) -> list[Row]:
    """Run the tests that are about the mutants; a failed one has not shown that it catches its own."""
    results = _run([f"{_ABOUT}::{mutant.test}" for mutant in mutants])
    rows = []
    for mutant in mutants:
        test = f"{_ABOUT}::{mutant.test}"
        said = results.said.get(test, "") if test in results.passed else ""
        rows.append(Row(mutant.name, mutant.broken, mutant.where, test, said, is_ordinary=False))
    return rows


def _said(tests: Sequence[str], mutant: Mutant | None = None) -> dict[str, str]:
    """What each of some ordinary tests failed over, if it failed; one with parameters, if it failed for one of them."""
    said = _run(tests, mutant).said
    return {
        test: next(first for each, first in said.items() if each == test or each.startswith(f"{test}["))
        for test in tests
        if any(each == test or each.startswith(f"{test}[") for each in said)
    }


def ordinary_rows(mutant: Mutant, mutated: Mapping[str, str], sound: Mapping[str, str]) -> list[Row]:
    """What fails with the mutant and not without it has caught it."""
    return [
        Row(
            mutant.name,
            mutant.broken,
            mutant.where,
            test,
            mutated.get(test, "") if test not in sound else "",
            is_ordinary=True,
        )
        for test in mutant.others
    ]


def rows(mutants: Sequence[Mutant] = MUTANTS, processes: int | None = None) -> list[Row]:
    """Run every test that is to catch a mutant; the rows of one mutant stand together."""
    workers = processes or os.cpu_count() or 1
    # A process plays one mutant and ends: the stories of a scenario are remembered for as long as it lives.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        about = pool.submit(_about, mutants)
        sound = pool.submit(_said, sorted({test for mutant in mutants for test in mutant.others}))
        mutated = [pool.submit(_said, mutant.others, mutant) for mutant in mutants]
        return [
            row
            for mutant, first, said in zip(mutants, about.result(), mutated, strict=True)
            for row in (first, *ordinary_rows(mutant, said.result(), sound.result()))
        ]


def _shown(row: Row) -> str:
    said = " ".join(row.said.split()) if row.is_caught else "NOT CAUGHT"
    return f"  {'ordinary' if row.is_ordinary else 'its own '}  {row.test}\n            {said[:_WIDTH]}"


def main() -> int:
    """Print the table; not 0 if one of the tests did not catch its mutant."""
    found, last = rows(), ""
    for row in found:
        if row.mutant != last:
            print(f"{row.mutant}: {row.broken}\n  in {', '.join(row.where)}")
        print(_shown(row))
        last = row.mutant
    passed = [row for row in found if not row.is_caught]
    print(f"{len({row.mutant for row in found})} mutants, {len(found)} tests, {len(passed)} of them let a mutant pass")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
