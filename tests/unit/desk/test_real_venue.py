"""The venue at an address, as commands open it: the key it is opened with, and what becomes of one that is replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.key_file import KeyFile
from desk.real_venue import check_venue, open_http_venue
from desk.sandbox.auth import ApiKey, make_key
from desk.sandbox.server import VenueServer
from factories_settings import shipped_settings
from trader.adapters.coinbase.adapter import CoinbaseExchange
from trader.adapters.local.clock import SystemClock
from trader.entry.wiring import build_local_ports
from trader.errors import ConfigError, VenueAuth, VenueError
from trader.ports import Ports
from trader.settings import Settings


@pytest.fixture
def venue() -> Iterator[VenueServer]:
    """A simulated venue."""
    with VenueServer() as server:
        yield server


def live_settings() -> Settings:
    return shipped_settings({"app.mode": "LIVE", "exchange.read_only": False})


def write_key(file: Path, key: ApiKey) -> None:
    file.write_text(json.dumps(key.file()), encoding="utf-8")


def open_live(url: str, home: Path, environment: dict[str, str], key: KeyFile | None = None) -> Ports:
    access = open_http_venue(url, live_settings(), {"TRADER_LIVE_CONFIRMED": "yes", **environment}, key)
    return build_local_ports(live_settings(), home, access, SystemClock())


def test_key_of_the_environment_opens_the_venue(venue: VenueServer, tmp_path: Path) -> None:
    """The market is read with it, too, as the function reads it."""
    environment = {"COINBASE_API_KEY": venue.key.name, "COINBASE_API_SECRET": venue.key.secret}

    ports = open_live(venue.url, tmp_path, environment)

    assert isinstance(ports.exchange, CoinbaseExchange)
    assert ports.market is ports.exchange
    assert ports.exchange.balances()


def test_key_file_that_was_replaced_is_taken_over_when_the_old_key_is_refused(
    venue: VenueServer, tmp_path: Path
) -> None:
    """Once a run it is read again; what was refused is asked again with it."""
    file, successor = tmp_path / "key.json", make_key()
    write_key(file, venue.key)
    key = KeyFile(file)
    exchange = open_live(venue.url, tmp_path, {}, key).exchange
    assert exchange is not None
    venue.venue.add_key(successor)
    venue.venue.revoke_key(venue.key.name)

    key.begin_run()
    with pytest.raises(VenueAuth):
        exchange.balances()
    told = key.trouble
    write_key(file, successor)
    key.begin_run()

    assert "holds the key that was refused" in told
    assert exchange.balances()
    assert not key.trouble


def test_live_names_everything_that_is_missing(venue: VenueServer, tmp_path: Path) -> None:
    """The confirmation and both halves of the key, before anybody is asked."""
    with pytest.raises(ConfigError) as raised:
        open_live(venue.url, tmp_path, {"TRADER_LIVE_CONFIRMED": "no"})

    named = ["TRADER_LIVE_CONFIRMED", "COINBASE_API_KEY", "COINBASE_API_SECRET"]
    assert [True] * 3 == [name in line for name, line in zip(named, raised.value.problems, strict=True)]
    assert not venue.venue.traffic.log()


def test_venue_is_there_if_it_tells_the_time(venue: VenueServer) -> None:
    """Where nothing listens, it is not."""
    check_venue(venue.url)
    with pytest.raises(VenueError):
        check_venue("http://127.0.0.1:1")
