"""The system audit names what is there: each module once, who calls it, and places that exist."""

import ast
import re
from collections.abc import Mapping, Sequence

import pytest

from architecture.callers import find_callers, holds_code, name_of
from architecture.rules import Source
from architecture.tree import ROOT, sources

PAGE = (ROOT / "docs/system-audit.md").read_text(encoding="utf-8")
PLACE = re.compile(r"`((?:src|tests)/[\w/]+\.py)::(\w+)`")
SOURCES = sources()


def read_modules(page: str) -> list[tuple[str, list[str]]]:
    """The rows of the module tables in their order: the module, as ``trader/cycle/run``, and its other cells."""
    rows: list[tuple[str, list[str]]] = []
    for part in re.split(r"^### `", page, flags=re.MULTILINE)[1:]:
        package, _, text = part.partition("`")
        found = re.findall(r"^\| `([\w/]+)` \| (.+) \|$", text, flags=re.MULTILINE)
        rows += [(f"{package}/{name}", [cell.strip() for cell in cells.split("|")]) for name, cells in found]
    return rows


def read_promises(page: str) -> list[str]:
    """The words in the last column of what is promised and not there."""
    section = page.partition("\n## Promised, not there\n")[2].partition("\n## ")[0]
    return re.findall(r"\| `([\w./]+)` \|$", section, flags=re.MULTILINE)


def find_kept(words: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """Those of the words that some text has, or that are the path of one or of a folder."""
    paths = [path.removeprefix("src/") for path in texts]
    return [
        word
        for word in words
        if any(path == word or path.startswith(f"{word}/") for path in paths)
        or any(re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", text) for text in texts.values())
    ]


def names_defined(text: str) -> set[str]:
    """The functions, methods, classes and variables that a file defines."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_every_module_has_one_row_and_every_row_a_module() -> None:
    """Whoever adds a module says what it answers for; whoever removes one strikes its row."""
    listed = [name for name, _ in read_modules(PAGE)]

    assert sorted(name_of(source) for source in SOURCES if holds_code(source)) == sorted(listed)


def test_callers_are_those_who_import() -> None:
    """The last cell is told from the imports; where nobody imports a module, it says who starts it."""
    callers = find_callers(SOURCES)
    rows = read_modules(PAGE)

    assert {name: callers[name] or cells[-1] for name, cells in rows} == {name: cells[-1] for name, cells in rows}


def test_every_row_says_what_its_module_answers_for_and_who_calls_it() -> None:
    """What a module must not do may be left to the line above its table."""
    assert [] == [name for name, cells in read_modules(PAGE) if not (cells[0] and cells[-1])]


def test_places_are_in_the_code() -> None:
    """Each file defines the name that is given after it."""
    places = PLACE.findall(PAGE)

    assert len(places) > 40
    assert [] == [
        f"{path}::{name}"
        for path, name in places
        if not (ROOT / path).is_file() or name not in names_defined((ROOT / path).read_text(encoding="utf-8"))
    ]


def test_no_promise_is_kept_without_being_struck_from_the_list() -> None:
    """What the code has a word for by now is no longer only promised."""
    files = [*(ROOT / "config").glob("*.yaml"), *ROOT.glob("*.yaml")]
    texts = {source.path: source.text for source in SOURCES}
    texts |= {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}

    words = read_promises(PAGE)

    assert len(words) > 5
    assert [] == find_kept(words, texts)


# --- each is seen to fail


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/trader/model/orders.py", "class ParentOrder: ..."),
        ("config/policy.yaml", "ParentOrder: 1"),
        ("src/desk/backtest/engine.py", ""),
        ("src/trader/strategies/trend.py", ""),
        ("research.yaml", ""),
    ],
)
def test_kept_promise_is_found(path: str, text: str) -> None:
    """By its word in any text, or by the path that it names."""
    words = ["ParentOrder", "desk/backtest", "trader/strategies/trend.py", "research.yaml"]

    assert len(find_kept(words, {path: text})) == 1


def test_word_inside_another_is_not_it() -> None:
    """``certificates`` is another word than ``certificate``."""
    assert [] == find_kept(["certificate"], {"a.py": "# neither certificates nor my_certificate"})


def test_callers_are_told_by_folder() -> None:
    """Those beside it, what a package hands on, the desk as one; a module that nobody imports has none."""
    tree = [
        Source("src/trader/cycle/__init__.py", "from trader.cycle.run import run_cycle\n"),
        Source("src/trader/cycle/run.py", "from trader import ports\nfrom trader.cycle import act\n"),
        Source("src/trader/cycle/act.py", "import trader.ports\n"),
        Source("src/trader/ports.py", ""),
        Source("src/desk/cli/run.py", "def run():\n    from trader.cycle import run_cycle\n"),
        Source("src/desk/run.py", "from desk.cli import run\n"),
    ]

    callers = find_callers(tree)

    assert "here, `desk`" == callers["trader/cycle/run"]
    assert "here" == callers["trader/cycle/act"]
    assert "`cycle`" == callers["trader/ports"]
    assert "`desk`" == callers["desk/cli/run"]
    assert not callers["desk/run"]


def test_file_of_a_package_is_a_module_if_something_is_defined_in_it() -> None:
    """One that only hands names on has no row."""
    path = "src/trader/settings/__init__.py"

    assert holds_code(Source(path, "class Settings: ...\n"))
    assert not holds_code(Source(path, '"""Settings."""\nfrom trader.settings.app import Mode\n'))
