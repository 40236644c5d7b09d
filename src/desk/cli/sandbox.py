"""Stand-ins for the outside world: a simulated Coinbase to point a client at, and AWS beside it."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.cli.market_options import refuse_together
from desk.cli.options import CONFIG_DIR, ConfigDir
from desk.in_memory import ManualClock
from desk.location import check_folder, check_stack_name
from desk.markets.synthetic import DEMO_SEED
from trader.adapters.local.clock import SystemClock
from trader.errors import ConfigError
from trader.model.ids import Asset, Instant

if TYPE_CHECKING:
    from desk.sandbox.market import PriceSource
    from trader.ports import Clock

_PORT = 8787
#: Above it a market would not fit into a laptop.
_PRODUCTS_MAX = 1000
_NEXT_STEPS = """
The stack {name} is up, in {mode}, until Ctrl-C. In another shell:
  . {folder}/env.sh                      # from here on aws and trader mean this stack, until that shell ends
  make invoke-local                         # a tick, due now; EVENT=events/... is another; make invoke: in a container
  .venv/bin/trader status --mode {mode}      # what is allowed, held and protected
  .venv/bin/trader flatten --mode {mode}     # asks, sells everything, says what was sold; the function answers here
  .venv/bin/trader halt --mode {mode}        # turn the kill switch; the line that turns it back is printed"""


class StackMode(StrEnum):
    """The modes in which a stack can be tried."""

    DRY_RUN = "DRY_RUN"
    PAPER = "PAPER"


class ClockKind(StrEnum):
    """Whether the venue's time passes by itself."""

    REAL = "real"
    VIRTUAL = "virtual"


def register(app: typer.Typer) -> None:
    """Add ``trader sandbox …``."""
    group = typer.Typer(help="Stand-ins for the outside world, on this machine.", no_args_is_help=True)
    group.callback()(_group)
    group.command("venue")(venue)
    group.command("up")(up)
    app.add_typer(group, name="sandbox")


def venue(  # noqa: PLR0913 - one argument for each option
    *,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = _PORT,
    bind: Annotated[str, typer.Option(help="Address to listen on: loopback or Docker's bridge.")] = "127.0.0.1",
    candles: Annotated[Path | None, typer.Option(help="Folder of candles to replay.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic market; 7 without it.")] = None,
    clock: Annotated[ClockKind, typer.Option(help="Virtual: set by hand through /__sandbox/clock.")] = ClockKind.REAL,
    at: Annotated[str | None, typer.Option(help="Where the candles, or a virtual clock, begin (ISO 8601).")] = None,
    script: Annotated[Path | None, typer.Option(help="Trades to print: JSON lines; after, product_id, price.")] = None,
    cash: Annotated[list[str] | None, typer.Option(help="What the account holds, as USD=10000; repeatable.")] = None,
    rtt: Annotated[float, typer.Option(min=0, max=600_000, help="Milliseconds by which each answer is late.")] = 0.0,
    limits: Annotated[bool, typer.Option(help="Answer 429 above the published rates.")] = True,
    products: Annotated[
        int,
        typer.Option(min=0, max=_PRODUCTS_MAX, help="List that many products, copies included; 0 lists what there is."),
    ] = 0,
    key_file: Annotated[Path | None, typer.Option(help="Write the API key here instead of printing it.")] = None,
) -> None:
    """Serve a simulated Coinbase until interrupted: the same HTTP, with orders, fills, fees and faults."""
    from desk.sandbox.bridge import check_bind, check_ports
    from desk.sandbox.options import PUBLISHED_LIMITS, USUAL_OPENING, VenueOptions
    from desk.sandbox.price_sources import add_many_products, add_script
    from desk.sandbox.server import VenueServer
    from desk.sandbox.venue import Venue

    refuse_together({"--candles": candles, "--seed": seed})
    check_bind(bind)
    check_ports(bind, port=port)
    opening = _opening(cash) if cash else USUAL_OPENING
    begin = _instant(at)
    now = SystemClock().now() if clock is ClockKind.REAL or begin is None else begin
    ticking: Clock = SystemClock() if clock is ClockKind.REAL else ManualClock(now)
    source = _source(candles, DEMO_SEED if seed is None else seed, begin, now)
    if products:
        source = add_many_products(source, products)
    if script is not None:
        source = add_script(source, script, now)
    options = VenueOptions(rate_limits=PUBLISHED_LIMITS if limits else {}, delay_seconds=rtt / 1000)
    server = VenueServer(Venue(source, ticking, opening=opening, options=options), host=bind, port=port)
    _introduce(server.url, server.key.file(), key_file)
    server.start()
    _end_by_signal()
    try:
        server.wait()
    except KeyboardInterrupt:
        server.stop()


def _end_by_signal() -> None:
    """Let Ctrl-C and SIGTERM end this process in order, also where a shell that started it had SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def _group() -> None:
    # Without it, a group of one command is that command.
    return None


def _source(candles: Path | None, seed: int, begin: Instant | None, now: Instant) -> PriceSource:
    from desk.sandbox.price_sources import find_newest, load_folder, make_synthetic_source

    if candles is None:
        return make_synthetic_source(seed, now)
    return load_folder(candles, find_newest(candles) if begin is None else begin, now)


def _instant(text: str | None) -> Instant | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--at: {text!r:.80} is not an instant; allowed is 2026-01-01T00:00:00Z") from None
    if moment.tzinfo is None:
        raise ConfigError(f"--at: {text!r} names no time zone; allowed is {moment.isoformat()}Z")
    return Instant(int(moment.timestamp()))


def _opening(cash: list[str]) -> dict[Asset, Decimal]:
    opening = {}
    for each in cash:
        asset, _, amount = each.partition("=")
        try:
            held = Decimal(amount)
        except InvalidOperation:
            held = Decimal("NaN")
        if not asset.isalnum() or not held.is_finite() or held < 0:
            raise ConfigError(f"--cash: {each!r:.80} is no amount of an asset; allowed is USD=10000")
        opening[Asset(asset)] = held
    return opening


def _introduce(url: str, key: dict[str, str], key_file: Path | None) -> None:
    """Print where the venue is and the key it takes, which opens nothing else."""
    text = json.dumps(key)
    if key_file is None:
        print(json.dumps({"url": url, "key": key}), flush=True)
        _say_until_when(url)
        return
    try:
        key_file.touch(mode=0o600)
        key_file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--key-file {key_file}: {error.strerror}; allowed is a file that can be written") from None
    print(json.dumps({"url": url, "key_file": str(key_file)}), flush=True)
    _say_until_when(url)


def _say_until_when(url: str) -> None:
    told = f"serving a simulated Coinbase at {url} until Ctrl-C; its key is made up and opens nothing"
    print(told, file=sys.stderr, flush=True)


def _invoke_for(event: dict[str, Any], file: Path, environment: dict[str, str], target: str, config: Path) -> None:
    from desk.invoke import invoke_by_process

    file.write_text(json.dumps(event), encoding="utf-8")
    done = invoke_by_process(file, environment, config=config)
    told = {"answer": done.answer} if not done.failed else {"failed": done.said[-2000:]}
    woken_by = {"detail-type": event["detail-type"], **event["detail"]}
    print(json.dumps({"woken_by": woken_by, "target": target, **told}), flush=True)


def up(  # noqa: PLR0913 - one argument for each option
    *,
    mode: Annotated[StackMode, typer.Option(help="As the stack's parameter.")] = StackMode.PAPER,
    name: Annotated[str, typer.Option(help="Name of the stack.")] = "trader-sandbox",
    bind: Annotated[str, typer.Option(help="Address to listen on: loopback or Docker's bridge.")] = "127.0.0.1",
    aws_port: Annotated[int, typer.Option(help="Port of AWS's stand-in; 0 takes any free one.")] = 5055,
    venue_port: Annotated[int, typer.Option(help="Port of the venue; 0 takes any free one.")] = _PORT,
    template: Annotated[Path, typer.Option(help="Template to make the stack from.")] = Path("template.yaml"),
    folder: Annotated[Path, typer.Option(help="Where env.json and env.sh are written.")] = Path("var/sandbox"),
    domain_events: Annotated[bool, typer.Option("--domain-events", help="With DomainEvents=ENABLED.")] = False,
    config: ConfigDir = CONFIG_DIR,
) -> None:
    """Serve AWS (moto) and the venue until interrupted, with the stack of template.yaml in them.

    A change of the kill switch, or a command on the stack's bus, wakes the function, in a plain process, and what it
    answers is printed.
    """
    from desk.invoke import find_architecture
    from desk.sandbox.aws import Addresses, AwsSandbox
    from desk.sandbox.bridge import check_bind, check_ports
    from desk.sandbox.env_files import clear_env_files

    check_stack_name(name, "--name")
    check_folder(folder, "--folder")
    if not template.is_file():
        raise ConfigError(f"--template {template}: there is no such file; allowed is template.yaml")
    check_bind(bind)
    check_ports(bind, aws_port=aws_port, venue_port=venue_port)
    if aws_port == venue_port != 0:
        raise ConfigError(f"--aws-port and --venue-port: both are {aws_port}; allowed are two, or 0 for any free one")
    addresses = Addresses(bind, bind, aws_port, venue_port)
    parameters = {"Mode": mode, "Architecture": find_architecture()}
    parameters |= {"DomainEvents": "ENABLED"} if domain_events else {}
    # One at a time, as with one reserved execution.
    runs = ThreadPoolExecutor(max_workers=1)

    def wake(target: str, event: dict[str, Any]) -> None:
        runs.submit(_invoke_for, event, folder / "event.json", sandbox.environment(), target, config.resolve())

    with AwsSandbox(template, addresses=addresses, name=name, parameters=parameters, deliver=wake) as sandbox:
        file = sandbox.write(folder)
        made = {"by_cloudformation": sandbox.stack.by_cloudformation, "by_calls": sandbox.stack.by_calls}
        told = {"environment": sandbox.environment(), "env_file": str(file), "secret": sandbox.stack.secret}
        print(
            json.dumps({**told, "venue": sandbox.venue_url, "made": made, "left_out": sandbox.stack.left_out}),
            flush=True,
        )
        _end_by_signal()
        print(_NEXT_STEPS.format(name=name, mode=mode, folder=folder), file=sys.stderr, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            sandbox.venue.wait()
        clear_env_files(folder)
        runs.shutdown(cancel_futures=True)
