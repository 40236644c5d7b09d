"""Lists in pages: how often each page may be asked for is the caller's to say."""

from __future__ import annotations

import pytest

from factories_venue import START
from trader.adapters.coinbase.auth import choose_signer
from trader.adapters.coinbase.pagination import iterate_orders
from trader.errors import VenueUnavailable
from unit.adapters.coinbase.stub import CREDENTIALS, TIMEOUTS, FakeTime, Reply, Stub, a_transport


@pytest.mark.parametrize(("attempts", "asked"), [(1, 1), (None, TIMEOUTS.attempts)])
def test_orders_are_asked_for_as_often_as_the_caller_says(
    venue: Stub, time: FakeTime, attempts: int | None, asked: int
) -> None:
    """A look between two copies of an order is one attempt; any other read has its usual ones."""
    venue.on("GET", "/orders/historical/batch", Reply("", 503))
    signer = choose_signer(CREDENTIALS, lambda: time.start + time.passed)
    transport = a_transport(venue, time, signer)

    with pytest.raises(VenueUnavailable):
        list(iterate_orders(transport, START, attempts=attempts))

    assert asked == len(venue.requests)
