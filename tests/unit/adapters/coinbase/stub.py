"""A venue that says what a test scripts, over a real socket, and remembers every request."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from requests.adapters import BaseAdapter

from trader.adapters.coinbase.adapter import CoinbaseExchange, open_exchange
from trader.adapters.coinbase.auth import Credentials, Signer
from trader.adapters.coinbase.http import Transport
from trader.adapters.coinbase.limits import RateLimits, TimeoutPolicy, Timing
from trader.adapters.coinbase.market_data import CoinbaseMarket, open_market
from trader.model.ids import rfc3339
from trader.model.money import plain
from trader.model.orders import OrderConfiguration, OrderIntent

ROOT = "/api/v3/brokerage"
HTML = "<html>\n<head><title>Coinbase</title></head></html>"

#: Planted: neither may ever be seen outside of a signature.
KEY_NAME = "organizations/planted-org/apiKeys/planted-key"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PEM = EC_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
CREDENTIALS = Credentials(KEY_NAME, PEM.replace("\n", "\\n"))

FAST = RateLimits(public_per_second=10_000, private_per_second=10_000, fills_per_second=10_000, parallel=4)
#: In seconds of the fake time; how long a socket really waits is said below.
TIMEOUTS = TimeoutPolicy(connect_seconds=1)

#: Real seconds for an answer that comes, however busy this machine is; and for one that never does.
PATIENCE_SECONDS, SILENCE_SECONDS = 30.0, 0.05


@dataclass(frozen=True)
class Reply:
    """What to answer. ``fate``: cut the body short, reset the connection, or never answer ("hang")."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fate: str = ""


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Script = Reply | list[Reply] | Callable[[Request], Reply]


class Stub:
    """Replies by method and path; a list is used up, its last reply stays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.scripts: dict[tuple[str, str], Script] = {}
        self.timeouts: list[Any] = []
        self.lock = threading.Lock()
        self.unanswered = threading.Semaphore(0)
        self.is_over = threading.Event()
        self.url = ""

    def on(self, method: str, path: str, script: Any, *more: Reply) -> None:
        """Answer so; a plain value is a body."""
        if more:
            script = [script if isinstance(script, Reply) else Reply(script), *more]
        self.scripts[method, path] = script if isinstance(script, Reply | list) or callable(script) else Reply(script)

    def asked(self, method: str, path: str) -> list[Request]:
        """What was asked there, in order."""
        return [each for each in self.requests if (each.method, each.path) == (method, path)]

    def will_hang(self, method: str, path: str) -> bool:
        """Whether the next request there is never answered."""
        with self.lock:
            script = self.scripts.get((method, path))
            first = script[0] if isinstance(script, list) else script
            return isinstance(first, Reply) and first.fate == "hang"

    def reply(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            script = self.scripts.get((request.method, request.path))
            if isinstance(script, list):
                return script.pop(0) if len(script) > 1 else script[0]
        if script is None:
            return Reply({"error": "unknown", "error_details": "Not Found", "message": "Not Found"}, 404)
        return script(request) if callable(script) else script


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            assert parts.path.startswith(ROOT), parts.path
            query = tuple(parse_qsl(parts.query, keep_blank_values=True))
            path, headers, port = parts.path.removeprefix(ROOT), dict(self.headers), self.client_address[1]
            self._send(stub.reply(Request(self.command, path, query, headers, body, port)))

        def _send(self, reply: Reply) -> None:
            if reply.fate in ("reset", "hang"):
                if reply.fate == "hang":
                    stub.unanswered.release()
                    # Until the test is over; or, so that a client without a time-out fails, for long.
                    stub.is_over.wait(PATIENCE_SECONDS)
                else:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            body = b"" if reply.body is None else text.encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + (10 if reply.fate == "cut" else 0)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = self.close_connection or reply.fate == "cut"

        # The names the standard library looks for.
        do_GET = _answer  # noqa: N815
        do_POST = _answer  # noqa: N815

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def serving() -> Iterator[Stub]:
    """A stub on a port of this machine."""
    stub = Stub()
    server = _Server(("127.0.0.1", 0), _handler(stub))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stub
    finally:
        stub.is_over.set()
        server.shutdown()
        server.server_close()


class _PatientAdapter(BaseAdapter):
    """Waits in real seconds for what the stub answers, and only a moment for what it does not.

    A time-out is of real seconds, and time is a fake here: how busy this machine is must not decide anything.
    """

    def __init__(self, below: BaseAdapter, stub: Stub) -> None:
        super().__init__()
        self.below, self.stub = below, stub

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.stub.timeouts.append(kwargs["timeout"])
        path = urlsplit(request.url or "").path.removeprefix(ROOT)
        if not self.stub.will_hang(str(request.method), path):
            return self.below.send(request, *args, **{**kwargs, "timeout": PATIENCE_SECONDS})
        try:
            return self.below.send(request, *args, **{**kwargs, "timeout": (PATIENCE_SECONDS, SILENCE_SECONDS)})
        finally:
            # The stub has the request by the time we give up, as a venue would.
            assert self.stub.unanswered.acquire(timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        self.below.close()


def be_patient(transport: Transport, stub: Stub) -> None:
    """Make the outcome of a test independent of the speed of this machine."""
    session = transport._session
    session.mount("http://", _PatientAdapter(session.get_adapter("http://stub"), stub))


class FakeTime:
    """Time that passes only by sleeping, and remembers how long."""

    def __init__(self, wall: float = 1_790_000_000.0) -> None:
        self.slept: list[float] = []
        self.passed = 0.0
        self.start = wall

    def timing(self, *, uniform: Callable[[float, float], float] = lambda _, high: high) -> Timing:
        """Full jitter at its fullest, unless said otherwise."""
        return Timing(lambda: self.start + self.passed, lambda: self.passed, self.sleep, uniform)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds

    @property
    def waits(self) -> list[float]:
        """Waits that are not a turn of a fast bucket."""
        return [each for each in self.slept if each >= 0.01]


def a_transport(stub: Stub, time: FakeTime | None = None, signer: Signer | None = None, **changes: Any) -> Transport:
    transport = Transport(stub.url, signer, **_options(time, changes))
    be_patient(transport, stub)
    return transport


def a_market(stub: Stub, time: FakeTime | None = None, **changes: Any) -> CoinbaseMarket:
    market = open_market(stub.url, **_options(time, changes))
    be_patient(market._transport, stub)
    return market


def an_exchange(stub: Stub, time: FakeTime | None = None, **changes: Any) -> CoinbaseExchange:
    options = _options(time, changes)
    exchange = open_exchange(options.pop("credentials", CREDENTIALS), stub.url, **options)
    be_patient(exchange._transport, stub)
    return exchange


def _options(time: FakeTime | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    return {"limits": FAST, "timeouts": TIMEOUTS, "timing": (time or FakeTime()).timing(), **changes}


def a_wire_product(product_id: str = "SOL-USD", **changes: Any) -> dict[str, Any]:
    base, _, quote = product_id.rpartition("-")
    gates = ("is_disabled", "trading_disabled", "cancel_only", "limit_only", "post_only", "auction_mode", "view_only")
    return {
        "product_id": product_id,
        "price": "100.5",
        "volume_24h": "1000",
        "approximate_quote_24h_volume": "100500",
        "base_increment": "0.001",
        "quote_increment": "0.01",
        "price_increment": "0.01",
        "quote_min_size": "1",
        "quote_max_size": "1000000",
        "base_min_size": "0.002",
        "base_max_size": "100000",
        "status": "online",
        "product_type": "SPOT",
        "base_currency_id": base,
        "quote_currency_id": quote,
        "alias": "",
        "alias_to": [],
        "new_at": "2026-01-02T00:00:00Z",
        "invented_in_2027": {"a": [1]},
        **dict.fromkeys(gates, False),
        **changes,
    }


def a_wire_order(intent: OrderIntent, order_id: str = "order-1", **changes: Any) -> dict[str, Any]:
    """An intent as the venue would show it."""
    terms: dict[str, Any] = {"base_size": plain(intent.quantity), "limit_price": plain(intent.limit_price)}
    variant = "sor_limit_ioc"
    if intent.configuration is OrderConfiguration.POST_ONLY_GTD:
        assert intent.expires_at is not None
        variant, terms = "limit_limit_gtd", {**terms, "post_only": True, "end_time": rfc3339(intent.expires_at)}
    elif intent.configuration is OrderConfiguration.BRACKET_GTC:
        assert intent.stop_price is not None
        variant, terms = "trigger_bracket_gtc", {**terms, "stop_trigger_price": plain(intent.stop_price)}
    elif intent.configuration is OrderConfiguration.STOP_LIMIT_GTC:
        assert intent.stop_price is not None
        stop = {"stop_price": plain(intent.stop_price), "stop_direction": "STOP_DIRECTION_STOP_DOWN"}
        variant, terms = "stop_limit_stop_limit_gtc", {**terms, **stop}
    elif intent.configuration is not OrderConfiguration.LIMIT_IOC:
        post_only = intent.configuration is OrderConfiguration.POST_ONLY_GTC
        variant, terms = "limit_limit_gtc", {**terms, "post_only": post_only}
    return {
        "order_id": order_id,
        "client_order_id": intent.client_order_id,
        "product_id": intent.product_id,
        "side": intent.side.value,
        "status": "OPEN",
        "order_configuration": {variant: {**terms, "rfq_disabled": False}},
        "created_time": rfc3339(intent.decided_at).replace("Z", ".123456Z"),
        "filled_size": "0",
        "fee": "",
        "settled": False,
        "originating_order_id": "",
        "attached_order_id": "",
        "attached_order_configuration": None,
        **changes,
    }


def taken(order_id: str = "order-1") -> dict[str, Any]:
    """The answer to an order that was taken, with the echo that must not be believed."""
    return {
        "success": True,
        "success_response": {"order_id": order_id, "product_id": "X-Y", "side": "SELL", "client_order_id": "echo"},
        "order_configuration": {"market_market_ioc": {"quote_size": "1"}},
    }


def refused(**reasons: str) -> dict[str, Any]:
    """The answer to an order that was refused."""
    return {"success": False, "error_response": {"error_details": "", **reasons}, "order_configuration": {}}


def a_page(key: str, rows: list[Any], cursor: str = "", **more: Any) -> dict[str, Any]:
    return {key: rows, "has_next": bool(cursor), "cursor": cursor, **more}
