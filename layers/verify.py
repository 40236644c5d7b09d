"""Compare what `sam build` made with the lock and the commit: nothing else may be in it, and nothing missing.

    python layers/verify.py .aws-sam/build --architecture arm64

The layer: the locked wheels are downloaded anew, each must have a hash of the lock, each file in it the hash of the
wheel's own RECORD. The functions and the configuration: the commit's files. From these the parts are made once more by
the builder's own rules (what is left out, what is compiled), and compared byte by byte; byte-code, too, since the same
Python 3.13 makes the same. One line for each difference, counts last; exit 1 if there is any.
"""

# ruff: noqa: S603, T201 - it runs pip and git, and prints what it found

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

import build

FUNCTIONS = ("TradingFunction", "EventPublisher")
_LAYER = "DependenciesLayer"
_COMMITTED = ("src/trader", "config", "layers/dependencies")

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)(\s*;)?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
#: Name and version.
Package = tuple[str, str]


@dataclass(frozen=True)
class Lock:
    """The SHA-256 of each package's files; and the packages that every target needs, since no marker says otherwise."""

    hashes: Mapping[Package, set[str]]
    needed: frozenset[Package]


@dataclass
class Findings:
    """What was counted, and what is wrong."""

    counts: dict[str, int | str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_lock(text: str) -> Lock:
    """Read the packages of a lock."""
    locked: dict[Package, set[str]] = {}
    needed: set[Package] = set()
    files: set[str] = set()
    for line in text.splitlines():
        if pin := _PIN.match(line):
            package = (_normalize(pin[1]), pin[2])
            files = locked.setdefault(package, set())
            needed |= set() if pin[3] else {package}
        files.update(_HASH.findall(line))
    return Lock(locked, frozenset(needed))


def unpack_wheels(wheels: Path, lock: Lock, python: Path, found: Findings) -> None:
    """Unpack each wheel as pip does. What the lock or the wheel's own RECORD does not vouch for is a problem."""
    names = sorted(wheels.glob("*.whl"))
    for name, version in sorted(lock.needed - {_package_of(wheel.name) for wheel in names}):
        found.problems.append(f"no wheel of {name} {version}, which is locked")
    for wheel in names:
        if _sha256(wheel.read_bytes()) not in lock.hashes.get(_package_of(wheel.name), set()):
            found.problems.append(f"wheel {wheel.name}: its hash is not in the lock")
        with zipfile.ZipFile(wheel) as archive:
            _unpack_wheel(wheel.name, archive, python, found)
    found.counts["packages"] = len(names)
    if not names:
        found.problems.append(f"no wheel in {wheels}: nothing was compared")


def _unpack_wheel(name: str, archive: zipfile.ZipFile, python: Path, found: Findings) -> None:
    told = _read_record(archive)
    for each in archive.infolist():
        if each.is_dir():
            continue
        content = archive.read(each)
        if each.filename not in told:
            found.problems.append(f"wheel {name}: {each.filename} is not in its RECORD")
        elif told[each.filename] and told[each.filename] != _record_hash(content):
            found.problems.append(f"wheel {name}: {each.filename} differs from its RECORD")
        if (place := _place(each.filename)) is not None:
            path = python / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _read_record(archive: zipfile.ZipFile) -> dict[str, str]:
    """Read the hash of each file; empty for RECORD itself, which cannot hold its own, and for its signatures."""
    record = next((name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)), None)
    if record is None:
        return {}
    signatures = {record, f"{record}.jws", f"{record}.p7s"}
    rows = csv.reader(io.StringIO(archive.read(record).decode()))
    return {row[0]: "" if row[0] in signatures else row[1] or "no hash" for row in rows if row}


def _place(name: str) -> PurePosixPath | None:
    """Say where pip puts a file of a wheel; None for scripts and headers, of which the layer holds none."""
    parts = PurePosixPath(name).parts
    if not parts[0].endswith(".data"):
        return PurePosixPath(name)
    return PurePosixPath(*parts[2:]) if parts[1] in {"purelib", "platlib", "data"} else None


def compare_layer(built: Path, wheels: Path, lock: Lock, found: Findings) -> None:
    """Compare the layer with what the locked wheels make."""
    with TemporaryDirectory() as scratch:
        python = Path(scratch) / "python"
        unpack_wheels(wheels, lock, python, found)
        made, locked = _packages_in(built / "python"), _packages_in(python)
        for name in sorted(made.keys() | locked.keys()):
            if made.get(name) != locked.get(name):
                told = f"{made.get(name, 'none')} is built, {locked.get(name, 'none')} is locked"
                found.problems.append(f"{_LAYER}: {name}: {told}")
        build.remove_surplus(python)
        _compile(_LAYER, built, build.compile_dependencies, python, found)
        compare(_LAYER, Path(scratch), built, found)


def compare_function(name: str, built: Path, package: Path, found: Findings) -> None:
    """Compare a function's code with what the commit's package makes."""
    with TemporaryDirectory() as scratch:
        build.copy_package(package, Path(scratch))
        _compile(name, built, build.compile_package, Path(scratch), found)
        compare(name, Path(scratch), built, found)


def _compile(name: str, built: Path, compiler: object, folder: Path, found: Findings) -> None:
    """Compile what was made anew, if what was built is compiled."""
    if any(built.rglob("*.pyc")) and not compiler(folder):  # type: ignore[operator]
        found.problems.append(f"{name}: holds byte-code, and there is no Python 3.13 here that could make it again")


def compare(name: str, expected: Path, built: Path, found: Findings) -> None:
    """Name every file that was changed, is missing or was added; count those that are as they should be."""
    wanted, there = _files(expected), _files(built)
    for path in sorted(wanted.keys() | there.keys()):
        if path not in there:
            found.problems.append(f"{name}: missing: {path}")
        elif path not in wanted:
            found.problems.append(f"{name}: added: {path}")
        elif there[path] != wanted[path]:
            found.problems.append(f"{name}: changed: {path}")
    found.counts[f"{name}_files"] = sum(there.get(path) == digest for path, digest in wanted.items())
    if not wanted:
        found.problems.append(f"{name}: nothing to compare with")


def _files(folder: Path) -> dict[str, str]:
    """List the digest of each file. A link has one of its own, which no file of a wheel or a commit has."""
    paths = ((path, path.relative_to(folder).as_posix()) for path in folder.rglob("*"))
    return {
        name: f"link to {path.readlink()}" if path.is_symlink() else _sha256(path.read_bytes())
        for path, name in paths
        if path.is_symlink() or path.is_file()
    }


def _packages_in(python: Path) -> dict[str, str]:
    return dict(_package_of(path.name.removesuffix(".dist-info")) for path in python.glob("*.dist-info"))


def _package_of(name: str) -> Package:
    parts = name.split("-")
    return _normalize(parts[0]), parts[1] if len(parts) > 1 else ""


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _record_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def _take_out(root: Path, commit: str, folder: Path) -> str:
    """Put the commit's files into a folder; return the commit's name."""
    git = ["git", "-C", str(root)]
    archive = subprocess.run([*git, "archive", commit, *_COMMITTED], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    named = subprocess.run([*git, "rev-parse", "--short", commit], check=True, capture_output=True, text=True)
    return named.stdout.strip()


def verify(built: Path, architecture: str, root: Path, commit: str = "HEAD", wheels: Path | None = None) -> Findings:
    """Compare all parts. Without *wheels* they are downloaded."""
    found = Findings()
    with TemporaryDirectory() as scratch:
        committed, downloaded = Path(scratch) / "commit", Path(scratch) / "wheels"
        found.counts["commit"] = _take_out(root, commit, committed)
        lock = committed / "layers/dependencies/requirements.txt"
        if wheels is None:
            build.run_pip("download", lock, architecture, "--dest", str(downloaded))
        compare_layer(built / _LAYER, wheels or downloaded, read_lock(lock.read_text(encoding="utf-8")), found)
        for name in FUNCTIONS:
            compare_function(name, built / name, committed / "src/trader", found)
        (committed / "layer").mkdir()
        (committed / "config").rename(committed / "layer/config")
        compare("ConfigLayer", committed / "layer", built / "ConfigLayer", found)
    return found


def _lines(found: Findings) -> Iterator[str]:
    yield from (f"verify-build: {problem}" for problem in found.problems)
    yield " ".join(f"{name}={value}" for name, value in [*found.counts.items(), ("problems", len(found.problems))])


def main() -> None:
    """Compare what was built with lock and commit; print the differences and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--architecture", choices=sorted(build.PLATFORMS), required=True)
    parser.add_argument("--wheels", type=Path, help="folder of wheels that are here already")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the checkout")
    parser.add_argument("--commit", default="HEAD")
    given = parser.parse_args()
    found = verify(given.build, given.architecture, given.root, given.commit, given.wheels)
    print("\n".join(_lines(found)))
    sys.exit(bool(found.problems))


if __name__ == "__main__":
    main()
