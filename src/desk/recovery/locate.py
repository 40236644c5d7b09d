"""Where the books lie, put together for a command: a folder of this machine, or a stack on AWS.

Without ``--write`` the simulated venue is only looked at: reading its account would otherwise move it on.
"""

from __future__ import annotations

import math
import os
import secrets
from pathlib import Path

from desk.in_memory import FixedClock
from desk.location import StoreLocation
from desk.markets.candle_market import CandleMarket
from desk.recovery.anchors import Anchors
from desk.recovery.chain import AuditReader, FolderAuditReader, read_chain
from desk.recovery.evidence import Evidence
from desk.recovery.history import FolderHistory
from desk.recovery.ledger_item import FileLedgerItems
from desk.recovery.store import RecoveryStores
from desk.recovery.stored import check_location, locate_items
from trader.adapters.local.clock import SystemClock
from trader.adapters.local.files import FileAuditLog, FileSimAccountStore, FileStateStore
from trader.entry.wiring import VenueAccess, choose_exchange, make_scope, name_account
from trader.errors import ConfigError
from trader.model.ids import Instant, Scope, rfc3339
from trader.ports import Clock
from trader.settings import Settings
from trader.settings.app import Mode
from trader.sim.account import SimAccount

VENUE = "https://api.coinbase.com"


def locate(settings: Settings, location: StoreLocation, *, writes: bool) -> RecoveryStores:
    """Open the stores on AWS if a table and a bucket are named, else in the folder. Raises: ConfigError."""
    check_location(location)
    if location.table is not None and location.bucket is not None:
        return _on_aws(settings, location, location.table, location.bucket, writes=writes)
    return _in_folder(settings, location, location.home or Path(), writes=writes)


def locate_evidence(location: StoreLocation, scope: Scope, *, retention_days: int) -> Evidence:
    """Read all that the audit can be judged by; without its log group no anchors. Raises: ConfigError, TraderError.

    The ledger first: what a cycle stores meanwhile is newer than it, and explained.
    """
    items = locate_items(location)
    stored, owed = items.find(scope), items.read_owed(scope)
    if location.table is None or location.bucket is None:
        files = FolderAuditReader((location.home or Path()) / "audit")
        history = FolderHistory(files).read(scope)
        return Evidence(history, owed, stored=stored, checkpoints=files.checkpoints(scope))
    from desk.recovery.aws import S3AuditReader, S3History, read_anchors  # noqa: PLC0415 - a laptop needs no boto3
    from trader.adapters.aws.clients import open_client  # noqa: PLC0415

    s3 = open_client("s3")
    history = S3History(s3, location.bucket).read(scope)
    # After the records: what one of them names was stored before it.
    checkpoints = S3AuditReader(s3, location.bucket).checkpoints(scope)
    anchors = read_anchors(open_client("logs"), location.anchors, scope) if location.anchors else Anchors()
    return Evidence(history, owed, anchors, stored, retention_days, SystemClock().now(), checkpoints)


def _in_folder(settings: Settings, location: StoreLocation, home: Path, *, writes: bool) -> RecoveryStores:
    scope, store = make_scope(settings), FileStateStore(home)
    audit = home / "audit"
    reader = FolderAuditReader(audit)
    if not store.folder(scope).exists() and not (audit / f"scope={scope}").exists():
        there = sorted(str(each.parent) for each in home.glob(f"*/scope={scope}"))
        hint = f"; allowed are {', '.join(there)}" if there else ""
        raise ConfigError(f"--home {home}: nothing of {scope} lies there{hint}")
    clock = _clock_in_folder(location, reader, settings, writes=writes)
    accounts: FileSimAccountStore[SimAccount] = FileSimAccountStore(name_account(home, settings), SimAccount)
    access = _http(location.venue, settings) if location.venue is not None else _closed(settings, clock)
    access.budget.begin(math.inf, only_looks=not writes)
    return RecoveryStores(
        settings=settings,
        scope=scope,
        owner=_owner(),
        store=store,
        items=FileLedgerItems(home),
        audit=FileAuditLog(audit),
        reader=reader,
        exchange=choose_exchange(settings, access, clock, lambda: accounts),
        clock=clock,
    )


def _on_aws(settings: Settings, location: StoreLocation, table: str, bucket: str, *, writes: bool) -> RecoveryStores:
    from desk.recovery.aws import DynamoLedgerItems, S3AuditReader  # noqa: PLC0415 - a laptop needs no boto3
    from trader.adapters.aws.audit_log import S3AuditLog  # noqa: PLC0415
    from trader.adapters.aws.clients import open_client  # noqa: PLC0415
    from trader.adapters.aws.sim_account_store import DynamoSimAccountStore  # noqa: PLC0415
    from trader.adapters.aws.state_store import DynamoStateStore  # noqa: PLC0415

    dynamodb, s3, scope = open_client("dynamodb"), open_client("s3"), make_scope(settings)
    clock = _machine_clock(location.now, writes=writes)
    accounts: DynamoSimAccountStore[SimAccount] = DynamoSimAccountStore(dynamodb, table, scope, SimAccount)
    access = _http(location.venue or os.environ.get("TRADER_VENUE_URL") or VENUE, settings)
    access.budget.begin(math.inf, only_looks=not writes)
    return RecoveryStores(
        settings=settings,
        scope=scope,
        owner=_owner(),
        store=DynamoStateStore(dynamodb, table),
        items=DynamoLedgerItems(dynamodb, table, s3, bucket),
        audit=S3AuditLog(s3, bucket),
        reader=S3AuditReader(s3, bucket),
        exchange=choose_exchange(settings, access, clock, lambda: accounts),
        clock=clock,
    )


def _machine_clock(at: Instant | None, *, writes: bool) -> Clock:
    """Leases that cycles take by the clock are judged by the clock; as of an earlier instant one may look."""
    machine = SystemClock()
    if at is None:
        return machine
    if writes or at > (now := machine.now()):
        allowed = "it without --write" if writes else f"{rfc3339(now)} or before"
        raise ConfigError(f"--at {rfc3339(at)}: leases there end by the clock; allowed is {allowed}")
    return FixedClock(at)


def _clock_in_folder(location: StoreLocation, reader: AuditReader, settings: Settings, *, writes: bool) -> Clock:
    """Time of a recorded or synthetic market stands where the record ends; a real venue's is the machine's."""
    if location.venue is not None:
        return _machine_clock(location.now, writes=writes)
    if location.now is not None:
        return FixedClock(location.now)
    chain = read_chain(reader.texts(make_scope(settings)))
    ends = [event.at for each in chain.objects for event in each.events]
    return FixedClock(max(ends)) if ends else SystemClock()


def _http(url: str, settings: Settings) -> VenueAccess:
    """Open the venue at an address; the key comes from the environment, or from where it says that the key is."""
    from desk.real_venue import open_http_venue  # noqa: PLC0415

    secret, parameter = os.environ.get("TRADER_SECRET", ""), os.environ.get("TRADER_KEY_PARAMETER", "")
    if not (secret or parameter) or settings.app.mode is not Mode.LIVE:
        return open_http_venue(url, settings, os.environ)
    return open_http_venue(url, settings, {**os.environ, **_stored_key(secret, parameter)})


def _stored_key(secret: str, parameter: str) -> dict[str, str]:
    from trader.adapters.aws.secrets import StoredKey  # noqa: PLC0415

    key = StoredKey(secret, parameter).read()
    return {"COINBASE_API_KEY": key.key_name, "COINBASE_API_SECRET": key.secret}


def _closed(settings: Settings, clock: Clock) -> VenueAccess:
    """Open a market without products, on which nothing trades: the simulated venue stays as it was last seen."""
    market = CandleMarket((), {}, settings.simulation, clock)
    return VenueAccess(market, market)


def _owner() -> str:
    return f"operator-{os.getpid()}-{secrets.token_hex(4)}"
