"""What every kill switch must do: say exactly what the operator said, or nothing at all."""

from __future__ import annotations

import pytest

from contract.conftest import SwitchBench
from trader.errors import TraderError
from trader.model.trading_state import TradingState


@pytest.mark.parametrize("word", TradingState)
def test_each_word_is_read_as_it_was_set(switch_bench: SwitchBench, word: TradingState) -> None:
    """All four positions."""
    switch_bench.put(word)

    assert word is switch_bench.switch.read()


@pytest.mark.parametrize("word", ["", "run", "GO", "RUN RUN"])
def test_any_other_word_is_an_error(switch_bench: SwitchBench, word: str) -> None:
    """The cycle takes the error as HALT; nothing is ever guessed to be RUN."""
    switch_bench.put(word)

    with pytest.raises(TraderError):
        switch_bench.switch.read()


def test_missing_switch_is_an_error(switch_bench: SwitchBench) -> None:
    """No switch is not the same as RUN."""
    switch_bench.put(None)

    with pytest.raises(TraderError):
        switch_bench.switch.read()


def test_change_is_seen_at_the_next_read(switch_bench: SwitchBench) -> None:
    """Nothing is remembered between two reads."""
    before = switch_bench.switch.read()
    switch_bench.put(TradingState.HALT)

    assert (TradingState.RUN, TradingState.HALT) == (before, switch_bench.switch.read())
