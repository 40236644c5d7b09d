"""A venue on a socket for tests, and a client that speaks to it with as little help as possible."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from desk.in_memory import ManualClock
from desk.sandbox.auth import ApiKey
from desk.sandbox.market import PriceSource
from desk.sandbox.options import VenueOptions
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from factories_venue import SOL, SOL_USDC, START, STEP, USD, USDC, Bar, a_path, a_product, a_simulation
from trader.model.ids import Asset
from trader.model.market import Candle, Granularity, Product

API = "/api/v3/brokerage"

#: For an answer that comes, however busy this machine is.
PATIENCE_SECONDS = 30.0

RICH: Mapping[Asset, Decimal] = {USD: Decimal(10_000), USDC: Decimal(1_000), Asset("SOL"): Decimal(10)}


def a_venue(
    path: list[Candle] | None = None,
    *,
    opening: Mapping[Asset, Decimal] = RICH,
    product: Product | None = None,
    settings: Any = None,
    **options: Any,
) -> Venue:
    """SOL at 100 (99.95 / 100.05), maker 0.6 %, taker 1.2 %, and its USDC twin; the clock stands at START."""
    main = a_product() if product is None else product
    twin = a_product(SOL_USDC, alias=SOL)
    series = {(SOL, Granularity.FIVE_MINUTE): a_path(Bar()) if path is None else path}
    return Venue(
        PriceSource([main, twin], series),
        ManualClock(START),
        settings=settings or a_simulation(),
        opening=opening,
        options=VenueOptions(**options),
    )


class Client:
    """Signs, sends, and hands the response back whatever it is."""

    def __init__(self, server: VenueServer) -> None:
        self.server = server
        self.venue = server.venue
        self.session = requests.Session()
        self.session.trust_env = False
        self._names = 0

    def token(self, method: str, path: str, key: ApiKey | None = None, **changes: Any) -> str:
        """A token as the official client makes it; a change of None leaves a claim out."""
        signer = key or self.server.key
        now = int(time.time())
        claims = {
            "sub": signer.name,
            "iss": "cdp",
            "nbf": now,
            "exp": now + 120,
            "uri": f"{method} api.coinbase.com{path}",
        }
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        secret: Any = signer.secret
        if signer.algorithm == "EdDSA":
            secret = Ed25519PrivateKey.from_private_bytes(base64.b64decode(signer.secret)[:32])
        return jwt.encode(claims, secret, algorithm=signer.algorithm, headers={"kid": signer.name, "nonce": "n"})

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE_SECONDS,
        **query: Any,
    ) -> requests.Response:
        """Send one signed request to a path below the API's root."""
        full = path if path.startswith("/v2") else API + path
        bearer = self.token(method, full) if token is None else token
        return self.session.request(
            method,
            self.server.url + full,
            params=query,
            json=body,
            headers={"Authorization": f"Bearer {bearer}", **(headers or {})},
            timeout=timeout,
        )

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET."""
        return self.send("GET", path, **query).json()

    def public(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> requests.Response:
        """A GET without any token."""
        return self.session.get(self.server.url + API + path, params=query, headers=headers, timeout=PATIENCE_SECONDS)

    def order(self, configuration: Mapping[str, Any], side: str = "BUY", name: str = "", **more: Any) -> Any:
        """The JSON of POST /orders."""
        self._names += 1
        body = {
            "client_order_id": name or f"order-{self._names}",
            "product_id": "SOL-USD",
            "side": side,
            "order_configuration": configuration,
            **more,
        }
        return self.send("POST", "/orders", body).json()

    def placed(self, configuration: Mapping[str, Any], side: str = "BUY", name: str = "", **more: Any) -> str:
        """The id of an order that must have been taken."""
        answer = self.order(configuration, side, name, **more)
        assert answer["success"], answer
        return str(answer["success_response"]["order_id"])

    def look(self, order_id: str) -> Any:
        """One order as it is told now."""
        return self.get(f"/orders/historical/{order_id}")["order"]

    def cancel(self, *order_ids: str) -> Any:
        """The rows of a cancellation."""
        return self.send("POST", "/orders/batch_cancel", {"order_ids": list(order_ids)}).json()["results"]

    def money(self, asset: str) -> tuple[Decimal, Decimal]:
        """What is free and what is held."""
        for row in self.get("/accounts", limit=250)["accounts"]:
            if row["currency"] == asset:
                return Decimal(row["available_balance"]["value"]), Decimal(row["hold"]["value"])
        return Decimal(0), Decimal(0)

    def pass_bars(self, count: int = 1) -> None:
        """Let bars close."""
        self.pass_seconds(count * STEP)

    def pass_seconds(self, seconds: int) -> None:
        """Move the venue's clock."""
        clock = self.venue.time.clock
        assert isinstance(clock, ManualClock)
        clock.advance(seconds)


def limit(price: str = "99.90", size: str = "2", *, post_only: bool = True) -> dict[str, Any]:
    """A good-till-cancelled limit."""
    return {"limit_limit_gtc": {"base_size": size, "limit_price": price, "post_only": post_only}}


def limit_until(seconds: int, price: str = "99.90", size: str = "2") -> dict[str, Any]:
    """A post-only limit that ends that many seconds after START."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + seconds))
    return {"limit_limit_gtd": {"base_size": size, "limit_price": price, "end_time": end, "post_only": True}}


def market(**size: str) -> dict[str, Any]:
    """A market order by quote_size or base_size."""
    return {"market_market_ioc": size}


def bracket(target: str = "110", stop: str = "95", size: str = "2") -> dict[str, Any]:
    """A bracket that protects."""
    return {"trigger_bracket_gtc": {"base_size": size, "limit_price": target, "stop_trigger_price": stop}}


def stop_limit(stop: str, price: str, *, up: bool = False, size: str = "2") -> dict[str, Any]:
    """A stop-limit order."""
    direction = f"STOP_DIRECTION_STOP_{'UP' if up else 'DOWN'}"
    part = {"base_size": size, "limit_price": price, "stop_price": stop, "stop_direction": direction}
    return {"stop_limit_stop_limit_gtc": part}
