"""The composition root: the only place that knows the mode, and therefore the only one that hands out an exchange.

=========  =============  =======================================================================
mode       exchange       what follows
=========  =============  =======================================================================
DRY_RUN    none           decides and records; there is no object that could send an order
PAPER      simulated      the full ledger against a simulated venue on the given market
LIVE       the real one   refused unless everything that makes it deliberate is there
=========  =============  =======================================================================
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from trader import __version__
from trader.adapters.local.files import FileAuditLog, FileBookStore, FileKillSwitch, FileStateStore
from trader.errors import ConfigError
from trader.model.ids import Scope
from trader.model.portfolio import Switch
from trader.model.settings import Mode, Settings
from trader.ports import Clock, ExchangeAdapter, Identity, MarketData, Ports
from trader.sim.book import VenueBook
from trader.sim.exchange import SimulatedExchange
from trader.sim.tape import Tape
from trader.stages.pipeline import Pipeline
from trader.strategies import registry


def scope_of(settings: Settings) -> Scope:
    """Name whose books these are: ``PAPER#main``. Modes never share a ledger."""
    return Scope(f"{settings.app.mode}#{settings.app.account}")


def pipeline_of(settings: Settings) -> Pipeline:
    """Bind every stage and every enabled strategy to the settings."""
    return Pipeline.of(settings, registry.build(settings.strategies))


def local_ports(settings: Settings, home: Path, market: MarketData, tape: Tape, clock: Clock) -> Ports:
    """Put a cycle's world together from files in a folder and a market that is given.

    The folder's kill switch is created with RUN on first use, beside the first ledger; from then on a missing file
    means that it cannot be read. Raises: ConfigError for LIVE, with every reason.
    """
    scope = scope_of(settings)
    exchange: ExchangeAdapter | None = None
    match settings.app.mode:
        case Mode.DRY_RUN:
            exchange = None
        case Mode.PAPER:
            exchange = SimulatedExchange(
                market,
                tape,
                settings.simulation,
                clock,
                FileBookStore(home / f"venue-{settings.app.account}.json", VenueBook),
                opening={settings.app.accounting_asset: settings.app.capital},
                order_prefix=settings.execution.order_prefix,
            )
        case Mode.LIVE:
            raise ConfigError(_live_refusals(settings))
    store, switch = FileStateStore(home), FileKillSwitch(home / "kill-switch")
    if not store.folder(scope).exists():
        switch.write(Switch.RUN)
    return Ports(
        market=market,
        exchange=exchange,
        store=store,
        audit=FileAuditLog(home / "audit"),
        switch=switch,
        clock=clock,
        # Random on purpose: two processes must never be taken for one. No id of an order depends on it.
        identity=Identity(scope, f"pid-{os.getpid()}-{secrets.token_hex(4)}", __version__),
    )


def _live_refusals(settings: Settings) -> tuple[str, ...]:
    reasons = ["app.mode: LIVE does not run from this command; allowed are DRY_RUN and PAPER"]
    if settings.exchange.read_only:
        reasons.append("exchange.read_only: true forbids LIVE; allowed is false")
    return tuple(reasons)
