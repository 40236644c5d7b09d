"""What was built is compared with lock and commit: each kind of sabotage is found, and named."""

import base64
import csv
import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from architecture.tree import ROOT

FILES = {
    "one/__init__.py": b"VALUE = 1\n",
    "one/_core.cpython-313-x86_64-linux-gnu.so": b"\x7fELF",
    "one/tests/test_one.py": b"assert True\n",
    "one.data/purelib/beside.py": b"BESIDE = 1\n",
    "one.data/scripts/one": b"#!python\n",
    "one-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: one\nVersion: 1.0\n",
    "one-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"layers_{name}", ROOT / f"layers/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


VERIFY = load("verify")
INTERPRETER = load("build").interpreter()


def a_wheel(
    folder: Path, version: str = "1.0", files: dict[str, bytes] | None = None, told: dict[str, bytes] | None = None
) -> Path:
    """A wheel of the package `one`, with a RECORD of what is *told*: that of its files unless said otherwise."""

    def of_this_version(given: dict[str, bytes]) -> dict[str, bytes]:
        old, new = b"Version: 1.0", f"Version: {version}".encode()
        return {
            name.replace("one-1.0", f"one-{version}"): content.replace(old, new)
            if name.endswith("METADATA")
            else content
            for name, content in given.items()
        }

    held = of_this_version(files or FILES)
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    for name, content in of_this_version(told or files or FILES).items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([name, f"sha256={digest}", len(content)])
    record = f"one-{version}.dist-info/RECORD"
    writer.writerow([record, "", ""])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"one-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**held, record: rows.getvalue().encode()}.items():
            archive.writestr(name, content)
    return path


def a_lock(*wheels: Path) -> str:
    """A lock of one package with these files; all are of one version."""
    _, version, *_ = wheels[0].name.split("-")
    hashes = " \\\n".join(f"    --hash=sha256:{hashlib.sha256(each.read_bytes()).hexdigest()}" for each in wheels)
    return f"# by hand\none=={version} \\\n{hashes}\n"


class Checkout:
    """A repository of its own with a lock, a package and a configuration, and what was built of its commit."""

    def __init__(self, folder: Path, *, compiled: bool) -> None:
        self.root, self.wheels, self.built = folder / "checkout", folder / "wheels", folder / "built"
        self._python313 = INTERPRETER[0] if compiled and INTERPRETER else ""

    def make(self) -> None:
        wheel = a_wheel(self.wheels)
        self.write("layers/dependencies/requirements.txt", a_lock(wheel).encode())
        self.write("src/trader/__init__.py", b'"""A package."""\n')
        self.write("src/trader/run.py", b"def run() -> int:\n    return 1\n")
        self.write("src/trader/py.typed", b"")
        self.write("config/app.yaml", b"app: {}\n")
        self._git("init", "--quiet")
        self.commit()
        self.build()

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def commit(self) -> None:
        self._git("add", "--all")
        self._git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "x")

    def _git(self, *words: str) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "-C", str(self.root), *words], check=True)

    def build(self) -> None:
        """Build the parts as `sam build` does; pip finds the wheel in the folder, and nothing anywhere else."""
        shutil.rmtree(self.built, ignore_errors=True)
        for name in ("TradingFunction", "EventPublisher"):
            self._run("function", self.root / "src/trader", self.built / name)
        self._run("config", self.root / "config", self.built / "ConfigLayer")
        lock = self.root / "layers/dependencies"
        self._run("dependencies", lock, self.built / "DependenciesLayer", "--architecture", "x86_64")

    def _run(self, *words: str | Path) -> None:
        kept = {"PATH": "", "HOME": "nowhere", "PYTHON313": self._python313}
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        command = [sys.executable, ROOT / "layers/build.py", *words]
        subprocess.run(command, check=True, capture_output=True, env=kept | offline)

    def problems(self) -> list[str]:
        return list(VERIFY.verify(self.built, "x86_64", self.root, wheels=self.wheels).problems)


@pytest.fixture(scope="module", params=["sources", "byte-code"])
def genuine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bool]:
    """As built with a Python 3.13 at hand, and without: once, since pip takes its time."""
    compiled = request.param == "byte-code"
    if compiled and INTERPRETER is None:
        pytest.skip("no Python 3.13 here: nothing is compiled")
    folder = tmp_path_factory.mktemp(request.param) / "genuine"
    Checkout(folder, compiled=compiled).make()
    return folder, compiled


@pytest.fixture
def checkout(genuine: tuple[Path, bool], tmp_path: Path) -> Checkout:
    """A copy of the genuine one, to be sabotaged."""
    folder, compiled = genuine
    shutil.copytree(folder, tmp_path / "copy")
    return Checkout(tmp_path / "copy", compiled=compiled)


def the_file(folder: Path, stem: str) -> Path:
    """A module as it was built, source or byte-code."""
    found = sorted(path for path in folder.rglob(f"{stem}*") if path.suffix in {".py", ".pyc"})
    return found[-1]


def test_what_was_built_of_lock_and_commit_is_whole(checkout: Checkout) -> None:
    """Every file is counted, of the layer, of both functions and of the configuration."""
    found = VERIFY.verify(checkout.built, "x86_64", checkout.root, wheels=checkout.wheels)

    files = [path for path in checkout.built.rglob("*") if path.is_file()]
    counted = [count for name, count in found.counts.items() if name.endswith("_files")]
    assert [] == found.problems
    assert (1, 4, len(files)) == (found.counts["packages"], len(counted), sum(counted))
    assert not list(checkout.built.rglob("tests"))


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


SABOTAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "layer, a byte of a module": (
        lambda built: change_a_byte(the_file(built / "DependenciesLayer/python/one", "__init__")),
        "DependenciesLayer: changed: python/one/",
    ),
    "layer, a byte of a library": (
        lambda built: change_a_byte(next((built / "DependenciesLayer").rglob("*.so"))),
        "DependenciesLayer: changed: python/one/_core",
    ),
    "layer, a byte of a paper": (
        lambda built: change_a_byte(next((built / "DependenciesLayer").rglob("METADATA"))),
        "DependenciesLayer: changed: python/one-1.0.dist-info/METADATA",
    ),
    "layer, a file more": (
        lambda built: (built / "DependenciesLayer/python/sitecustomize.py").write_text("x = 1\n"),
        "DependenciesLayer: added: python/sitecustomize.py",
    ),
    "layer, a file beside python": (
        lambda built: (built / "DependenciesLayer/bin").write_text("x\n"),
        "DependenciesLayer: added: bin",
    ),
    "layer, byte-code without a source": (
        lambda built: (built / "DependenciesLayer/python/one/more.pyc").write_bytes(b"x"),
        "DependenciesLayer: added: python/one/more.pyc",
    ),
    "layer, a file less": (
        lambda built: (built / "DependenciesLayer/python/beside.py").unlink(),
        "DependenciesLayer: missing: python/beside.py",
    ),
    "layer, a package less": (
        lambda built: shutil.rmtree(built / "DependenciesLayer/python"),
        "DependenciesLayer: one: none is built, 1.0 is locked",
    ),
    "layer, a link": (
        lambda built: (built / "DependenciesLayer/python/link.py").symlink_to(os.devnull),
        "DependenciesLayer: added: python/link.py",
    ),
    "function, a byte of a module": (
        lambda built: change_a_byte(the_file(built / "TradingFunction", "run")),
        "TradingFunction: changed: trader/run",
    ),
    "function, a module more": (
        lambda built: (built / "TradingFunction/trader/more.py").write_text("x = 1\n"),
        "TradingFunction: added: trader/more.py",
    ),
    "function, a module beside the package": (
        lambda built: (built / "TradingFunction/boto3.py").write_text("x = 1\n"),
        "TradingFunction: added: boto3.py",
    ),
    "function, a module less": (
        lambda built: the_file(built / "TradingFunction", "run").unlink(),
        "TradingFunction: missing: trader/run",
    ),
    "the other function, a byte": (
        lambda built: change_a_byte(the_file(built / "EventPublisher", "run")),
        "EventPublisher: changed: trader/run",
    ),
    "the other function, all of it": (
        lambda built: shutil.rmtree(built / "EventPublisher"),
        "EventPublisher: missing: trader/py.typed",
    ),
    "configuration, a byte": (
        lambda built: change_a_byte(built / "ConfigLayer/config/app.yaml"),
        "ConfigLayer: changed: config/app.yaml",
    ),
    "configuration, a file more": (
        lambda built: (built / "ConfigLayer/config/local.yaml").write_text("app: {}\n"),
        "ConfigLayer: added: config/local.yaml",
    ),
}


@pytest.mark.parametrize("genuine", ["byte-code" if INTERPRETER else "sources"], indirect=True)
@pytest.mark.parametrize("name", sorted(SABOTAGE))
def test_sabotage_is_found(checkout: Checkout, name: str) -> None:
    """Each alone, by name and place."""
    sabotage, complaint = SABOTAGE[name]
    sabotage(checkout.built)

    assert [line for line in checkout.problems() if line.startswith(complaint)]


def test_package_of_another_version_is_found(checkout: Checkout) -> None:
    """The lock went on, what was built did not."""
    (wheel,) = checkout.wheels.glob("*.whl")
    wheel.unlink()
    checkout.write("layers/dependencies/requirements.txt", a_lock(a_wheel(checkout.wheels, "1.1")).encode())
    checkout.commit()

    assert "DependenciesLayer: one: 1.0 is built, 1.1 is locked" in checkout.problems()


def test_code_that_is_not_the_commits_is_found(checkout: Checkout) -> None:
    """Built from a tree with a change that nobody committed."""
    checkout.write("src/trader/run.py", b"def run() -> int:\n    return 2\n")
    checkout.build()

    assert {"TradingFunction", "EventPublisher"} == {line.split(":")[0] for line in checkout.problems()}
    assert all("changed: trader/run" in line for line in checkout.problems())


def test_wheel_that_the_lock_does_not_know_is_found(checkout: Checkout) -> None:
    """Another file of the same name and version, from which the layer was built to the byte."""
    files = {**FILES, "one/__init__.py": b"VALUE = 2\n"}
    genuine = (checkout.root / "layers/dependencies/requirements.txt").read_bytes()
    checkout.write("layers/dependencies/requirements.txt", a_lock(a_wheel(checkout.wheels, files=files)).encode())
    checkout.build()
    checkout.write("layers/dependencies/requirements.txt", genuine)

    assert ["wheel one-1.0-py3-none-any.whl: its hash is not in the lock"] == checkout.problems()


@pytest.mark.parametrize(
    ("files", "told", "complaint"),
    [
        pytest.param(
            FILES, {**FILES, "one/__init__.py": b"x\n"}, "one/__init__.py differs from its RECORD", id="changed"
        ),
        pytest.param({**FILES, "two.py": b""}, FILES, "two.py is not in its RECORD", id="more"),
    ],
)
def test_wheel_that_contradicts_its_own_record_is_found(
    tmp_path: Path, files: dict[str, bytes], told: dict[str, bytes], complaint: str
) -> None:
    """Although the lock vouches for the file as a whole."""
    wheel = a_wheel(tmp_path / "wheels", files=files, told=told)
    found = VERIFY.Findings()

    VERIFY.unpack_wheels(tmp_path / "wheels", VERIFY.read_lock(a_lock(wheel)), tmp_path / "python", found)

    assert [f"wheel one-1.0-py3-none-any.whl: {complaint}"] == found.problems


def test_nothing_to_compare_with_is_a_problem(checkout: Checkout) -> None:
    """Neither built nor downloaded: equal, and worth nothing."""
    shutil.rmtree(checkout.built / "DependenciesLayer")
    (wheel,) = checkout.wheels.glob("*.whl")
    wheel.unlink()

    problems = checkout.problems()

    assert "no wheel of one 1.0, which is locked" in problems
    assert any("nothing was compared" in line for line in problems)


def test_byte_code_that_nothing_here_can_make_again_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not believed."""
    if INTERPRETER is None:
        pytest.skip("no Python 3.13 here: nothing is compiled")
    checkout = Checkout(tmp_path, compiled=True)
    checkout.make()
    monkeypatch.setattr(VERIFY.build, "interpreter", lambda: None)

    problems = checkout.problems()

    assert "TradingFunction: holds byte-code, and there is no Python 3.13 here that could make it again" in problems
    assert any(line.startswith("DependenciesLayer: holds byte-code") for line in problems)


def test_command_prints_counts_and_ends_with_1_for_a_difference(checkout: Checkout) -> None:
    """The last line is for machines."""
    arguments = ["--architecture", "x86_64", "--wheels", checkout.wheels, "--root", checkout.root]
    command = [sys.executable, ROOT / "layers/verify.py", checkout.built, *arguments]
    whole = subprocess.run(command, capture_output=True, text=True, check=False)
    (checkout.built / "ConfigLayer/config/app.yaml").unlink()

    broken = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, 1) == (whole.returncode, broken.returncode), whole.stdout + whole.stderr
    assert whole.stdout.splitlines()[-1].endswith("ConfigLayer_files=1 problems=0")
    assert "verify-build: ConfigLayer: missing: config/app.yaml" in broken.stdout
    assert broken.stdout.splitlines()[-1].endswith("ConfigLayer_files=0 problems=1")


def test_lock_is_read_with_markers_and_spellings() -> None:
    """A name is one however it is written; what a marker may leave out is not missed."""
    text = f"PyYAML==6.0 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n"
    text += f"cffi==2.0 ; platform_python_implementation != 'PyPy' \\\n    --hash=sha256:{'c' * 64}\n"

    lock = VERIFY.read_lock(text)

    assert {("pyyaml", "6.0"): {"a" * 64, "b" * 64}, ("cffi", "2.0"): {"c" * 64}} == lock.hashes
    assert {("pyyaml", "6.0")} == lock.needed
