"""An audit that looked nothing up is a failure, however content the tool was with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desk.supply import audit
from desk.supply.audit import check_lock, main

HASH = f"    --hash=sha256:{'0' * 64}\n"
NOT_FOUND = "Dependency not found on PyPI and could not be audited: {0} (1.0)"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Two packages for everybody, and one for Windows."""
    path = tmp_path / "lock.txt"
    path.write_text(f"one==1.0 \\\n{HASH}two==1.0 \\\n{HASH}win==1.0 ; sys_platform == 'win32' \\\n{HASH}", "utf-8")
    return path


def clean(name: str, *vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": list(vulnerabilities)}


def skipped(name: str) -> dict[str, Any]:
    return {"name": name, "skip_reason": NOT_FOUND.format(name)}


def told(*rows: dict[str, Any]) -> str:
    """What pip-audit writes."""
    return json.dumps({"dependencies": list(rows), "fixes": []})


def test_packages_that_were_looked_up_and_are_clean_pass(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of other machines are not missed."""
    ended = main([str(lock)], lambda _: (told(clean("one"), clean("two")), ""))

    said = capsys.readouterr()
    assert (0, "") == (ended, said.err)
    assert f"lock={lock} locked=3 audited=2 vulnerable=0\n" == said.out


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        pytest.param(
            (told(skipped("one"), skipped("two")), ""),
            f"nothing could be audited: one, two: {NOT_FOUND.format('one')}",
            id="every package skipped",
        ),
        pytest.param((told(), ""), "nothing could be audited: one, two", id="no package at all"),
        pytest.param(
            ("", "Traceback\n  File\nrequests.exceptions.ProxyError: Max retries exceeded\n"),
            "nothing could be audited: requests.exceptions.ProxyError: Max retries exceeded",
            id="no network",
        ),
        pytest.param(("", ""), "nothing could be audited: pip-audit said nothing", id="silence"),
        pytest.param(("[]", "odd"), "nothing could be audited: odd", id="another form"),
        pytest.param(
            (told(clean("one"), skipped("two")), ""),
            f"1 of 3 packages were not audited: two: {NOT_FOUND.format('two')}",
            id="one skipped",
        ),
        pytest.param((told(clean("one")), ""), "1 of 3 packages were not audited: two", id="one left out"),
        pytest.param(
            (told(clean("one", {"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}), clean("two")), ""),
            "one 1.0: PYSEC-1, mended in 1.1, 2.0",
            id="a vulnerability",
        ),
        pytest.param(
            (told(clean("one", {"id": "PYSEC-1", "fix_versions": []}), clean("two")), ""),
            "one 1.0: PYSEC-1, mended in no version yet",
            id="one without a remedy",
        ),
    ],
)
def test_anything_else_is_one_clear_line_and_fails(
    lock: Path, capsys: pytest.CaptureFixture[str], answer: tuple[str, str], complaint: str
) -> None:
    """The tool's own exit code is no guide: skipping everything it takes for success."""
    ended = main([str(lock)], lambda _: answer)

    assert 1 == ended
    assert [f"audit: {lock}: {complaint}"] == capsys.readouterr().err.splitlines()


def test_each_lock_is_judged_by_itself(lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that could not be audited fails the whole, and the other is looked up all the same."""
    other = tmp_path / "other.txt"
    other.write_text(f"three==1.0 \\\n{HASH}", "utf-8")
    answers = {lock: told(clean("one"), clean("two")), other: told()}

    ended = main([str(lock), str(other)], lambda path: (answers[path], ""))

    said = capsys.readouterr()
    assert (1, 1) == (ended, len(said.err.splitlines()))
    assert ["locked=3 audited=2 vulnerable=0", "locked=1 audited=0 vulnerable=0"] == [
        line.partition(" ")[2] for line in said.out.splitlines()
    ]


def test_vulnerable_packages_are_counted_not_their_vulnerabilities(lock: Path) -> None:
    """Each vulnerability is a line of its own."""
    two = [{"id": f"PYSEC-{number}", "fix_versions": []} for number in (1, 2)]

    found = check_lock(lock, lambda _: (told(clean("one", *two), clean("two")), ""))

    assert (1, 2) == (found.vulnerable, len(found.problems))


def test_real_tool_without_a_network_is_one_clear_line(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip-audit itself, behind a proxy that is not there."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")

    ended = audit.main([str(lock)])

    (line,) = capsys.readouterr().err.splitlines()
    assert 1 == ended
    assert line.startswith(f"audit: {lock}: nothing could be audited: ")
