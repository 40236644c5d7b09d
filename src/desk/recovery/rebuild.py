"""The ledger made anew: the audit retold, then what the venue says now on top, both through the production code.

What cannot be known is set to the side that risks less, and said by name. What no announced intent explains is
listed and never booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from desk.recovery.chain import Chain, ChainObject
from desk.recovery.checkpoints import Beginning
from desk.recovery.replay import Replay
from trader.cycle.account import check_portfolio, make_view
from trader.model.codec import decode_told
from trader.model.commands import Command
from trader.model.conversions import ConversionIntent, ConversionRecord, ConversionStatus
from trader.model.events import AuditNote, EventKind
from trader.model.ids import ClientOrderId, Instant, Scope, VenueOrderId
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import ZERO, Notional
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderIntent, OrderStatusReport
from trader.ports import ExchangeAdapter
from trader.settings import Settings
from trader.stages.reconcile.account import reconcile
from trader.stages.reconcile.ownership import remember_look

#: Listings are asked for from a little before the oldest record: clocks differ.
SLACK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Foreign:
    """What the venue lists and no announced intent explains. ``ours`` are orders that carry our prefix all the same."""

    orders: tuple[OrderStatusReport, ...] = ()
    fills: tuple[Fill, ...] = ()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A ledger made anew, with what is stored beside it, what could not be known, and what was left out.

    ``commands`` are those that stand as far as is on record: what a run acted on and nobody took back.
    """

    ledger: Ledger
    fills: tuple[Fill, ...]
    finished: tuple[OrderRecord, ...]
    unknown: tuple[str, ...]
    foreign: Foreign
    notes: tuple[AuditNote, ...]
    commands: tuple[Command, ...]


#: The venue's ids of conversions by ours, as an operator found them.
ConversionIds = Mapping[str, str]


def read_listed_account(
    exchange: ExchangeAdapter,
    chain: Chain,
    since: Instant,
    now: Instant,
    conversions: ConversionIds | None = None,
    known: Sequence[VenueOrderId] = (),
) -> AccountView:
    """Read what the venue lists since an instant, and *known* orders and conversions by their ids. Raises: VenueError.

    The conversions are those that an operator named.
    """
    # Fills after orders, as in a cycle: a reported fill that is not listed yet is waited for.
    listing = exchange.account(since, known)
    fills, announced = exchange.fills(since), _announced_conversions(chain)
    reports = tuple(
        exchange.read_conversion(venue_conversion_id, announced[name])
        for name, venue_conversion_id in (conversions or {}).items()
        if name in announced
    )
    return make_view(now, listing, fills, reports)


def rebuild_ledger(
    settings: Settings,
    scope: Scope,
    beginning: Beginning,
    listed: AccountView | None,
    conversions: ConversionIds | None = None,
    finished: Iterable[OrderRecord] = (),
) -> Rebuilt:
    """Make the ledger of a scope anew.

    *listed* is what the venue lists since the oldest record; None where there is no venue, and then nothing that was
    announced was ever sent. Its conversions are those that *conversions* names the venue's ids of. *finished* are the
    orders that had left the books when they began, as far as they are stored.
    """
    told, chain = dict(conversions or {}), beginning.chain
    replay = _begin_replay(settings, scope, beginning, listed)
    replay.kept = {record.intent.client_order_id: record for record in finished}
    for index, each in enumerate(chain.objects):
        replay.unknown += beginning.compare(replay.ledger)
        replay.apply_object(each, chain.objects[index + 1] if index + 1 < len(chain.objects) else None)
    notes: list[AuditNote] = []
    if listed is not None:
        check_portfolio(replay.ledger, listed.portfolios)
        notes += _settle_doubtful_conversions(replay, listed.read_at, told)
        notes += _remember_what_left(replay, chain.orphaned, listed.orders)
        done = reconcile(replay.ledger, listed, settings)
        replay.adopt(replace(done, ledger=remember_look(done.ledger, listed)))
        notes += done.notes
    replay.unknown += [*_not_recorded(replay), *_changed_configuration(replay, settings)]
    return Rebuilt(
        ledger=replay.ledger,
        fills=tuple(replay.fills),
        finished=tuple(replay.finished.values()),
        unknown=tuple(dict.fromkeys(replay.unknown)),
        foreign=_foreign(replay, listed, settings.execution.order_prefix),
        notes=tuple(notes),
        commands=_find_standing(beginning, replay.ledger),
    )


def _begin_replay(settings: Settings, scope: Scope, beginning: Beginning, listed: AccountView | None) -> Replay:
    """Open the books as they were opened, or as the checkpoint has them."""
    chain, start = beginning.chain, beginning.start
    fills = {fill.trade_id: fill for fill in listed.fills} if listed is not None else {}
    careful = bool(chain.problems) or len(chain.openings) > (start is None)
    if start is None:
        opening, unknown = _opening(settings, chain)
        ledger = open_ledger(scope, settings.app.accounting_asset, opening)
    else:
        ledger, unknown = start.open_books(), []
    replay = Replay(
        settings, ledger, fills, trades=listed is not None, careful=careful, openings=int(start is not None)
    )
    replay.unknown += [*beginning.told, *unknown, *chain.problems]
    # What a run died over may have been done, and no record that is left says so.
    waiting = (each.intent for each in ledger.conversions.values() if each.status is ConversionStatus.INTENDED)
    replay.doubtful = {intent.conversion_id: intent for intent in waiting}
    return replay


def _find_standing(beginning: Beginning, ledger: Ledger) -> tuple[Command, ...]:
    objects, start = beginning.chain.objects, beginning.start
    told = (event for each in objects for event in each.events if event.kind == EventKind.COMMAND_APPLIED)
    applied: dict[str, Command] = dict(start.checkpoint.commands) if start is not None else {}
    for event in told:
        command: Command = decode_told(Command, event.body["command"])
        applied[command.slot] = command
    return tuple(command for slot, command in applied.items() if slot in ledger.applied_commands)


def _opening(settings: Settings, chain: Chain) -> tuple[Notional, list[str]]:
    """Find what the books began with: the record says it, or the configured capital less every flow since does."""
    flows = [event for each in chain.objects for event in each.events if event.kind == EventKind.FLOW_RECORDED]
    for event in flows:
        if event.body.get("opening"):
            return Notional(event.body["change"]), []
    later = sum((Decimal(event.body["change"]) for event in flows), ZERO)
    opening = Notional(settings.app.capital - later)
    return opening, [f"capital: no record says what the books began with; taken as {opening}, from app.capital"]


def _settle_doubtful_conversions(replay: Replay, now: Instant, told: ConversionIds) -> list[AuditNote]:
    """Never try a conversion again that may have been done: it is asked about under the id given, or given up."""
    notes: list[AuditNote] = []
    for name, intent in sorted(replay.doubtful.items()):
        if name in told:
            record = ConversionRecord(intent, ConversionStatus.QUOTED, told[name])
        else:
            record = ConversionRecord(intent, ConversionStatus.FAILED, final_at=now)
            replay.unknown.append(
                f"conversion {name} of {intent.amount} {intent.source} into {intent.target}: it may have been done; "
                f"booked as not done and not tried again; if the venue did it, give its id: --conversion {name}=ID"
            )
            notes.append(
                AuditNote(EventKind.CONVERSION_OBSERVED, f"{name}|given up", {"conversion": record, "report": None})
            )
        replay.ledger = replay.ledger.with_conversion(record)
    return notes


def _announced_conversions(chain: Chain) -> dict[str, ConversionIntent]:
    announced = (
        decode_told(ConversionIntent, event.body["conversion"])
        for each in chain.objects
        for event in each.events
        if event.kind == EventKind.ORDER_INTENDED and "conversion" in event.body
    )
    return {intent.conversion_id: intent for intent in announced}


def _remember_what_left(
    replay: Replay, orphaned: Iterable[ChainObject], orders: Iterable[OrderStatusReport]
) -> list[AuditNote]:
    """Take an intent from an object that was put aside, if the venue has the order: then it did count."""
    at_venue = {report.client_order_id for report in orders}
    notes: list[AuditNote] = []
    for each in orphaned:
        for event in each.events:
            if event.kind != EventKind.ORDER_INTENDED or "intent" not in event.body:
                continue
            intent: OrderIntent = decode_told(OrderIntent, event.body["intent"])
            known = intent.client_order_id in replay.ledger.orders or intent.client_order_id in replay.finished
            if intent.client_order_id in at_venue and not known:
                replay.ledger = replay.ledger.with_order(OrderRecord(intent))
                replay.unknown.append(f"order {intent.client_order_id}: announced in {each.key}, which was put aside")
                notes.append(AuditNote(EventKind.ORDER_INTENDED, intent.client_order_id, {"intent": intent}))
    return notes


def _not_recorded(replay: Replay) -> list[str]:
    found = ["products, fees: caches; the next cycle reads them anew"]
    if replay.ledger.equity_marks is None:
        found.append("marks: no record of an equity; the peak begins anew with the next cycle's")
    return found


def _changed_configuration(replay: Replay, settings: Settings) -> list[str]:
    others = [each for each in replay.configurations if each != settings.digest]
    if not others:
        return []
    said = f"configuration: {len(others)} other than the present one is on record; "
    return [said + "cool-downs, streaks and how long orders are remembered follow the present one"]


def _foreign(replay: Replay, listed: AccountView | None, prefix: str) -> Foreign:
    if listed is None:
        return Foreign()
    records = (*replay.ledger.orders.values(), *replay.finished.values())
    names: set[ClientOrderId] = {record.intent.client_order_id for record in records}
    known = {record.venue_order_id for record in records}
    booked = {fill.trade_id for fill in replay.fills}
    # What the books began with stands in the orders of the ledger alone.
    owners = {record.venue_order_id: record for record in replay.ledger.orders.values()}
    return Foreign(
        tuple(
            report
            for report in listed.orders
            if report.client_order_id.startswith(prefix)
            and report.venue_order_id not in known
            and report.client_order_id not in names
            and report.originating_order_id not in known
        ),
        tuple(
            fill
            for fill in listed.fills
            if fill.trade_id not in booked
            and not ((owner := owners.get(fill.venue_order_id)) is not None and owner.has_booked(fill))
        ),
    )
