"""Hands and eyes of a test: invoke, move the switch and the market, and read over HTTP what was stored."""

from __future__ import annotations

import json
import math
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from desk.invoke import Invocation, find_function
from desk.sandbox.aws import AwsSandbox
from e2e.invocation import InvocationWay

Rows = list[dict[str, Any]]

DONE = ("CANCELLED", "FILLED", "EXPIRED")
#: So much is traded in one print that no order of ours is more than a small part of it.
_VOLUME = "10000000000"
_PRINT_EVERY = 5
# So long the bar that fills has been over when it is asked for.
_SETTLED_SECONDS = 5


def a_tick(seconds_ago: int = 0) -> dict[str, str]:
    """The event of an instant close to now."""
    at = datetime.fromtimestamp(int(time.time()) - seconds_ago, UTC)
    return {"scheduled_time": at.strftime("%Y-%m-%dT%H:%M:%SZ")}


class World:
    """One deployment in its sandbox. ``said`` is everything that its invocations wrote, log and answers."""

    def __init__(self, sandbox: AwsSandbox, way: InvocationWay, folder: Path, config: Path | None = None) -> None:
        self.sandbox, self._way, self._folder, self._config = sandbox, way, folder, config
        self.variables = sandbox.write(folder)
        self.names = sandbox.environment()
        self.scope = f"{self.names['TRADER_MODE']}#main"
        self.said: list[str] = []

    # --- hands

    def invoke(self, event: Any) -> Invocation:
        """A path is an event of the repository; anything else is written to a file first."""
        file = event
        if not isinstance(event, Path):
            file = self._folder / "event.json"
            file.write_text(json.dumps(event), encoding="utf-8")
        function = find_function(json.loads(file.read_text(encoding="utf-8")))
        names = self.sandbox.environment(function)
        invocation = self._way.invoke(file, self.variables, names, self._config)
        self.said.append(invocation.said)
        return invocation

    def answer(self, event: Any) -> dict[str, Any]:
        """Invoke, and insist on success."""
        invocation = self.invoke(event)
        assert not invocation.failed, invocation.said
        return dict(invocation.answer)

    def switch(self, word: str) -> None:
        """Move the stack's own kill switch."""
        ssm = self.sandbox.client("ssm")
        ssm.put_parameter(Name=self.names["TRADER_KILL_SWITCH"], Value=word, Type="String", Overwrite=True)

    def trade(self, prices: Mapping[str, str]) -> None:
        """Let somebody trade at these prices, once."""
        for product_id, price in prices.items():
            self.sandbox.venue.venue.set_price(product_id, price, _VOLUME)

    @contextmanager
    def trading(self, prices: Mapping[str, str]) -> Iterator[None]:
        """Let somebody trade at these prices all the time, so that no bar is without a trade."""
        over = threading.Event()

        def go_on() -> None:
            while not over.is_set():
                self.trade(prices)
                over.wait(_PRINT_EVERY)

        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    # --- eyes

    def items(self) -> Rows:
        """Every item of the table, as DynamoDB has it."""
        pages = self.sandbox.client("dynamodb").get_paginator("scan").paginate(TableName=self.names["TRADER_TABLE"])
        return [item for page in pages for item in page["Items"]]

    def ledger(self) -> dict[str, Any]:
        """The stored ledger; empty if there is none."""
        found = [item for item in self.items() if (item["pk"]["S"], item["sk"]["S"]) == (self.scope, "LEDGER")]
        return dict(json.loads(zlib.decompress(found[0]["ledger"]["B"]))) if found else {}

    def fills(self, side: str = "") -> Rows:
        """The stored fills, each with the venue's id of its order taken from the key it is stored under."""
        found = []
        for item in self.items():
            kind, _, name = item["sk"]["S"].partition("#")
            if kind == "FILL":
                body = json.loads(item["body"]["S"])
                assert name == f"{body['venue_order_id']}/{body['trade_id']}"
                found.append(body)
        return [fill for fill in found if side in ("", fill["side"])]

    def audit(self, kind: str = "") -> Rows:
        """Every audit line, objects in the order of their keys; of one kind, their bodies."""
        s3, bucket = self.sandbox.client("s3"), self.names["TRADER_AUDIT_BUCKET"]
        keys = sorted(item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []))
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
        lines = [json.loads(line) for body in bodies for line in body.splitlines()]
        return [line["body"] for line in lines if line["event"] == kind] if kind else lines


def entries(ledger: Mapping[str, Any]) -> Rows:
    """The purchases among the orders of a ledger."""
    return [each for each in ledger["orders"].values() if each["intent"]["purpose"] == "ENTRY"]


def working(ledger: Mapping[str, Any]) -> Rows:
    """The orders that can still fill."""
    return [each for each in ledger["orders"].values() if each["status"] not in DONE]


def just_below(orders: Rows) -> dict[str, str]:
    """Prices half a percent below these orders: through each of them, and far above its stop."""
    return {
        each["intent"]["product_id"]: str(Decimal(each["intent"]["limit_price"]) * Decimal("0.995")) for each in orders
    }


class PaperLife:
    """A world in PAPER after its first tick.

    Its orders fill from a bar of a minute that began after they were placed, on a clock that is real; whoever wants
    to see that has to wait, or to do something else meanwhile.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.tick = a_tick(seconds_ago=2)
        self.first = world.answer(self.tick)
        self.placed = world.ledger()
        self._fills_at = math.ceil(time.time() / 60) * 60 + 60

    def wait_for_the_bar(self) -> None:
        """Sleep until the first whole minute since the orders were placed is over."""
        time.sleep(max(self._fills_at + _SETTLED_SECONDS - time.time(), 0))
