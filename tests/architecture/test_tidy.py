"""The tree obeys the rules of rules.py, and nothing in it belongs to one machine."""

import gc
import re
from pathlib import Path

import pytest

from architecture.rules import RULES, Rule
from architecture.tree import ROOT, committed_texts, sources

# Homes and workplaces of people and machines. Paths inside Lambda (/opt, /var/task, /tmp) are the same everywhere.
MACHINE_PATH = re.compile(r"(?<![\w.~*}-])/(?:home|root|Users|work)/\w")


def machine_paths(text: str) -> list[str]:
    """The lines that name a place on one machine."""
    return [line for line in text.splitlines() if MACHINE_PATH.search(line)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_source_file_obeys(rule: Rule) -> None:
    """No file of either package breaks the rule."""
    findings = [finding for source in sources() for finding in rule(source)]

    assert findings == []


def test_the_rules_have_something_to_read() -> None:
    """Both packages are found: a wrong path here would make every rule pass on nothing."""
    packages = {source.path.split("/")[1] for source in sources()}

    assert packages == {"desk", "trader"}


def test_nothing_committed_names_a_place_on_one_machine() -> None:
    """A clone works in any folder of anybody's machine."""
    findings = {path: lines for path, text in committed_texts().items() if (lines := machine_paths(text))}

    assert findings == {}


@pytest.mark.parametrize("folder", ["home", "root", "Users", "work"])
def test_place_on_one_machine_is_found(folder: str) -> None:
    """At the start of a line, in quotes and after an equals sign."""
    path = f"/{folder}/somebody/trader"

    assert machine_paths(path) == [path]
    assert machine_paths(f'home = "{path}"') == [f'home = "{path}"']
    assert machine_paths(f"HOME={path}") == [f"HOME={path}"]


@pytest.mark.parametrize("text", ["./work/x", "docs/work/x", "/opt/config/app.yaml", "/var/task/x", "a/home/b"])
def test_place_that_is_the_same_everywhere_passes(text: str) -> None:
    """Relative paths and the folders of the Lambda runtime pass."""
    assert machine_paths(text) == []


def test_the_tree_is_read_from_git() -> None:
    """The project's own files are listed, and nothing that make put there."""
    paths = committed_texts()

    assert "pyproject.toml" in paths
    assert not any(path.startswith(".venv/") for path in paths)


def test_sources_are_read_below_any_root(tmp_path: Path) -> None:
    """Paths are told from the root given, so rules apply wherever the checkout lies."""
    (tmp_path / "src/trader/model").mkdir(parents=True)
    (tmp_path / "src/trader/model/money.py").write_text("mode = 1\n", encoding="utf-8")

    found = sources(tmp_path)

    assert [source.path for source in found] == ["src/trader/model/money.py"]
    assert any(rule(found[0]) for rule in RULES)
    assert sources(ROOT) != found


def test_the_tests_collect_their_garbage() -> None:
    """Whatever was imported to collect them: the collector is on, and passes over what all of them need."""
    assert gc.isenabled()
    assert gc.get_freeze_count()
