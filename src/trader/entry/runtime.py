"""The function's world on AWS: built once per process, used by every invocation of it.

What only one mode needs is imported when that mode is opened: a process in another mode starts without it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from trader.adapters.aws.audit_log import S3AuditLog
from trader.adapters.aws.clients import SWITCH, URGENT, open_client
from trader.adapters.aws.kill_switch import SsmKillSwitch
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.coinbase.limits import RateLimits
from trader.adapters.coinbase.market_data import open_market
from trader.adapters.config.files import load_settings
from trader.adapters.local.clock import SystemClock
from trader.cycle import CycleReport, run_cycle
from trader.entry.environment import Environment
from trader.entry.wiring import VenueAccess, build_pipeline, choose_exchange, make_identity, read_limits
from trader.errors import ConfigError, TraderError, VenueError
from trader.model.ids import CycleId, Instant, Scope, cycle_id_at, run_id_at
from trader.model.inputs import Tick
from trader.model.ledger import Ledger
from trader.model.trading_state import TradingState
from trader.ports import ExchangeAdapter, KillSwitch, Ports, TimeBudget
from trader.stages.pipeline import Pipeline

_SELF_TEST_SECONDS = 10

if TYPE_CHECKING:
    from trader.sim.account import SimAccountStore


@dataclass(frozen=True, slots=True)
class FlattenSwitch:
    """The operator's command on top of the kill switch: at least FLATTEN, and HALT if the switch says so."""

    switch: KillSwitch

    def read(self) -> TradingState:
        """Return FLATTEN unless the switch itself forbids everything. Raises: TraderError if it cannot be read."""
        return TradingState.HALT if self.switch.read() is TradingState.HALT else TradingState.FLATTEN


@dataclass(frozen=True, slots=True)
class WakingEvent:
    """What woke a run that is no tick: its kind, its own id, and when it happened, if it says so."""

    kind: str
    event_id: str = ""
    said_at: Instant | None = None

    def run_id(self, now: Instant) -> CycleId:
        """Name the run: a repeated delivery of the same event names the same run, another event another."""
        return run_id_at(now if self.said_at is None else self.said_at, self.kind, self.event_id)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Ports and pipeline of one process."""

    pipeline: Pipeline
    ports: Ports
    store: DynamoStateStore

    @staticmethod
    def build(variables: Mapping[str, str]) -> Runtime:
        """Read the environment and the configuration, and put the world together. Raises: ConfigError, TraderError."""
        environment = Environment.read(variables)
        settings = load_settings(environment.config_dir, variables).settings
        identity, clock = make_identity(settings), SystemClock()
        dynamodb = open_client("dynamodb")
        store = DynamoStateStore(dynamodb, environment.table)
        limits, budget = read_limits(settings), TimeBudget()
        market = open_market(environment.venue_url, limits=limits, budget=budget)
        access = VenueAccess(
            market,
            open_live_exchange=partial(_open_live, environment, limits, budget),
            live_confirmed=environment.live_confirmed,
        )
        account_store = partial(_open_account_store, dynamodb, environment.table, identity.scope)
        exchange = choose_exchange(settings, access, clock, account_store)
        ports = Ports(
            # A venue we have a key for is also read with it: bulk quotes, and a budget of our own.
            market=exchange or market,
            exchange=exchange,
            store=store,
            audit=S3AuditLog(
                open_client("s3"), environment.audit_bucket, open_urgent=partial(open_client, "s3", URGENT)
            ),
            kill_switch=SsmKillSwitch(open_client("ssm", SWITCH), environment.kill_switch),
            clock=clock,
            identity=identity,
            budget=budget,
        )
        return Runtime(build_pipeline(settings), ports, store)

    def run(
        self,
        scheduled_at: Instant | None,
        remaining_seconds: int,
        *,
        woken_by: WakingEvent | None = None,
        flatten: bool = False,
        decides: bool = True,
    ) -> CycleReport:
        """Run the cycle of a tick, or of now for an event, done before the time that is left runs out."""
        now = self.ports.clock.now()
        deadline = Instant(now + min(remaining_seconds, self.pipeline.settings.cycle.run_seconds))
        at = now if scheduled_at is None else scheduled_at
        tick = Tick(cycle_id_at(at) if woken_by is None else woken_by.run_id(at), at, deadline, decides)
        ports = replace(self.ports, kill_switch=FlattenSwitch(self.ports.kill_switch)) if flatten else self.ports
        return run_cycle(tick, self.pipeline, ports)

    def status(self) -> dict[str, Any]:
        """Say how things stand, without taking the lease or asking the venue."""
        ledger: Ledger | None = self.store.ledger(self.ports.identity.scope)
        try:
            state: str = self.ports.kill_switch.read()
        except TraderError:
            state = "unreadable"
        summary: dict[str, Any] = {"scope": self.ports.identity.scope, "trading_state": state}
        if ledger is not None:
            summary |= {
                "last_cycle": ledger.last_cycle.cycle_id if ledger.last_cycle else None,
                "cash": {asset: str(amount) for asset, amount in ledger.cash.items()},
                "lots": len(ledger.lots),
                "active_orders": len(ledger.active_orders()),
            }
        return summary


def _open_account_store(dynamodb: Any, table: str, scope: Scope) -> SimAccountStore:
    from trader.adapters.aws.sim_account_store import DynamoSimAccountStore  # noqa: PLC0415 - see the module's docstring
    from trader.sim.account import SimAccount  # noqa: PLC0415

    return DynamoSimAccountStore(dynamodb, table, scope, SimAccount)


def _open_live(environment: Environment, limits: RateLimits, budget: TimeBudget) -> ExchangeAdapter:
    from trader.adapters.aws.secrets import read_secret  # noqa: PLC0415 - see the module's docstring
    from trader.adapters.coinbase.adapter import open_exchange  # noqa: PLC0415
    from trader.adapters.coinbase.auth import Credentials  # noqa: PLC0415

    if not environment.secret:
        raise ConfigError("environment: TRADER_SECRET: not set; LIVE needs the name of the secret with the API key")
    secret = read_secret(open_client("secretsmanager"), environment.secret)
    exchange = open_exchange(
        Credentials(secret.key_name, secret.private_key),
        environment.venue_url,
        limits=limits,
        budget=budget,
    )
    budget.begin(time.time() + _SELF_TEST_SECONDS)
    # A venue that does not answer just now must not keep a position from being sold: the next process asks again.
    with contextlib.suppress(VenueError):
        exchange.self_test()
    return exchange
