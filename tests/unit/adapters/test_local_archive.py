"""Values by key: ranges of them, and a file that survives a crash between any two bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import a_fill
from trader.adapters.local.archive import ArchiveFile, SortedValues
from trader.adapters.local.files import FileSimAccountStore
from trader.errors import LedgerCorrupt, StoreUnavailable
from trader.model.ids import Instant
from trader.model.orders import Fill
from trader.sim.account import SimAccount

KEYS = st.text("ab#", max_size=3)


def some_fills(*numbers: int) -> dict[str, Fill]:
    """Fills by keys in the order of their numbers."""
    return {f"FILL#{number}": replace(a_fill(number=number), time=Instant(number)) for number in numbers}


@given(st.lists(st.dictionaries(KEYS, st.integers())), KEYS, KEYS)
def test_range_is_what_sorting_all_keys_would_give(additions: list[dict[str, int]], first: str, last: str) -> None:
    """Whatever was added in whatever order; of several values of a key the last counts."""
    values, plain = SortedValues[int](), dict[str, int]()
    for each in additions:
        values.add(each)
        plain |= each

    found = values.between(first, last)

    assert {key: plain[key] for key in sorted(plain) if first <= key < last} == found
    assert sorted(found) == list(found)
    assert all(values.get(key) == plain.get(key) for key in (*plain, first, last))


def test_copy_goes_its_own_way() -> None:
    """What is added to the one is not in the other."""
    values = SortedValues({"a": 1})
    other = values.copy()

    other.add({"b": 2})

    assert ({"a": 1}, {"a": 1, "b": 2}) == (values.between("", "z"), other.between("", "z"))


def test_line_that_a_crash_left_unfinished_was_never_kept(tmp_path: Path) -> None:
    """It is neither read nor in the way of the next, for whoever had read up to it and for whoever opens the file."""
    path = tmp_path / "archive.jsonl"
    archive = ArchiveFile(path)
    archive.append(some_fills(1))
    archive.read("FILL#1", Fill)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key":"FILL#2","val\xc3')

    torn = archive.between("FILL#", "FILL$", Fill)
    archive.append(some_fills(3))

    assert some_fills(1) == torn
    assert some_fills(1, 3) == archive.between("FILL#", "FILL$", Fill)
    assert some_fills(1, 3) == ArchiveFile(path).between("FILL#", "FILL$", Fill)


def test_what_another_process_appends_is_seen(tmp_path: Path) -> None:
    """Two that have the file open."""
    first, second = (ArchiveFile(tmp_path / "archive.jsonl") for _ in range(2))
    first.append(some_fills(1))
    second.between("", "~", Fill)

    first.append(some_fills(2))

    assert some_fills(1, 2) == second.between("FILL#", "FILL$", Fill)


def test_value_is_decoded_once(tmp_path: Path) -> None:
    """A cycle that asks for the same fills again gets the same objects."""
    archive = ArchiveFile(tmp_path / "archive.jsonl")
    archive.append(some_fills(1))

    assert archive.read("FILL#1", Fill) is archive.read("FILL#1", Fill)


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b'{"key":"FILL#1"}', b'{"key":"FILL#1","value":{}}', b"\xff"])
def test_damaged_archive_is_named(tmp_path: Path, line: bytes) -> None:
    """A person has to look; nothing of it is taken for an answer."""
    path = tmp_path / "archive.jsonl"
    path.write_bytes(line + b"\n")

    with pytest.raises(LedgerCorrupt, match=r"archive\.jsonl"):
        ArchiveFile(path).read("FILL#1", Fill)


def test_archive_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    """To read it, and to write it."""
    path = tmp_path / "archive.jsonl"
    path.mkdir()

    with pytest.raises(StoreUnavailable):
        ArchiveFile(path).read("FILL#1", Fill)
    with pytest.raises(StoreUnavailable):
        ArchiveFile(path).append(some_fills(1))


def test_account_that_cannot_be_saved_is_as_it_was(tmp_path: Path) -> None:
    """What left it is kept first, so nothing is lost however the save ends; done again it is kept once."""
    path = tmp_path / "venue.json"
    store = FileSimAccountStore(path, SimAccount)
    account = SimAccount(fills=tuple(some_fills(1).values()))
    store.save(account)
    path.with_suffix(".jsonl").mkdir()

    with pytest.raises(StoreUnavailable):
        store.save(SimAccount(), some_fills(1), replaces=account)

    path.with_suffix(".jsonl").rmdir()
    assert account == FileSimAccountStore(path, SimAccount).load()
    store.save(SimAccount(), some_fills(1), replaces=store.load())
    assert some_fills(1) == store.list_archived("FILL#", "FILL$", Fill)
    assert SimAccount() == FileSimAccountStore(path, SimAccount).load()
