"""Invoke a function on this machine: in a container by `sam local invoke`, or as a plain process.

``python -m desk.invoke EVENT``        the handler in this very process, against the sandbox that is up; without one it
                                       reads the environment, as Lambda's does
``python -m desk.invoke --sam EVENT``  what `sam build` made, in Lambda's image, against the sandbox that is up
``--now``                              has the event happen now: those of ``events/`` are recordings

Which function it is follows from the event, as on AWS from the rule that takes it: what S3 says is for the publisher,
everything else for the trading function.

The summary goes to standard output. A function that failed ends with 1 and its error on standard error: SAM itself
ends with 0 then.
"""

# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desk.current_events import make_current
from desk.sandbox.bridge import find_bridge, find_inside, open_passages
from desk.sandbox.env_files import FUNCTION, PUBLISHER, read_env_file, read_variables
from desk.sandbox.sam_tool import find_sam
from trader.errors import ConfigError
from trader.model.ids import Instant

ROOT = Path(__file__).parents[2]
_HANDLERS = {FUNCTION: "trader.entry.lambda_handler", PUBLISHER: "trader.entry.publish"}
CONFIG = ROOT / "config"
_CONFIG_LAYER = "ConfigLayer"
# What the template's own period of 5 minutes gives an invocation; what is beyond that is start-up, or one that hangs.
_TIME_OUT_SECONDS, _SECONDS_MAX = 210, 240
_OURS = ("AWS_", "TRADER_", "POWERTOOLS_")
BUILT = ROOT / ".aws-sam/build/template.yaml"
VARIABLES = ROOT / "var/sandbox/env.json"


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function about its invocation."""

    function_name: str = FUNCTION
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}"
    aws_request_id: str = "local"
    ends: float = field(default_factory=lambda: time.monotonic() + _TIME_OUT_SECONDS)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the function."""
        return int((self.ends - time.monotonic()) * 1000)


@dataclass(frozen=True, slots=True)
class Invocation:
    """How one invocation ended: its answer if it has one, and everything that was said on the way."""

    failed: bool
    answer: Any
    said: str


def find_function(event: Any) -> str:
    """Name the function of template.yaml that an event is for."""
    return PUBLISHER if isinstance(event, dict) and event.get("source") == "aws.s3" else FUNCTION


def invoke_by_sam(
    event: Path, built: Path, variables: Path, *, docker_host: str = "", config: Path | None = None
) -> Invocation:
    """Invoke what `sam build` made, in a container; *config* takes the place of the configuration that was built.

    Raises: ConfigError if there is no SAM, or if the sandbox has no such function.
    """
    function = find_function(_read(event))
    sam = find_sam()
    if sam is None:
        raise ConfigError("invoke: no sam found (SAM, .locker/sam, PATH)")
    template = prepare_environment(built, variables, config)
    command = [str(sam), "local", "invoke", function, "--template-file", str(template), "--event", str(event)]
    command += ["--env-vars", str(variables), "--skip-pull-image", "--add-host", "host.docker.internal:host-gateway"]
    # This machine's, which is what it can run; the build has to be of the same.
    command += ["--parameter-overrides", f"Architecture={find_architecture()}"]
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    # SAM asks STS for the account's number before each invocation: the sandbox's, or it waits for the real one in vain.
    told = read_variables(variables, function)
    environment |= {key: text for key, text in told.items() if key == "AWS_ENDPOINT_URL"}
    environment |= {"DOCKER_HOST": docker_host} if docker_host else {}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX)  # noqa: S603
    answer = _last_json(done.stdout)
    failed = bool(done.returncode) or answer is None or (isinstance(answer, dict) and "errorType" in answer)
    return Invocation(failed, answer, done.stderr + done.stdout)


def find_architecture() -> str:
    """Name this machine's architecture as the template does."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def invoke_by_process(event: Path, variables: Mapping[str, str], *, config: Path = CONFIG) -> Invocation:
    """Invoke the handler in a fresh interpreter, which is told nothing but the variables."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    # The variables are all there is to know, whatever sandbox is up.
    command = [sys.executable, "-m", "desk.invoke", str(event), "--env-vars", os.devnull]
    environment = kept | dict(variables) | {"TRADER_CONFIG_DIR": str(config)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX)  # noqa: S603
    return Invocation(bool(done.returncode), _last_json(done.stdout), done.stderr + done.stdout)


def prepare_environment(built: Path, variables: Path, config: Path | None = None) -> Path:
    """Write, beside the built template, one whose functions declare every variable: SAM hands over no other.

    *config* is a folder of that name, alone in its own: that one becomes the layer.
    Raises: ConfigError if nothing was built.
    """
    import yaml  # noqa: PLC0415

    if not built.is_file():
        raise ConfigError(f"invoke: {built}: not there; make build makes it")
    document = yaml.safe_load(built.read_text(encoding="utf-8"))
    resources = document["Resources"]
    for function, told in read_env_file(variables).items():
        declared = resources[function]["Properties"].setdefault("Environment", {}).setdefault("Variables", {})
        declared |= {key: "" for key in told if key not in declared}
    if config is not None:
        resources[_CONFIG_LAYER]["Properties"]["ContentUri"] = str(config.parent)
    file = built.with_name("template-sandbox.yaml")
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return file


def invoke_in_process(event: Path) -> int:
    """Call the handler here and now, and print what it answers. Raises: whatever it raises."""
    os.environ.setdefault("TRADER_CONFIG_DIR", str(CONFIG))
    given = _read(event)
    # It reads the environment when it is imported.
    handler = importlib.import_module(_HANDLERS[find_function(given)]).handler
    answer = handler(given, Context())
    print(json.dumps(answer))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Invoke once, as told."""
    parser = argparse.ArgumentParser(prog="desk.invoke", description="Invoke the function on this machine.")
    parser.add_argument("event", type=Path, help="file with the event, such as events/scheduled-cycle.json")
    parser.add_argument("--sam", action="store_true", help="in a container, by sam local invoke")
    parser.add_argument("--built", type=Path, default=BUILT, help="template that sam build made")
    parser.add_argument("--env-vars", type=Path, default=VARIABLES, help="what the sandbox wrote")
    parser.add_argument("--config", type=Path, default=CONFIG, help="folder of the configuration; not with --sam")
    parser.add_argument("--now", action="store_true", help="have the event happen now")
    parser.add_argument("--check", action="store_true", help="say what is missing, and invoke nothing")
    told = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _invoke(told, Path(folder))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1


def _invoke(told: argparse.Namespace, folder: Path) -> int:
    event, bridge = told.event, _find_way(told) if told.sam else ""
    _read(event)
    if told.check:
        return 0
    if told.now:
        event = folder / told.event.name
        now = Instant(int(time.time()))
        event.write_text(json.dumps(make_current(_read(told.event), now)), encoding="utf-8")
    if not told.sam:
        if told.env_vars.is_file():
            function = find_function(_read(event))
            _take(read_variables(told.env_vars, function) | {"TRADER_CONFIG_DIR": str(told.config)})
        elif told.now and not {"TRADER_TABLE", "TRADER_EVENT_BUS"} & os.environ.keys():
            raise _no_sandbox(told.env_vars)
        return invoke_in_process(event)
    function = find_function(_read(event))
    with open_passages(read_variables(told.env_vars, function), bridge) as variables:
        file = folder / "env.json"
        file.write_text(json.dumps(read_env_file(told.env_vars) | {function: variables}), encoding="utf-8")
        invocation = invoke_by_sam(event, told.built, file)
    print(invocation.said, file=sys.stderr)
    print(json.dumps(invocation.answer), file=sys.stderr if invocation.failed else sys.stdout)
    return int(invocation.failed)


def _find_way(told: argparse.Namespace) -> str:
    """Return the bridge by which a container reaches the sandbox; nothing for one that listens there itself.

    Raises: ConfigError saying what to type instead.
    """
    if not told.env_vars.is_file():
        raise _no_sandbox(told.env_vars)
    if not find_inside(read_variables(told.env_vars)):
        return ""
    try:
        return find_bridge()
    except ConfigError as error:
        raise ConfigError(f"invoke: {error}; without a container: make invoke-local EVENT={told.event}") from None


def _no_sandbox(variables: Path) -> ConfigError:
    return ConfigError(f"invoke: no sandbox is up ({variables} is not there); type make sandbox in another shell")


def _take(variables: Mapping[str, str]) -> None:
    """Know these variables and no other of ours: what the shell exports is not told to the function."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
    os.environ.update(variables)


def _read(event: Path) -> Any:
    try:
        return json.loads(event.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"invoke: EVENT={event}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"invoke: EVENT={event}: no JSON: {error}") from None


def _last_json(text: str) -> Any:
    for line in reversed(text.splitlines()):
        try:
            return json.loads(line)
        except ValueError:
            continue
    return None


if __name__ == "__main__":
    sys.exit(main())
