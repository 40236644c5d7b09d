"""The venue over HTTP, for commands: public data without a key, and orders only where everything says so."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from trader.adapters.coinbase.adapter import open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.market_data import open_market
from trader.entry.wiring import VenueAccess, read_limits
from trader.errors import ConfigError
from trader.ports import ExchangeAdapter, TimeBudget
from trader.settings import Settings
from trader.sim.matching import MarketTape

_KEY, _SECRET, _CONFIRMED = "COINBASE_API_KEY", "COINBASE_API_SECRET", "TRADER_LIVE_CONFIRMED"


def open_http_venue(url: str, settings: Settings, environment: Mapping[str, str]) -> VenueAccess:
    """Open a venue at an address. The environment is searched for a key only to trade for real."""
    limits, budget = read_limits(settings), TimeBudget()
    market = open_market(url, limits=limits, budget=budget)

    def open_live() -> ExchangeAdapter:
        missing = [name for name in (_KEY, _SECRET) if not environment.get(name)]
        if missing:
            raise ConfigError(tuple(f"environment: {name}: not set" for name in missing))
        credentials = Credentials(environment[_KEY], environment[_SECRET])
        exchange = open_exchange(
            credentials,
            url,
            limits=limits,
            budget=budget,
        )
        exchange.self_test()
        return exchange

    return VenueAccess(market, MarketTape(market), open_live, environment.get(_CONFIRMED, ""), budget)


def name_folder(url: str) -> str:
    """Name the folder in which the state of trading at this address is kept."""
    host = urlsplit(url).netloc.replace(":", "-")
    if not host:
        raise ConfigError(f"--venue: {url!r} is not an address; allowed is https://api.coinbase.com")
    return f"venue-{host}"
