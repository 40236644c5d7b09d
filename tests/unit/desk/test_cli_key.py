"""`trader key check` says what a key is for, ends with 78 for one that is none, and shows nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.cli.app import build, run
from desk.sandbox.auth import VIEW_AND_TRADE, Algorithm, ApiKey, Permission, make_key
from desk.sandbox.ids import PORTFOLIO_ID
from desk.sandbox.server import VenueServer
from trader.adapters.aws import clients


@pytest.fixture
def server() -> Iterator[VenueServer]:
    with VenueServer() as opened:
        yield opened


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(clients, "_SESSION", None)
    with mock_aws():
        yield boto3.client


def key_check(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        run(build(), ["key", "check", *arguments])
    return int(left.value.code or 0)


def parts_of(key: ApiKey) -> list[str]:
    return [key.name, *(line for line in key.secret.splitlines() if "-----" not in line)]


def a_file(folder: Path, text: str) -> str:
    file = folder / "key.json"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("algorithm", "shape"), [(Algorithm.ES256, "a P-256 key"), (Algorithm.EDDSA, "an Ed25519 key")]
)
def test_file_as_downloaded_is_told_by_shape_permissions_and_portfolio(
    algorithm: Algorithm, shape: str, server: VenueServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each on a line of its own, and nothing of the key."""
    key = server.venue.add_key(make_key(algorithm))

    code = key_check(a_file(tmp_path, "\ufeff" + json.dumps(key.file()) + "\n"), "--venue", server.url)

    said = capsys.readouterr()
    first, *rest = said.out.splitlines()
    assert (0, "") == (code, said.err)
    assert f"key.json: {shape}" in first
    assert ["permissions: view, trade", f"portfolio: {PORTFOLIO_ID} (DEFAULT)", "it is one to trade with"] == rest
    assert [] == [part for part in parts_of(key) if part in said.out]


def test_stored_keys_are_read_where_the_function_reads_them(
    stores: Any, server: VenueServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret by its id, a parameter by its name."""
    text = json.dumps(server.key.file())
    stores("secretsmanager").create_secret(Name="api-key", SecretString=text)
    stores("ssm").put_parameter(Name="/trader/live/api-key", Value=text, Type="SecureString")

    codes = [
        key_check("--secret", "api-key", "--venue", server.url),
        key_check("--parameter", "/trader/live/api-key", "--venue", server.url),
        key_check("--secret", "gone", "--venue", server.url),
    ]

    said = capsys.readouterr()
    assert [0, 0, 78] == codes
    assert "secret api-key: a P-256 key" in said.out
    assert "parameter /trader/live/api-key: a P-256 key" in said.out
    assert said.err.startswith("secret gone: holds nothing; it must hold Coinbase's key file")


def test_venue_of_the_shell_is_asked(
    server: VenueServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every other command does that speaks to a venue; `env.sh` of a sandbox exports its address."""
    monkeypatch.setenv("TRADER_VENUE_URL", server.url)

    code = key_check(a_file(tmp_path, json.dumps(server.key.file())))

    assert (0, "") == (code, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("permissions", "told", "why"),
    [
        (VIEW_AND_TRADE | {Permission.TRANSFER}, "view, trade, transfer", "the API key may transfer money"),
        ({Permission.VIEW}, "view", "the API key may not trade"),
    ],
)
def test_key_that_may_too_much_or_too_little_ends_with_78(
    permissions: Any, told: str, why: str, server: VenueServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it may is told all the same."""
    key = server.venue.add_key(replace(make_key(), permissions=frozenset(permissions)))

    code = key_check(a_file(tmp_path, json.dumps(key.file())), "--venue", server.url)

    said = capsys.readouterr()
    assert (78, True) == (code, said.err.startswith(why))
    assert f"permissions: {told}\n" in said.out
    assert "to trade with" not in said.out


def test_key_that_the_venue_does_not_know_ends_with_78(
    server: VenueServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that was revoked already."""
    key = make_key()

    code = key_check(a_file(tmp_path, json.dumps(key.file())), "--venue", server.url)

    said = capsys.readouterr()
    assert (78, True) == (code, "the venue refuses it (GET /key_permissions: HTTP 401: Unauthorized" in said.err)
    assert [] == [part for part in parts_of(key) if part in said.out + said.err]


@pytest.mark.parametrize("text", ["planted", '{"name": "planted"}', '{"name": "planted", "privateKey": "planted"}'])
def test_file_that_is_no_key_is_named_and_not_quoted(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line; no venue is asked."""
    code = key_check(a_file(tmp_path, text), "--venue", "http://venue.invalid")

    said = capsys.readouterr()
    assert (78, 1) == (code, len(said.err.splitlines()))
    assert "key.json: " in said.err
    assert "planted" not in said.out + said.err


@pytest.mark.parametrize("arguments", [(), ("key.json", "--secret", "x"), ("--secret", "x", "--parameter", "y")])
def test_one_place_is_looked_at(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """None and two are typing errors."""
    assert 78 == key_check(*arguments)
    assert "allowed is one of FILE, --secret and --parameter" in capsys.readouterr().err


def test_file_that_is_not_there_and_a_venue_that_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first is the operator's to mend, the second may pass."""
    absent = key_check(str(tmp_path / "gone.json"))
    silent = key_check(a_file(tmp_path, json.dumps(make_key().file())), "--venue", "http://127.0.0.1:9")

    assert (78, 1) == (absent, silent)
    assert "gone.json: No such file or directory" in capsys.readouterr().err
