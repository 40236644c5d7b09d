"""Where a system keeps its books: a folder of this machine, or what a stack on AWS calls its parts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desk.sandbox.env_files import FUNCTION, read_shell_file, read_variables
from trader.errors import ConfigError, StoreUnavailable
from trader.model.ids import Instant
from trader.settings.app import Mode

#: What a stack's outputs are called here.
OUTPUTS: Mapping[str, str] = {
    "TableName": "table",
    "CommandBusName": "bus",
    "KillSwitchName": "switch",
    "AuditBucketName": "bucket",
    "AuditAnchorLogGroupName": "anchors",
}
#: The variables that name the same in a shell.
VARIABLES: Mapping[str, str] = {
    "table": "TRADER_TABLE",
    "bus": "TRADER_COMMAND_BUS",
    "switch": "TRADER_KILL_SWITCH",
    "bucket": "TRADER_AUDIT_BUCKET",
    "anchors": "TRADER_ANCHORS",
}
SANDBOX = Path("var/sandbox")
#: Its name, or its ARN.
_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}|arn:[A-Za-z0-9:/_-]{1,1000}")


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """A folder, or a stack's parts as far as they are named.

    ``options`` are the words behind a command that lead here, ``mode`` is whose books lie here, if the place itself
    says so; ``venue`` and ``now`` are set where another venue or another time than the usual one is meant.
    """

    home: Path | None = None
    table: str | None = None
    bucket: str | None = None
    bus: str | None = None
    switch: str | None = None
    anchors: str | None = None
    options: str = ""
    mode: Mode | None = None
    venue: str | None = None
    now: Instant | None = None

    @property
    def is_named(self) -> bool:
        """Whether anything is said at all."""
        return self.home is not None or any((self.table, self.bucket, self.bus, self.switch, self.anchors))


def check_folder(path: Path, name: str) -> None:
    """Refuse what lies where a folder belongs; where nothing lies yet, one can be made. Raises: ConfigError."""
    if path.is_dir():
        return
    if path.exists():
        raise ConfigError(f"{name} {path}: this is no folder; allowed is one")
    if path.is_symlink():
        raise ConfigError(f"{name} {path}: this is a link that leads nowhere; allowed is a folder")


def locate_folder(home: Path) -> StoreLocation:
    """Locate the books of a folder; the mode is theirs if there are no others in it."""
    scopes = {each.name.removeprefix("scope=").partition("#")[0] for each in home.glob("scope=*")}
    mode = Mode(scopes.pop()) if len(scopes) == 1 and scopes <= set(Mode) else None
    return StoreLocation(home, options=f"--home {shlex.quote(str(home))}", mode=mode)


def locate_parts(parts: Mapping[str, str | None]) -> StoreLocation:
    """Locate a stack by the names of its parts."""
    named = {f"--{name}": text for name, text in parts.items() if text}
    return _make_stack(parts, " ".join(f"{option} {shlex.quote(text)}" for option, text in named.items()), None)


def check_stack_name(name: str, option: str) -> None:
    """Refuse what CloudFormation takes for no name. Raises: ConfigError."""
    if not _STACK_NAME.fullmatch(name):
        raise ConfigError(f"{option} {name!r:.80} is no name of a stack; allowed are letters, digits and dashes")


def locate_stack(name: str, cloudformation: Any) -> StoreLocation:
    """Ask CloudFormation what a stack calls its parts, and in which mode it runs.

    Raises: ConfigError if there is no such stack, StoreUnavailable.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - a laptop needs no boto3

    from trader.adapters.aws.clients import read_error_code, translate_errors  # noqa: PLC0415

    with translate_errors(f"stack {name}", StoreUnavailable):
        try:
            (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # CloudFormation has no other word for a name that it does not know.
            if read_error_code(error) != "ValidationError":
                raise
            raise ConfigError(f"--stack {name}: there is no such stack in this account and region") from None
    outputs = {each["OutputKey"]: str(each["OutputValue"]) for each in stack.get("Outputs", ())}
    if missing := [output for output in OUTPUTS if output not in outputs]:
        raise ConfigError(f"--stack {name}: no stack of template.yaml, or not deployed to its end: no {missing[0]}")
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())}
    parts = {part: outputs[output] for output, part in OUTPUTS.items()}
    return _make_stack(parts, f"--stack {shlex.quote(name)}", parameters.get("Mode"))


def locate_sandbox(environment: MutableMapping[str, str], folder: Path = SANDBOX) -> StoreLocation:
    """Locate the sandbox that is up, and change *environment* so that AWS is the sandbox's from here on.

    Raises: ConfigError if none is up.
    """
    shell, variables = folder / "env.sh", folder / "env.json"
    try:
        names, unset = read_shell_file(shell)
        mode = read_variables(variables, FUNCTION).get("TRADER_MODE")
    except (OSError, ValueError, LookupError, ConfigError):
        raise ConfigError(f"--sandbox: none is up: {shell} cannot be read; make sandbox brings one up") from None
    for name in unset:
        environment.pop(name, None)
    environment.update(names)
    return _make_stack({part: names.get(variable) for part, variable in VARIABLES.items()}, "--sandbox", mode)


def _make_stack(parts: Mapping[str, str | None], options: str, mode: str | None) -> StoreLocation:
    whose = Mode(mode) if mode in set(Mode) else None
    table, bucket, bus, switch, anchors = map(parts.get, ("table", "bucket", "bus", "switch", "anchors"))
    return StoreLocation(None, table, bucket, bus, switch, anchors, options, whose)


def remember(file: Path, used: Mapping[str, str]) -> None:
    """Remember which system commands are about when nothing else says so. Raises: StoreUnavailable."""
    from trader.adapters.local.atomic_files import replace_text, translate_errors  # noqa: PLC0415

    with translate_errors(file):
        replace_text(file, json.dumps(dict(used)) + "\n")


def forget(file: Path) -> None:
    """Remember nothing. Raises: StoreUnavailable."""
    from trader.adapters.local.atomic_files import translate_errors  # noqa: PLC0415

    with translate_errors(file):
        file.unlink(missing_ok=True)


def recall(file: Path) -> dict[str, str]:
    """Return what was remembered; nothing if nothing was. Raises: ConfigError for what is no such file."""
    try:
        used = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        used = None
    if not isinstance(used, dict) or len(used) != 1 or not used.keys() <= {"home", "stack", "sandbox"}:
        used = {"": None}
    if not all(text and isinstance(text, str) for text in used.values()):
        raise ConfigError(f"{file} is not what trader use has written; allowed is: trader use --forget")
    return used
