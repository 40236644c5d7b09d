"""Finished backtests by name, each in a folder of its own below ``<home>/backtests``.

``backtest.json`` says which backtest it is and how far it got, ``settings.json`` under which settings, and each fill
model has its document, as docs/backtest-result.md describes it. There is no instant of the machine in any of them:
running the same again writes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trader.adapters.config.strict_yaml import iterate_leaves
from trader.adapters.local.atomic_files import read_text, replace_text, translate_errors
from trader.errors import ConfigError, LedgerCorrupt
from trader.model.codec import canonical_json, digest_of, encode

if TYPE_CHECKING:
    from desk.backtest.identity import BacktestIdentity
    from trader.settings import Settings

FINISHED, PARTIAL = "finished", "partial"
_FOLDER, _PAGE, _SETTINGS = "backtests", "backtest.json", "settings.json"
_NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class StoredBacktest:
    """One that is kept. ``page`` has its identity, what it ran on, and, by fill model, how many ticks of all are done.

    ``documents`` are the results by fill model; of an interrupted one those that were made.
    """

    path: Path
    page: Mapping[str, Any]
    documents: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """Under which name it is kept."""
        return self.path.name

    @property
    def state(self) -> str:
        """Whether every tick of every fill model was run."""
        return FINISHED if all(each == self.page["ticks"] for each in self.page["done"].values()) else PARTIAL

    def read_settings(self) -> Mapping[str, Any]:
        """Return every setting by its key path. Raises: LedgerCorrupt, StoreUnavailable."""
        return dict(iterate_leaves(_read(self.path / _SETTINGS)))


class Archive:
    """The backtests below one home."""

    def __init__(self, home: Path) -> None:
        self.folder = home / _FOLDER

    def open(self, identity: BacktestIdentity, settings: Settings, about: Mapping[str, Any]) -> StoredBacktest:
        """Return what is kept of a backtest, or begin to keep it: *about* is what its page says for people.

        Raises: LedgerCorrupt, StoreUnavailable.
        """
        path = self.folder / identity.name
        if (path / _PAGE).exists():
            return self.find(identity.name)
        models: Any = identity.asked["fills"]
        page = {**about, "done": dict.fromkeys(models, 0), "identity": encode(identity)}
        with translate_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            replace_text(path / _SETTINGS, canonical_json(encode(settings)))
            replace_text(path / _PAGE, canonical_json(page))
        return StoredBacktest(path, page, {})

    def keep(self, stored: StoredBacktest, model: str, document: Mapping[str, Any], done: int) -> StoredBacktest:
        """Keep the result of one fill model, after so many ticks. Raises: StoreUnavailable."""
        page = {**stored.page, "done": {**stored.page["done"], model: done}}
        with translate_errors(stored.path):
            replace_text(stored.path / f"{model}.json", canonical_json(document))
            replace_text(stored.path / _PAGE, canonical_json(page))
        return StoredBacktest(stored.path, page, {**stored.documents, model: document})

    def find(self, name: str) -> StoredBacktest:
        """Find a backtest by its name, or the beginning of it. Raises: ConfigError, LedgerCorrupt, StoreUnavailable."""
        found = [path for path in self._list_paths() if path.name.startswith(name)] if name.isalnum() else []
        if len(found) > 1:
            several = ", ".join(path.name for path in found[:_NAMES_SHOWN])
            raise ConfigError(f"{name} begins {len(found)} backtests: {several}; allowed is more of one of them")
        if not found:
            known = ", ".join(path.name for path in self._list_paths()[:_NAMES_SHOWN])
            told = f"there are {known}" if known else "there is none yet"
            raise ConfigError(f"{name!r:.80} is no backtest in {self.folder}; {told}")
        return _read_stored(found[0])

    def list_stored(self) -> list[StoredBacktest | str]:
        """List the backtests, the newest first; of one that cannot be read, why."""
        found: list[StoredBacktest | str] = []
        for path in self._list_paths():
            try:
                found.append(_read_stored(path))
            except LedgerCorrupt as error:
                found.append(str(error))
        return found

    def _list_paths(self) -> list[Path]:
        with translate_errors(self.folder):
            pages = [page for page in self.folder.glob(f"*/{_PAGE}") if not page.parent.is_symlink()]
            return [
                page.parent for page in sorted(pages, key=lambda each: (-each.stat().st_mtime_ns, each.parent.name))
            ]


def _read_stored(path: Path) -> StoredBacktest:
    page = _read(path / _PAGE)
    try:
        done, ticks = page["done"], page["ticks"]
        documents = {model: _read_document(path / f"{model}.json") for model, count in done.items() if count}
        if not isinstance(ticks, int) or not all(isinstance(each, int) for each in done.values()):
            raise TypeError("no counts")
    except (KeyError, TypeError, AttributeError) as error:
        raise LedgerCorrupt(f"{path / _PAGE}: {type(error).__name__}: {error}; it is no page of a backtest") from error
    return StoredBacktest(path, page, documents)


def _read_document(file: Path) -> Mapping[str, Any]:
    document = _read(file)
    if digest_of(document.get("content")) != document.get("digest"):
        raise LedgerCorrupt(f"{file}: its content is not what its digest says")
    return document


def _read(file: Path) -> Mapping[str, Any]:
    text = read_text(file)
    try:
        value = None if text is None else json.loads(text)
    except ValueError as error:
        raise LedgerCorrupt(f"{file}: {error}") from error
    if not isinstance(value, dict):
        raise LedgerCorrupt(f"{file}: is missing, or holds no object")
    return value
