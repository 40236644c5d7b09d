"""``trader key check``: what an API key is and may do, asked of the venue before anything relies on it.

Nothing of the key itself is printed, also of one that is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.cycle import explain_failure
from desk.cli.market_options import AskedVenueOption
from desk.key_file import read_key_file
from trader.adapters.coinbase.adapter import list_key_problems, open_exchange
from trader.adapters.coinbase.auth import Credentials, choose_signer
from trader.adapters.coinbase.http import BASE_URL
from trader.adapters.coinbase.wire.account import KeyPermissions
from trader.errors import ConfigError, VenueAuth, VenueError

_SHAPES = {
    "ES256": "a P-256 key, which signs ES256",
    "EdDSA": "an Ed25519 key, which signs EdDSA",
    "HMAC": "a legacy key, which Coinbase has switched off",
}


def register(app: typer.Typer) -> None:
    """Add ``trader key check``."""
    group = typer.Typer(help="Look at an API key of the venue without showing it.", no_args_is_help=True)
    group.command("check")(check)
    app.add_typer(group, name="key")


def check(
    file: Annotated[Path | None, typer.Argument(help="The key file as it was downloaded.")] = None,
    secret: Annotated[str, typer.Option("--secret", help="Id of a secret of Secrets Manager that holds it.")] = "",
    parameter: Annotated[str, typer.Option("--parameter", help="Name of a SecureString parameter that holds it.")] = "",
    venue: AskedVenueOption = BASE_URL,
) -> None:
    """Say of a key in which shape it is, what it may do and in which portfolio, as the venue answers it.

    Ends with 78 if it is no key to trade with: unreadable, refused, not allowed to look or to trade, or allowed to
    transfer.
    """
    if sum(map(bool, (file, secret, parameter))) != 1:
        raise ConfigError("trader key check: allowed is one of FILE, --secret and --parameter")
    credentials = read_key_file(file) if file is not None else _read_stored(secret, parameter)
    print(f"{credentials.origin}: {_SHAPES[choose_signer(credentials).algorithm]}")
    granted = _ask(credentials, venue)
    may = {"view": granted.can_view, "trade": granted.can_trade, "transfer": granted.can_transfer}
    print(f"permissions: {', '.join(word for word, is_granted in may.items() if is_granted) or 'none'}")
    print(f"portfolio: {granted.portfolio_uuid or 'not told'} ({granted.portfolio_type or 'of no type'})")
    if problems := list_key_problems(granted):
        raise ConfigError(problems)
    print("it is one to trade with")


def _read_stored(secret: str, parameter: str) -> Credentials:
    from trader.adapters.aws.secrets import StoredKey  # a laptop needs no boto3

    return StoredKey(secret, parameter).read()


def _ask(credentials: Credentials, venue: str) -> KeyPermissions:
    exchange = open_exchange(credentials, venue)
    try:
        # First the clocks: a token is dated by the venue's.
        exchange.server_time()
        return exchange.key_permissions()
    except VenueAuth as error:
        raise ConfigError(f"{credentials.origin}: the venue refuses it ({error})") from None
    except VenueError as error:
        raise type(error)(explain_failure(str(error), venue)) from error
    finally:
        exchange.close()
