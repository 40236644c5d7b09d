"""Every key of the three shipped files, and what a proof is that a key decides something.

A row says how one key is changed and what then comes out differently. It is registered under a key path, or under a
pattern in which ``*`` stands for any one name and ``[*]`` for any place in a list, so that
``universe.tiers.*.spread_bps_max`` covers the key in every tier. The rows are in ``key_rows``, by section.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from factories_settings import shipped_settings, shipped_trees
from trader.adapters.config.strict_yaml import iterate_leaves
from trader.settings import Settings

#: What comes of some settings: orders, verdicts, fills, questions to the venue. Never the settings themselves.
Outcome = Callable[[Settings], object]


@dataclass(frozen=True)
class Row:
    """Proof for one key: with *to* in its place the outcome is another one.

    *given* are other keys, changed in both runs, that bring the key into play. *at* is the key that a pattern is
    proved at; without it the row proves the very key it is registered under.
    """

    to: object
    outcome: Outcome
    given: Mapping[str, object] = field(default_factory=dict)
    at: str = ""

    def outcomes(self, key: str) -> tuple[object, object, object]:
        """What comes out with the key as it is, the same once more, and with the key changed."""
        as_is, changed = shipped_settings(self.given), shipped_settings({**self.given, key: self.to})
        return self.outcome(as_is), self.outcome(as_is), self.outcome(changed)


def shipped_keys() -> tuple[str, ...]:
    """Every key path that has a value, in the order of the files: rules, tiers and items of lists included."""
    return tuple(path for tree in shipped_trees().values() for path, _ in iterate_leaves(tree))


def missing_rows(keys: Iterable[str], rows: Mapping[str, object]) -> tuple[str, ...]:
    """The keys that no row covers, in their order."""
    patterns = [_compiled(pattern) for pattern in rows]
    return tuple(key for key in keys if not any(pattern.fullmatch(key) for pattern in patterns))


def idle_rows(keys: Iterable[str], rows: Mapping[str, object]) -> tuple[str, ...]:
    """The rows that cover no key: the key was renamed or taken away."""
    known = tuple(keys)
    return tuple(pattern for pattern in rows if not any(_compiled(pattern).fullmatch(key) for key in known))


def keys_of(pattern: str, keys: Iterable[str]) -> tuple[str, ...]:
    """The keys that a key path or pattern covers."""
    compiled = _compiled(pattern)
    return tuple(key for key in keys if compiled.fullmatch(key))


def every(pattern: str, row: Callable[[str], Row]) -> dict[str, Row]:
    """A row of its own for each shipped key that a pattern covers."""
    return {key: row(key) for key in keys_of(pattern, shipped_keys())}


def _compiled(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(re.escape("[*]"), r"\[\d+\]").replace(re.escape("*"), r"[^.\[\]]+")
    return re.compile(text)
