"""``trader cycle``: one cycle on a laptop, with no account anywhere."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from desk.cli import tables
from desk.cli.exit_codes import ExitCode
from desk.cli.market_options import (
    HOME,
    SYNTHETIC_HOURS,
    CandlesOption,
    HomeOption,
    SeedOption,
    StretchOption,
    check_address,
    read_market_instant,
    refuse_together,
    tell_market,
)
from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, ModeOption, open_console, read_settings
from desk.folder_lock import find_worker, join_folder
from desk.in_memory import FixedClock
from desk.markets import set_up_candles, set_up_synthetic
from desk.markets.synthetic import DEMO_SEED
from desk.run import make_tick
from trader.adapters.local.clock import SystemClock
from trader.cycle import CycleOutcome, CycleReport, run_cycle
from trader.entry.events import RunTick, SwitchChanged, parse_event
from trader.entry.wiring import VenueAccess, build_local_ports, build_pipeline
from trader.errors import ConfigError, MalformedData, TraderError, VenueError
from trader.model.ids import Instant
from trader.model.trading_state import TradingState
from trader.ports import Clock, KillSwitch
from trader.settings import Settings

#: What keeps a venue from answering, by what the errors are called that come of it.
_CAUSES = {
    "ConnectionRefusedError": "nothing listens there",
    "gaierror": "there is no such host",
    "NameResolutionError": "there is no such host",
    "SSL": "no TLS connection comes about",
    "Timeout": "there is no answer in time",
    "no whole answer within": "there is no answer in time",
    "ConnectionError": "the connection fails",
}


def register(app: typer.Typer) -> None:
    """Add ``trader cycle``."""
    app.command("cycle")(cycle)


def cycle(  # noqa: PLR0913, PLR0917 - the options of a command
    mode: ModeOption = None,
    candles: CandlesOption = None,
    stretch: StretchOption = False,
    at: Annotated[str | None, typer.Option("--at", help="Instant of the tick, RFC 3339; now without it.")] = None,
    event: Annotated[Path | None, typer.Option("--event", help="An event file; its instant is the tick's.")] = None,
    venue: Annotated[str | None, typer.Option("--venue", help="Address of a venue: https://api.coinbase.com")] = None,
    seed: SeedOption = None,
    home: HomeOption = HOME,
    config: ConfigDir = CONFIG_DIR,
    as_json: AsJson = False,
) -> None:
    """Run one cycle: decide, act in the mode's way, settle, and say why for every product.

    The market is synthetic, or recorded (--candles), or a venue's (--venue), whose public data need no key.
    Ends with 1 if it was aborted, saw too little, or could not read the kill switch; with 75 if another is at work.
    """
    refuse_together({"--candles": candles, "--venue": venue, "--seed": seed})
    refuse_together({"--at": at, "--event": event, "--venue": venue})
    settings = read_settings(config, mode)
    if venue is not None:
        done = _run_at_venue(venue, settings, home)
    else:
        now = _read_tick(at, event)
        done = _run_on_stage(settings, home, now, candles, DEMO_SEED if seed is None else seed, stretch=stretch)
    if as_json:
        print(json.dumps(tables.make_cycle_json(done.report, done.reason), ensure_ascii=False))
    else:
        tables.print_cycle(done.report, open_console(160), done.reason)
    if done.exit_code is not ExitCode.DONE:
        raise typer.Exit(done.exit_code)


@dataclass(frozen=True, slots=True)
class _Done:
    """A cycle that was run, why it ended as it did, in words, and what the command ends with."""

    report: CycleReport
    reason: str
    exit_code: ExitCode


class _SwitchSeen:
    """The kill switch; what was last read of it, or why it could not be."""

    def __init__(self, switch: KillSwitch) -> None:
        self._switch = switch
        self.problem = ""

    def read(self) -> TradingState:
        try:
            state = self._switch.read()
        except TraderError as error:
            is_word = isinstance(error, MalformedData)
            self.problem = f"the kill switch {error}" if is_word else f"the kill switch cannot be read: {error}"
            raise
        self.problem = ""
        return state


def _run(settings: Settings, folder: Path, access: VenueAccess, clock: Clock, scheduled: Instant) -> _Done:
    ports = build_local_ports(settings, folder, access, clock)
    switch = _SwitchSeen(ports.kill_switch)
    tick = make_tick(scheduled, settings, ports.clock.now())
    if (worker := find_worker(folder)) is not None:
        told = f"process {worker} works in {folder} as well; the lease keeps its runs and this cycle apart"
        print(told, file=sys.stderr, flush=True)
    with join_folder(folder):
        report = run_cycle(tick, build_pipeline(settings), replace(ports, kill_switch=switch))
    match report.outcome:
        case CycleOutcome.HALTED if switch.problem:
            return _Done(report, switch.problem, ExitCode.WRONG)
        case CycleOutcome.HALTED:
            return _Done(report, "the kill switch says HALT", ExitCode.DONE)
        case CycleOutcome.SKIPPED if report.before is None:
            return _Done(report, report.reason, ExitCode.NOT_NOW)
        case CycleOutcome.ABORTED | CycleOutcome.ABSTAINED:
            return _Done(report, report.reason, ExitCode.WRONG)
        case _:
            return _Done(report, report.reason, ExitCode.DONE)


def _run_on_stage(
    settings: Settings, home: Path, now: Instant, candles: Path | None, seed: int, *, stretch: bool
) -> _Done:
    setup = (
        set_up_candles(settings, candles, now, now, SystemClock().now(), stretch=stretch)
        if candles is not None
        else set_up_synthetic(settings, now, SYNTHETIC_HOURS, seed)
    )
    tell_market(setup)
    clock = FixedClock(now)
    market = setup.market(clock)
    return _run(setup.settings, home / setup.name, VenueAccess(market, market), clock, now)


def _run_at_venue(url: str, settings: Settings, home: Path) -> _Done:
    from desk.real_venue import name_folder, open_http_venue

    check_address(url)
    print(f"market: {url}; mode: {settings.app.mode}", file=sys.stderr, flush=True)
    folder, clock = home / name_folder(url), SystemClock()
    try:
        done = _run(settings, folder, open_http_venue(url, settings, os.environ), clock, clock.now())
    except VenueError as error:
        raise type(error)(explain_failure(str(error), url)) from error
    if done.exit_code is ExitCode.WRONG and done.report.outcome is not CycleOutcome.HALTED:
        return replace(done, reason=explain_failure(done.reason, url))
    return done


def explain_failure(reason: str, url: str) -> str:
    """Say in words, before the reason, that a venue cannot be reached, if that is it."""
    words = next((words for name, words in _CAUSES.items() if name in reason), None)
    return reason if words is None else f"{url} cannot be reached, {words}: {reason}"


def _read_tick(at: str | None, event: Path | None) -> Instant:
    now = Instant(int(time.time()))
    if event is None:
        return read_market_instant(at, "--at") if at is not None else now
    try:
        request = parse_event(json.loads(event.read_text(encoding="utf-8")), now)
    except OSError as error:
        raise ConfigError(f"--event {event}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--event {event}: no JSON: {error}") from None
    except MalformedData as error:
        raise ConfigError(f"--event {event}: {error}") from None
    if isinstance(request, SwitchChanged):
        return request.changed_at
    if not isinstance(request, RunTick):
        raise ConfigError(f"--event {event}: only a tick, or a change of the kill switch, runs from this command")
    return request.scheduled_at
