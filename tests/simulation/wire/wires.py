"""The wires to AWS and to the venue, and whoever has a hand on them.

Everything an invocation does to the world leaves this process as an HTTP request: through botocore to AWS, which moto
plays, and through requests to the venue, over real sockets. Both kinds are struck here, below the adapters and the
libraries they use, so that what those make of a fault is part of what is tried.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import boto3
import requests
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.exceptions import HTTPClientError, ReadTimeoutError
from moto.core.models import botocore_stubber
from moto.moto_api._internal import moto_api_backend
from requests.adapters import HTTPAdapter

from desk.in_memory import ManualClock
from simulation.nemesis import Nemesis
from trader.model.ids import Instant

TABLE, BUCKET, SWITCH = "ledger", "audit", "/trader/kill-switch"
#: The clients of the function: their service, and how often it is asked before they give up.
_CLIENTS = {"dynamodb": ("dynamodb", 3), "s3": ("s3", 3), "urgent s3": ("s3", 1), "ssm": ("ssm", 1)}
_REAL_SECONDS = 60
_TRY_AGAIN_SECONDS = 0.5
_THROTTLES = {"ThrottlingException", "ProvisionedThroughputExceededException", "SlowDown", "RequestLimitExceeded"}


@dataclass(slots=True)
class VirtualClock(ManualClock):
    """A clock that moves when told to, and by itself when somebody waits."""

    fraction: float = 0.0

    def wait(self, seconds: float) -> None:
        """Let that much time pass; it takes none."""
        whole, self.fraction = divmod(self.fraction + seconds, 1)
        self.advance(int(whole))

    def seconds(self) -> float:
        """Now, with its fraction."""
        return self.at + self.fraction

    def set(self, at: Instant) -> None:
        """Jump to an instant."""
        self.at, self.fraction = at, 0.0


@dataclass
class Hands:
    """Who strikes at what goes over the wires: the nemesis of the innermost invocation; without one, nobody."""

    stack: list[Nemesis | None] = field(default_factory=list)

    @contextmanager
    def of(self, nemesis: Nemesis) -> Iterator[None]:
        """Let a nemesis have its hand on the wires while an invocation runs."""
        self.stack.append(nemesis)
        try:
            yield
        finally:
            self.stack.pop()

    @contextmanager
    def off(self) -> Iterator[None]:
        """Keep every hand off the wires while an outsider looks."""
        self.stack.append(None)
        try:
            yield
        finally:
            self.stack.pop()

    def strike(self, name: str, act: Any, lose: Any, args: tuple[Any, ...]) -> Any:
        """Send something, or what the nemesis leaves of it."""
        nemesis = self.stack[-1] if self.stack else None
        return act() if nemesis is None else nemesis.strike(name, act, lose, args)

    def note_word(self, word: str | None) -> None:
        """Remember what an invocation was told the kill switch says; None if it was told nothing."""
        if self.stack and self.stack[-1] is not None:
            self.stack[-1].word = word


class AwsWire:
    """AWS as moto plays it, reached through botocore. One per process: moto's state is the process's.

    moto's own switch also patches requests, which would slow the venue's wire down a hundredfold; so its handler is
    called directly, from ours.
    """

    def __init__(self, hands: Hands, clock: VirtualClock) -> None:
        self.hands, self.clock = hands, clock
        session = boto3.session.Session("wire", "wire", region_name="us-east-1")
        self.clients = {name: self._client(session, *how) for name, how in _CLIENTS.items()}

    def reset(self, word: str) -> None:
        """Begin a new world: an empty table, an empty bucket, and a kill switch."""
        # Whoever used moto's own switch in this process has turned it off behind him.
        botocore_stubber.enabled = True
        moto_api_backend.reset()
        self.clients["dynamodb"].create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.clients["s3"].create_bucket(Bucket=BUCKET)
        self.put_switch(word)

    def put_switch(self, word: str) -> None:
        """Let the operator have his way."""
        self.clients["ssm"].put_parameter(Name=SWITCH, Value=word, Type="String", Overwrite=True)

    def _client(self, session: Any, name: str, tries: int) -> Any:
        # Of an endpoint that the shell names, such as a sandbox's, moto would not know that it is AWS.
        config = Config(retries={"total_max_attempts": tries, "mode": "standard"}, ignore_configured_endpoint_urls=True)
        client = session.client(name, config=config)
        events = client.meta.events
        events.unregister("before-send", botocore_stubber)
        events.register_first(f"before-send.{name}", self._send)
        events.register_first(f"needs-retry.{name}", partial(self._again, tries))
        return client

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> Any:
        # before-send.dynamodb.UpdateItem
        name = event_name.removeprefix("before-send.")

        def lose() -> None:
            raise ReadTimeoutError(endpoint_url=request.url)

        if name != "ssm.GetParameter":
            return self.hands.strike(name, lambda: botocore_stubber("before-send", request), lose, (request,))
        self.hands.note_word(None)
        response = self.hands.strike(name, lambda: botocore_stubber("before-send", request), lose, (request,))
        if response is not None and response.status_code == 200:
            self.hands.note_word(json.loads(response.content)["Parameter"]["Value"])
        return response

    def _again(self, tries: int, attempts: int, caught_exception: Any, response: Any, **_: Any) -> int | None:
        """Try again as botocore's standard mode would, but wait in virtual time."""
        status = 0 if response is None else response[0].status_code
        code = "" if response is None else response[1].get("Error", {}).get("Code", "")
        is_passing = isinstance(caught_exception, HTTPClientError) or status >= 500 or code in _THROTTLES
        if attempts >= tries or not is_passing:
            return None
        self.clock.wait(_TRY_AGAIN_SECONDS * 2 ** (attempts - 1))
        return 0


class VenueWire(HTTPAdapter):
    """The transport of requests, with the nemesis before it."""

    def __init__(self, hands: Hands) -> None:
        super().__init__(pool_connections=1, pool_maxsize=2, max_retries=0)
        self.hands = hands

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one request to the venue.

        Its time-out is of real seconds, and time is virtual here: how busy this machine is must not decide anything. A
        nemesis is told the time-out, and may keep an answer for longer.
        """
        patience = kwargs["timeout"]
        kwargs["timeout"] = _REAL_SECONDS
        path = (request.url or "").partition("/api/v3/brokerage")[2].partition("?")[0]
        held: list[requests.Response] = []

        def act() -> requests.Response:
            held.append(super(VenueWire, self).send(request, *args, **kwargs))
            return held[0]

        def lose() -> None:
            for response in held:
                response.close()
            raise requests.exceptions.ReadTimeout

        return self.hands.strike(f"venue {request.method} {_shape(path)}", act, lose, (request, patience))


def _shape(path: str) -> str:
    """Name an endpoint without the ids in it."""
    return "/".join("*" if any(each.isdigit() for each in part) or "-" in part else part for part in path.split("/"))


def body_of(request: Any) -> Mapping[str, Any]:
    """Read the JSON that a request to the venue carries."""
    return dict(json.loads(request.body))
