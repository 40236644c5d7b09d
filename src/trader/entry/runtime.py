"""The function's world on AWS: built once per process, used by every invocation of it.

What only one mode needs is imported when that mode is opened: a process in another mode starts without it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from trader.adapters.aws.audit_log import S3AuditLog
from trader.adapters.aws.clients import SWITCH, URGENT, open_client
from trader.adapters.aws.kill_switch import SsmKillSwitch
from trader.adapters.aws.secrets import StoredKey
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.coinbase.limits import RateLimits
from trader.adapters.coinbase.market_data import open_market
from trader.adapters.config.files import load_settings
from trader.adapters.local.clock import SystemClock
from trader.cycle import CycleReport
from trader.entry.environment import Environment
from trader.entry.events import RunTick, RunWatch, SwitchChanged
from trader.entry.perform import note_key_trouble, perform
from trader.entry.status import describe_state
from trader.entry.wiring import VenueAccess, build_pipeline, choose_exchange, make_identity, read_limits
from trader.errors import TraderError, VenueError
from trader.model.commands import Command
from trader.model.ids import Scope
from trader.model.trading_state import TradingState
from trader.ports import ExchangeAdapter, Ports, TimeBudget
from trader.stages.pipeline import Pipeline

_SELF_TEST_SECONDS = 10

if TYPE_CHECKING:
    from trader.sim.account import SimAccountStore


@dataclass(frozen=True, slots=True)
class Runtime:
    """Ports and pipeline of one process, and the key that its venue was opened with."""

    pipeline: Pipeline
    ports: Ports
    key: StoredKey

    @staticmethod
    def build(variables: Mapping[str, str]) -> Runtime:
        """Read the environment and the configuration, and put the world together. Raises: ConfigError, TraderError."""
        # It reads the environment when it is imported, so that nobody imports it who has none yet.
        from trader.entry.telemetry import write_alarm  # noqa: PLC0415

        environment = Environment.read(variables)
        settings = load_settings(environment.config_dir, variables).settings
        identity, clock = make_identity(settings), SystemClock()
        dynamodb = open_client("dynamodb")
        store = DynamoStateStore(dynamodb, environment.table)
        limits, budget = read_limits(settings), TimeBudget()
        key = StoredKey(environment.secret, environment.key_parameter)
        market = open_market(environment.venue_url, limits=limits, budget=budget)
        access = VenueAccess(
            market,
            open_live_exchange=partial(_open_live, environment.venue_url, key, limits, budget),
            live_confirmed=environment.live_confirmed,
            budget=budget,
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
            report=write_alarm,
        )
        return Runtime(build_pipeline(settings), ports, key)

    def run(self, request: RunTick | RunWatch | SwitchChanged | Command, remaining_seconds: int) -> CycleReport:
        """Do what an event asks for. See ``perform``."""
        self.key.begin_run()
        report = perform(request, self.pipeline, self.ports, remaining_seconds)
        return note_key_trouble(report, self.key.trouble)

    def status(self) -> dict[str, Any]:
        """Say how things stand, without taking the lease or asking the venue."""
        reading = self.ports.store.look(self.ports.identity.scope)
        switch: TradingState | None = None
        with contextlib.suppress(TraderError):
            switch = self.ports.kill_switch.read()
        now = self.ports.clock.now()
        return {"scope": self.ports.identity.scope, **describe_state(reading, switch, now, self.pipeline.settings)}


def _open_account_store(dynamodb: Any, table: str, scope: Scope) -> SimAccountStore:
    from trader.adapters.aws.sim_account_store import DynamoSimAccountStore  # noqa: PLC0415 - see the module's docstring
    from trader.sim.account import SimAccount  # noqa: PLC0415

    return DynamoSimAccountStore(dynamodb, table, scope, SimAccount)


def _open_live(venue_url: str, key: StoredKey, limits: RateLimits, budget: TimeBudget) -> ExchangeAdapter:
    from trader.adapters.coinbase.adapter import open_exchange  # noqa: PLC0415 - see the module's docstring

    exchange = open_exchange(key.read(), venue_url, limits=limits, budget=budget, source=key)
    budget.begin(time.time() + _SELF_TEST_SECONDS)
    # A venue that does not answer just now must not keep a position from being sold: the next process asks again.
    with contextlib.suppress(VenueError):
        exchange.self_test()
    return exchange
