"""What a built package says of itself, and carries along."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from setuptools import Distribution
from setuptools.config.pyprojecttoml import apply_configuration

from architecture.tree import ROOT
from trader import __version__

# The text at apache.org/licenses/LICENSE-2.0.txt, to the byte.
APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


@pytest.fixture
def distribution(monkeypatch: pytest.MonkeyPatch) -> Distribution:
    """What setuptools makes of pyproject.toml."""
    monkeypatch.chdir(ROOT)
    return apply_configuration(Distribution(), "pyproject.toml")


def test_license_is_the_unchanged_apache_license() -> None:
    """Nobody edited a word of it."""
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()

    assert APACHE_2_0 == digest


def test_package_names_its_license(distribution: Distribution) -> None:
    """As an SPDX expression, with the file that holds the text."""
    metadata = distribution.metadata

    assert ("Apache-2.0", ["LICENSE"]) == (metadata.license_expression, list(metadata.license_files))


def test_version_of_the_package_is_that_of_the_code(distribution: Distribution) -> None:
    """It is written in one place only."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert "version" not in project
    assert __version__ == distribution.get_version()


def test_newest_release_of_the_changelog_is_this_version() -> None:
    """[Unreleased] comes first, then the version in the code."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert ["Unreleased", __version__] == headings[:2]


@pytest.mark.parametrize("package", ["desk", "trader"])
def test_package_ships_its_marker_of_types(package: str, distribution: Distribution) -> None:
    """The file exists, is empty, and is among the files that a build copies."""
    marker = Path("src") / package / "py.typed"
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    shipped = [Path(folder) / name for _, folder, _, names in build.get_data_files_without_manifest() for name in names]

    assert b"" == (ROOT / marker).read_bytes()
    assert marker in shipped
