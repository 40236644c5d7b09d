"""``trader ledger``: look at the books, make them anew, settle a difference. Nothing is written without ``--write``."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from rich.console import Console

from desk.cli import ledger_tables
from desk.cli.located import System, with_system
from desk.cli.market_options import check_address
from desk.cli.options import AsJson, open_console, read_instant
from desk.folder_lock import join_folder
from desk.location import StoreLocation
from desk.recovery.adopt import acknowledge_mismatch, adopt_order, adopt_quantity, find_over_covered, forget_last_cycle
from desk.recovery.adopt_intents import AdoptionContext, AdoptionTerms, Quantities
from desk.recovery.diff import find_differences
from desk.recovery.locate import locate
from desk.recovery.store import Change, RebuildOptions, RecoveryStores, change_under_lease, rebuild, write_rebuilt
from desk.recovery.stored import locate_items
from trader.adapters.local.clock import SystemClock
from trader.entry.wiring import make_scope
from trader.errors import ConfigError, LedgerCorrupt
from trader.model.codec import encode
from trader.model.ids import Asset, Instant
from trader.model.ledger import Ledger

VenueOption = Annotated[
    str | None, typer.Option("--venue", help="Address of the venue; in a folder, the venue as last seen without it.")
]
AtOption = Annotated[str | None, typer.Option("--at", help="Act as of this instant, RFC 3339.")]
WriteOption = Annotated[bool, typer.Option("--write", help="Write it. Without this, nothing is written.")]


def register(app: typer.Typer) -> None:
    """Add ``trader ledger …``."""
    group = typer.Typer(help="Look at the ledger, rebuild it, settle a difference.", no_args_is_help=True)
    group.command("show")(show)
    group.command("rebuild")(rebuild_command)
    group.command("adopt")(adopt)
    group.command("forget-cycle")(forget_cycle)
    app.add_typer(group, name="ledger")


@with_system("table", "bucket")
def show(
    system: System,
    at: AtOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the ledger: cash, lots, protection, working orders, doubts, marks, cool-downs, and who holds the lease.

    Ends with 1 if what is stored is no ledger.
    """
    scope, now = make_scope(system.settings()), _instant(at, "--at") or SystemClock().now()
    stored = locate_items(system.location).find(scope)
    if stored is None:
        raise ConfigError(f"{scope}: there is no ledger; trader ledger rebuild makes one from the audit")
    if as_json:
        lease = {"owner": stored.owner, "epoch": stored.epoch, "expires_at": stored.expires_at}
        print(json.dumps({"lease": lease, "problem": stored.problem, "ledger": encode(stored.ledger)}))
    else:
        ledger_tables.print_stored(scope, stored, now, open_console())
    if stored.problem:
        raise LedgerCorrupt(f"{stored.problem}; trader ledger rebuild {system.options()} makes it anew from the audit")


@with_system("table", "bucket")
def rebuild_command(
    system: System,
    venue: VenueOption = None,
    since: Annotated[str | None, typer.Option("--since", help="List the venue from here; the oldest record.")] = None,
    conversion: Annotated[list[str] | None, typer.Option("--conversion", help="ID=VENUE_ID of a doubtful one.")] = None,
    broken_ok: Annotated[
        bool, typer.Option("--audit-broken-ok", help="Go on over breaks in the audit chain, and name them.")
    ] = False,
    at: AtOption = None,
    write: WriteOption = False,
) -> None:
    """Make the ledger anew from the audit and the venue, and show what differs from the one that is stored."""
    location = _place(system, venue, at)
    stores, console = locate(system.settings(), location, writes=write), open_console()
    options = RebuildOptions(_instant(since, "--since"), broken_ok, _pairs(conversion or []))
    stored = stores.items.find(stores.scope)
    if stored is not None and stored.problem:
        console.print(f"stored is no ledger: {stored.problem}", highlight=False, markup=False, soft_wrap=True)
    if write:
        with _visit(location):
            made, kept = write_rebuilt(stores, options)
    else:
        made, kept = rebuild(stores, options)[0], ""
    ledger_tables.print_change(find_differences(stored.ledger if stored is not None else None, made.ledger), console)
    ledger_tables.print_rebuilt(made, console)
    _finish(console, kept, write=write)


@with_system("table", "bucket")
def adopt(  # noqa: PLR0913, PLR0917 - the options of a command
    system: System,
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the audit.")],
    asset: Annotated[str | None, typer.Option("--asset", help="What to add to, or take out of, the lots.")] = None,
    quantity: Annotated[str | None, typer.Option("--quantity", help="Base units; negative takes out.")] = None,
    price: Annotated[str | None, typer.Option("--price", help="What one unit was worth; 0 for a loss.")] = None,
    fee: Annotated[str, typer.Option("--fee", help="Fee paid, in the quote asset.")] = "0",
    order: Annotated[str | None, typer.Option("--order", help="Client id of an order with our prefix.")] = None,
    acknowledge: Annotated[
        list[str] | None, typer.Option("--acknowledge", help="Lift this asset's reduce-only; repeatable.")
    ] = None,
    lot: Annotated[str | None, typer.Option("--lot", help="The lot, where there are several.")] = None,
    product: Annotated[str | None, typer.Option("--product", help="Product of a lot that begins.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="Strategy of a lot that begins.")] = None,
    stop: Annotated[str | None, typer.Option("--stop", help="Stop of a lot that begins.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Target of a lot that begins.")] = None,
    hold_hours: Annotated[
        int | None, typer.Option("--hold-hours", min=0, help="How long it may be held; 0 is no limit.")
    ] = None,
    venue: VenueOption = None,
    at: AtOption = None,
    write: WriteOption = False,
) -> None:
    """Settle a difference on purpose: a quantity, an order of ours in no ledger, or a reduce-only that was looked at.

    A quantity is booked as a trade at the price given, against the ledger's cash.
    """
    location = _place(system, venue, at)
    stores, console = locate(system.settings(), location, writes=write), open_console()
    terms = AdoptionTerms(lot, product, strategy, _number(stop, "--stop"), _number(target, "--target"), hold_hours)
    wanted = _quantities(asset, quantity, price, fee)
    asked = [name for name, given in (("quantity", wanted), ("order", order), ("acknowledge", acknowledge)) if given]
    if len(asked) != 1:
        raise ConfigError(f"one of --asset, --order, --acknowledge is needed; given: {', '.join(asked) or 'none'}")

    def change(ledger: Ledger, epoch: int) -> Change:
        context = _adoption_context(stores, ledger, epoch)
        if wanted is not None:
            return adopt_quantity(context, wanted, terms, reason)
        if order is not None:
            return adopt_order(context, order, stores.chain(), terms, reason)
        return acknowledge_mismatch(context, acknowledge or [], reason)

    stored = stores.items.find(stores.scope)
    if stored is None or stored.ledger is None:
        raise ConfigError(f"{stores.scope}: there is no ledger to adopt into; trader ledger rebuild makes one")
    # What is refused is refused before the lease is taken, which is a write.
    after = change(stored.ledger, stored.epoch + 1).ledger
    if write:
        with _visit(location):
            after = change_under_lease(stores, "adopt", change)
    ledger_tables.print_change(find_differences(stored.ledger, after), console)
    for line in find_over_covered(after):
        console.print(f"look: {line}", highlight=False, markup=False, soft_wrap=True)
    _finish(console, "", write=write)


@with_system("table", "bucket")
def forget_cycle(
    system: System,
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the audit.")],
    at: AtOption = None,
    write: WriteOption = False,
) -> None:
    """Forget the last cycle, where it lies in the future because a clock was wrong: then ticks run again."""
    location = _place(system, at=at)
    stores, console = locate(system.settings(), location, writes=write), open_console()
    stored = stores.items.find(stores.scope)
    if stored is None or stored.ledger is None:
        raise ConfigError(f"{stores.scope}: there is no ledger; trader ledger rebuild makes one")
    after = forget_last_cycle(stored.ledger, reason).ledger
    if write:
        with _visit(location):
            after = change_under_lease(stores, "adopt", lambda ledger, _: forget_last_cycle(ledger, reason))
    ledger_tables.print_change(find_differences(stored.ledger, after), console)
    _finish(console, "", write=write)


def _adoption_context(stores: RecoveryStores, ledger: Ledger, epoch: int) -> AdoptionContext:
    if stores.exchange is None:
        raise ConfigError(f"{stores.scope}: in this mode nothing is ever sent, so nothing can be adopted")
    return AdoptionContext(stores.settings, ledger, stores.exchange, stores.clock.now(), epoch, stores.store)


def _place(system: System, venue: str | None = None, at: str | None = None) -> StoreLocation:
    if venue is not None:
        check_address(venue)
    return replace(system.location, venue=venue, now=_instant(at, "--at"))


def _visit(location: StoreLocation) -> AbstractContextManager[None]:
    """Let nobody who begins to work in a folder take the lease of this command for that of a dead process."""
    return join_folder(location.home) if location.home is not None else nullcontext()


def _finish(console: Console, kept: str, *, write: bool) -> None:
    if kept:
        console.print(f"the old text lies in {kept}", highlight=False, markup=False, soft_wrap=True)
    console.print("written" if write else "nothing was written; --write writes it", highlight=False)


def _quantities(asset: str | None, quantity: str | None, price: str | None, fee: str) -> Quantities | None:
    if asset is None:
        return None
    change, worth, charged = _number(quantity, "--quantity"), _number(price, "--price"), _number(fee, "--fee")
    if change is None or worth is None or charged is None:
        raise ConfigError("--asset needs --quantity and --price")
    return Quantities(Asset(asset), change, worth, charged)


def _number(text: str | None, option: str) -> Decimal | None:
    if text is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise ConfigError(f"{option}: {text!r} is no number; allowed is 0.5")
    return value


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        ours, _, venues = text.partition("=")
        if not ours or not venues:
            raise ConfigError(f"--conversion {text!r} must look like ID=VENUE_ID")
        pairs[ours] = venues
    return pairs


def _instant(text: str | None, option: str) -> Instant | None:
    return None if text is None else read_instant(text, option)
