"""What `sam build` packs: the right files, compiled where that is possible, and models for the services in use."""

import importlib.util
import random
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from architecture.tree import ROOT

CLIENT = re.compile(r"""\bopen_client\(\s*["']([a-z0-9]+)["']""")


def build_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layers_build", ROOT / "layers/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(*words: str | Path, python313: str = "") -> subprocess.CompletedProcess[str]:
    """Run the builder as make does; without PYTHON313 and with an empty home it finds no Python 3.13 but itself."""
    environment = {"PATH": "", "HOME": "nowhere", "PYTHON313": python313}
    command = [sys.executable, ROOT / "layers/build.py", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_models_of_the_services_in_use_are_kept() -> None:
    """A client of a service whose model was cut away could not be made."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src/trader").rglob("*.py")]
    asked = {service for source in sources for service in CLIENT.findall(source)}

    assert asked == build_module().SERVICES - {"sts"}


def test_function_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    """No desk, no tests, and each module of the package once, as source or as byte-code."""
    done = build("function", ROOT / "src/trader", tmp_path)

    packed = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    modules = {path.with_suffix("") for path in packed if path.suffix in {".py", ".pyc"}}
    expected = {path.relative_to(ROOT / "src").with_suffix("") for path in (ROOT / "src/trader").rglob("*.py")}
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["trader"]
    assert modules == expected
    assert len([path for path in packed if path.suffix in {".py", ".pyc"}]) == len(expected)


@pytest.mark.skipif(sys.version_info[:2] == (3, 13), reason="the builder would compile with itself")
def test_build_without_python_313_says_so_and_goes_on(tmp_path: Path) -> None:
    """Slower to start, but whole."""
    done = build("function", ROOT / "src/trader", tmp_path)

    assert "WITHOUT byte-code" in done.stdout
    assert (tmp_path / "trader/cycle/run.py").is_file()


def test_wrong_interpreter_is_refused(tmp_path: Path) -> None:
    """Byte-code of another Python would not be read; shipped without its sources it would not even start."""
    done = build("function", ROOT / "src/trader", tmp_path, python313="false")

    assert done.returncode != 0
    assert "not a Python 3.13" in done.stderr


def test_configuration_lies_where_the_function_looks(tmp_path: Path) -> None:
    """A layer is mounted at /opt, and the function reads /opt/config."""
    build("config", ROOT / "config", tmp_path)

    assert {path.name for path in (tmp_path / "config").iterdir()} == {"app.yaml", "policy.yaml", "universe.yaml"}


def test_part_above_its_limit_fails(tmp_path: Path) -> None:
    """Random bytes do not shrink."""
    for part in build_module().LIMITS:
        (tmp_path / part).mkdir()
        (tmp_path / part / "x").write_bytes(b"x")
    whole = build("sizes", tmp_path)
    (tmp_path / "TradingFunction/noise").write_bytes(random.Random(1).randbytes(700_000))

    fat = build("sizes", tmp_path)

    assert whole.returncode == 0
    assert fat.returncode == 1
    assert "TradingFunction_zip_mb=0.7" in fat.stdout


@pytest.mark.parametrize("profile", ["dev", "paper", "live"])
def test_layer_is_built_for_what_the_profile_deploys(profile: str) -> None:
    """No profile names one, so it is the template's default, which the builder repeats."""
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    default = re.search(r"AllowedValues: \[arm64, x86_64\]\s+Default: (\w+)", template)

    assert default is not None
    assert build("architecture", profile).stdout.strip() == default[1]
