"""``trader cycle``: one cycle on a laptop, with no account anywhere."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from desk.cli import tables
from desk.cli.market_options import HOME, SYNTHETIC_HOURS, CandlesOption, HomeOption, SeedOption, tell_market
from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, ModeOption, open_console, read_instant, read_settings
from desk.in_memory import FixedClock
from desk.markets import set_up_candles, set_up_synthetic
from desk.run import make_tick
from trader.adapters.local.clock import SystemClock
from trader.cycle import CycleReport, run_cycle
from trader.entry.events import RunTick, SwitchChanged, parse_event
from trader.entry.wiring import VenueAccess, build_local_ports, build_pipeline
from trader.errors import ConfigError
from trader.model.ids import Instant
from trader.settings import Settings


def register(app: typer.Typer) -> None:
    """Add ``trader cycle``."""
    app.command("cycle")(cycle)


def cycle(  # noqa: PLR0913, PLR0917 - the options of a command
    mode: ModeOption = None,
    candles: CandlesOption = None,
    at: Annotated[str | None, typer.Option("--at", help="Instant of the tick, RFC 3339; now without it.")] = None,
    event: Annotated[Path | None, typer.Option("--event", help="An event file; its instant is the tick's.")] = None,
    venue: Annotated[str | None, typer.Option("--venue", help="Address of a venue: https://api.coinbase.com")] = None,
    seed: SeedOption = 7,
    home: HomeOption = HOME,
    config: ConfigDir = CONFIG_DIR,
    as_json: AsJson = False,
) -> None:
    """Run one cycle: decide, act in the mode's way, settle, and say why for every product.

    The market is synthetic, or recorded (--candles), or a venue's (--venue), whose public data need no key.
    """
    settings = read_settings(config, mode)
    now = _tick_of(at, event)
    if venue is not None:
        report = _at_venue(venue, settings, home, now)
    else:
        report = _on_stage(settings, home, now, candles, seed)
    if as_json:
        print(json.dumps(tables.make_cycle_json(report), ensure_ascii=False))
    else:
        tables.print_cycle(report, open_console(160))


def _on_stage(settings: Settings, home: Path, now: Instant, candles: Path | None, seed: int) -> CycleReport:
    setup = (
        set_up_candles(settings, candles, now, now)
        if candles is not None
        else set_up_synthetic(settings, now, SYNTHETIC_HOURS, seed)
    )
    tell_market(setup)
    clock = FixedClock(now)
    market = setup.market(clock)
    ports = build_local_ports(setup.settings, home / setup.name, VenueAccess(market, market), clock)
    return run_cycle(make_tick(now, setup.settings), build_pipeline(setup.settings), ports)


def _at_venue(url: str, settings: Settings, home: Path, now: Instant) -> CycleReport:
    from desk.real_venue import name_folder, open_http_venue

    Console(stderr=True).print(f"market: {url}; mode: {settings.app.mode}", highlight=False)
    ports = build_local_ports(
        settings, home / name_folder(url), open_http_venue(url, settings, os.environ), SystemClock()
    )
    return run_cycle(make_tick(now, settings, ports.clock.now()), build_pipeline(settings), ports)


def _tick_of(at: str | None, event: Path | None) -> Instant:
    if event is not None:
        request = parse_event(json.loads(event.read_text(encoding="utf-8")), Instant(int(time.time())))
        if isinstance(request, SwitchChanged):
            return request.changed_at
        if not isinstance(request, RunTick):
            raise ConfigError(f"{event}: only a tick runs from this command")
        return request.scheduled_at
    return read_instant(at, "--at") if at is not None else Instant(int(time.time()))
