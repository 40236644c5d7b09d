"""The operator's command on top of the kill switch."""

from __future__ import annotations

import pytest

from desk.in_memory import InMemoryKillSwitch
from trader.entry.runtime import FlattenSwitch
from trader.errors import TraderError
from trader.model.trading_state import TradingState

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
