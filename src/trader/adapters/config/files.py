"""What the three YAML files and the environment together configure.

``app.yaml``, ``universe.yaml`` and ``policy.yaml``, and nothing else, decide how the system behaves. A configuration
with a single problem is not used: all problems are reported at once, one line each, and nothing runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from trader.adapters.config.evidence import read_evidence
from trader.adapters.config.plugins import find_plugin, list_plugins
from trader.adapters.config.strict_yaml import Tree, iterate_leaves, join_path, read_tree
from trader.adapters.config.validation import describe_unknown_key, fit
from trader.errors import ConfigError
from trader.model.codec import digest_of, encode
from trader.model.frozen import replace
from trader.settings import Settings
from trader.settings.app import Mode
from trader.settings.checks import find_contradictions
from trader.settings.checks.bars import find_misfits
from trader.settings.policy import StrategySettings
from trader.strategies import registry

#: Which file holds which section.
FILES: Mapping[str, tuple[str, ...]] = {
    "app.yaml": ("app", "cycle", "bars", "exchange", "simulation"),
    "universe.yaml": ("universe",),
    "policy.yaml": ("regime", "triggers", "strategies", "exits", "allocation", "costs", "risk", "execution"),
}
#: The settings that the environment may overrule, and the key each one stands for.
OVERRIDES: Mapping[str, str] = {"TRADER_MODE": "app.mode"}
#: Every variable that may start with TRADER_; any other is a typing error that would otherwise go unnoticed.
VARIABLES = (
    "TRADER_HOME",
    "TRADER_CONFIG_DIR",
    "TRADER_MODE",
    "TRADER_LOG_LEVEL",
    # Where the function finds its world, set by the template; see entry/environment.py.
    "TRADER_TABLE",
    "TRADER_AUDIT_BUCKET",
    "TRADER_KILL_SWITCH",
    "TRADER_SECRET",
    "TRADER_KEY_PARAMETER",
    "TRADER_LIVE_CONFIRMED",
    "TRADER_VENUE_URL",
    # What a stack calls its bus and its log of digests, for the operator's commands.
    "TRADER_COMMAND_BUS",
    "TRADER_ANCHORS",
)
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_CODE = "default in code"
Trees = Mapping[str, Mapping[str, Any]]


class Sourced(NamedTuple):
    """One value in force, and the file or the variable it comes from."""

    value: object
    source: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The configuration in force, where each value comes from, and the digest that names it in every record."""

    settings: Settings
    sources: Mapping[str, Sourced]

    @property
    def digest(self) -> str:
        """SHA-256 of the settings."""
        return self.settings.digest


def load_settings(
    directory: Path, environment: Mapping[str, str], changes: Mapping[str, Any] | None = None
) -> LoadedSettings:
    """Read the three files of a directory, overruled by *changes* at key paths, and both by the environment.

    The evidence that lies beside them comes along; a file of it that cannot be used is no problem of the configuration.
    Raises: ConfigError with every problem there is, each as ``policy.yaml: risk.total_pct_max: 250 is out of range``.
    """
    if not any((directory / name).exists() for name in FILES):
        raise ConfigError(f"{directory}: no configuration is there; allowed is a folder that holds {', '.join(FILES)}")
    trees = {name: _read(directory / name) for name in FILES}
    unreadable = [f"{name}: {problem}" for name, tree in trees.items() for problem in tree.problems]
    roots = {name: tree.root for name, tree in trees.items()}
    for path, value in (changes or {}).items():
        # A section that no file has is no key path either: nothing would ever look there.
        unreadable += _put_at(roots[file], path, value) if (file := find_file(path)) in roots else [_say_unknown(path)]
    loaded = parse_settings(roots, environment, unreadable)
    return replace(loaded, settings=replace(loaded.settings, evidence=read_evidence(directory)))


def parse_settings(
    trees: Trees, environment: Mapping[str, str] | None = None, unreadable: list[str] | None = None
) -> LoadedSettings:
    """Validate what the files say, by file name; the way in for tests and for settings that a program varies.

    Raises: ConfigError with every problem there is, those of reading first.
    """
    environment = environment or {}
    problems = [*(unreadable or ()), *_misplaced(trees), *_strange_variables(environment)]
    merged = {section: tree[section] for name, tree in trees.items() for section in FILES[name] if section in tree}
    overruled = _overruled(merged, environment)
    sources = {path: overruled.get(path) or find_file(path) for path, _ in iterate_leaves(merged)}
    settings, misfits = fit_settings(merged)
    # A file that could not be read has said so; that all its sections are missing would say it again.
    problems += [
        f"{sources.get(path) or find_file(path)}: {path}: {what}"
        for path, what in misfits
        if path in merged or "." in path or trees.get(find_file(path))
    ]
    if settings is None or problems:
        raise ConfigError(tuple(problems))
    if found := find_misfits(settings) or (
        *_unsafe(settings),
        *find_contradictions(settings),
        *registry.find_contradictions(settings, find_plugin),
    ):
        raise ConfigError(tuple(f"{sources.get(line.partition(':')[0]) or find_file(line)}: {line}" for line in found))
    settings = replace(settings, digest=digest_of(settings))
    in_force = {path: value for path, value in iterate_leaves(encode(settings)) if find_file(path) in FILES}
    # In the order of the files, as a person reads them; what no file says comes last.
    ordered = (path for path in dict.fromkeys((*sources, *in_force)) if path in in_force)
    return LoadedSettings(settings, {path: Sourced(in_force[path], sources.get(path, _CODE)) for path in ordered})


def find_file(path: str) -> str:
    """Name the file a key path, or a line that starts with one, belongs in."""
    section = path.partition(".")[0].partition("[")[0].partition(":")[0]
    return next((name for name, sections in FILES.items() if section in sections), "config")


def _read(file: Path) -> Tree:
    try:
        return read_tree(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Tree(problems=(f"not found in {file.parent}; all of {', '.join(FILES)} are required",))
    except (OSError, UnicodeDecodeError) as error:
        return Tree(problems=(f"cannot be read: {error}",))


def _put_at(root: dict[str, Any], path: str, value: Any) -> list[str]:
    """Put a value at a key path, as ``risk.drawdown_pct_max`` or ``universe.tiers.tier_1_core.bases[0]``.

    A key that may be left out need not be there; whether there is such a key is said by the validation.
    """
    *way, last = (int(each) if each.isdecimal() else each for each in re.split(r"[.[]", path.replace("]", "")))
    place: Any = root
    try:
        for depth, step in enumerate(way):
            # Below a section a mapping may be left out, as the schedule of a strategy.
            place = place.setdefault(step, {}) if depth > 1 and isinstance(place, dict) else place[step]
        if isinstance(place, list) and not (isinstance(last, int) and last < len(place)):
            raise IndexError(last)
        place[last] = value
    except (LookupError, TypeError):
        return [_say_unknown(path)]
    return []


def _say_unknown(path: str) -> str:
    return f"{find_file(path)}: {path}: there is nothing of that kind; trader config show has every key path"


def _misplaced(trees: Trees) -> Iterator[str]:
    """Name sections that no file has, or another file has."""
    for name, tree in trees.items():
        for section in tree:
            if section not in FILES[name]:
                home = find_file(section)
                yield f"{name}: {section}: " + (
                    f"belongs in {home}" if home in FILES else describe_unknown_key(section, FILES[name])
                )


def _strange_variables(environment: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environment):
        if name.startswith("TRADER_") and name not in VARIABLES:
            yield f"environment: {name}: unknown variable; allowed: {', '.join(VARIABLES)}"
    level = environment.get("TRADER_LOG_LEVEL", "INFO")
    if level not in LOG_LEVELS:
        yield f"environment: TRADER_LOG_LEVEL: {level} is not among them; allowed is one of {', '.join(LOG_LEVELS)}"


def _overruled(merged: dict[str, Any], environment: Mapping[str, str]) -> Mapping[str, str]:
    """Put the variables' values in their places; return which key came from which variable."""
    done: dict[str, str] = {}
    for variable, path in OVERRIDES.items():
        section, _, key = path.partition(".")
        if variable in environment and isinstance(merged.get(section), dict):
            merged[section] = {**merged[section], key: environment[variable]}
            done[path] = f"environment: {variable}"
    return done


def fit_settings(merged: Mapping[str, Any]) -> tuple[Settings | None, list[tuple[str, str]]]:
    """Build the settings from the sections of all files, each strategy's own settings into the class of its module.

    Shape: returns the settings and no problems, or None and all of them as (key path, what is wrong there).
    """
    settings, misfits = fit(Settings, merged)
    problems = list(misfits)
    own: dict[str, Any] = {}
    sections = merged.get("strategies")
    for name, section in sections.items() if isinstance(sections, Mapping) else ():
        path, kind_name = _name_kind(name, section)
        try:
            kind = registry.find_settings_class(kind_name, find_plugin)
        except ConfigError as error:
            problems.append((path, _describe_no_strategy(kind_name, error)))
            continue
        if isinstance(section, Mapping) and "settings" in section:
            own[name], found = fit(kind, section["settings"], f"strategies.{name}.settings")
            problems += found
    if settings is None or problems:
        return None, problems
    bound: dict[Any, StrategySettings] = {
        name: replace(section, settings=own[name]) for name, section in settings.strategies.items()
    }
    return replace(settings, strategies=bound), []


def _name_kind(name: str, section: Any) -> tuple[str, str]:
    """Return where a section says which strategy it is one of, and that; without a word about it its own name."""
    path, said = join_path("strategies", name), section.get("strategy") if isinstance(section, Mapping) else None
    return (join_path(path, "strategy"), said) if isinstance(said, str) else (path, name)


def _describe_no_strategy(name: str, error: ConfigError) -> str:
    known = (*registry.list_names(), *list_plugins())
    if name in known:
        # An installed package claims it, and says itself what is wrong.
        return str(error).partition(": ")[2]
    return describe_unknown_key(name, known)


def _unsafe(settings: Settings) -> Iterator[str]:
    """Only this module below the entry knows the mode, so what contradicts it is said here."""
    if settings.app.mode is Mode.LIVE and settings.exchange.read_only:
        yield "app.mode: LIVE contradicts exchange.read_only: true; allowed is DRY_RUN or PAPER, or read_only: false"
