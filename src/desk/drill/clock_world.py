"""A stack in the sandbox in which a flatten is said, again and again, each time to books and a venue of their own.

What wakes the function is what wakes it on AWS: the stack's own rules, on a parameter that was written or on an event
of its bus. How it is invoked then is the caller's choice; ticks run in forked processes, which start faster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

from desk.drill.clock_tries import Ended, Try, Way
from desk.drill.function_process import Invoked, invoke_for
from desk.drill.held_lots import PRODUCTS, SCOPE, prepare_config, remember_entries
from desk.invoke import ROOT, Invocation, find_architecture
from desk.sandbox.aws import Addresses, AwsSandbox
from desk.sandbox.market import PriceSource
from desk.sandbox.options import USUAL_OPENING
from desk.sandbox.price_sources import make_synthetic_source
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.config.files import load_settings
from trader.adapters.local.clock import SystemClock
from trader.model.ids import Asset, Instant
from trader.model.orders import Side
from trader.model.trading_state import TradingState
from trader.settings import Settings

#: Invokes the function on the event in a file, with these variables, and comes back when it has ended.
Invoke = Callable[[Path, Mapping[str, str]], Invocation]

#: What the owner of the account has of each coin beside our lots, and shall still have in the end.
OWNED = Decimal(1)
_BASES = tuple(Asset(product_id.partition("-")[0]) for product_id in PRODUCTS)
_DAY, _MICROS, _LOOK_SECONDS = 86_400, 1_000_000, 0.01
#: Lambda's second attempt at an event that failed comes after a minute; there is no third.
_RETRY_SECONDS = 60
#: A tick that holds a lot asks the venue about so many times; the word is said after any number of them.
_TICK_REQUESTS, _TICKS_MAX = 25, 10


class ClockWorld:
    """One stack; tries are played in it one after the other. Whoever sets *over* ends what runs."""

    def __init__(self, sandbox: AwsSandbox, folder: Path, bind: str, invoke: Invoke, over: Event) -> None:
        self.folder, self.invoke, self.over = folder, invoke, over
        self.config = folder / "layer/config"
        self.settings: Settings = load_settings(self.config, {"TRADER_MODE": "LIVE"}).settings
        self.source: PriceSource = make_synthetic_source(now=SystemClock().now())
        self.ssm, self.events = sandbox.client("ssm"), sandbox.client("events")
        self.switch, self.bus = sandbox.stack.outputs["KillSwitchName"], sandbox.stack.outputs["CommandBusName"]
        self._sandbox, self._bind = sandbox, bind
        self._dynamodb, self._table = sandbox.client("dynamodb"), sandbox.stack.outputs["TableName"]
        self._number = 0
        self._scene: _Scene | None = None

    def play(self, attempt: Try) -> Ended:
        """Let a flatten be said to lots that are held, and wait until all that runs has ended.

        Raises: RuntimeError if the lots could not be opened, or no tick was met.
        """
        self._number += 1
        self._empty_table()
        venue = Venue(
            self.source,
            keys=[self._sandbox.venue.key],
            opening={**USUAL_OPENING, **dict.fromkeys(_BASES[: attempt.lots], OWNED)},
        )
        with VenueServer(venue, host=self._bind) as server, ThreadPoolExecutor() as pool:
            variables = self._sandbox.environment() | {
                "TRADER_CONFIG_DIR": str(self.config),
                "TRADER_VENUE_URL": self._sandbox.venue_url.rpartition(":")[0] + f":{server.port}",
            }
            store = DynamoStateStore(self._dynamodb, self._table)
            scene = _Scene(self, attempt, venue, store, variables, pool, self.folder / f"try-{self._number}")
            scene.set_up()
            ticking = scene.begin_tick() if attempt.runs else None
            self._scene = scene
            try:
                said_at = scene.say()
                return scene.judge(said_at, ticking)
            finally:
                self._scene = None

    def deliver(self, _target: str, event: Mapping[str, Any]) -> None:
        """Take what a rule of the stack lets through; between two tries nobody is woken."""
        if self._scene is not None:
            self._scene.wake(event)

    def _empty_table(self) -> None:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=self._table):
            for item in page["Items"]:
                self._dynamodb.delete_item(TableName=self._table, Key={name: item[name] for name in ("pk", "sk")})


class _Scene:
    """Hands and eyes of one try."""

    def __init__(
        self,
        world: ClockWorld,
        attempt: Try,
        venue: Venue,
        store: DynamoStateStore,
        variables: Mapping[str, str],
        pool: ThreadPoolExecutor,
        file: Path,
    ) -> None:
        self._world, self._attempt, self._venue, self._store = world, attempt, venue, store
        self._variables, self._pool, self._file = dict(variables), pool, file
        self._chance = Random(attempt.seed)  # noqa: S311 - repeatable on purpose
        self._scheduled = 0
        self._woken: list[Future[list[Invocation]]] = []

    # --- hands

    def set_up(self) -> None:
        self._put_switch(TradingState.RUN)
        products = PRODUCTS[: self._attempt.lots]
        hold_until = Instant(SystemClock().now() + _DAY)
        remember_entries(self._store, self._venue, self._world.settings, products, hold_until)
        run, booked = self._tick(), len(self._store.look(SCOPE).ledger.lots)  # type: ignore[union-attr]
        if (self._count_left(), booked) != (len(products), len(products)):
            raise RuntimeError(f"{self._attempt}: set-up ended as {run} with {booked} lots in the books")
        self._venue.configure(delay_seconds=self._attempt.delay)

    def begin_tick(self) -> Future[Invoked]:
        """Begin a tick and leave it in the middle: it has the lease, and has asked the venue so and so often."""
        for _ in range(_TICKS_MAX):
            asked = self._count_requests() + self._chance.randint(1, _TICK_REQUESTS)
            ticking = self._pool.submit(self._tick)
            while not ticking.done():
                if self._count_requests() >= asked and self._store.look(SCOPE).is_held(SystemClock().now()):
                    return ticking
                time.sleep(_LOOK_SECONDS)
        raise RuntimeError(f"{self._attempt}: after {_TICKS_MAX} ticks none was met: {ticking.result()}")

    def say(self) -> float:
        """Say it as an operator does; return when."""
        begun = time.time()
        if self._attempt.way is Way.SWITCH:
            self._put_switch(TradingState.FLATTEN)
            return begun
        detail = {"issued_at": _text_at(begun), "who": "drill", "why": "by the clock"}
        entry = {"Source": "trader.operator", "DetailType": "flatten", "Detail": json.dumps(detail)}
        told = self._world.events.put_events(Entries=[{**entry, "EventBusName": self._world.bus}])
        if told["FailedEntryCount"]:
            raise RuntimeError(f"{self._attempt}: the bus refused: {told}")
        return begun

    def wake(self, event: Mapping[str, Any]) -> None:
        """Invoke the function, beside whatever runs: the lease is what keeps them apart."""
        file = self._file.with_suffix(f".{len(self._woken)}.json")
        file.write_text(json.dumps(event), encoding="utf-8")
        self._woken.append(self._pool.submit(self._deliver, file))

    def _deliver(self, file: Path) -> list[Invocation]:
        done = [self._world.invoke(file, self._variables)]
        if done[0].failed and not self._world.over.wait(_RETRY_SECONDS):
            done.append(self._world.invoke(file, self._variables))
        return done

    def _put_switch(self, word: TradingState) -> None:
        self._world.ssm.put_parameter(Name=self._world.switch, Value=word, Overwrite=True)

    def _tick(self) -> Invoked:
        # A cycle is named by its second, and no two have one name.
        time.sleep(max(self._scheduled + 1 - time.time(), 0))
        self._scheduled = int(time.time())
        event = {"scheduled_time": _text_at(self._scheduled)}
        seconds = self._world.settings.cycle.run_seconds
        return invoke_for(seconds, event, self._variables, self._file.with_suffix(".log"), self._world.over)

    # --- eyes

    def judge(self, said_at: float, ticking: Future[Invoked] | None) -> Ended:
        """Wait for all that runs, and look at venue and books from outside."""
        said = [f"tick {ticking.result().outcome}"] if ticking is not None else []
        answers = [invocation for each in self._woken for invocation in each.result()]
        said += [_summarize(each) for each in answers] or ["nobody was woken"]
        venue, ledger = self._venue, self._store.look(SCOPE).ledger
        with venue.lock:
            working = [order for order in venue.orders() if order.is_active]
            sold = [each.at / _MICROS for each in venue.account.executions if each.fill.side is Side.SELL]
            totals = [venue.account.totals[base] for base in _BASES[: self._attempt.lots]]
        after = [at - said_at for at in sold if at >= said_at]
        return Ended(
            self._attempt,
            seconds=max(after, default=None),
            left=sum(total > OWNED for total in totals),
            missing=sum(total < OWNED for total in totals),
            booked=len(ledger.lots) if ledger is not None else 0,
            working=len(working),
            said="; ".join(said),
            came_again=len(answers) > len(self._woken),
        )

    def _count_left(self) -> int:
        with self._venue.lock:
            return sum(self._venue.account.totals[base] > OWNED for base in _BASES[: self._attempt.lots])

    def _count_requests(self) -> int:
        return sum(self._venue.traffic.totals().values())


def _text_at(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _summarize(invocation: Invocation) -> str:
    if invocation.failed or not isinstance(invocation.answer, dict):
        return f"woken, failed: {invocation.said.strip()[-300:]}"
    return f"woken, {invocation.answer.get('outcome')} {invocation.answer.get('reason')}".strip()


@contextmanager
def open_clock_world(
    config: Path, folder: Path, invoke: Invoke, *, name: str = "clock", bind: str = "127.0.0.1", over: Event
) -> Iterator[ClockWorld]:
    """Make the stack, in LIVE with the shipped configuration; *bind* is where the function reaches it.

    Raises: ConfigError if there is no SAM to read the template.
    """
    prepare_config(config, folder / "layer/config")
    parameters = {"Mode": "LIVE", "LiveTradingConfirmed": "yes", "Architecture": find_architecture()}
    worlds: list[ClockWorld] = []

    def deliver(target: str, event: Mapping[str, Any]) -> None:
        worlds[0].deliver(target, event)

    with AwsSandbox(
        ROOT / "template.yaml",
        addresses=Addresses(bind, bind),
        name=name,
        parameters=parameters,
        deliver=deliver,
    ) as sandbox:
        worlds.append(ClockWorld(sandbox, folder, bind, invoke, over))
        yield worlds[0]
