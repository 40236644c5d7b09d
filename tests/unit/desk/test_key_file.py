"""A key file is read again once in each run at most, and tells nothing of what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desk.key_file import KeyFile, read_key_file
from desk.sandbox.auth import make_key
from trader.errors import ConfigError


def test_key_is_read_again_once_in_each_run(tmp_path: Path) -> None:
    """Before the first run not at all; what was put there meanwhile is found."""
    file, first, second = tmp_path / "key.json", make_key(), make_key()
    file.write_text(json.dumps(first.file()), encoding="utf-8")
    key = KeyFile(file)
    read = key.read()
    file.write_text(json.dumps(second.file()), encoding="utf-8")

    before = key.reread()
    key.begin_run()
    reread = [key.reread(), key.reread()]

    assert read.key_name == first.name
    assert before is None
    assert [second.name, None] == [each.key_name if each is not None else None for each in reread]


def test_trouble_of_one_run_is_forgotten_in_the_next(tmp_path: Path) -> None:
    """It is told of the run that it befell."""
    key = KeyFile(tmp_path / "key.json")
    key.trouble = "the key that was refused"

    key.begin_run()

    assert not key.trouble


@pytest.mark.parametrize("text", [None, "", "{}", '{"name": "hush"}', "hush"])
def test_file_that_holds_no_key_is_named_and_not_quoted(tmp_path: Path, text: str | None) -> None:
    """Missing, empty, half, or something else."""
    file = tmp_path / "key.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        read_key_file(file)

    assert str(file) in str(raised.value)
    assert "hush" not in str(raised.value)
