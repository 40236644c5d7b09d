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
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from desk.backtest.archive import Archive, StoredBacktest
from desk.backtest.data.folder import CandleFolderSource
from desk.backtest.figures.document import build_document
from desk.backtest.figures.summary import summarize_backtest
from desk.backtest.identity import identify_backtest
from desk.backtest.request import BacktestRequest, describe_backtest, fit_to_request, prepare_backtest
from desk.backtest.result import read_prices
from desk.backtest.run import Backtest
from desk.markets import fit_settings
from trader.adapters.config.files import LoadedSettings, load_settings
from trader.adapters.config.strict_yaml import iterate_leaves, read_tree
from trader.errors import ConfigError, DataError, LedgerCorrupt
from trader.model.codec import encode
from trader.model.ids import Instant
from trader.settings import Settings

#: More sets than this are a mistake: two dimensions of a hundred values each are not.
_SETS_MAX = 10_000
#: Nor is a file of so many bytes one that somebody wrote.
_BYTES_MAX = 4_000_000
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
        with file.open("rb") as opened:
            content = opened.read(_BYTES_MAX + 1)
        if len(content) > _BYTES_MAX:
            raise ConfigError(
                f"--sweep {file}: is larger than {_BYTES_MAX} bytes; allowed is a file of {_SETS_MAX} sets"
            )
        tree = read_tree(content.decode())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--sweep {file}: cannot be read: {error}") from error
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
    # Counted before they are made: the combinations of a dozen keys fill any memory.
    count = len(sets) + (prod(len(each) for each in grid.values()) if grid else 0)
    if not 0 < count <= _SETS_MAX:
        raise ConfigError(f"{file}: {count} sets; allowed are 1 to {_SETS_MAX}")
    found = [dict(each) for each in sets]
    if grid:
        found += [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return tuple({repr(sorted(each.items())): each for each in found}.values())


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
            _check_set(plan, changes)
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
        try:
            for number, name in _iterate_done(pool, sets, workers, is_asked):
                on_done(number, Archive(plan.home).find(name))
        except BrokenProcessPool as error:
            told = "one of the sweep's processes was killed, perhaps for want of memory; what is finished is kept"
            raise DataError(f"{told}, and the same command goes on, with a smaller -j if that was why") from error


def _check_set(plan: SweepPlan, changes: Changes) -> None:
    loaded, request = load_settings(plan.config, plan.environment, changes), plan.request
    settings = fit_to_request(loaded.settings, request)
    if request.granularity is not None:
        settings = fit_settings(settings, request.granularity, stretch=request.stretches)
    check_in_force(changes, loaded, settings)
    if request.models and "simulation.fills" in changes:
        raise ConfigError("simulation.fills: --fills says which are run; allowed is one of the two")


def check_in_force(changes: Changes, loaded: LoadedSettings, settings: Settings) -> None:
    """Refuse values that are not those under which a set is run: a table would tell of what nobody tried.

    Raises: ConfigError naming the key, what the set says and what is in force.
    """
    asked, in_force = (dict(iterate_leaves(encode(each))) for each in (loaded.settings, settings))
    problems = []
    for path in changes:
        for leaf in (each for each in asked if each == path or each.startswith((f"{path}.", f"{path}["))):
            source = loaded.sources[leaf].source
            if in_force[leaf] != asked[leaf] or source.startswith("environment"):
                told = f"is {in_force[leaf]} in this backtest whatever a set says, by its options or its candles"
                problems.append(f"{leaf}: {told}; allowed is to leave it out of the sets")
    if problems:
        raise ConfigError(tuple(problems))


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
    loaded = load_settings(plan.config, plan.environment, changes)
    backtest = prepare_backtest(plan.request, loaded.settings, source)
    # Which bars there are is known by now, and what is fitted to them.
    check_in_force(changes, loaded, backtest.recorded.settings)
    return run_and_keep(backtest, plan.request, Archive(plan.home))


def run_and_keep(backtest: Backtest, request: BacktestRequest, archive: Archive) -> StoredBacktest:
    """Run what of a backtest is not finished, and keep it. Raises: LedgerCorrupt if the books are not sound."""
    settings, prices = backtest.recorded.settings, read_prices(backtest.recorded)
    stored = archive.open(identify_backtest(backtest, request), settings, describe_backtest(backtest))
    if stored.is_finished:
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
