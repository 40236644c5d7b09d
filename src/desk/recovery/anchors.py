"""What the audit's objects were on the day they were written, as a function of another role put it into a log.

The log is a list of lines of JSON, each with some objects of one day and scope: key, digest, and of each line the
first three digits of its own. Written twice, as by a function that was tried again, the first one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from desk.recovery.chain import split_lines
from trader.errors import AuditError
from trader.model.codec import sha256_hex
from trader.model.ids import Scope

_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Anchored:
    """One object as it was: its digest, and some digits of the digest of each of its lines."""

    digest: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Anchors:
    """The objects of each day that was written down, by key, and how many there were. A day may have had none."""

    days: Mapping[str, Mapping[str, Anchored]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def objects(self) -> dict[str, Anchored]:
        """All of them, by key."""
        return {key: each for objects in self.days.values() for key, each in objects.items()}

    def is_whole(self, day: str) -> bool:
        """Whether all objects that a day had were written down: a line of the log may be lost."""
        return day in self.days and len(self.days[day]) >= self.counts.get(day, 0)


def mark_lines(text: str) -> tuple[str, ...]:
    """Return what an anchor would keep of the lines of a text."""
    return tuple(sha256_hex(line)[:_DIGITS] for line in split_lines(text))


def parse_anchors(lines: Iterable[str], scope: Scope) -> Anchors:
    """Read the lines of the log, in the order of their writing. Raises: AuditError for one that cannot be read."""
    days: dict[str, dict[str, Anchored]] = {}
    counts: dict[str, int] = {}
    for line in lines:
        try:
            told = json.loads(line)
            if told["scope"] == scope:
                name = str(told["day"])
                day = days.setdefault(name, {})
                counts[name] = max(counts.get(name, 0), int(told["of"]))
                for key, digest, digits in told["objects"]:
                    parts = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
                    # What follows the last newline is no line.
                    day.setdefault(str(key), Anchored(str(digest), tuple(parts[:-1])))
        except (ValueError, KeyError, TypeError) as error:
            raise AuditError(f"a line of the anchors cannot be read: {type(error).__name__}: {line[:80]}") from error
    return Anchors(days, counts)
