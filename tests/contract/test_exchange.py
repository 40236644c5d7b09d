"""The exchange cases through each implementation."""

from __future__ import annotations

import pytest

from contract.exchange_cases import ExchangeCases, OpenVenue
from factories_venue import a_simulated_venue


class TestSimulatedExchange(ExchangeCases):
    """Straight through the simulator."""

    @pytest.fixture
    def open_venue(self) -> OpenVenue:
        return a_simulated_venue
