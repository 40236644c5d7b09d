"""The operator's command on top of the kill switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from desk.in_memory import InMemoryKillSwitch
from trader.adapters.aws.secrets import ApiSecret
from trader.adapters.coinbase.limits import RateLimits
from trader.entry import runtime
from trader.entry.environment import Environment
from trader.entry.runtime import FlattenSwitch
from trader.errors import ConfigError, TraderError, VenueAuth, VenueProtocol, VenueThrottled, VenueUnavailable
from trader.model.trading_state import TradingState
from trader.ports import TimeBudget

WORDS = {
    TradingState.RUN: TradingState.FLATTEN,
    TradingState.REDUCE_ONLY: TradingState.FLATTEN,
    TradingState.FLATTEN: TradingState.FLATTEN,
    # Whoever says HALT may be selling by hand: a command of another does not overrule it.
    TradingState.HALT: TradingState.HALT,
}


def test_every_word_of_the_switch_has_its_row() -> None:
    """A new one needs an expectation here."""
    assert set(TradingState) == set(WORDS)


@pytest.mark.parametrize(("word", "expected"), WORDS.items())
def test_flatten_is_the_least_that_holds_and_halt_stays_absolute(word: TradingState, expected: TradingState) -> None:
    """It forbids entries where the switch allows them, and allows no sale where the switch forbids it."""
    assert expected is FlattenSwitch(InMemoryKillSwitch(word)).read()


@pytest.mark.parametrize("word", [None, "", "banana", "flatten"])
def test_switch_that_cannot_be_read_stays_unreadable(word: str | None) -> None:
    """The cycle takes that for HALT; its last word may have been one."""
    with pytest.raises(TraderError):
        FlattenSwitch(InMemoryKillSwitch(word)).read()


def test_switch_is_asked_at_every_look() -> None:
    """HALT that is said while lots are being sold stops the next sale."""
    beneath = InMemoryKillSwitch(TradingState.RUN)
    switch = FlattenSwitch(beneath)
    before = switch.read()

    beneath.word = TradingState.HALT

    assert (TradingState.FLATTEN, TradingState.HALT) == (before, switch.read())


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
