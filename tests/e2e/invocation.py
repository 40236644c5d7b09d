"""How the function is invoked: by SAM in a container where that can be had, else in a plain process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from desk import invoke
from desk.invoke import Invocation
from desk.sandbox.bridge import find_bridge
from desk.sandbox.sam_tool import find_sam
from trader.errors import ConfigError

ROOT = Path(__file__).parents[2]
#: Makes an engine and a stand-in for Lambda's image where neither is there; beside the repository, if anywhere.
IMAGE_SCRIPT = ROOT.parent / "shared/tools/lambda-image.sh"
# An image takes about two minutes where everything has to be fetched; after that a plain process is the better way.
_SECONDS_MAX = 240


@dataclass(frozen=True)
class InvocationWay:
    """How, and why so; under which address the sandbox is reached from there."""

    name: str
    because: str
    reached_as: str = "127.0.0.1"
    built: Path = Path()
    docker_host: str = ""

    def invoke(self, event: Path, variables: Path, names: dict[str, str], config: Path | None) -> Invocation:
        """Invoke once. *variables* is the file for SAM, *names* is what it says."""
        if self.name == "sam":
            return invoke.invoke_by_sam(event, self.built, variables, docker_host=self.docker_host, config=config)
        return invoke.invoke_by_process(event, names, config=config or invoke.CONFIG)


def best_way(folder: Path, wanted: str) -> InvocationWay:
    """Insist on what is *wanted*, sam or process; otherwise take the best there is.

    Raises: LookupError, saying what there is not, if SAM in a container is wanted.
    """
    if wanted not in {"", "sam", "process"}:
        raise LookupError(f"TRADER_E2E: {wanted}; allowed are sam, process, or nothing")
    if wanted == "process":
        return InvocationWay("process", "TRADER_E2E says so")
    try:
        return _container_way(folder)
    except LookupError as error:
        if wanted == "sam":
            raise
        return InvocationWay("process", str(error))


def _container_way(folder: Path) -> InvocationWay:
    sam = find_sam()
    if sam is None:
        raise LookupError("no sam")
    said = _run("bash", str(IMAGE_SCRIPT)) if IMAGE_SCRIPT.is_file() else ""
    found = re.search(r"DOCKER_HOST=(\S+)", said)
    docker_host = found[1] if found else os.environ.get("DOCKER_HOST", "")
    engine = {"DOCKER_HOST": docker_host} if docker_host else {}
    architecture = invoke.find_architecture()
    image = f"public.ecr.aws/lambda/python:3.13-{architecture}"
    # All that may be missing comes before the build, which would be for nothing.
    _run("docker", "image", "inspect", image, **engine)
    gateway = _gateway(image, engine)
    _run(
        *(str(sam), "build", "--template-file", str(ROOT / "template.yaml"), "--build-dir", str(folder / "build")),
        *("--cache-dir", str(folder / "cache"), "--parameter-overrides", f"Architecture={architecture}"),
        ARCHITECTURE=architecture,
        SAM_CLI_TELEMETRY="0",
        AWS_DEFAULT_REGION="us-east-1",
    )
    return InvocationWay("sam", image, gateway, folder / "build/template.yaml", docker_host)


def _gateway(image: str, engine: Mapping[str, str]) -> str:
    """The address under which a container reaches what listens on this machine: tried, not believed."""
    try:
        gateway = find_bridge(engine.get("DOCKER_HOST", ""))
    except ConfigError as error:
        raise LookupError(str(error)) from error
    with socket.create_server((gateway, 0)) as listener:
        call = f"import socket; socket.create_connection({(gateway, listener.getsockname()[1])!r}, 10)"
        _run("docker", "run", "--rm", "--entrypoint", "python3", image, "-c", call, **engine)
    return gateway


def _run(*command: str, **environment: str) -> str:
    """Run a command in a session of its own: an engine that it starts outlives it, unless it takes too long."""
    try:
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    except OSError as error:
        raise LookupError(f"{command[0]}: {error}") from error
    with process:
        try:
            out, error_text = process.communicate(timeout=_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise LookupError(f"{' '.join(command)[:100]}: not done after {_SECONDS_MAX} s") from None
    if process.returncode:
        raise LookupError(f"{command[0]}: {(error_text or out).strip()[-300:]}")
    return out
