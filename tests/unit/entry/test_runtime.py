"""How the function's world is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trader.adapters.aws.secrets import ApiSecret
from trader.adapters.coinbase.limits import RateLimits
from trader.entry import runtime
from trader.entry.environment import Environment
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


def open_live(exchange: _Untested, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open the LIVE venue over *exchange*, with a key that nothing reads."""
    monkeypatch.setattr(runtime, "open_client", lambda _service: None)
    monkeypatch.setattr("trader.adapters.aws.secrets.read_secret", lambda *_: ApiSecret("name", "key"))
    monkeypatch.setattr("trader.adapters.coinbase.adapter.open_exchange", lambda *_, **__: exchange)
    environment = Environment(Path("config"), "table", "bucket", "switch", "secret", "", "https://venue.invalid")
    return runtime._open_live(environment, RateLimits(), TimeBudget())


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
