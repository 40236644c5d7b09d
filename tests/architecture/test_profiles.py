"""A profile that samconfig.toml does not have is answered before anything is made, by every word that takes one."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from architecture.tree import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SAMCONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
PROFILES = [name for name, each in SAMCONFIG.items() if name != "version" and "deploy" in each]


def words_with_a_profile() -> list[str]:
    """Those whose recipe names it, be it by way of the architecture."""
    rules = re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    # A call of make with an architecture of its own needs none.
    own = re.compile(r"ARCHITECTURE=\$\(HOST_ARCHITECTURE\)")
    return [word for word, recipe in rules if re.search(r"\$\((PROFILE|ARCHITECTURE)\)", own.sub("", recipe))]


def say(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What make answers in an empty folder, in which it could build nothing."""
    for name in ("Makefile", "samconfig.toml"):
        shutil.copy(ROOT / name, folder)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=kept | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("profile", ["x", "", "default", "paper live", "pape"])
@pytest.mark.parametrize("word", words_with_a_profile())
def test_wrong_profile_is_answered_in_one_line(tmp_path: Path, word: str, profile: str) -> None:
    """With the value and the allowed ones; nothing is there afterwards that was not before."""
    told = say(tmp_path, word, f"PROFILE={profile}")

    assert 2 == told.returncode
    (line,) = told.stderr.splitlines()
    assert f"PROFILE={profile}: no such profile; allowed are {' '.join(PROFILES)}." in line
    assert ("", {"Makefile", "samconfig.toml"}) == (told.stdout, {each.name for each in tmp_path.iterdir()})


def test_words_that_take_a_profile_are_known(tmp_path: Path) -> None:
    """The search finds them; all that samconfig.toml deploys are allowed, and a word that needs none does not ask."""
    assert {"build", "deploy", "rollback"} <= set(words_with_a_profile())
    for profile in PROFILES:
        assert "no such profile" not in say(tmp_path, "-n", "deploy", f"PROFILE={profile}").stderr
    assert 0 == say(tmp_path, "help", PROFILE="zsh").returncode
