"""The world as the core sees it: a handful of Protocols, and the frozen bundle of them.

Every method raises only from ``trader.errors``; which family is part of its contract. One suite of contract tests
runs through every implementation of each port.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from trader.errors import DataError
from trader.model.commands import NO_COMMANDS, Command, StandingCommands
from trader.model.conversions import ConversionIntent, ConversionReport
from trader.model.events import AuditText, OwedRecord
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, Scope, VenueOrderId
from trader.model.inputs import AccountListing, OddRow
from trader.model.ledger import Ledger
from trader.model.market import Balance, Bars, Depth, FeeRates, Granularity, Product, Quote
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderIntent, OrderStatusReport, Submission
from trader.model.trading_state import TradingState


class TimeBudget:
    """What the calls of one run may, and how slow answers were: shared by the cycle and its adapters.

    The cycle sets it, an adapter asks for nothing and waits for nothing beyond it; who *only looks* has no lease, and
    an adapter keeps nothing of what it finds. Units: seconds, ``until`` since the epoch by the adapters' wall clock.
    """

    def __init__(self) -> None:
        self.until, self.only_looks = math.inf, False
        self.slowest_seconds = 0.0

    def begin(self, until: float, *, only_looks: bool = False) -> None:
        """Begin a run that ends at an instant; what was seen of answers before is forgotten."""
        self.until, self.only_looks, self.slowest_seconds = until, only_looks, 0.0

    @contextmanager
    def limited(self, until: float) -> Iterator[None]:
        """Let calls inside take until an earlier instant."""
        before = self.until
        self.until = min(before, until)
        try:
            yield
        finally:
            self.until = before

    def observe(self, seconds: float) -> None:
        """Remember how long an answer, or a wait in vain for one, took."""
        self.slowest_seconds = max(self.slowest_seconds, seconds)


class MarketData(Protocol):
    """Public facts; no key needed.

    Every product asked for is answered, with its value or with the cause why there is none. Raises VenueError, which
    also names its cause, if nothing was answered at all.
    """

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        """Return the spot products asked for, or all of them, whatever their state.

        A product asked for that the venue does not list is MissingData; one whose metadata make no sense is
        MalformedData, under no name where its row has none. Raises VenueError, also if of the whole list no row makes
        sense.
        """

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        """Return the best bid and ask of each product, or the reason there is none."""

    def bars(
        self, product_ids: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> Mapping[ProductId, Bars | DataError]:
        """Return *count* closed bars of each product, or the reason there are none."""

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth | DataError]:
        """Return what rests within the band around each product's mid, or the reason that is not known."""


class ExchangeAdapter(MarketData, Protocol):
    """A venue we may trade on: market data, account, order lifecycle, conversions."""

    def balances(self) -> Mapping[Asset, Balance | DataError]:
        """Return what the account holds; an asset without a wallet is left out and means zero.

        An asset with a wallet that cannot be read is answered with the cause. Raises VenueError if none could be.
        """

    def account(self, since: Instant | None, known: Sequence[VenueOrderId] = ()) -> AccountListing:
        """Return ``balances()``, ``orders(since)`` and the *known* orders, read at the same time where possible.

        Known orders are read by their ids, whatever their age; one that the venue does not find, or not yet, is left
        out. Without *since* there are no orders to read. Raises VenueError if any part cannot be read.
        """

    def fee_rates(self) -> FeeRates:
        """Return the rates of the account's tier. Raises VenueError."""

    def submit(self, intent: OrderIntent) -> Submission:
        """Send this intent; sent again it is the same order, never a second one. Never raises VenueError."""

    def cancel(self, venue_order_ids: Sequence[VenueOrderId]) -> Mapping[VenueOrderId, bool]:
        """Ask for cancellation; True means the request was taken, not that the order is over. Raises VenueError."""

    def orders(self, since: Instant) -> Sequence[OrderStatusReport | OddRow]:
        """Return the account's orders created since, in any state, children of attached brackets included.

        The owner's may be among them. Absence proves nothing: listings lag. Raises VenueError.
        """

    def order(self, venue_order_id: VenueOrderId) -> OrderStatusReport:
        """Return one order, whatever its age. Raises VenueError, also if the venue does not know it, or not yet."""

    def fills(self, since: Instant) -> Sequence[Fill | OddRow]:
        """Return the account's fills since, in any order, the owner's included. Raises VenueError."""

    def order_fills(self, venue_order_ids: Sequence[VenueOrderId]) -> Sequence[Fill | OddRow]:
        """Return the fills of these orders only, in any order, whatever their age. Raises VenueError."""

    def quote_conversion(self, intent: ConversionIntent) -> str:
        """Ask for a conversion and return the venue's id for it; nothing moves yet. Raises VenueError."""

    def commit_conversion(self, venue_conversion_id: str, intent: ConversionIntent) -> None:
        """Do the conversion. Not idempotent. Raises VenueError, after which it may or may not have happened."""

    def read_conversion(self, venue_conversion_id: str, intent: ConversionIntent) -> ConversionReport:
        """Return how far a conversion got. Raises VenueError."""


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """The right to act for a scope: the lease, and the ledger as it was when the lease was taken.

    ``ledger`` is None if the scope has none yet. ``epoch`` fences: it rises with every lease taken. ``size_bytes`` is
    what the ledger takes as it was last read or committed, ``size_max`` what the store takes of one in one piece; 0
    where a store does not count, or takes any size. ``commands`` are those that stood when they were read last,
    ``command_count`` says how often one was written by then, where the store counts that;
    ``is_outdated`` says of a lease that was given back that others stood by then. Units: bytes as stored.
    """

    scope: Scope
    owner: str
    epoch: int
    version: int
    expires_at: Instant
    ledger: Ledger | None
    size_bytes: int = 0
    size_max: int = 0
    commands: StandingCommands = NO_COMMANDS
    command_count: int = 0
    is_outdated: bool = False


@dataclass(frozen=True, slots=True)
class StateReading:
    """What is stored for a scope as somebody sees it who has no lease; an empty owner means that nobody has it."""

    ledger: Ledger | None = None
    commands: StandingCommands = NO_COMMANDS
    owner: str = ""
    expires_at: Instant = Instant(0)

    def is_held(self, now: Instant) -> bool:
        """Whether somebody holds the lease."""
        return bool(self.owner) and self.expires_at > now


class StateStore(Protocol):
    """Where the ledger lives, one writer at a time."""

    def acquire(self, scope: Scope, owner: str, now: Instant, lease_seconds: int) -> LeaseGrant:
        """Take the lease and read the ledger in one step.

        A lease that expired at *now* or before is taken over.
        Raises: LeaseHeld, StoreUnavailable, LedgerCorrupt (the stored bytes are left as they are).
        """

    def look(self, scope: Scope) -> StateReading:
        """Read what is stored, without a lease: it may change at once.

        Raises: StoreUnavailable, LedgerCorrupt.
        """

    def write_command(self, scope: Scope, command: Command) -> None:
        """Put a command into its slot, unless one that counts more lies there. It needs no lease.

        Raises: StoreUnavailable (may or may not have happened).
        """

    def renew_commands(self, grant: LeaseGrant) -> LeaseGrant:
        """Read the commands again; returns the grant with those that stand now. Raises: StoreUnavailable."""

    def drop_commands(self, grant: LeaseGrant, commands: Sequence[Command]) -> LeaseGrant:
        """Empty the slots that still hold these very commands; returns the grant without them.

        Raises: StoreUnavailable.
        """

    def commit(
        self,
        grant: LeaseGrant,
        ledger: Ledger,
        *,
        fills: Sequence[Fill] = (),
        finished: Sequence[OrderRecord] = (),
        owed: Sequence[OwedRecord] = (),
        repaid: Sequence[str] = (),
        release: bool = False,
    ) -> LeaseGrant:
        """Replace the ledger if the lease is still ours, together with new fills and orders that finished.

        Kept beside it are the audit objects that are *owed*, until a commit names their keys as *repaid*. Atomic, and
        of any size. A fill or order stored before is stored once. Returns the grant to use from here on; of a *release*
        it says whether the commands are still those of the grant.
        Raises: VersionConflict if another took over, StoreUnavailable (may or may not have happened).
        """

    def read_owed(self, scope: Scope, keys: Sequence[str]) -> Sequence[OwedRecord]:
        """Return the audit objects that are owed, in the order of *keys*. Raises: StoreUnavailable, LedgerCorrupt."""

    def read_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        """Return the finished orders that were stored under these ids, as last stored; what is not there is left out.

        Raises: StoreUnavailable, LedgerCorrupt.
        """

    def release(self, grant: LeaseGrant) -> None:
        """Give the lease back without writing a ledger. Raises: VersionConflict, StoreUnavailable."""


class AuditLog(Protocol):
    """Where the record goes, written once, never changed. Without one, as in a backtest, none is made and none owed."""

    def write(self, record: AuditText, *, urgent: bool = False) -> str:
        """Store one object and return its digest, which the next object carries.

        Writing identical bytes again under the same key is fine. An *urgent* write, which a sale waits for, is tried
        once, and again only after a conflict; it takes three seconds at most. Raises: AuditError, also if the key
        holds other bytes.
        """


class KillSwitch(Protocol):
    """The operator's hand."""

    def read(self) -> TradingState:
        """Return what is allowed now, after three seconds at most.

        Raises: TraderError if it cannot be read, which the cycle takes as HALT.
        """


class Clock(Protocol):
    """The only source of now."""

    def now(self) -> Instant:
        """Return the current instant."""

    def wait(self, seconds: float) -> None:
        """Let that much time pass, or pretend to."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs this cycle, for the lease and the record."""

    scope: Scope
    owner: str
    code_version: str


#: Tells the alarms how many there are now of what rings under a name, and the log each of them; none is zero.
Report = Callable[[str, Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a cycle can touch. Without an exchange it decides and records, and sends nothing."""

    market: MarketData
    exchange: ExchangeAdapter | None
    store: StateStore
    audit: AuditLog | None
    kill_switch: KillSwitch
    clock: Clock
    identity: Identity
    budget: TimeBudget = field(default_factory=TimeBudget)
    report: Report | None = None


def name_audit_object(scope: Scope, cycle_id: CycleId, epoch: int, part: str) -> str:
    """Name the audit object: ``scope=…/dt=YYYY-MM-DD/<cycle_id>-<epoch>-<part>.jsonl``."""
    day = f"{cycle_id[:4]}-{cycle_id[4:6]}-{cycle_id[6:8]}"
    return f"scope={scope}/dt={day}/{cycle_id}-{epoch:08d}-{part}.jsonl"
