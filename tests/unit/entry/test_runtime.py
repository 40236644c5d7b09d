"""How the function's world is opened."""

from __future__ import annotations

from typing import Any

import pytest

from trader.adapters.aws.secrets import StoredKey
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.limits import RateLimits
from trader.entry import runtime
from trader.errors import ConfigError, TraderError, VenueAuth, VenueProtocol, VenueThrottled, VenueUnavailable
from trader.ports import TimeBudget


class _Untested:
    """An exchange whose test of itself ends with an error."""

    def __init__(self, error: TraderError) -> None:
        self.error = error
        self.asked = 0

    def self_test(self) -> None:
        """Raise what it was told to."""
        self.asked += 1
        raise self.error


class _Given(StoredKey):
    """A key that is stored nowhere."""

    def read(self) -> Credentials:
        return Credentials("name", "key")


def open_live(exchange: _Untested, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open the LIVE venue over *exchange*, with a key that nothing reads."""
    monkeypatch.setattr("trader.adapters.coinbase.adapter.open_exchange", lambda *_, **__: exchange)
    return runtime._open_live("https://venue.invalid", _Given(), RateLimits(), TimeBudget())


@pytest.mark.parametrize("error", [VenueUnavailable, VenueThrottled, VenueAuth, VenueProtocol])
def test_venue_that_fails_its_self_test_still_opens(error: type[TraderError], monkeypatch: pytest.MonkeyPatch) -> None:
    """A position must be left although the venue would not say what the key may do."""
    exchange = _Untested(error("just now"))

    assert exchange is open_live(exchange, monkeypatch)
    assert exchange.asked == 1


def test_key_that_may_too_much_opens_no_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no answer of a bad moment: it is the operator's to mend."""
    with pytest.raises(ConfigError, match="transfer"):
        open_live(_Untested(ConfigError("the key may transfer")), monkeypatch)
