"""Values by key and by range of keys: in memory, or in a file to which lines are only appended."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from trader.adapters.local.atomic_files import append_lines, read_lines, translate_errors
from trader.model.codec import canonical_json, decode, translate_damage
from trader.model.schema import upgrade

ValueT = TypeVar("ValueT")
KindT = TypeVar("KindT")


class SortedValues(Generic[ValueT]):
    """A mapping that can be read by ranges of its keys. Of several values of one key the last counts."""

    def __init__(self, values: Mapping[str, ValueT] = MappingProxyType({})) -> None:
        self._values = dict(values)
        self._keys = sorted(values)

    def add(self, values: Mapping[str, ValueT]) -> None:
        # Not by the difference of both keys, for which Python looks at every key there is.
        for key in values:
            if key not in self._values:
                insort(self._keys, key)
        self._values |= values

    def get(self, key: str) -> ValueT | None:
        return self._values.get(key)

    def between(self, first: str, last: str) -> dict[str, ValueT]:
        """Return what lies from one key up to and without another, in the order of the keys."""
        keys = self._keys[bisect_left(self._keys, first) : bisect_left(self._keys, last)]
        return {key: self._values[key] for key in keys}

    def copy(self) -> SortedValues[ValueT]:
        return SortedValues(self._values)


class ArchiveFile:
    """Values in a file, one a line with its key. Only what was appended since the last look is read.

    A value is decoded when it is first asked for. Raises: StoreUnavailable, LedgerCorrupt.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: SortedValues[Any] = SortedValues()
        self._bytes_read = self._lines_read = 0

    def append(self, values: Mapping[str, Any]) -> None:
        """Keep values by key. One that is there already is kept once more, and read once."""
        lines = [canonical_json({"key": key, "value": value}) for key, value in values.items()]
        with translate_errors(self._path):
            append_lines(self._path, lines)

    def read(self, key: str, kind: type[KindT]) -> KindT | None:
        """Return the value of a key; None if there is none."""
        self._read_on()
        value = self._values.get(key)
        return None if value is None else self._decoded(key, value, kind)

    def between(self, first: str, last: str, kind: type[KindT]) -> dict[str, KindT]:
        """Return what lies from one key up to and without another, in the order of the keys."""
        self._read_on()
        return {key: self._decoded(key, value, kind) for key, value in self._values.between(first, last).items()}

    def _read_on(self) -> None:
        with translate_errors(self._path):
            if self._bytes_read and (not self._path.exists() or self._path.stat().st_size < self._bytes_read):
                # Another file under the same name: what was read of the one before is not in it.
                self._values, self._bytes_read, self._lines_read = SortedValues(), 0, 0
            lines = read_lines(self._path, self._bytes_read)
        for line in lines:
            with translate_damage(f"{self._path}: line {self._lines_read + 1}"):
                item = json.loads(line)
                self._values.add({item["key"]: item["value"]})
            self._bytes_read += len(line) + 1
            self._lines_read += 1

    def _decoded(self, key: str, value: Any, kind: type[KindT]) -> KindT:
        if isinstance(value, kind):
            return value
        with translate_damage(f"{self._path}: {key}"):
            decoded: KindT = decode(kind, upgrade(value))
        self._values.add({key: decoded})
        return decoded
