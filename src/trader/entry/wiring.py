"""The composition root: the only place that knows the mode, and therefore the only one that hands out an exchange.

=========  =============  =======================================================================
mode       exchange       what follows
=========  =============  =======================================================================
DRY_RUN    none           decides and records; there is no object that could send an order
PAPER      simulated      the full ledger against a simulated venue on the given market
LIVE       the real one   refused unless everything that makes it deliberate is there
=========  =============  =======================================================================

The simulated venue, and what keeps things in files, are imported only where they are used: a function on AWS that
trades for real or not at all starts without them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from trader import __version__
from trader.adapters.coinbase.limits import RateLimits
from trader.adapters.config.plugins import find_plugin
from trader.errors import ConfigError, MalformedData, StoreUnavailable
from trader.model.ids import Scope
from trader.model.trading_state import TradingState
from trader.ports import Clock, ExchangeAdapter, Identity, MarketData, Ports, TimeBudget
from trader.settings import Settings
from trader.settings.app import Mode
from trader.settings.evidence import EvidenceDemand
from trader.stages.pipeline import Pipeline
from trader.strategies import registry

if TYPE_CHECKING:
    from trader.adapters.local.files import FileKillSwitch
    from trader.sim.account import SimAccountStore
    from trader.sim.matching import Tape

_CONFIRMED = "yes"


@dataclass(frozen=True, slots=True)
class VenueAccess:
    """Where the market is read, what a simulated order meets there, and, if there is one, the way to trade for real.

    Without ``fill_prices`` a simulated order meets the market itself. ``open_live_exchange`` is called for LIVE only:
    before that no key is read. It is None where a market cannot be traded on. ``live_blockers`` says what is missing
    for it, as far as only its maker can know. ``budget`` is the one the market asks.
    """

    market_data: MarketData
    fill_prices: Tape | None = None
    open_live_exchange: Callable[[], ExchangeAdapter] | None = None
    live_confirmed: str = ""
    live_blockers: tuple[str, ...] = ()
    budget: TimeBudget = field(default_factory=TimeBudget)


def make_scope(settings: Settings) -> Scope:
    """Name whose books these are: ``PAPER#main``. Modes never share a ledger."""
    return Scope(f"{settings.app.mode}#{settings.app.account}")


def build_pipeline(settings: Settings) -> Pipeline:
    """Bind every stage and every enabled strategy to the settings."""
    return Pipeline.build(settings, registry.build(settings.strategies, find_plugin), find_demand(settings))


def find_demand(settings: Settings) -> EvidenceDemand:
    """Say what becomes of purchases that nobody has measured: real money asks for a number."""
    if settings.app.mode is not Mode.LIVE:
        return EvidenceDemand.OPTIONAL
    return EvidenceDemand.OVERRIDDEN if settings.app.live_without_evidence else EvidenceDemand.REQUIRED


def make_identity(settings: Settings) -> Identity:
    """Say who runs this cycle. Random on purpose: two processes are never one; no id of an order depends on it."""
    return Identity(make_scope(settings), f"pid-{os.getpid()}-{secrets.token_hex(4)}", __version__)


def read_limits(settings: Settings) -> RateLimits:
    """Read the request budgets from the settings."""
    exchange = settings.exchange
    return RateLimits(
        exchange.public_per_second, exchange.private_per_second, exchange.fills_per_second, exchange.parallel_requests
    )


def choose_exchange(
    settings: Settings, access: VenueAccess, clock: Clock, open_accounts: Callable[[], SimAccountStore]
) -> ExchangeAdapter | None:
    """Hand out what may send orders in this mode; *open_accounts* opens where a simulated venue keeps its own.

    Raises: ConfigError for LIVE, with every reason against it.
    """
    match settings.app.mode:
        case Mode.DRY_RUN:
            return None
        case Mode.PAPER:
            return _open_simulated(settings, access, clock, open_accounts())
        case Mode.LIVE:
            if access.open_live_exchange is None or (reasons := list_live_blockers(settings, access)):
                raise ConfigError(
                    reasons if access.open_live_exchange else "app.mode: LIVE does not run on this market"
                )
            return access.open_live_exchange()


def _open_simulated(
    settings: Settings, access: VenueAccess, clock: Clock, accounts: SimAccountStore
) -> ExchangeAdapter:
    from trader.sim.exchange import SimulatedExchange  # noqa: PLC0415 - see the module's docstring
    from trader.sim.matching import MarketTape  # noqa: PLC0415

    return SimulatedExchange(
        access.market_data,
        MarketTape(access.market_data) if access.fill_prices is None else access.fill_prices,
        settings.simulation,
        clock,
        accounts,
        opening={settings.app.accounting_asset: settings.app.capital},
        order_prefix=settings.execution.order_prefix,
        budget=access.budget,
    )


def list_live_blockers(settings: Settings, access: VenueAccess) -> tuple[str, ...]:
    """Say everything that keeps this configuration from trading for real at this venue."""
    reasons = []
    if settings.exchange.read_only:
        reasons.append("exchange.read_only: true forbids LIVE; allowed is false")
    if unconfirmed := why_not_confirmed(access.live_confirmed):
        reasons.append(unconfirmed)
    return (*reasons, *access.live_blockers)


def name_account(home: Path, settings: Settings) -> Path:
    """Name the file of the simulated venue's account in a folder."""
    return home / f"venue-{settings.app.account}.json"


def why_not_confirmed(word: str) -> str | None:
    """Say why the word that confirms LIVE does not."""
    if word == _CONFIRMED:
        return None
    return f"LiveTradingConfirmed (TRADER_LIVE_CONFIRMED): {word or 'not set'} forbids LIVE; allowed is yes"


def build_local_ports(settings: Settings, home: Path, access: VenueAccess, clock: Clock) -> Ports:
    """Put a cycle's world together from files in a folder and a market that is given.

    The folder's kill switch is created before the folder's first ledger, if nobody has set it yet, with RUN. The first
    books of LIVE begin at HALT also where PAPER has run before: a person lets the first order out. From then on a
    missing file means that it cannot be read.
    """
    from trader.adapters.local import files  # noqa: PLC0415 - see the module's docstring
    from trader.sim.account import SimAccount  # noqa: PLC0415

    path = name_account(home, settings)
    exchange = choose_exchange(settings, access, clock, lambda: files.FileSimAccountStore(path, SimAccount))
    identity = make_identity(settings)
    store, switch = files.FileStateStore(home), files.FileKillSwitch(home / "kill-switch")
    _prepare_switch(switch, home, store.folder(identity.scope), settings.app.mode)
    audit = files.FileAuditLog(home / "audit")
    # As on AWS: a venue we have a key for is also read with it, in bulk and on a budget of our own.
    return Ports(exchange or access.market_data, exchange, store, audit, switch, clock, identity, access.budget)


def _prepare_switch(switch: FileKillSwitch, home: Path, books: Path, mode: Mode) -> None:
    is_there = (home / "kill-switch").exists()
    if mode is Mode.LIVE and not books.exists():
        # What was said of simulated orders lets no real one out; what allows less than RUN stays.
        with contextlib.suppress(StoreUnavailable, MalformedData):
            is_there = is_there and switch.read() is not TradingState.RUN
        if not is_there:
            switch.write(TradingState.HALT)
    elif not is_there and not any(home.glob("scope=*")):
        switch.write(TradingState.RUN)
