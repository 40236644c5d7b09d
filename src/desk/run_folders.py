"""Runs by name: each has a folder of its own below ``<home>/runs``, which says in ``run.json`` which run it is.

The same command is the same run, and goes on where it was interrupted. One that is finished is never touched again but
by whoever removes it. Nothing is made or removed in a folder without its lock.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from desk.errors import NotNow
from desk.folder_lock import LOCK_NAME, find_worker, lock_folder
from desk.run import JOURNAL_NAME
from desk.run_journal import read_progress
from trader.adapters.local.atomic_files import lock_file, read_text, replace_text, translate_errors
from trader.errors import ConfigError, LedgerCorrupt, StoreUnavailable
from trader.model.codec import canonical_json, decode, encode, translate_damage

_FOLDER, _PAGE, _LOCK, _GONE = "runs", "run.json", ".lock", ".removed-"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
UNFINISHED, FINISHED = "unfinished", "finished"
_NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class RunPage:
    """Which run it is, and how it ended. The same ``identity`` is the same run: market, settings, first tick and last.

    ``command`` is what goes on with it; ``granularity`` is that of its bars, which the settings were fitted to, or
    ``stretched``.
    Units: instants and times as RFC 3339, ``totals`` as ``trader run --json``.
    """

    identity: str
    title: str
    mode: str
    first: str
    last: str
    period_seconds: int
    ticks: int
    config: str
    command: str
    started_at: str
    state: str = UNFINISHED
    finished_at: str = ""
    granularity: str = ""
    stretched: bool = False
    totals: str = "{}"

    def read_totals(self) -> Mapping[str, Any]:
        """Return the totals; nothing before the run is finished."""
        totals: Mapping[str, Any] = json.loads(self.totals)
        return totals


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run that is there. ``worker`` is the process that works there now, if one does."""

    path: Path
    page: RunPage
    ticks_done: int = 0
    equity: Decimal | None = None
    worker: str | None = None

    @property
    def name(self) -> str:
        """Under which name it is kept."""
        return self.path.name

    @property
    def is_finished(self) -> bool:
        """Whether every tick was run and the totals are known."""
        return self.page.state == FINISHED

    def finish(self, totals: Mapping[str, Any], finished_at: str) -> None:
        """Write the totals down. Raises: StoreUnavailable."""
        page = replace(self.page, state=FINISHED, finished_at=finished_at, totals=canonical_json(totals))
        _write_page(self.path, page)


def check_name(name: str) -> str:
    """Return a name that can be a run's. Raises: ConfigError, for a path above all."""
    if _NAME.fullmatch(name):
        return name
    raise ConfigError(f"{name!r:.80} is no name of a run; allowed are 64 letters, digits, dashes, dots and underscores")


@contextmanager
def open_run(home: Path, page: RunPage, stem: str, name: str | None) -> Iterator[RunFolder]:
    """Open the run that a page asks for and have its folder to oneself; *stem* is what a new name begins with.

    Raises: ConfigError if the name is taken; NotNow if another process works there; StoreUnavailable.
    """
    with ExitStack() as stack:
        # For the moment of choosing only: two that begin together do not choose the same new name.
        with _choosing(home):
            path = _choose_named(home, page, name) if name is not None else _choose(home, page, stem)
            stack.enter_context(lock_folder(path))
            known = _read_page(path)
            if known is None:
                _write_page(path, page)
        folder = find_run(home, path.name)
        yield folder if known is None else replace(folder, page=replace(known, command=page.command))


def list_runs(home: Path) -> list[RunFolder | str]:
    """List the runs by name; of one that cannot be read, why."""
    found: list[RunFolder | str] = []
    for path in _list_folders(home):
        try:
            if (path / _PAGE).exists():
                found.append(find_run(home, path.name))
        except (LedgerCorrupt, StoreUnavailable) as error:
            found.append(str(error))
    return found


def find_run(home: Path, name: str) -> RunFolder:
    """Find a run by its name. Raises: ConfigError if there is none; LedgerCorrupt, StoreUnavailable."""
    path = locate_run(home, name)
    page = _read_page(path)
    if page is None:
        raise NotNow(f"{path}: it is being removed")
    done, equity = read_progress(path / JOURNAL_NAME)
    if page.state == FINISHED and (closing := page.read_totals().get("equity_close")) is not None:
        with translate_damage(path / _PAGE):
            equity = decode(Decimal, closing)
    return RunFolder(path, page, done, equity, find_worker(path))


def locate_run(home: Path, name: str) -> Path:
    """Find the folder of a run, whether or not it can be read. Raises: ConfigError if it is none."""
    path = home / _FOLDER / check_name(name)
    if (path / _PAGE).exists() and not path.is_symlink():
        return path
    known = ", ".join(each.name for each in _list_folders(home)[:_NAMES_SHOWN])
    raise ConfigError(f"{path} is no run; {f'there are {known}' if known else 'there is none yet'}")


def delete_run(path: Path) -> None:
    """Delete a run with all that is in it. Raises: NotNow if a process works there; StoreUnavailable."""
    where, gone = path.parent, path.with_name(f"{_GONE}{path.name}-{os.getpid()}")
    with _choosing(where.parent), lock_folder(path), translate_errors(path):
        # In one step, so that nobody finds half a run; what is left of it is removed by whoever removes the next one.
        path.rename(gone)
    with translate_errors(gone):
        shutil.rmtree(gone)
    for each in where.glob(f"{_GONE}*"):
        shutil.rmtree(each, ignore_errors=True)


@contextmanager
def _choosing(home: Path) -> Iterator[None]:
    where = home / _FOLDER
    with ExitStack() as stack:
        with translate_errors(where):
            stack.enter_context(lock_file(where / _LOCK))
        yield


def _choose(home: Path, page: RunPage, stem: str) -> Path:
    """Choose the unfinished run of this identity, else a new number."""
    for path in _list_folders(home):
        try:
            known = _read_page(path)
        except LedgerCorrupt:
            continue
        if known is not None and known.identity == page.identity and known.state != FINISHED:
            return path
    numbered = re.compile(re.escape(stem) + r"-(\d+)")
    names = [path.name for path in _list_folders(home) if not _is_blank(path)]
    taken = [int(found[1]) for each in names if (found := numbered.fullmatch(each))]
    return home / _FOLDER / f"{stem}-{max(taken, default=0) + 1}"


def _choose_named(home: Path, page: RunPage, name: str) -> Path:
    path = home / _FOLDER / check_name(name)
    known = _read_page(path)
    if known is None:
        if path.exists() and not _is_blank(path):
            raise ConfigError(f"--name {name}: {path} is something else; allowed is another name")
        return path
    if known.identity != page.identity:
        of = f"{known.title}, {known.mode}, {known.first} to {known.last}"
        raise ConfigError(f"--name {name} is another run ({of}); allowed is another name, or trader runs remove {name}")
    if known.state == FINISHED:
        raise ConfigError(
            f"--name {name} is finished; trader runs show {name} has its totals, another name runs it again"
        )
    return path


def _list_folders(home: Path) -> list[Path]:
    where = home / _FOLDER
    with translate_errors(where):
        if not where.exists():
            return []
        return sorted(path for path in where.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())


def _is_blank(path: Path) -> bool:
    # What is left of a run that met a full disk at once.
    with translate_errors(path):
        return path.is_dir() and {each.name for each in path.iterdir()} <= {LOCK_NAME}


def _read_page(folder: Path) -> RunPage | None:
    path = folder / _PAGE
    with translate_errors(path):
        text = read_text(path)
    if text is None:
        return None
    with translate_damage(path):
        told = json.loads(text)
        page: RunPage = decode(RunPage, {**told, "totals": canonical_json(told["totals"])})
    return page


def _write_page(folder: Path, page: RunPage) -> None:
    with translate_errors(folder / _PAGE):
        replace_text(folder / _PAGE, json.dumps({**encode(page), "totals": page.read_totals()}, indent=1) + "\n")
