"""Many backtests of one market under settings that differ in a few keys, in several processes, each kept by its name.

A sweep has no state of its own: a set that is finished is found under its name and is not run again. So whatever is
killed, the same command goes on, and comes to the same.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from desk.backtest.archive import FINISHED, Archive, StoredBacktest
from desk.backtest.data.folder import CandleFolderSource
from desk.backtest.figures.document import build_document
from desk.backtest.figures.summary import summarize_backtest
from desk.backtest.identity import identify_backtest
from desk.backtest.request import BacktestRequest, describe_backtest, prepare_backtest
from desk.backtest.result import read_prices
from desk.backtest.run import Backtest
from trader.adapters.config.files import load_settings
from trader.adapters.config.strict_yaml import read_tree
from trader.errors import ConfigError, LedgerCorrupt
from trader.model.ids import Instant

#: More sets than this are a mistake: two dimensions of a hundred values each are not.
_SETS_MAX = 10_000
_SECTIONS = ("grid", "sets")
#: How often a worker looks whether the process that began it is still there.
_LOOK_SECONDS = 0.5

#: Key paths of the configuration, and the values that stand there instead.
Changes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """What every set has in common: what is asked, the configuration, where results are kept, and what time it is."""

    request: BacktestRequest
    config: Path
    environment: Mapping[str, str]
    home: Path
    now: Instant


def read_sweep(file: Path) -> tuple[Changes, ...]:
    """Read the sets of a sweep: each of ``sets``, and every combination of the values in ``grid``.

    Shape: ``sets`` is a list of mappings, ``grid`` a mapping of lists; keys are paths as ``trader config show`` prints
    them. Each set is there once. Raises: ConfigError naming the file, the key and what is wrong.
    """
    try:
        tree = read_tree(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    problems = [f"{file}: {each}" for each in tree.problems]
    unknown = (name for name in tree.root if name not in _SECTIONS)
    problems += [f"{file}: {name}: unknown; allowed are {' and '.join(_SECTIONS)}" for name in unknown]
    sets, grid = tree.root.get("sets") or [], tree.root.get("grid") or {}
    if not isinstance(sets, list) or not all(isinstance(each, Mapping) and each for each in sets):
        problems.append(f"{file}: sets: must be a list of key paths with values, as - exits.trailing: true")
    if not isinstance(grid, Mapping) or not all(isinstance(each, list) and each for each in grid.values()):
        problems.append(f"{file}: grid: must be key paths with lists of values, as exits.trailing: [true, false]")
    if problems:
        raise ConfigError(tuple(problems))
    found = [dict(each) for each in sets]
    if grid:
        found += [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    unique = list({repr(sorted(each.items())): each for each in found}.values())
    if not 0 < len(unique) <= _SETS_MAX:
        raise ConfigError(f"{file}: {len(unique)} sets; allowed are 1 to {_SETS_MAX}")
    return tuple(unique)


def run_sweep(
    plan: SweepPlan,
    sets: Sequence[Changes],
    workers: int,
    on_done: Callable[[int, StoredBacktest], None],
    is_asked: Callable[[], bool] = lambda: False,
) -> None:
    """Run the sets, so many at a time, and tell of each as it is done; begin no other once *is_asked* to end.

    All settings are read before anything is run. Raises: ConfigError naming the set; what a backtest raises.
    """
    for number, changes in enumerate(sets):
        try:
            load_settings(plan.config, plan.environment, changes)
        except ConfigError as error:
            raise ConfigError(tuple(f"set {number + 1}: {each}" for each in error.problems)) from error
    if workers == 1:
        source = CandleFolderSource(plan.request.candles, plan.now)
        for number, changes in enumerate(sets):
            if is_asked():
                return
            on_done(number, _run_set(plan, changes, source))
        return
    # Nothing of this process's threads and locks is taken over.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin_worker, (plan,)) as pool:
        for number, name in _iterate_done(pool, sets, workers, is_asked):
            on_done(number, Archive(plan.home).find(name))


def _iterate_done(
    pool: ProcessPoolExecutor, sets: Sequence[Changes], workers: int, is_asked: Callable[[], bool]
) -> Iterator[tuple[int, str]]:
    """Hand out one set to each worker that is free."""
    waiting, running = list(enumerate(sets))[::-1], dict[Future[str], int]()
    while running or (waiting and not is_asked()):
        while waiting and len(running) < workers and not is_asked():
            number, changes = waiting.pop()
            running[pool.submit(_work, changes)] = number
        for done in wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED).done:
            yield running.pop(done), done.result()


def _run_set(plan: SweepPlan, changes: Changes, source: CandleFolderSource) -> StoredBacktest:
    """Run one set, unless it is finished, and keep it."""
    settings = load_settings(plan.config, plan.environment, changes).settings
    backtest = prepare_backtest(plan.request, settings, source)
    return run_and_keep(backtest, plan.request, Archive(plan.home))


def run_and_keep(backtest: Backtest, request: BacktestRequest, archive: Archive) -> StoredBacktest:
    """Run what of a backtest is not finished, and keep it. Raises: LedgerCorrupt if the books are not sound."""
    settings, prices = backtest.recorded.settings, read_prices(backtest.recorded)
    stored = archive.open(identify_backtest(backtest, request), settings, describe_backtest(backtest))
    if stored.state == FINISHED:
        return stored
    for model in request.models or (settings.simulation.fills,):
        result = backtest.run_model(model)
        if result.cash_difference:
            raise LedgerCorrupt(f"{stored.name}: the cash differs from what the fills make of it")
        document = build_document(summarize_backtest(result.record, prices, request.seed), result.exact)
        stored = archive.keep(stored, model.value, document, result.ticks)
    return stored


# --- in a worker

_source: CandleFolderSource | None = None
_plan: SweepPlan | None = None


def _begin_worker(plan: SweepPlan) -> None:
    global _plan, _source
    # Whoever types Ctrl-C means the process that hands the sets out.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _plan, _source = plan, CandleFolderSource(plan.request.candles, plan.now)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _work(changes: Changes) -> str:
    assert _plan is not None, "a worker has begun"
    assert _source is not None, "a worker has begun"
    return _run_set(_plan, changes, _source).name
