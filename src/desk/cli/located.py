"""Which system a command is about, told from its options, the shell's variables, and what ``trader use`` remembers.

What is typed counts most; then the variables that name a stack's parts, which may have been exported for something
else; then what was remembered; at last the only folder there is, or in which something runs now. Two places typed at
once are refused.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from desk.cli.options import CONFIG_DIR, ConfigDir, ModeOption, read_settings
from desk.folder_lock import find_worker
from desk.location import (
    SANDBOX,
    VARIABLES,
    StoreLocation,
    check_folder,
    check_stack_name,
    locate_folder,
    locate_parts,
    locate_sandbox,
    locate_stack,
    recall,
)
from trader.adapters.config.files import load_settings
from trader.errors import ConfigError
from trader.model.codec import digest_of
from trader.model.ids import Scope
from trader.model.market import Granularity
from trader.settings import Settings
from trader.settings.app import Mode

#: Below it each market, run and venue has a folder of its own; also what ``trader use`` remembers lies there.
HOMES_VARIABLE, HOMES = "TRADER_HOME", Path(".trader")
_PANEL = "Which system"


def _option(*names: str, text: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=_PANEL)


_HOME = Annotated[Path | None, _option("--home", text="Folder of its books, as .trader/synthetic-7.")]
_STACK = Annotated[str | None, _option("--stack", text="Name of its stack on AWS.")]
_SANDBOX = Annotated[bool, _option("--sandbox", text="The sandbox that is up (make sandbox).")]
_PARTS = {
    "table": Annotated[str | None, _option("--table", text="DynamoDB table of a stack; or TRADER_TABLE.")],
    "bus": Annotated[str | None, _option("--bus", text="Bus of commands of a stack; or TRADER_COMMAND_BUS.")],
    "switch": Annotated[str | None, _option("--switch", text="Kill switch of a stack; or TRADER_KILL_SWITCH.")],
    "bucket": Annotated[str | None, _option("--bucket", text="Bucket of a stack's audit; or TRADER_AUDIT_BUCKET.")],
    "anchors": Annotated[str | None, _option("--anchors", text="Log of a stack's audit by day; or TRADER_ANCHORS.")],
}
_DEFAULTS: dict[str, Any] = {"home": None, "stack": None, "sandbox": False, "mode": None, "config": CONFIG_DIR}


@dataclass(frozen=True, slots=True)
class System:
    """What a command is about. ``settings()`` is read when it is asked for: some commands must work without it.

    ``is_typed`` tells that its place was, and is not remembered or the only one there is.
    """

    location: StoreLocation
    mode: Mode | None
    config: Path
    is_typed: bool = False

    def settings(self) -> Settings:
        """Read the configuration in the mode of these books, if they are of one. Raises: ConfigError.

        Of a run of ``trader run`` it is fitted to the bars of its market, as it was for the run. Whoever looks at
        books, or commands a run, trades nothing here: a checkout whose own configuration forbids LIVE must not keep a
        person from a system that trades. What opens an exchange asks again.
        """
        mode = self.mode or self.location.mode
        if mode is None:
            return _fit(read_settings(self.config, None), self.location.home)
        rest = {name: text for name, text in os.environ.items() if name != "TRADER_MODE"}
        settings = load_settings(self.config, rest).settings
        settings = replace(settings, app=replace(settings.app, mode=mode), digest="")
        return _fit(replace(settings, digest=digest_of(settings)), self.location.home)

    def options(self) -> str:
        """Return the words that lead a command to the same system."""
        more = f" --mode {self.mode}" if self.mode is not None and self.mode is not self.location.mode else ""
        return f"{self.location.options}{more}" + (
            f" --config {shlex.quote(str(self.config))}" if self.config != CONFIG_DIR else ""
        )

    def name_typed_options(self) -> str:
        """Return those of them that the next command needs: a place that was not typed now need not be then."""
        return self.options().removeprefix("" if self.is_typed else self.location.options).strip()

    def name_books(self, scope: Scope) -> str:
        """Say whose books a command has told of, and where they lie."""
        return f"{scope} · {self.location.home or self.location.options.removeprefix('--')}"

    def name_other_books(self, scope: Scope) -> str:
        """Say whose other books lie in the same folder, and what leads there; nothing if none do."""
        home, mine = self.location.home, scope.partition("#")[0]
        found = {each.name.removeprefix("scope=").partition("#")[0] for each in home.glob("scope=*")} if home else set()
        others = sorted(found & {mode.value for mode in Mode} - {mine})
        return f"also here: {', '.join(f'{each} (--mode {each})' for each in others)}" if others else ""


def _fit(settings: Settings, home: Path | None) -> Settings:
    """Fit the settings to the bars that the page of a run names; one that cannot be read names none."""
    try:
        told = json.loads((home / "run.json").read_text(encoding="utf-8")) if home is not None else {}
        granularity = Granularity(told["granularity"])
    except (OSError, ValueError, KeyError, TypeError):
        return settings
    if granularity is settings.bars.granularity:
        return settings
    from desk.markets import fit_settings

    return fit_settings(settings, granularity, stretch=told.get("stretched") is True)


def with_system(*parts: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that say which system it is about, and hand it over as its argument ``system``.

    *parts* are those of a stack that the command needs; the others are no options of it.
    """

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in (*parts, *_DEFAULTS)}
            command(system=choose_system(chosen, parts), **given)

        own = [each for each in inspect.signature(command, eval_str=True).parameters.values() if each.name != "system"]
        shared = {"home": _HOME, "stack": _STACK, "sandbox": _SANDBOX, **{part: _PARTS[part] for part in parts}}
        added = [_parameter(name, kind) for name, kind in {**shared, "mode": ModeOption, "config": ConfigDir}.items()]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *added)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        del run.__wrapped__
        return run

    return wrap


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    default = _DEFAULTS.get(name)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def choose_system(chosen: dict[str, Any], parts: tuple[str, ...]) -> System:
    """Choose by what was typed, or else as the module's docstring says. Raises: ConfigError, StoreUnavailable."""
    named = {part: chosen[part] for part in parts if chosen[part]}
    typed = [f"--{name} {chosen[name]}" for name in ("home", "stack") if chosen[name] is not None]
    typed += ["--sandbox"] if chosen["sandbox"] else []
    if named:
        typed.append(", ".join(f"--{part} {text}" for part, text in named.items()))
    if len(typed) > 1:
        raise ConfigError(f"{' and '.join(typed)} are two systems; allowed is one of them")
    location = _locate(chosen, named, parts)
    return System(location, chosen["mode"], chosen["config"], is_typed=bool(typed))


def _locate(chosen: dict[str, Any], named: dict[str, str], parts: tuple[str, ...]) -> StoreLocation:
    if chosen["home"] is not None:
        return _enter_folder(chosen["home"])
    if chosen["stack"] is not None:
        return _ask_stack(chosen["stack"])
    if chosen["sandbox"]:
        return _enter_sandbox(SANDBOX)
    exported = {part: named.get(part) or os.environ.get(VARIABLES[part]) or None for part in parts}
    if any(exported.values()):
        return locate_parts(exported)
    return _recall() or _only_folder()


def _recall() -> StoreLocation | None:
    used = recall(find_uses())
    if "home" in used:
        return _enter_folder(Path(used["home"]), "; trader use remembers it: trader use --forget")
    if "stack" in used:
        return _ask_stack(used["stack"])
    return _enter_sandbox(Path(used["sandbox"])) if used else None


def find_uses() -> Path:
    """Return where ``trader use`` remembers."""
    return read_homes() / "use.json"


def read_homes() -> Path:
    """Return the folder below which each market, run and venue has its own."""
    homes = Path(os.environ.get(HOMES_VARIABLE) or HOMES)
    if HOMES_VARIABLE in os.environ:
        check_folder(homes, HOMES_VARIABLE)
    return homes


def _only_folder() -> StoreLocation:
    homes = read_homes()
    found = sorted({each.parent for pattern in ("*/scope=*", "runs/*/scope=*") for each in homes.glob(pattern)})
    busy = [each for each in found if find_worker(each) is not None]
    if len(found) == 1 or len(busy) == 1:
        return locate_folder((busy or found)[0])
    there = f"; there are {', '.join(map(str, found))}" if found else f"; nothing has run yet below {homes}"
    raise ConfigError(f"which system? allowed is --home FOLDER, --stack NAME or --sandbox, or trader use{there}")


def _enter_folder(home: Path, hint: str = "") -> StoreLocation:
    check_folder(home, "--home")
    if not home.exists():
        raise ConfigError(f"--home {home}: there is no such folder{hint}")
    return locate_folder(home)


def _ask_stack(name: str) -> StoreLocation:
    check_stack_name(name, "--stack")
    from trader.adapters.aws.clients import open_client

    return locate_stack(name, open_client("cloudformation"))


def _enter_sandbox(folder: Path) -> StoreLocation:
    return locate_sandbox(os.environ, folder)
