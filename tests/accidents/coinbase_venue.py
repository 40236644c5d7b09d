"""The account of these tests at the simulated Coinbase, over sockets; on the way back a hand may change answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from accidents.one_account import USD, World
from desk.sandbox.market import PriceSource
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from trader.adapters.coinbase.adapter import CoinbaseExchange, open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.http import Answer
from trader.adapters.coinbase.limits import RateLimits, TimeoutPolicy, Timing

Change = Callable[[Answer], Answer]


@contextmanager
def at_coinbase(made: World) -> Iterator[World]:
    """Let a world trade at the simulated Coinbase in place of the simulated exchange."""
    rules = made.pipeline.settings
    source = PriceSource(tuple(made.market._products.values()), dict(made.market._series))
    venue = Venue(source, made.clock, settings=rules.simulation, opening={USD: rules.app.capital})
    with VenueServer(venue) as server:
        exchange = open_exchange(
            Credentials(server.key.name, server.key.secret),
            server.url,
            limits=RateLimits(10_000, 10_000, 10_000),
            timeouts=TimeoutPolicy(connect_seconds=30, answer_seconds=30, read_seconds=120),
            timing=Timing(sleep=lambda seconds: time.sleep(min(seconds, 0.002))),
        )
        yield replace(made, market=exchange, venue=exchange)  # type: ignore[arg-type]
        exchange.close()


def change_answers(exchange: CoinbaseExchange, path: str, change: Change) -> None:
    """Change what one endpoint answers from now on."""
    transport = exchange._transport
    original = transport.attempt

    def attempt(call: Any, *rest: Any, **named: Any) -> Any:
        answer = original(call, *rest, **named)
        return change(answer) if call.path == path and isinstance(answer, Answer) else answer

    transport.attempt = attempt  # type: ignore[method-assign]
