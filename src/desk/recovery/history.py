"""All that ever lay under the keys of an audit, as far as the store still has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from desk.recovery.chain import FolderAuditReader
from trader.model.ids import Instant, Scope


@dataclass(frozen=True, slots=True)
class Version:
    """What lay under a key from an instant on; no text where it was deleted.

    ``at`` is the store's own time, which nobody can set; None where a store has none that could be relied on.
    """

    text: str | None
    at: Instant | None = None


#: The versions of each key, oldest first.
History = Mapping[str, tuple[Version, ...]]


class HistoryReader(Protocol):
    """Where the history is read from."""

    def read(self, scope: Scope) -> History:
        """Return every version of every object of a scope. Raises: AuditError."""


class FolderHistory:
    """A folder has no history: what lies there is all it knows."""

    def __init__(self, reader: FolderAuditReader) -> None:
        self._reader = reader

    def read(self, scope: Scope) -> History:
        return {key: (Version(text),) for key, text in self._reader.texts(scope).items()}
