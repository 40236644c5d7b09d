"""What is kept of a soak while it runs: every request and every hit as one digest, and the counts of a world."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulation.soak.fault_kinds import FaultKind


@dataclass
class Tally:
    """How often each kind hit something."""

    hits: Counter[str] = field(default_factory=Counter)

    def add(self, kind: FaultKind, count: int = 1) -> None:
        """Count a hit."""
        self.hits[kind.value] += count


@dataclass
class Log:
    """The sequence of everything in one world, as a digest that two runs can be compared by, and the last of it."""

    sha: Any = field(default_factory=hashlib.sha256)
    count: int = 0
    last: list[str] = field(default_factory=list)
    keep: int = 40
    echo: Callable[[str], None] | None = None

    def add(self, line: str) -> None:
        """Note one thing that happened."""
        self.sha.update(line.encode())
        self.count += 1
        self.last = [*self.last[-self.keep :], line]
        if self.echo is not None:
            self.echo(line)

    @property
    def digest(self) -> str:
        """Name the sequence so far."""
        return str(self.sha.hexdigest()[:16])


@dataclass
class Told:
    """What one world came to."""

    number: int
    cycles: int = 0
    orders: int = 0
    fills: int = 0
    trace: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    broken: list[str] = field(default_factory=list)
