"""What a run did in memory, on its way to its folder: first as one file, then file by file.

The one file is there wholly or not at all, and stays until all that it says lies where it belongs. Putting it there
once more changes nothing, so whoever comes after a death does it again: the next run, or a visitor who may write.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trader.adapters.local.atomic_files import keep_names, read_text, replace_text, translate_errors
from trader.adapters.local.files import FileStateStore
from trader.adapters.local.lease import LeaseItem, read_lease_item
from trader.errors import LedgerCorrupt, StoreUnavailable
from trader.model.codec import canonical_json, decode, translate_damage
from trader.model.frozen import replace
from trader.model.ids import Scope

_NAME, _SUFFIX = ".batch.json", ".batch"


@dataclass(frozen=True, slots=True)
class Appended:
    """Lines at the end of a file that had so many bytes before them."""

    size: int
    text: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some ticks of a run, as what they leave in its folder.

    Paths are relative to the folder. ``books`` is the item with the ledger, without commands; ``epoch`` and ``version``
    are those of the books that the ticks began with. ``dropped`` are the commands that they emptied from their slots.
    """

    scope: Scope
    epoch: int
    version: int
    books: str
    dropped: tuple[str, ...]
    written: Mapping[str, str]
    appended: Mapping[str, Appended]
    removed: tuple[str, ...]


class RunFiles(FileStateStore):
    """The books of a run in its folder, to which only whole batches come."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder, self._ahead = folder, folder / _NAME

    def item(self, scope: Scope) -> LeaseItem:
        """Return lease, commands and ledger as they lie there. Raises: StoreUnavailable, LedgerCorrupt."""
        with self._lock(scope):
            return self._item(scope)

    def keep(self, batch: Batch) -> Mapping[str, str]:
        """Keep a batch; it survives a power cut when this returns. Returns the commands that stand now, by slot.

        Raises: StoreUnavailable if the disk fails, or if somebody else wrote the books since the batch began: of it
        nothing is kept then.
        """
        with self._lock(batch.scope):
            item = self._item(batch.scope)
            if (item.epoch, item.version) != (batch.epoch, batch.version):
                raise StoreUnavailable(
                    f"{self._where_books(batch.scope)}: another command took the lease meanwhile; of the ticks since "
                    "the last ones that were kept nothing is"
                )
            replace_text(self._ahead, canonical_json(batch))
            return self._put(batch, item)

    def finish(self) -> None:
        """Put what a death left of a batch where it belongs. Raises: StoreUnavailable, LedgerCorrupt."""
        batch = self._read_ahead()
        if batch is None:
            return
        with self._lock(batch.scope):
            # A process that is alive may just have done it.
            if self._read_ahead() is None:
                return
            item, ends = self._item(batch.scope), read_lease_item(batch.books, str(self._ahead))
            if (item.epoch, item.version) not in {(batch.epoch, batch.version), (ends.epoch, ends.version)}:
                raise LedgerCorrupt(
                    f"{self._where_books(batch.scope)} was written by somebody else before {self._ahead} was put there"
                )
            self._put(batch, item)

    def _read_ahead(self) -> Batch | None:
        with translate_errors(self._ahead), translate_damage(self._ahead):
            text = read_text(self._ahead)
            batch: Batch | None = None if text is None else decode(Batch, json.loads(text))
        return batch

    def _where_books(self, scope: Scope) -> Path:
        return self.folder(scope) / "ledger.json"

    def _put(self, batch: Batch, item: LeaseItem) -> Mapping[str, str]:
        for name, text in batch.written.items():
            _replace(self._folder / name, text)
        for name, lines in batch.appended.items():
            _append(self._folder / name, lines)
        commands = {slot: text for slot, text in item.commands.items() if text not in batch.dropped}
        books = read_lease_item(batch.books, str(self._ahead))
        # Kept at once, unlike the others: the commands in it are nowhere else.
        self._write(batch.scope, replace(books, commands=commands).text())
        for name in batch.removed:
            (self._folder / name).unlink(missing_ok=True)
        _keep_all(self._folder)
        self._ahead.unlink()
        # Else a power cut may bring it back when others have written the books.
        keep_names(self._folder)
        return commands


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name, so that a death leaves one at most, which the next try takes.
    beside = path.with_name(f".{path.name}{_SUFFIX}")
    beside.write_bytes(text.encode())
    beside.replace(path)


def _append(path: Path, lines: Appended) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.truncate(lines.size)
        file.write(lines.text.encode())


def _keep_all(folder: Path) -> None:
    """Let a power cut keep every file of a disk: one order for hundreds of small ones."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(handle):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(handle)
