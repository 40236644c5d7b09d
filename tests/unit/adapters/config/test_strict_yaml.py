"""Values are what they look like: the surprises of YAML 1.1 are not among them."""

from decimal import Decimal

import pytest

from trader.adapters.config.strict_yaml import iterate_leaves, read_tree


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-7", -7),
        ("0", 0),
        ("0.10", Decimal("0.10")),
        ("-.5", Decimal("-0.5")),
        ("1e3", Decimal("1e3")),
        ("2.5e-3", Decimal("0.0025")),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ('"1"', "1"),
        ("'true'", "true"),
        ('""', ""),
        # What YAML 1.1 makes a boolean, a date, an octal, a base-60 or another odd number of stays text.
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("True", "True"),
        ("NO", "NO"),
        ("2027-01-31", "2027-01-31"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1.", "1."),
        ("=", "="),
    ],
)
def test_word_means_what_it_looks_like(text: str, expected: object) -> None:
    """By value and by type."""
    tree = read_tree(f"key: {text}")

    assert () == tree.problems
    assert expected == tree.root["key"]
    assert type(expected) is type(tree.root["key"])


def test_digits_of_a_number_are_kept() -> None:
    """A Decimal is made from the text, so that 0.10 keeps its zero."""
    assert "0.10" == str(read_tree("key: 0.10").root["key"])


def test_key_is_always_text() -> None:
    """Assets are called ON, NO and 1INCH."""
    assert {"ON": 1, "NO": 2, "1": 3, "true": 4} == read_tree("{ON: 1, NO: 2, 1: 3, true: 4}").root


def test_key_that_is_there_twice_is_named_with_its_lines() -> None:
    """Anywhere in the tree; the other keys are read on."""
    tree = read_tree("a:\n  b: 1\n  c: 2\n  b: 3\nd:\n  - e: 1\n    e: 2\n")

    assert (
        "a.b: is there twice, on lines 2 and 4; once is allowed",
        "d[0].e: is there twice, on lines 6 and 7; once is allowed",
    ) == tree.problems


def test_anchor_repeats_a_value() -> None:
    """What is said once may be used twice."""
    assert {"a": [1, 2], "b": [1, 2]} == read_tree("a: &list [1, 2]\nb: *list\n").root


def test_anchor_that_refers_to_itself_is_refused() -> None:
    """It has no end."""
    assert ("a[0]: refers to itself",) == read_tree("a: &list [*list]\n").problems


@pytest.mark.parametrize("tag", ["!!float", "!!python/object:os.system", "!env"])
def test_tag_is_refused(tag: str) -> None:
    """Nothing is built from what a file asks for."""
    problems = read_tree(f"a: {tag} 1\n").problems

    assert len(problems) == 1
    assert "is not allowed; remove it" in problems[0]


def test_key_that_is_no_word_is_refused() -> None:
    """Lists as keys."""
    assert ("a: the key on line 1 is no text; a key is one word",) == read_tree("a: {[1]: 2}").problems


def test_second_document_is_refused() -> None:
    """It would be ignored."""
    problems = read_tree("a: 1\n---\nb: 2\n").problems

    assert len(problems) == 1
    assert "is not YAML: expected a single document" in problems[0] or "is not YAML" in problems[0]


def test_leaves_are_named_with_their_paths() -> None:
    """Keys by points, places in lists by brackets; what is empty is a leaf."""
    tree = {"a": {"b": 1, "c": [2, {"d": 3}]}, "e": [], "f": {}}

    assert [("a.b", 1), ("a.c[0]", 2), ("a.c[1].d", 3), ("e", []), ("f", {})] == list(iterate_leaves(tree))
