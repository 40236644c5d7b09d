"""Least privilege, proven over the whole folder: what every test of it made the function ask of AWS, against its role.

Each test's report carries what was asked while it ran, so it does not matter which process ran it; the process that
gathers the reports judges at the end. If every test of the folder ran, calls and grants have to be the same set. If
only some did, they can only show that no call lies outside the grants, and the closing line says so. What a test
starts as a process of its own is not heard; the one that does so lets a tick run in DRY_RUN.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

MODES = ("DRY_RUN", "PAPER", "LIVE")
#: LIVE with its key in Parameter Store: a deployment of its own, with grants of its own.
BY_PARAMETER = "LIVE by parameter"
DEPLOYMENTS = (*MODES, BY_PARAMETER)
#: An action and the resource it is on, which in a grant may be a pattern.
Grants = set[tuple[str, str]]
#: A deployment, an action that the function asked for in it, and the resource it asked for.
Asked = tuple[str, str, str]
#: Under this name a test's report carries what was asked.
PROPERTY = "asked_of_aws"


class Proof:
    """A pytest plugin of the process that gathers the reports."""

    def __init__(self, root: Path, folder: Path, grants_of: Callable[[str], Grants]) -> None:
        self._root = root
        self._folder = folder
        self._grants_of = grants_of
        self._ran: set[tuple[str, str]] = set()
        self._asked: set[Asked] = set()
        self._said = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name, _, test = report.nodeid.partition("::")
        path = self._root / name
        if path.parent == self._folder:
            self._ran.add((path.name, test.partition("[")[0]))
            for name, asked in report.user_properties:
                if name == PROPERTY:
                    self._asked |= {(mode, action, resource) for mode, action, resource in asked}  # type: ignore[misc]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self._ran:
            return
        whole = self._ran >= tests_in(self._folder)
        found = complaints(self._asked, self._grants_of, whole=whole)
        scope = "calls and grants are the same set" if whole else "no call outside the grants; part of the tests ran"
        self._said = f"{self._folder.name}: {scope} ({len(self._ran)} tests, {len(self._asked)} permissions)"
        if found:
            self._said = ""
            name = (self._folder.relative_to(self._root) / "proof.py").as_posix()
            failed = pytest.TestReport(
                nodeid=f"{name}::calls_and_grants_are_the_same_set",
                location=(name, None, "calls_and_grants_are_the_same_set"),
                keywords={},
                outcome="failed",
                longrepr="\n".join(found),
                when="call",
            )
            session.config.hook.pytest_runtest_logreport(report=failed)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._said:
            terminalreporter.write_line(self._said)


def tests_in(folder: Path) -> set[tuple[str, str]]:
    """Every test that the files of a folder define: file and function."""
    return {
        (path.name, node.name)
        for path in folder.glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def covering(grants: Grants, wanted: tuple[str, str]) -> Grants:
    """The grants that allow what is wanted."""
    return {grant for grant in grants if grant[0] == wanted[0] and fnmatchcase(wanted[1], grant[1])}


def complaints(asked: Iterable[Asked], grants_of: Callable[[str], Grants], *, whole: bool) -> list[str]:
    """What is asked for and not granted; and, if all that is ever asked was heard, what is granted for nothing.

    A mode that trades has to use every grant it has; one that was never heard proves nothing.
    """
    grants = {mode: grants_of(mode) for mode in DEPLOYMENTS}
    used: dict[str, Grants] = {mode: set() for mode in DEPLOYMENTS}
    found = []
    for mode, action, resource in sorted(set(asked)):
        allowed = covering(grants[mode], (action, resource))
        used[mode] |= allowed
        if not allowed:
            found.append(f"not granted in {mode}: {action} on {resource}")
    for mode in DEPLOYMENTS if whole else ():
        found += [] if used[mode] else [f"nothing was heard in {mode}"]
        # DRY_RUN has the role of PAPER: what it never reaches, such as storing a fill, is no other power than PAPER's.
        # What LIVE with the other store has beside its key is LIVE's.
        others = {"DRY_RUN": used["PAPER"], BY_PARAMETER: used[mode] | used["LIVE"]}
        unused = grants[mode] - others.get(mode, used[mode])
        found += [f"granted in {mode}, never asked for: {action} on {resource}" for action, resource in sorted(unused)]
    return found
