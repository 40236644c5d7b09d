"""The lock files: hashed, free of addresses, and agreeing with one another."""

import re

import pytest

from architecture.tree import LOCKS, ROOT

PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?P<marker> ; [^\\]+?)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def unlocked_lines(text: str) -> list[str]:
    """The lines that are neither a comment, nor an exact version, nor its hash: options, addresses, ranges."""
    return [
        line
        for line in text.splitlines()
        if not (line.startswith("#") or PIN.match(line) or HASH.match(line)) or "://" in line
    ]


def unhashed_pins(text: str) -> list[str]:
    """The pins that no hash follows."""
    lines = text.splitlines()
    return [
        line for line, after in zip(lines, [*lines[1:], ""], strict=True) if PIN.match(line) and not HASH.match(after)
    ]


def pins(text: str) -> set[tuple[str, str]]:
    """Each package with its version; markers aside, since one set may need a package where the other does not."""
    return {(match["name"], match["version"]) for line in text.splitlines() if (match := PIN.match(line))}


def wanted(text: str) -> set[str]:
    """The packages that an .in file names, spelt as lock files spell them."""
    names = re.findall(r"^([A-Za-z][\w.-]*)", text, flags=re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", LOCKS)
def test_lock_holds_exact_versions_and_hashes_only(path: str) -> None:
    """No address, no option, no range: where packages come from is the installing machine's business."""
    text = read(path)

    assert unlocked_lines(text) == []
    assert unhashed_pins(text) == []
    assert pins(text)


@pytest.mark.parametrize("path", LOCKS)
def test_lock_covers_what_was_asked_for(path: str) -> None:
    """A package added to an .in file without `make lock` is found here, not on the next fresh machine."""
    asked = wanted(read(path.removesuffix(".txt") + ".in"))
    locked = {name for name, _ in pins(read(path))}

    assert asked
    assert asked <= locked


@pytest.mark.parametrize("path", [path for path in LOCKS if path != "requirements/dev.txt"])
def test_tests_run_on_the_versions_that_run_in_earnest(path: str) -> None:
    """The full set holds each smaller one, version for version."""
    assert pins(read(path)) <= pins(read("requirements/dev.txt"))


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "--find-links wheels",
        "-e .",
        "requests>=2",
        "requests @ file:wheels/requests.whl",
        "# from https://example.org",
    ],
)
def test_address_option_or_range_is_found(line: str) -> None:
    """One such line among good ones is enough."""
    text = f"six==1.17.0 \\\n    --hash=sha256:{'0' * 64}\n{line}\n"

    assert unlocked_lines(text) == [line]


def test_missing_hash_is_found() -> None:
    """A pin followed by another pin carries no hash."""
    text = f"idna==3.20 \\\nsix==1.17.0 ; python_version < '4' \\\n    --hash=sha256:{'0' * 64}\n"

    assert unhashed_pins(text) == ["idna==3.20 \\"]


def test_wishes_are_spelt_like_locks() -> None:
    """Comments, options and extras aside."""
    assert wanted("# why\n-r desk.in\nmoto[server]>=5\nPyYAML\nzope.x_y\n") == {"moto", "pyyaml", "zope-x-y"}
