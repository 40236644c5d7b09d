"""Every audit object of a scope as text, by its key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from trader.errors import AuditError
from trader.model.ids import Scope


class AuditReader(Protocol):
    """Where the audit is read from."""

    def texts(self, scope: Scope) -> Mapping[str, str]:
        """Return every object of a scope by its key. Raises: AuditError."""
        ...


class FolderAuditReader:
    """The audit of a FileAuditLog."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def texts(self, scope: Scope) -> Mapping[str, str]:
        try:
            return {
                path.relative_to(self._folder).as_posix(): path.read_text(encoding="utf-8")
                for path in sorted((self._folder / f"scope={scope}").glob("dt=*/*.jsonl"))
            }
        except (OSError, UnicodeDecodeError) as error:
            raise AuditError(f"{self._folder}: {error}") from error
