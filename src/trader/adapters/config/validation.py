"""Whether a tree of plain values fits the settings classes, and if not, what would.

Every misfit becomes one line: key path, value, what is allowed.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from functools import reduce
from typing import Any, get_args, get_origin

from trader.adapters.config.strict_yaml import join_path
from trader.model.parse import Misfits, Problem, ProblemKind, Readers, split_hint
from trader.settings.bounds import Between, Matching

# A strategy's own settings are an object here: they stay as they were found, and are read by its own class.
_READERS = Readers(
    {bool: (bool,), int: (int,), str: (str,), float: (int, Decimal), Decimal: (int, Decimal), object: ()}
)
#: Look-backs of triggers that were counts of bars in earlier releases.
_TRIGGER_WINDOWS: Mapping[str, str] = {
    "outlier_bars": "outlier_window",
    "atr_bars": "atr_period",
    "price_move.short_bars": "price_move.short_window",
    "price_move.long_bars": "price_move.long_window",
    "volume_spike.window_bars": "volume_spike.window",
    "volume_spike.history_bars": "volume_spike.history",
    "breakout.lookback_bars": "breakout.lookback",
    "reversal.lookback_bars": "reversal.lookback",
    "reversal.low_age_bars_min": "reversal.low_age_min",
    "momentum.lookback_bars": "momentum.lookback",
    "momentum.share_bars": "momentum.share_window",
    "confirmations.vwap_bars": "confirmations.vwap_window",
    "confirmations.low_bars": "confirmations.low_window",
    "confirmations.rsi_bars": "confirmations.rsi_period",
    "confirmations.bounce_bars": "confirmations.bounce_window",
}
#: Keys of earlier releases, and what they are called now.
RENAMED: Mapping[str, str] = {
    "risk.failed_rest_minutes": "risk.failed_cooldown_minutes",
    "risk.loss_streak_rest_minutes": "risk.loss_streak_cooldown_minutes",
    "risk.peg_rest_minutes": "risk.peg_cooldown_minutes",
    "execution.convert_pairs": "execution.conversion_pairs",
    "bars.count": "bars.history, a time such as 25h,",
    "bars.benchmark_count": "bars.benchmark_history, a time such as 7d,",
    "universe.correlation_bars": "universe.correlation_window, a time such as 24h,",
    **{f"triggers.{old}": f"triggers.{new}, a time such as 60m," for old, new in _TRIGGER_WINDOWS.items()},
}
#: Keys of earlier releases that nothing is in the place of.
GONE: Mapping[str, str] = {
    "cycle.lease_seconds": "is gone: a lease lasts until its run must be over, and 5 s longer",
    "cycle.reserve_seconds": "is gone: how much time a sale needs is measured in each run",
}
#: Keys of earlier releases below any strategy, and what they are called now.
_OF_STRATEGIES = re.compile(r"(strategies\.[^.]+\.)(every_minutes)")
_OF_WINDOWS = re.compile(r"(strategies\.[^.]+\.settings\.(?:volatility|band))_bars")
#: Keys of earlier releases in which a strategy said itself what it earns.
_OF_EDGES = re.compile(r"strategies\.[^.]+\.settings\.(?:rules\[\d+\]\.)?(hit_ratio|edge_multiple)")
_EDGES_NOW: Mapping[str, str] = {
    "hit_ratio": "is gone: what a trade earns is no setting; it is measured, and stands in evidence/<strategy>.json",
    "edge_multiple": "is called costs.edge_multiple now, one for all strategies",
}
_WORD_OF = {str: "text", bool: "a boolean", int: "a number", Decimal: "a number", dict: "a mapping", list: "a list"}


def fit(kind: Any, tree: Any, path: str = "") -> tuple[Any, tuple[tuple[str, str], ...]]:
    """Build a *kind* from the tree, or name everything that does not fit.

    Shape: returns the value and no problems, or None and all of them as (key path, what is wrong there).
    """
    try:
        return _READERS[kind](tree), ()
    except Misfits as misfits:
        found = ((reduce(join_path, problem.path, path), problem) for problem in misfits.problems)
        return None, tuple((here, _describe(here, problem)) for here, problem in found)


def _describe(path: str, problem: Problem) -> str:
    match problem.kind:
        case ProblemKind.UNKNOWN_FIELD:
            known = tuple(each.name for each in fields(problem.hint))
            return _describe_old_key(path) or describe_unknown_key(str(problem.path[-1]), known)
        case ProblemKind.REFUSED:
            return problem.words
        case ProblemKind.WRONG_KEY:
            what = "unknown key"
        case ProblemKind.MISSING_FIELD:
            what = "is missing"
        case ProblemKind.NO_MEMBER:
            what = f"{_shown(problem.value)} is not among them"
        case ProblemKind.WRONG_TYPE:
            what = f"{_shown(problem.value)} is {_word(problem.value)}"
    return f"{what}; allowed is {_allowed(problem.hint)}"


def _describe_old_key(path: str) -> str:
    """Say what a key of an earlier release is called now, or why it is gone; nothing of any other."""
    if path in RENAMED:
        return f"is called {RENAMED[path]} now"
    if of_strategy := _OF_STRATEGIES.fullmatch(path):
        return f"is called {of_strategy[1]}schedule.{of_strategy[2]} now"
    if of_window := _OF_WINDOWS.fullmatch(path):
        return f"is called {of_window[1]}_window now, a time such as 24h"
    if of_edge := _OF_EDGES.fullmatch(path):
        return _EDGES_NOW[of_edge[1]]
    return GONE.get(path, "")


def describe_unknown_key(key: str, known: tuple[str, ...]) -> str:
    """Say that there is no such key, and which ones are closest; all of them if none is close."""
    close = difflib.get_close_matches(key, known, n=3)
    near = f"closest: {', '.join(close)}" if close else f"allowed: {', '.join(known)}"
    return f"unknown key, perhaps of another release; {near}"


def _word(value: Any) -> str:
    return "empty" if value is None else _WORD_OF.get(type(value), "something else")


def _shown(value: Any) -> str:
    """Write a value as it stands in the file, text in quotes so that "6" and 6 look different."""
    return json.dumps(value, default=str, ensure_ascii=False) if not isinstance(value, Decimal) else str(value)


def _allowed(hint: Any) -> str:
    """Say in words what a value of this kind looks like."""
    bare, marks = split_hint(hint)
    if isinstance(bare, type) and issubclass(bare, Enum):
        return f"one of {', '.join(member.value for member in bare)}"
    # A range around a range narrows it, and stands last.
    for mark in reversed(marks):
        if isinstance(mark, Matching):
            return mark.words
        if isinstance(mark, Between):
            return f"{'a whole number' if bare is int else 'a number'} from {mark.low} to {mark.high}"
    if get_origin(bare) is tuple:
        return f"a list, each item {_allowed(get_args(bare)[0])}"
    words = {bool: "true or false", str: "text", int: "a whole number", float: "a number", Decimal: "a number"}
    return words.get(bare, "a mapping of keys to values")
