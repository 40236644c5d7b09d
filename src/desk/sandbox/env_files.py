"""What a sandbox writes down for others: ``env.json`` for the functions, ``env.sh`` for a person's shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from trader.errors import ConfigError

#: The functions' logical names in template.yaml.
FUNCTION, PUBLISHER = "TradingFunction", "EventPublisher"
Variables = Mapping[str, str]
#: What leads a person's commands to the sandbox, and nothing that changes what any other command does: mode and
#: configuration are the function's own.
_FOR_A_SHELL = (
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "TRADER_TABLE",
    "TRADER_AUDIT_BUCKET",
    "TRADER_KILL_SWITCH",
    "TRADER_VENUE_URL",
)
#: Would have a person's own account asked, or be shown to the sandbox.
_UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN")


def write_env_files(folder: Path, functions: Mapping[str, Variables], stack: str, bus: str) -> Path:
    """Write both files; return the one for `sam local invoke --env-vars`, which has each function's variables."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "env.json"
    file.write_text(
        json.dumps({name: dict(each) for name, each in functions.items()}, indent=2) + "\n", encoding="utf-8"
    )
    shell = {name: functions[FUNCTION][name] for name in _FOR_A_SHELL} | {"TRADER_COMMAND_BUS": bus, "STACK": stack}
    lines = [f"unset {' '.join(_UNSET)}", *(f"export {name}={shlex.quote(text)}" for name, text in shell.items())]
    (folder / "env.sh").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def clear_env_files(folder: Path) -> None:
    """Take both files away, so that nobody is led to a sandbox that is gone."""
    for name in ("env.json", "env.sh"):
        (folder / name).unlink(missing_ok=True)


def read_env_file(file: Path) -> dict[str, dict[str, str]]:
    """Read what each function is to be told out of an ``env.json``. Raises: ConfigError for what is no such file."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"invoke: {file}: {error.strerror}; make sandbox writes it") from None
    except (ValueError, RecursionError):
        known = None
    if isinstance(known, dict) and all(_is_told(each) for each in known.values()):
        return known
    raise ConfigError(f"invoke: {file} is not what the sandbox writes; make sandbox writes it anew")


def _is_told(variables: object) -> bool:
    return isinstance(variables, dict) and all(isinstance(text, str) for text in variables.values())


def read_variables(file: Path, function: str = FUNCTION) -> dict[str, str]:
    """Read what one function is to be told. Raises: ConfigError if the sandbox has no such function."""
    known = read_env_file(file)
    if function not in known:
        raise ConfigError(
            f"invoke: {file}: no {function}; the stack has it with DomainEvents=ENABLED, "
            "the sandbox with: trader sandbox up --domain-events"
        )
    return known[function]


def read_shell_file(file: Path) -> tuple[dict[str, str], list[str]]:
    """Read an ``env.sh`` without a shell: what it sets, and what it takes away. Raises: OSError, ValueError."""
    names: dict[str, str] = {}
    unset: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        word, *rest = shlex.split(line)
        if word == "unset":
            unset += rest
        else:
            name, _, text = rest[0].partition("=")
            names[name] = text
    return names, unset
