"""Options that say on which market ``trader cycle`` and ``trader run`` work, and which of them rule one another out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from desk.cli.options import read_instant
from desk.location import check_folder
from desk.markets import MarketSetup
from desk.markets.candle_files import QUOTES, is_readable
from trader.errors import ConfigError
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Granularity

CandlesOption = Annotated[
    Path | None, typer.Option("--candles", help="Folder of <PRODUCT>-<granularity>.csv.gz; synthetic without it.")
]


def name_origin(context: typer.Context, parameter: str, variable: str) -> str:
    """Name what a value was given by: the option, or the variable in its place."""
    source = context.get_parameter_source(parameter)
    return variable if source is not None and source.name == "ENVIRONMENT" else f"--{parameter}"


def _check_home(context: typer.Context, home: Path) -> Path:
    check_folder(home, name_origin(context, "home", "TRADER_HOME"))
    return home


HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="TRADER_HOME", help="Where state and audit are kept.", callback=_check_home),
]
LENGTHS = {"1m": "ONE_MINUTE", "5m": "FIVE_MINUTE", "15m": "FIFTEEN_MINUTE", "1h": "ONE_HOUR", "1d": "ONE_DAY"}
GranularityOption = Annotated[
    str | None, typer.Option("--granularity", help=f"Bars: {', '.join(LENGTHS)}; the configured ones without it.")
]
StretchOption = Annotated[
    bool,
    typer.Option("--stretch", help="Look back over as many bars as of the configured length: another strategy."),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of the synthetic market; 7 without it.")]
HOME = Path(".trader")


_VENUE_VARIABLE = "TRADER_VENUE_URL"


def _check_venue(context: typer.Context, venue: str) -> str:
    check_address(venue, name_origin(context, "venue", _VENUE_VARIABLE))
    return venue


#: Of a command that only asks the venue.
AskedVenueOption = Annotated[
    str, typer.Option("--venue", envvar=_VENUE_VARIABLE, help="Address of the venue.", callback=_check_venue)
]

#: So much of the synthetic market there is before the first tick: enough for every average.
SYNTHETIC_HOURS = 170
#: Records are named after instants with four digits of a year; and there is history before each.
_EARLIEST, _LATEST = Instant(31_536_000), Instant(32_503_680_000)


def refuse_together(options: Mapping[str, object]) -> None:
    """Refuse options of which each would make the others mean nothing. Raises: ConfigError naming those given."""
    given = [f"{option} {value}" for option, value in options.items() if value is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} exclude one another; allowed is one of them")


def read_market_instant(text: str, option: str) -> Instant:
    """Read an instant at which a market can be. Raises: ConfigError naming the option."""
    at = read_instant(text, option)
    if not _EARLIEST <= at < _LATEST:
        raise ConfigError(f"{option}: {text!r}; allowed are instants from {rfc3339(_EARLIEST)} to {rfc3339(_LATEST)}")
    return at


def read_length(text: str | None) -> Granularity | None:
    """Read the length of bars as it is typed; None where none was. Raises: ConfigError."""
    if text is not None and text not in LENGTHS:
        raise ConfigError(f"--granularity: {text!r:.80}; allowed is one of {', '.join(LENGTHS)}")
    return None if text is None else Granularity(LENGTHS[text])


def read_names(text: str | None, option: str) -> tuple[str, ...]:
    """Read names with commas between them, each once. Raises: ConfigError for one that is empty."""
    if text is None:
        return ()
    names = [each.strip() for each in text.split(",")]
    if not all(names):
        raise ConfigError(f"{option}: {text!r:.80}; allowed are names with one comma between them")
    return tuple(dict.fromkeys(names))


def read_products(text: str | None) -> tuple[ProductId, ...]:
    """Read ``--products``, in either case of letters, each once; none where none were typed.

    Raises: ConfigError for one of which no candles could be read, whatever folder it were.
    """
    names = [each.upper() for each in read_names(text, "--products")]
    for name in names:
        if not is_readable(name):
            raise ConfigError(
                f"--products: {name!r:.80} is no product; allowed are names like BTC-USD,ETH-USD, quoted in "
                f"{', '.join(QUOTES)}"
            )
    return tuple(ProductId(name) for name in dict.fromkeys(names))


def check_address(url: str, name: str = "--venue") -> None:
    """Make sure that a venue can be asked at an address. Raises: ConfigError."""
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_sound = False
    if not is_sound or any(each.isspace() or not each.isprintable() for each in url):
        raise ConfigError(f"{name}: {url!r:.80} is not an address; allowed is https://api.coinbase.com")
    if "@" in parts.netloc:
        raise ConfigError(f"{name}: an address with a user in it; allowed is https://api.coinbase.com")
    if parts.path.strip("/") or parts.query or parts.fragment:
        host = f"{parts.scheme}://{parts.netloc}"
        raise ConfigError(f"{name}: {url!r:.80} has more than a host in it; allowed is {host}")


def tell_market(setup: MarketSetup) -> None:
    """Say on stderr which market this is, and in which mode."""
    print(f"market: {setup.title}; mode: {setup.settings.app.mode}", file=sys.stderr, flush=True)
