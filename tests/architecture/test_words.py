"""One word, one thing: no identifier of the old language is left, and functions say what they do."""

import re

import pytest

from architecture.rules import Source
from architecture.tree import ROOT, committed_texts, sources
from architecture.words import OLD, OLD_FIELDS, OLD_FUNCTIONS, OLD_MODULES, functions_without_a_verb, old_words

#: These tell the old words from the new ones.
ABOUT_WORDS = ("tests/architecture/words.py", "tests/architecture/test_words.py", "tests/simulation/test_schema_1.py")
SOMEWHERE = "src/trader/stages/somewhere.py"


def everything() -> list[Source]:
    """Every Python file of the packages, the tests and the builders."""
    others = [path for folder in ("tests", "layers") for path in sorted((ROOT / folder).rglob("*.py"))]
    texts = [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in others]
    return [*sources(), *(source for source in texts if source.path not in ABOUT_WORDS)]


def test_no_old_word_is_an_identifier() -> None:
    """Not in the packages, and not in what tests them."""
    assert [] == [finding for source in everything() for finding in old_words(source)]


def test_every_public_function_begins_with_a_verb() -> None:
    """Calculations are named after what they return, commands after what people type."""
    assert [] == [finding for source in sources() for finding in functions_without_a_verb(source)]


def test_no_document_and_no_setting_says_an_old_word() -> None:
    """In code spans of the documents, and in the keys of the configuration."""
    said = []
    for path, text in committed_texts().items():
        if path.endswith(".md") and not path.startswith("tests/fixtures/"):
            said += [f"{path}: {span}" for span in re.findall(r"`([\w.]+)`", text) if set(span.split(".")) & set(OLD)]
        if path.startswith("config/"):
            said += [f"{path}: {key}" for key in re.findall(r"(\w+):", text) if key.endswith("_rest_minutes")]

    assert [] == said


# --- each rule is seen to fail


@pytest.mark.parametrize("word", sorted(OLD))
def test_old_word_is_found_in_every_role(word: str) -> None:
    """As a class or function, a variable, an argument, an attribute and an import; with an underscore too."""
    texts = (
        f"class {word}: ...\n",
        f"def {word}(): ...\n",
        f"def f({word}): ...\n",
        f"{word} = 1\n",
        f"f({word}=1)\n",
        f"x.{word}\n",
        f"x._{word}\n",
        f"from trader.model import {word}\n",
        f"from trader.model import x as {word}\n",
    )

    assert [1] * len(texts) == [len(old_words(Source(SOMEWHERE, text))) for text in texts]


@pytest.mark.parametrize("word", sorted(OLD_FUNCTIONS))
def test_old_function_is_found(word: str) -> None:
    """A function or a method; a variable of that name is another matter."""
    assert 1 == len(old_words(Source(SOMEWHERE, f"class C:\n    def {word}(self): ...\n")))
    assert [] == old_words(Source(SOMEWHERE, f"{word} = 1\n"))


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in OLD_FIELDS.items() for field in fields])
def test_old_field_is_found(name: str, field: str) -> None:
    """Only in its own class."""
    assert 1 == len(old_words(Source(SOMEWHERE, f"class {name}:\n    {field}: int\n")))
    assert [] == old_words(Source(SOMEWHERE, f"class Other:\n    {field}: int\n"))


@pytest.mark.parametrize("name", sorted(OLD_MODULES))
def test_old_module_is_found(name: str) -> None:
    """Wherever it lies."""
    assert 1 == len(old_words(Source(f"src/trader/stages/{name}.py", "")))


@pytest.mark.parametrize(
    "text", ['x = "leg"\n', "# the leg of a trip\n", '"""A switch, a purse."""\n', "take_profit = 1\n"]
)
def test_prose_and_other_words_stay_legal(text: str) -> None:
    """Text, comments and docstrings are free; so is a longer word."""
    assert [] == old_words(Source(SOMEWHERE, text))


@pytest.mark.parametrize("path", [SOMEWHERE, "src/trader/model/booking.py"])
@pytest.mark.parametrize("name", ["charged", "books_of", "the_facts", "with_flow", "marks"])
def test_function_without_a_verb_is_found(name: str, path: str) -> None:
    """A participle or a noun says what there is, not what is done."""
    source = Source(path, f"def {name}(): ...\n")

    assert 1 == len(functions_without_a_verb(source))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (SOMEWHERE, "book_execution"),
        (SOMEWHERE, "is_open"),
        (SOMEWHERE, "why_not_send"),
        (SOMEWHERE, "_anything"),
        ("src/trader/indicators.py", "average_true_range"),
        ("src/trader/model/costs.py", "round_trip_ratio"),
        ("src/desk/cli/sandbox.py", "venue"),
        ("src/trader/entry/lambda_handler.py", "handler"),
    ],
)
def test_verb_question_calculation_and_command_pass(path: str, name: str) -> None:
    """And what is private is a matter of taste."""
    assert [] == functions_without_a_verb(Source(path, f"def {name}(): ...\n"))


def test_glossary_explains_every_new_word_of_the_model() -> None:
    """A reader who meets one of these classes finds it there."""
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    wanted = [new for new in OLD.values() if new[0].isupper() and " " not in new]

    assert [] == [word for word in wanted if f"`{word}`" not in glossary]


def test_every_file_is_read() -> None:
    """A wrong path would make these rules pass on nothing."""
    paths = {source.path for source in everything()}

    assert {"src/trader/model/orders.py", "tests/factories.py", "layers/build.py"} <= paths
