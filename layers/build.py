"""Build the three things that `sam build` packs: the function's code, its dependencies, its configuration.

Only the standard library and pip, so it runs on any host and for either architecture: wheels are chosen for the
target, not for this machine. What it prints goes to standard output, because SAM keeps standard error to itself.
"""

# ruff: noqa: S603, T201 - a build runs the commands it is given, and prints what it made

from __future__ import annotations

import argparse
import io
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

#: The services whose clients are made. botocore knows four hundred, and reads none of the others.
SERVICES = frozenset({"dynamodb", "events", "s3", "secretsmanager", "ssm", "sts"})

#: Zipped megabytes (10^6 bytes) that each part may have.
LIMITS = {"TradingFunction": 0.7, "EventPublisher": 0.7, "DependenciesLayer": 25.0, "ConfigLayer": 0.1}

#: Newest first: Lambda's python3.13 has glibc 2.34.
PLATFORMS = {
    "arm64": ("manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "x86_64": ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
}

# What 3.13 writes at the head of its byte-code, the same in every 3.13.x: another number would not be read there.
_MAGIC = "f30d0d0a"
_ASK_MAGIC = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"

# Run by the target's Python, since byte-code is that of the Python that made it.
_SPELL_OUT = Path(__file__).with_name("spell_out.py")

# Of the papers in a wheel, what a scanner and a lawyer read.
_PAPERS_KEPT = ("METADATA", "LICENSE", "LICENCE", "NOTICE", "COPYING", "AUTHORS")
_SURPLUS_FOLDERS = frozenset({"test", "tests", "__pycache__", "examples"})
_SURPLUS_SUFFIXES = frozenset({".pyi", ".pyx", ".pxd", ".c", ".h", ".md", ".rst"})


def interpreter() -> list[str] | None:
    """Find the command that runs Python 3.13: PYTHON313, else what lies about; None if there is none.

    PYTHON313 is a command line, so that it can also be a container's. Given but of no use, it is an error.
    """
    if given := shlex.split(os.environ.get("PYTHON313", "")):
        if _magic(given) != _MAGIC:
            sys.exit(f"PYTHON313={shlex.join(given)}: not a Python 3.13 that runs")
        return given
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [sys.executable, "python3.13", *map(str, sorted(pyenv.glob("3.13.*/bin/python3.13"), reverse=True))]
    return next(([command] for command in found if _magic([command]) == _MAGIC), None)


def _magic(command: Sequence[str]) -> str:
    try:
        answer = subprocess.run([*command, "-c", _ASK_MAGIC], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()


def build_function(source: Path, artifacts: Path) -> None:
    """Lay the package ``trader`` out, and nothing beside it."""
    copy_package(source, artifacts)
    compile_package(artifacts)
    _report(artifacts.name, artifacts)


def copy_package(source: Path, artifacts: Path) -> None:
    """Copy the package without what a Python has left in it."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(source, artifacts / "trader", ignore=ignored, dirs_exist_ok=True)


def compile_package(artifacts: Path) -> bool:
    """Put byte-code in the place of the sources; False, said aloud, if nothing here can compile it.

    With byte-code the sources stay at home: both together would weigh half as much again, and a traceback still
    names file and line. The byte-code holds what `dataclasses` would otherwise compile at every start.
    """
    if not _by_python_313(str(_SPELL_OUT), str(artifacts), "/var/task"):
        return False
    for file in (artifacts / "trader").rglob("*.py"):
        file.unlink()
    return True


def build_dependencies(source: Path, artifacts: Path, architecture: str) -> None:
    """Unpack the locked wheels for the target under ``python/``, without what is never read there."""
    python = artifacts / "python"
    run_pip("install", source / "requirements.txt", architecture, "--no-compile", "--target", str(python))
    remove_surplus(python)
    compile_dependencies(python)
    _report(f"DependenciesLayer for {architecture}", artifacts)


def run_pip(word: str, lock: Path, architecture: str, *options: str) -> None:
    """Have pip install or download the wheels that are locked, for the target."""
    pip = [sys.executable, "-m", "pip", word, "--quiet", "--disable-pip-version-check"]
    # The lock is complete, so nothing is resolved: pip would do that with this machine's markers, not the target's.
    locked = ["--require-hashes", "--only-binary=:all:", "--no-deps", "--requirement", str(lock)]
    target = ["--implementation=cp", "--python-version=3.13"]
    platforms = [f"--platform={platform}" for platform in PLATFORMS[architecture]]
    subprocess.run([*pip, *locked, *target, *platforms, *options], check=True)


def remove_surplus(python: Path) -> None:
    """Remove what nothing reads at run time."""
    for path in _surplus(python):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def compile_dependencies(python: Path) -> bool:
    """Put byte-code beside the sources; False, said aloud, if nothing here can compile it."""
    # Valid whatever a file's time says, since a zip changes the times.
    hashed = ["-q", "-f", "--invalidation-mode", "unchecked-hash"]
    return _by_python_313("-m", "compileall", *hashed, "-s", str(python), "-p", "/opt/python", str(python))


def build_config(source: Path, artifacts: Path) -> None:
    """Lay the configuration out so that Lambda mounts it at /opt/config."""
    shutil.copytree(source, artifacts / "config", dirs_exist_ok=True)
    _report("ConfigLayer", artifacts)


def _surplus(python: Path) -> list[Path]:
    """Name the files and folders that nothing reads at run time, outermost only."""
    data = python / "botocore" / "data"
    surplus = {path for path in data.glob("*") if path.is_dir() and path.name not in SERVICES}
    surplus |= set(data.rglob("examples-1.json*"))
    # Models of boto3.resource(); the function makes clients.
    surplus |= {python / "boto3" / "data", python / "bin"}
    for path in python.rglob("*"):
        if path.is_dir():
            if path.name in _SURPLUS_FOLDERS:
                surplus.add(path)
        elif path.parent.suffix == ".dist-info":
            if not path.name.startswith(_PAPERS_KEPT):
                surplus.add(path)
        elif path.suffix in _SURPLUS_SUFFIXES:
            surplus.add(path)
    return [path for path in sorted(surplus) if path.exists() and not surplus.intersection(path.parents)]


def _by_python_313(*arguments: str) -> bool:
    """Have the target's Python compile; False, said aloud, if there is none.

    Without the columns of every instruction byte-code is a tenth smaller; tracebacks keep their line numbers.
    """
    if (command := interpreter()) is None:
        print("no Python 3.13 found: built WITHOUT byte-code; cold starts take twice as long; set PYTHON313")
        return False
    subprocess.run([*command, "-X", "no_debug_ranges", *arguments], check=True)
    return True


def architecture_of(profile: str) -> str:
    """Say what a profile of samconfig.toml deploys for: what it names, else the template's default."""
    config = tomllib.loads((Path(__file__).parents[1] / "samconfig.toml").read_text(encoding="utf-8"))
    chosen = dict(pair.split("=", 1) for pair in config[profile]["deploy"]["parameters"]["parameter_overrides"])
    return str(chosen.get("Architecture", "arm64"))


def sizes(build: Path) -> None:
    """Print how large each part is, unpacked and zipped; exit 1 if one is missing or above its limit."""
    zipped = {name: _report(name, build / name, limit) for name, limit in LIMITS.items()}
    print(" ".join(f"{name}_zip_mb={size:.3f}" for name, size in zipped.items()))
    if any(not 0 < size <= LIMITS[name] for name, size in zipped.items()):
        sys.exit(1)


def _report(name: str, folder: Path, limit: float | None = None) -> float:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    unpacked = sum(path.stat().st_size for path in files) / 1e6
    zipped = _zipped_bytes(folder, files) / 1e6 if files else 0.0
    allowed = f" (at most {limit})" if limit is not None else ""
    compiled = sum(path.suffix == ".pyc" for path in files)
    print(f"{name}: {unpacked:.2f} MB unpacked, {zipped:.3f} MB zipped{allowed}, {compiled} files of byte-code")
    return zipped


def _zipped_bytes(folder: Path, files: Iterable[Path]) -> int:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    return packed.getbuffer().nbytes


def main() -> None:
    """Build one part, or print: the sizes of all, a profile's architecture, the Python 3.13 that would be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    words = parser.add_subparsers(dest="word", required=True)
    for part in ("function", "dependencies", "config"):
        command = words.add_parser(part)
        command.add_argument("source", type=Path)
        command.add_argument("artifacts", type=Path)
        if part == "dependencies":
            command.add_argument("--architecture", choices=sorted(PLATFORMS), required=True)
    words.add_parser("sizes").add_argument("build", type=Path)
    words.add_parser("architecture").add_argument("profile")
    words.add_parser("interpreter")
    given = parser.parse_args()
    match given.word:
        case "function":
            build_function(given.source, given.artifacts)
        case "dependencies":
            build_dependencies(given.source, given.artifacts, given.architecture)
        case "config":
            build_config(given.source, given.artifacts)
        case "sizes":
            sizes(given.build)
        case "architecture":
            print(architecture_of(given.profile))
        case _:
            print(shlex.join(interpreter() or []))


if __name__ == "__main__":
    main()
