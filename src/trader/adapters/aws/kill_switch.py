"""The kill switch in an SSM parameter."""

from __future__ import annotations

from typing import Any

from trader.adapters.aws.clients import translate_errors
from trader.errors import StoreUnavailable
from trader.model.trading_state import TradingState, parse_trading_state


class SsmKillSwitch:
    """One word in one parameter, read afresh every time: a cached switch is no switch.

    The client gives up after ``SWITCH``'s time-outs, and is asked twice: three seconds together.
    """

    def __init__(self, client: Any, parameter: str) -> None:
        self._client = client
        self._parameter = parameter

    def read(self) -> TradingState:
        """Return what the operator allows. Raises: StoreUnavailable, MalformedData for any other word."""
        try:
            word = self._read()
        except StoreUnavailable:
            word = self._read()
        return parse_trading_state(word.strip(), self._parameter)

    def _read(self) -> str:
        with translate_errors(f"parameter {self._parameter}", StoreUnavailable):
            return str(self._client.get_parameter(Name=self._parameter)["Parameter"]["Value"])
