"""The sandbox as the function sees it from outside, and the way it is invoked: by SAM in a container if it can be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from desk import invoke
from desk.invoke import Invocation
from desk.sandbox.aws import Addresses, AwsSandbox
from desk.sandbox.sam_tool import find_sam

ROOT = Path(__file__).parents[2]
IMAGE_SCRIPT = ROOT.parent / "shared/tools/lambda-image.sh"


@dataclass(frozen=True)
class Way:
    """How the function is invoked, and why so; under which address the sandbox is reached from there."""

    name: str
    because: str
    reached_as: str = "127.0.0.1"
    built: Path = Path()
    docker_host: str = ""


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LookupError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def container_way(folder: Path) -> Way:
    """Raises: LookupError, saying what there is not."""
    sam = find_sam()
    if sam is None:
        raise LookupError("no sam")
    said = run("setsid", "bash", str(IMAGE_SCRIPT)) if IMAGE_SCRIPT.is_file() else ""
    found = re.search(r"DOCKER_HOST=(\S+)", said)
    docker_host = found[1] if found else os.environ.get("DOCKER_HOST", "")
    engine = {"DOCKER_HOST": docker_host} if docker_host else {}
    gateway = run("docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}", **engine)
    architecture = invoke.architecture()
    run(
        *(str(sam), "build", "--template-file", str(ROOT / "template.yaml"), "--build-dir", str(folder / "build")),
        *("--cache-dir", str(folder / "cache"), "--parameter-overrides", f"Architecture={architecture}"),
        ARCHITECTURE=architecture,
        SAM_CLI_TELEMETRY="0",
        AWS_DEFAULT_REGION="us-east-1",
    )
    image = f"public.ecr.aws/lambda/python:3.13-{architecture}"
    run("docker", "image", "inspect", image, **engine)
    return Way("sam", image, gateway.strip(), folder / "build/template.yaml", docker_host)


@pytest.fixture(scope="session")
def way() -> Iterator[Way]:
    """TRADER_E2E=sam or process insists on one of them; otherwise the best that can be had."""
    wanted = os.environ.get("TRADER_E2E", "")
    with tempfile.TemporaryDirectory() as folder:
        chosen = Way("process", "TRADER_E2E says so")
        if wanted != "process":
            try:
                chosen = container_way(Path(folder))
            except (LookupError, OSError) as error:
                if wanted == "sam":
                    raise
                chosen = Way("process", str(error))
        yield chosen


@pytest.fixture(autouse=True)
def say_way(way: Way, capsys: pytest.CaptureFixture[str]) -> None:
    """Which way it was stands in the output, whatever happens to captured text."""
    with capsys.disabled():
        sys.stdout.write(f"\n[invoked by {way.name}: {way.because}] ")
        sys.stdout.flush()


class World:
    """Hands and eyes of a test: invoke, move the switch, and read over HTTP what was stored."""

    def __init__(self, sandbox: AwsSandbox, way: Way, folder: Path) -> None:
        self.sandbox, self._way, self._folder = sandbox, way, folder
        self._variables = sandbox.write(folder)
        self.names = sandbox.environment()

    def invoke(self, event: Any) -> Invocation:
        """A path is an event of the repository; anything else is written to a file first."""
        file = event
        if not isinstance(event, Path):
            file = self._folder / "event.json"
            file.write_text(json.dumps(event), encoding="utf-8")
        if self._way.name == "sam":
            return invoke.by_sam(file, self._way.built, self._variables, docker_host=self._way.docker_host)
        return invoke.by_process(file, self.names)

    def answer(self, event: Any) -> dict[str, Any]:
        """Invoke, and insist on success."""
        invocation = self.invoke(event)
        assert not invocation.failed, invocation.said
        return dict(invocation.answer)

    def switch(self, word: str) -> None:
        ssm = self.sandbox.client("ssm")
        ssm.put_parameter(Name=self.names["TRADER_KILL_SWITCH"], Value=word, Type="String", Overwrite=True)

    def ledger(self) -> dict[str, Any]:
        key = {"pk": {"S": f"{self.names['TRADER_MODE']}#main"}, "sk": {"S": "LEDGER"}}
        found = self.sandbox.client("dynamodb").get_item(TableName=self.names["TRADER_TABLE"], Key=key)
        return dict(json.loads(found["Item"]["ledger"]["S"])) if "Item" in found else {}

    def audit(self) -> list[dict[str, Any]]:
        s3, bucket = self.sandbox.client("s3"), self.names["TRADER_AUDIT_BUCKET"]
        keys = sorted(item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []))
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
        return [json.loads(line) for body in bodies for line in body.splitlines()]


@pytest.fixture
def open_world(way: Way, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a sandbox in a mode; it ends with the test."""
    opened: list[AwsSandbox] = []
    bind = "127.0.0.1" if way.name == "process" else way.reached_as

    def make(mode: str) -> World:
        sandbox = AwsSandbox(
            ROOT / "template.yaml",
            addresses=Addresses(bind, way.reached_as),
            name=f"trader-{time.monotonic_ns() % 10**9}",
            parameters={"Mode": mode, "Architecture": invoke.architecture()},
        )
        opened.append(sandbox.__enter__())
        return World(sandbox, way, tmp_path)

    yield make
    for sandbox in opened:
        sandbox.__exit__(None, None, None)


def a_tick(seconds_ago: int = 0) -> dict[str, str]:
    at = datetime.fromtimestamp(int(time.time()) - seconds_ago, UTC)
    return {"scheduled_time": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
