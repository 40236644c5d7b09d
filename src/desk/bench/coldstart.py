"""How long a cold start takes: handler import, four clients and the first signature, in fresh interpreters.

Four cases, taken in turns so that a busy moment of the machine meets all of them:

============  =========================================================================================
with          the built artefact as it is deployed
without       the same sources and packages, none of them compiled
third_party   the same third-party modules in the same order, the same clients, a signature; no line of ours
import_only   the same third-party modules and nothing else
============  =========================================================================================

It wants what `sam build` made for this machine's architecture, and a Python 3.13 to run it: PYTHON313, or
``python3.13``. PYTHON313 may be a command line, such as that of a container in which the paths are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HANDLER = "trader.entry.lambda_handler"
SERVICES = ("dynamodb", "s3", "ssm", "secretsmanager")
RUNS_MIN = 15

# Runs in the interpreter that is measured: isolated from this machine's packages, told everything by its arguments.
# The key is made before the clock starts, by a process of its own; nobody is called, so any region and key will do.
_PRELUDE = """
import json, os, sys, time
argument = json.loads(sys.argv[1])
sys.path[:0] = argument["path"]
os.environ.update(argument["environment"])
wall, cpu = time.perf_counter(), time.process_time()
"""

_OURS = """
import importlib
importlib.import_module(argument["handler"])
from trader.adapters.aws.clients import open_client
for service in argument["services"]:
    open_client(service)
from trader.adapters.coinbase.auth import Credentials, choose_signer
signer = choose_signer(Credentials("bench", argument["key"]))
signer.headers("GET", "api.coinbase.com", "/api/v3/brokerage/accounts", b"")
"""

_IMPORTS = """
import importlib
for name in argument["modules"]:
    importlib.import_module(name)
"""

_THIRD_PARTY = """
import boto3
from botocore.config import Config
session = boto3.session.Session()
for service in argument["services"]:
    session.client(service, config=Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard"}))
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
jwt.encode({"sub": "bench"}, load_pem_private_key(argument["key"].encode(), None), "ES256", headers={"kid": "bench"})
"""

_RESULT = """
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
with open("/proc/self/status", encoding="ascii") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(json.dumps({"wall_ms": wall * 1000, "cpu_ms": cpu * 1000, "peak_mb": peak / 1024}))
"""

# Names of modules whose import may be repeated by name: those that came from the layer, in the order they came.
_LOADED = """
def from_layer(name, module):
    file, spec = getattr(module, "__file__", None) or "", getattr(module, "__spec__", None)
    return file.startswith(argument["path"][-1] + os.sep) and getattr(spec, "name", None) == name
print(json.dumps([name for name, module in list(sys.modules.items()) if from_layer(name, module)]))
"""

_MAKE_KEY = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])["path"]
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import serialization as form
key = ec.generate_private_key(ec.SECP256R1())
pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())
print(json.dumps(pem.decode()))
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One way to start: the program, and the two folders that stand for /var/task and /opt/python."""

    name: str
    program: str
    function: Path
    packages: Path
    extra: Mapping[str, Any]


def list_cases(build: Path, source: Path, scratch: Path, handler: str, python: Sequence[str]) -> list[Case]:
    """Lay out what is compared. Exits, saying why, where the artefact has no byte-code or does not run here."""
    function, packages = build / "TradingFunction", build / "DependenciesLayer" / "python"
    for folder in (function, packages):
        if not any(folder.rglob("*.pyc")):
            sys.exit(f"{folder}: no byte-code; run `make build` where a Python 3.13 is found, or set PYTHON313")
    bare_function, bare_packages = scratch / "function", scratch / "python"
    shutil.copytree(source, bare_function / "trader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(packages, bare_packages, ignore=shutil.ignore_patterns("__pycache__"))
    common = {
        "handler": handler,
        "services": SERVICES,
        "environment": {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
        },
    }
    key = _run(python, _MAKE_KEY, Case("key", "", function, packages, common))
    ours = Case("with", _OURS, function, packages, {**common, "key": key})
    third = {**ours.extra, "modules": _run(python, _PRELUDE + _OURS + _LOADED, ours)}
    return [
        ours,
        Case("without", _OURS, bare_function, bare_packages, ours.extra),
        Case("third_party", _IMPORTS + _THIRD_PARTY, function, packages, third),
        Case("import_only", _IMPORTS, function, packages, third),
    ]


def measure(python: Sequence[str], cases: Sequence[Case], runs: int) -> dict[str, dict[str, float]]:
    """Start each case *runs* times and return the median of every figure; one start of each is thrown away."""
    samples: dict[str, list[dict[str, float]]] = {case.name: [] for case in cases}
    for turn in range(runs + 1):
        for case in cases:
            sample = _run(python, _PRELUDE + case.program + _RESULT, case)
            if turn:
                samples[case.name].append(sample)
    return {
        name: {figure: median(sample[figure] for sample in taken) for figure in taken[0]}
        for name, taken in samples.items()
    }


def _run(python: Sequence[str], program: str, case: Case) -> Any:
    argument = json.dumps({**case.extra, "path": [str(case.function), str(case.packages)]})
    # -I: nothing of this machine's Python is seen. -B: the case without byte-code stays one.
    command = [*python, "-I", "-B", "-c", program, argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own programs
    if done.returncode:
        sys.exit(f"{case.name}: {shlex.join(python)} could not run the artefact:\n{done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def _python() -> list[str]:
    command = shlex.split(os.environ.get("PYTHON313", "")) or ["python3.13"]
    question = [*command, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        asked = subprocess.run(question, capture_output=True, text=True, check=True)  # noqa: S603 - what the user named
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"{shlex.join(command)} does not run: set PYTHON313 to a Python 3.13")
    if asked.stdout.split() != ["3", "13"]:
        sys.exit(f"{shlex.join(command)} is Python {asked.stdout.strip()}: set PYTHON313 to a Python 3.13")
    return command


def main() -> None:
    """Print a line per case, and the line for machines last."""
    parser = argparse.ArgumentParser(description="Measure the cold start of what `sam build` made.")
    parser.add_argument("build", type=Path, nargs="?", default=Path(".aws-sam/build"))
    parser.add_argument(
        "--source", type=Path, default=Path("src/trader"), help="the sources the function was built from"
    )
    parser.add_argument("--handler", default=HANDLER)
    parser.add_argument("--runs", type=int, default=21)
    given = parser.parse_args()
    if given.runs < RUNS_MIN:
        parser.error(f"--runs {given.runs}: a median wants {RUNS_MIN} at least")
    python = _python()
    with tempfile.TemporaryDirectory() as scratch:
        cases = list_cases(given.build.resolve(), given.source.resolve(), Path(scratch), given.handler, python)
        figures = measure(python, cases, given.runs)
    for name, of in figures.items():
        print(f"{name}: {of['wall_ms']:.0f} ms, of it {of['cpu_ms']:.0f} processor, peak {of['peak_mb']:.1f} MB")
    wall = {name: of["wall_ms"] for name, of in figures.items()}
    print(
        f"with_bytecode_ms={wall['with']:.0f} without_bytecode_ms={wall['without']:.0f} "
        f"third_party_ms={wall['third_party']:.0f} ratio_third_party={wall['with'] / wall['third_party']:.3f} "
        f"ratio_bytecode={wall['with'] / wall['without']:.3f} peak_mb={figures['with']['peak_mb']:.1f}"
    )


if __name__ == "__main__":
    main()
