"""The venue over HTTP, for commands: public data without a key, and orders only where everything says so."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from desk.key_file import KeyFile
from trader.adapters.coinbase.adapter import open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.limits import Timing
from trader.adapters.coinbase.market_data import open_market
from trader.entry.wiring import VenueAccess, read_limits
from trader.errors import ConfigError, TraderError
from trader.ports import ExchangeAdapter, TimeBudget
from trader.settings import Settings
from trader.sim.matching import MarketTape

_KEY, _SECRET = "COINBASE_API_KEY", "COINBASE_API_SECRET"
#: The variable that confirms LIVE.
CONFIRMED = "TRADER_LIVE_CONFIRMED"


def open_http_venue(
    url: str,
    settings: Settings,
    environment: Mapping[str, str],
    key: KeyFile | None = None,
    timing: Timing | None = None,
) -> VenueAccess:
    """Open a venue at an address.

    To trade for real the key is read, from a file if one is given, else from the environment; only that of a file is
    read again when it is refused.
    """
    limits, budget = read_limits(settings), TimeBudget()
    market = open_market(url, limits=limits, timing=timing, budget=budget)

    def open_live() -> ExchangeAdapter:
        credentials = key.read() if key is not None else Credentials(environment[_KEY], environment[_SECRET])
        exchange = open_exchange(credentials, url, limits=limits, timing=timing, budget=budget, source=key)
        try:
            exchange.self_test()
        except TraderError:
            exchange.close()
            raise
        return exchange

    return VenueAccess(
        market,
        MarketTape(market),
        open_live,
        live_confirmed=environment.get(CONFIRMED, ""),
        live_blockers=list_missing_keys(environment, key),
        budget=budget,
    )


def list_missing_keys(environment: Mapping[str, str], key: KeyFile | None) -> tuple[str, ...]:
    """Say which half of the key is nowhere."""
    if key is not None:
        return ()
    return tuple(f"environment: {name}: not set" for name in (_KEY, _SECRET) if not environment.get(name))


def check_venue(url: str) -> None:
    """Ask the venue for its time, to know that somebody is there. Raises: VenueError."""
    market = open_market(url)
    try:
        market.server_time()
    finally:
        market.close()


def name_folder(url: str) -> str:
    """Name the folder in which the state of trading at this address is kept."""
    # An address is the same in whichever letters it is typed; two sets of books for one venue would not be.
    host = urlsplit(url).netloc.lower().replace(":", "-")
    if not host:
        raise ConfigError(f"--venue: {url!r} is not an address; allowed is https://api.coinbase.com")
    return f"venue-{host}"
