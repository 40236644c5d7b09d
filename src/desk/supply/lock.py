"""A lock file as its packages: exact versions, with the hashes of their files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

from trader.errors import ConfigError

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One pin. *marker* is empty if every target needs it; *hashes* are SHA-256, one for each file there is of it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def is_for(self, target: Mapping[str, str]) -> bool:
        """Tell whether a target, described in the words of markers, needs it."""
        return not self.marker or Marker(self.marker).evaluate(dict(target))


def read_lock(path: Path) -> tuple[LockedPackage, ...]:
    """Read every pin of a lock file, in its order. Raises: ConfigError for what is no file of text."""
    pins: list[tuple[re.Match[str], list[str]]] = []
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; allowed is a lock file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is no text: {error}") from None
    for line in text.splitlines():
        if pin := _PIN.match(line):
            pins.append((pin, []))
        if found := _HASH.findall(line):
            pins[-1][1].extend(found)
    return tuple(
        LockedPackage(pin["name"], pin["version"], (pin["marker"] or "").strip(), tuple(hashes)) for pin, hashes in pins
    )
