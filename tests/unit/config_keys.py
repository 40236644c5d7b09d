"""Every key of the three shipped files, and the rows that prove what each of them decides.

A row says how one key is changed and what then comes out differently. It is registered under a key path, or under a
pattern in which ``*`` stands for any one name and ``[*]`` for any place in a list, so that
``universe.tiers.*.spread_bps_max`` covers the key in every tier.
"""

import re
from collections.abc import Iterable, Mapping

from factories_settings import shipped_trees
from trader.adapters.yaml_tree import leaves

#: Key path or pattern → row. Filled by the tests of the decisions.
ROWS: dict[str, object] = {}


def shipped_keys() -> tuple[str, ...]:
    """Every key path that has a value, in the order of the files: rules, tiers and items of lists included."""
    return tuple(path for tree in shipped_trees().values() for path, _ in leaves(tree))


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


def _compiled(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(re.escape("[*]"), r"\[\d+\]").replace(re.escape("*"), r"[^.\[\]]+")
    return re.compile(text)
