"""Look locked versions up among the known vulnerabilities, and fail if that could not be done.

``python -m desk.supply.audit LOCK...`` runs pip-audit on each. By itself pip-audit ends with success when it finds no
package at all, as behind a mirror or a proxy: nothing was looked up, and nothing was found.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desk.supply.lock import read_lock
from trader.errors import ConfigError

#: What pip-audit says of a lock: on standard output, and on the other.
Answer = tuple[str, str]
_SHOWN = 3
_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True)
class Audited:
    """What became of one lock; *problems* is empty if every package was looked up and nothing is known against any."""

    lock: Path
    locked: int
    audited: int
    vulnerable: int
    problems: tuple[str, ...]

    def line(self) -> str:
        """Write the line for machines."""
        return f"lock={self.lock} locked={self.locked} audited={self.audited} vulnerable={self.vulnerable}"


def ask_pip_audit(lock: Path) -> Answer:
    """Run pip-audit on a lock file."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", str(lock)]
    command += ["--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX)  # noqa: S603
    return done.stdout, done.stderr


def check_lock(lock: Path, ask: Callable[[Path], Answer] = ask_pip_audit) -> Audited:
    """Have one lock looked up, and judge the answer."""
    pins = read_lock(lock)
    out, error = ask(lock)
    rows = _read_rows(out)
    if rows is None:
        said = error.strip().splitlines()
        reason = said[-1][:300] if said else "pip-audit said nothing"
        return Audited(lock, len(pins), 0, 0, (f"nothing could be audited: {reason}",))
    audited = [row for row in rows if "vulns" in row]
    problems = [
        f"{row['name']} {row['version']}: {each['id']}, mended in {', '.join(each['fix_versions']) or 'no version yet'}"
        for row in audited
        for each in row["vulns"]
    ]
    # What only other machines need, by its marker, is not looked up here.
    missed = {pin.name for pin in pins if not pin.marker} - {row["name"] for row in audited}
    if missed or not audited:
        reasons = [row["skip_reason"] for row in rows if "skip_reason" in row][:1]
        told = ", ".join(sorted(missed)[:_SHOWN]) + (", …" if len(missed) > _SHOWN else "")
        what = "nothing could be audited" if not audited else f"{len(missed)} of {len(pins)} packages were not audited"
        problems.append(": ".join([what, *([told] if told else []), *reasons]))
    vulnerable = sum(bool(row["vulns"]) for row in audited)
    return Audited(lock, len(pins), len(audited), vulnerable, tuple(problems))


def _read_rows(out: str) -> list[dict[str, Any]] | None:
    try:
        rows = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    return [dict(row) for row in rows]


def main(arguments: Sequence[str] | None = None, ask: Callable[[Path], Answer] = ask_pip_audit) -> int:
    """Look every lock up; print the problems, then one line for each lock; 1 if there is any problem."""
    parser = argparse.ArgumentParser(prog="desk.supply.audit", description=__doc__)
    parser.add_argument("locks", type=Path, nargs="+")
    try:
        results = [check_lock(lock, ask) for lock in parser.parse_args(arguments).locks]
    except ConfigError as error:
        print(f"audit: {error}", file=sys.stderr)
        return 1
    for each in results:
        for problem in each.problems:
            print(f"audit: {each.lock}: {problem}", file=sys.stderr)
    print("\n".join(each.line() for each in results))
    return int(any(each.problems for each in results))


if __name__ == "__main__":
    sys.exit(main())
