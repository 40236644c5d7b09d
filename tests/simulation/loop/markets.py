"""The market, the account and the rules that a loop under test trades on: those of the soak, busy and short."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import count

from desk.sandbox.auth import ApiKey
from desk.sandbox.market import PriceSource
from desk.sandbox.options import VenueOptions
from desk.sandbox.venue import Venue
from simulation.soak.market import SoakScenario, random_scenario
from trader.model.ids import Asset, Instant
from trader.ports import Clock
from trader.settings import Settings
from trader.settings.app import Mode

#: Of the soak's markets the largest, and the caps that bind the least.
_PRODUCTS, _WIDE_CAPS = 3, (25, 8)


def make_scenario(seed: int) -> SoakScenario:
    """Draw scenarios until one is busy; nobody else's order is in its account."""
    drawn = (random_scenario(random.Random(f"loop/{seed}/{n}"), f"loop {seed}/{n}") for n in count())
    return replace(next(each for each in drawn if _is_busy(each)), foreign=())


def _is_busy(scenario: SoakScenario) -> bool:
    """Whether it trades every product of the soak, and neither pace nor caps keep it from that."""
    rules = dict(scenario.rules)
    caps = (rules["risk.total_pct_max"], rules["risk.open_positions_max"])
    return len(scenario.products_of) == _PRODUCTS and "risk.entry_spacing_seconds" in rules and caps == _WIDE_CAPS


def make_settings(scenario: SoakScenario, mode: Mode) -> Settings:
    """The scenario's settings in a mode, with everything that LIVE wants said there."""
    settings = scenario.settings
    app = replace(settings.app, mode=mode, live_without_evidence=True)
    exchange = replace(settings.exchange, read_only=mode is not Mode.LIVE)
    return replace(settings, app=app, exchange=exchange)


def begin_of(scenario: SoakScenario) -> Instant:
    """The first tick."""
    return scenario.at(0, 0)


def make_venue(scenario: SoakScenario, clock: Clock, keys: list[ApiKey]) -> Venue:
    """The venue with this market on a clock."""
    return Venue(
        PriceSource(scenario.products, scenario.series),
        clock,
        settings=scenario.settings.simulation,
        opening=dict[Asset, object](scenario.opening),  # type: ignore[arg-type]
        options=VenueOptions(),
        keys=keys,
    )
