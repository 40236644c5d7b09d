"""Finished backtests by name, each in a folder of its own below ``<home>/backtests``.

``backtest.json`` says which backtest it is and how far it got, ``settings.json`` under which settings, and each fill
model has its document, as docs/backtest-result.md describes it; ``prices.json`` has the prices it ran on, thinned for
pictures. There is no instant of the machine in any of them: running the same again writes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desk.backtest.figures.conventions import SCHEMA
from desk.backtest.identity import name_identity
from trader.adapters.config.strict_yaml import iterate_leaves
from trader.adapters.local.atomic_files import lock_file, read_text, replace_text, translate_errors
from trader.errors import ConfigError, LedgerCorrupt, StoreUnavailable
from trader.model.codec import canonical_json, digest_of, encode, translate_damage

if TYPE_CHECKING:
    from desk.backtest.identity import BacktestIdentity
    from trader.settings import Settings

FINISHED, PARTIAL = "finished", "partial"
_FOLDER, _PAGE, _SETTINGS, _PRICES, _LOCK = "backtests", "backtest.json", "settings.json", "prices.json", ".keeping"
_NAMES_SHOWN = 8
#: The sections whose figures stand beside their unit, in the order in which they are shown.
SECTIONS = ("performance", "costs", "activity", "trades", "entries")


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
    def is_finished(self) -> bool:
        """Whether every tick of every fill model was run."""
        return all(each == self.page["ticks"] for each in self.page["done"].values())

    @property
    def state(self) -> str:
        """The same as a word."""
        return FINISHED if self.is_finished else PARTIAL

    def read_settings(self) -> Mapping[str, Any]:
        """Return every setting by its key path. Raises: LedgerCorrupt, StoreUnavailable."""
        return dict(iterate_leaves(_read(self.path / _SETTINGS)))

    def read_prices(self) -> Mapping[str, Any]:
        """Return the thinned prices by product; none where none were kept. Raises: LedgerCorrupt, StoreUnavailable."""
        file = self.path / _PRICES
        if not file.exists():
            return {}
        prices: Mapping[str, Any] = _read_whole(file)["content"]
        return prices


class Archive:
    """The backtests below one home."""

    def __init__(self, home: Path) -> None:
        self.folder = home / _FOLDER

    def open(self, identity: BacktestIdentity, settings: Settings, about: Mapping[str, Any]) -> StoredBacktest:
        """Return what is kept of a backtest, or begin to keep it: *about* is what its page says for people.

        Raises: LedgerCorrupt if what is kept is damaged, or says other than it would; StoreUnavailable.
        """
        path = self.folder / identity.name
        models: Any = identity.asked["fills"]
        page = {**about, "done": dict.fromkeys(models, 0), "identity": encode(identity)}
        if (path / _PAGE).exists():
            try:
                stored = _read_stored(path)
                if canonical_json({**stored.page, "done": page["done"]}) != canonical_json(page):
                    raise LedgerCorrupt(f"{path / _PAGE}: says other than this backtest is")
            except LedgerCorrupt as error:
                raise LedgerCorrupt(f"{error} → once {path} is removed, the same command runs it anew") from error
            return stored
        with translate_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            replace_text(path / _SETTINGS, canonical_json(encode(settings)))
            replace_text(path / _PAGE, canonical_json(page))
        return StoredBacktest(path, page, {})

    def keep(self, stored: StoredBacktest, model: str, document: Mapping[str, Any], done: int) -> StoredBacktest:
        """Keep the result of one fill model, after so many ticks; what is kept now, also by others, is returned.

        A result of more ticks stays: nothing that was finished is lost because it was begun again and interrupted.
        Raises: LedgerCorrupt, StoreUnavailable.
        """
        with translate_errors(stored.path), lock_file(self.folder / _LOCK):
            # Another process may have kept something since this one began.
            there = _read_stored(stored.path)
            if there.page["done"][model] > done:
                return there
            page = {**there.page, "done": {**there.page["done"], model: done}}
            replace_text(stored.path / f"{model}.json", canonical_json(document))
            replace_text(stored.path / _PAGE, canonical_json(page))
        return StoredBacktest(stored.path, page, {**there.documents, model: document})

    def keep_prices(self, stored: StoredBacktest, prices: Mapping[str, Any]) -> None:
        """Keep the thinned prices that a backtest ran on. Raises: StoreUnavailable."""
        document = {"content": prices, "digest": digest_of(prices)}
        with translate_errors(stored.path):
            replace_text(stored.path / _PRICES, canonical_json(document))

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
            except (LedgerCorrupt, StoreUnavailable) as error:
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
    with translate_damage(path / _PAGE):
        _check_page(page, path.name)
    documents = {model: _read_document(path / f"{model}.json") for model, count in page["done"].items() if count}
    return StoredBacktest(path, page, documents)


def _check_page(page: Mapping[str, Any], name: str) -> None:
    """Refuse a page that is none of ours, or of which somebody changed what can be checked."""
    identity, ticks, done = page["identity"], page["ticks"], page["done"]
    if name_identity(identity) != name:
        raise ValueError(f"it is the page of {name_identity(identity)}")
    if type(ticks) is not int or ticks < 1 or {*done} != {*identity["asked"]["fills"]}:
        raise ValueError(f"ticks {ticks!r:.20} of {', '.join(done):.80} are none of a backtest")
    if not all(type(each) is int and 0 <= each <= ticks for each in done.values()):
        raise ValueError(f"done is {done!r:.80}; there are {ticks} ticks")
    texts = [page["from"], page["to"], page["granularity"], *page["products"], *page["strategies"]]
    if not all(isinstance(each, str) and each.isprintable() for each in texts):
        raise ValueError("from, to, granularity, products and strategies must be plain text")


def _read_document(file: Path) -> Mapping[str, Any]:
    document = _read_whole(file)
    with translate_damage(file):
        content = document["content"]
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r:.20} is of another release; this one reads {SCHEMA}")
        figures = [figure for section in SECTIONS for figure in content[section].values()]
        if not all(figure.keys() >= {"value", "unit"} for figure in figures):
            raise ValueError("a figure has no value, or no unit")
    return document


def _read_whole(file: Path) -> Mapping[str, Any]:
    """Read a content with its digest."""
    document = _read(file)
    with translate_damage(file):
        if digest_of(document["content"]) != document["digest"]:
            raise ValueError("its content is not what its digest says")
    return document


def _read(file: Path) -> Mapping[str, Any]:
    with translate_errors(file), translate_damage(file):
        text = read_text(file)
        value = None if text is None else json.loads(text)
    if not isinstance(value, dict):
        raise LedgerCorrupt(f"{file}: is missing, or holds no object")
    return value
