"""The exchange cases through each implementation: the simulator itself, and the adapter over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from contract.exchange_cases import ExchangeCases, OpenVenue
from desk.in_memory import ManualClock
from desk.sandbox.market import PriceSource
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue as SimulatedCoinbase
from factories_venue import (
    SOL,
    SOL_USDC,
    START,
    USD,
    USDC,
    Bar,
    Venue,
    a_path,
    a_product,
    a_simulated_venue,
    a_simulation,
)
from trader.adapters.coinbase.adapter import open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.limits import RateLimits, TimeoutPolicy, Timing
from trader.model.ids import Asset
from trader.model.market import Candle, Granularity, Product
from trader.settings.app import SimulationSettings


class TestSimulatedExchange(ExchangeCases):
    """Straight through the simulator."""

    @pytest.fixture
    def open_venue(self) -> OpenVenue:
        return a_simulated_venue


class TestCoinbaseOverHttp(ExchangeCases):
    """Through the adapter, over a socket, to the simulated Coinbase."""

    @pytest.fixture
    def open_venue(self) -> Iterator[OpenVenue]:
        with ExitStack() as stack:

            def opened(
                path: Sequence[Candle] | None = None,
                *,
                opening: Mapping[Asset, Decimal] | None = None,
                settings: SimulationSettings | None = None,
                product: Product | None = None,
                books: Any = None,
            ) -> Venue:
                assert books is None, "a venue across a socket keeps its own books"
                clock, main = ManualClock(START), product or a_product()
                other = replace(main, product_id=SOL_USDC, quote=USDC, alias=SOL)
                series = {(SOL, Granularity.FIVE_MINUTE): path or a_path(Bar())}
                venue = SimulatedCoinbase(
                    PriceSource([main, other], series),
                    clock,
                    settings=settings or a_simulation(),
                    opening={USD: Decimal(10_000)} if opening is None else opening,
                )
                server = stack.enter_context(VenueServer(venue))
                exchange = open_exchange(
                    Credentials(server.key.name, server.key.secret),
                    server.url,
                    limits=RateLimits(10_000, 10_000, 10_000),
                    timeouts=TimeoutPolicy(connect_seconds=30, answer_seconds=30, read_seconds=120, submit_seconds=240),
                    timing=Timing(sleep=lambda seconds: time.sleep(min(seconds, 0.002))),
                )
                return Venue(exchange, clock)

            yield opened
