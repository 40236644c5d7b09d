"""A key that was revoked before its successor was known to us: whoever is refused goes on with the new one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from desk.sandbox.auth import VIEW_AND_TRADE, Algorithm, ApiKey, Permission, make_key
from desk.sandbox.server import VenueServer
from factories_venue import an_intent
from trader.adapters.coinbase.adapter import CoinbaseExchange, open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.http import Call
from trader.adapters.coinbase.limits import Timing
from trader.adapters.coinbase.renewal import RenewableKey
from trader.errors import ConfigError, StoreUnavailable, TraderError, VenueAuth
from trader.model.ids import Instant
from trader.model.money import Price, Quantity, floor_to
from trader.model.orders import Accepted, Unknown
from trader.ports import TimeBudget
from unit.adapters.coinbase.stub import FAST

ROOT = "/api/v3/brokerage"
ACCOUNTS = Call("GET", "/accounts")


def credentials_of(key: ApiKey) -> Credentials:
    return Credentials.from_json(json.dumps(key.file()), "secret api-key")


class Store:
    """What is stored, asked for as often as it may be; an error is raised."""

    def __init__(self, found: Credentials | TraderError) -> None:
        self.found = found
        self.reads, self.reads_max, self.trouble = 0, 1, ""

    def reread(self) -> Credentials | None:
        if self.reads == self.reads_max:
            return None
        self.reads += 1
        if isinstance(self.found, TraderError):
            raise self.found
        return self.found


class Rotation:
    """A venue, the key it knows, and an exchange that was opened with it."""

    def __init__(self, server: VenueServer, opening: ApiKey | None = None) -> None:
        self.server, self.venue = server, server.venue
        self.old = server.venue.add_key(opening) if opening is not None else server.key
        self.store = Store(credentials_of(self.old))
        self.waits: list[float] = []
        self.budget = TimeBudget()
        self.exchange: CoinbaseExchange = open_exchange(
            credentials_of(self.old),
            server.url,
            limits=FAST,
            timing=Timing(sleep=self.waits.append),
            budget=self.budget,
            source=self.store,
        )

    def revoke(self) -> None:
        self.venue.revoke_key(self.old.name)

    def rotate(self, algorithm: Algorithm = Algorithm.ES256, **changes: Any) -> ApiKey:
        """Revoke the old key first; then make its successor and store it."""
        self.revoke()
        new = self.venue.add_key(replace(make_key(algorithm), **changes))
        self.store.found = credentials_of(new)
        return new

    def answers(self, method: str, path: str) -> list[int]:
        log = self.venue.traffic.log()
        return [seen.status for seen in log if (seen.method, seen.path) == (method, ROOT + path)]


@pytest.fixture
def rotation() -> Iterator[Rotation]:
    with VenueServer() as server:
        made = Rotation(server)
        yield made
        made.exchange.close()


def an_order(rotation: Rotation) -> Any:
    touch, product = rotation.venue.market.touch("SOL-USD"), rotation.venue.market.product("SOL-USD")
    assert touch is not None
    assert product is not None
    now = Instant(rotation.venue.time.now())
    price = Price(floor_to(touch.bid * Decimal("0.99"), product.price_increment))
    return an_intent(quantity=Quantity("0.1"), limit_price=price, decided_at=now, expires_at=Instant(now + 600))


@pytest.mark.parametrize("old", Algorithm)
@pytest.mark.parametrize("new", Algorithm)
def test_read_goes_on_with_the_stored_key_in_the_same_request(old: Algorithm, new: Algorithm) -> None:
    """The old one is refused once, without a pause; from then on nobody asks for the key again."""
    with VenueServer() as server:
        rotation = Rotation(server, make_key(old))
        rotation.rotate(new)

        rotation.exchange.balances()
        rotation.exchange.balances()
        rotation.exchange.close()

    assert [401, 200, 200] == rotation.answers("GET", "/accounts")
    assert (1, [200]) == (rotation.store.reads, rotation.answers("GET", "/key_permissions"))
    assert [] == [wait for wait in rotation.waits if wait > 0.01]


def test_order_is_sent_again_byte_for_byte_and_is_one_order(rotation: Rotation) -> None:
    """What was refused with 401 was never taken."""
    bodies, encode = [], rotation.exchange._transport._session.request
    rotation.exchange.self_test()
    rotation.rotate()

    def hear(method: str, url: str, **options: Any) -> Any:
        bodies.append((method, url.rpartition("brokerage")[2], options["data"]))
        return encode(method, url, **options)

    rotation.exchange._transport._session.request = hear  # type: ignore[method-assign]
    submission = rotation.exchange.submit(an_order(rotation))

    posted = [body for method, path, body in bodies if (method, path) == ("POST", "/orders")]
    assert isinstance(submission, Accepted)
    assert [401, 200] == rotation.answers("POST", "/orders")
    assert (2, 1) == (len(posted), len(set(posted)))
    assert 1 == len([each for each in rotation.venue.orders() if each.core.parent is None])


def test_many_that_are_refused_at_once_read_the_store_once(rotation: Rotation) -> None:
    """They run in parallel, wait for the one who looks, and all of them go on."""
    rotation.rotate()

    found = rotation.exchange._transport.read_each([ACCOUNTS] * 24)

    assert [] == [each for each in found if isinstance(each, Exception)]
    assert 1 == rotation.store.reads
    assert 24 == rotation.answers("GET", "/accounts").count(200)


def test_listing_that_two_keys_gave_halves_of_is_read_again(rotation: Rotation) -> None:
    """What one key sees says nothing of the other's portfolio."""
    wallets = rotation.exchange._wallets

    def rotate_between() -> tuple[Any, ...]:
        found = wallets()
        if rotation.old.name in rotation.venue.keys:
            rotation.rotate()
        return found

    rotation.exchange._transport.pool._size = 1
    rotation.exchange._wallets = rotate_between  # type: ignore[method-assign]
    rotation.exchange.account(Instant(rotation.venue.time.now() - 60))

    assert [200, 200] == rotation.answers("GET", "/accounts")
    assert [401, 200, 200] == rotation.answers("GET", "/orders/historical/batch")


def test_refused_key_without_a_successor_is_named(rotation: Rotation) -> None:
    """It says what to do; the store was asked once, although the request was repeated."""
    rotation.revoke()

    with pytest.raises(VenueAuth) as caught:
        rotation.exchange.balances()

    told = (
        "GET /accounts: HTTP 401: Unauthorized; secret api-key holds the key that was refused; if it was revoked, put"
    )
    assert str(caught.value).startswith(told)
    assert (1, [401, 401]) == (rotation.store.reads, rotation.answers("GET", "/accounts"))


def test_same_key_written_otherwise_is_the_same_key(rotation: Rotation) -> None:
    """Another spelling of it is no successor."""
    rotation.store.found = Credentials(rotation.old.name, rotation.old.secret.replace("\n", "\\n"), "secret api-key")
    rotation.revoke()

    with pytest.raises(VenueAuth, match="secret api-key holds the key that was refused"):
        rotation.exchange.balances()
    assert [] == rotation.answers("GET", "/key_permissions")


Change = Callable[[Rotation], object]
UNFIT: dict[str, tuple[Change, str]] = {
    "another portfolio": (
        lambda each: each.rotate(portfolio="another-portfolio"),
        "secret api-key holds a key that was not taken: it is for portfolio another-portfolio, and what is traded",
    ),
    "may transfer": (
        lambda each: each.rotate(permissions=VIEW_AND_TRADE | {Permission.TRANSFER}),
        "was not taken: the API key may transfer money",
    ),
    "may only look": (
        lambda each: each.rotate(permissions=frozenset({Permission.VIEW})),
        "was not taken: the API key may not trade",
    ),
    "unknown to the venue": (
        lambda each: each.venue.revoke_key(each.rotate().name),
        "was not taken: GET /key_permissions: HTTP 401",
    ),
}


@pytest.mark.parametrize("way", UNFIT)
def test_successor_that_may_not_take_over_sends_nothing(rotation: Rotation, way: str) -> None:
    """Neither a read nor an order leaves with it; the failure says why, and shows neither key."""
    rotation.exchange.account(None)
    change, told = UNFIT[way]
    change(rotation)
    rotation.store.reads_max = 2

    submission = rotation.exchange.submit(an_order(rotation))
    with pytest.raises(VenueAuth) as caught:
        rotation.exchange.balances()

    assert isinstance(submission, Unknown)
    assert told in submission.reason
    assert told in str(caught.value)
    assert ({401}, []) == (set(rotation.answers("POST", "/orders")), rotation.venue.orders())


@pytest.mark.parametrize(
    "error",
    [ConfigError("secret api-key: holds nothing"), StoreUnavailable("secret api-key: 403")],
    ids=["wrong", "away"],
)
def test_store_that_gives_no_key_is_named(rotation: Rotation, error: TraderError) -> None:
    """The next run reads it again, and goes on when it has been put right."""
    new = rotation.rotate()
    rotation.store.found = error

    with pytest.raises(VenueAuth, match=f"no other key could be read: {error}"):
        rotation.exchange.balances()
    rotation.store.found, rotation.store.reads = credentials_of(new), 0
    rotation.exchange.balances()

    assert 200 == rotation.answers("GET", "/accounts")[-1]


def test_venue_that_refuses_every_token_does_not_turn_round_and_round(rotation: Rotation) -> None:
    """A 401 is sometimes throttling in disguise: then the new key is refused as the old one was."""
    rotation.rotate()
    rotation.venue.faults.add("unauthorized", "GET", "/accounts", count=0)

    with pytest.raises(VenueAuth, match="HTTP 401"):
        rotation.exchange.balances()

    assert (1, 3) == (rotation.store.reads, len(rotation.answers("GET", "/accounts")))


def test_run_without_time_looks_for_no_key(rotation: Rotation) -> None:
    """What is left of it is for those who close the books."""
    rotation.rotate()
    rotation.budget.begin(rotation.exchange._transport.timing.wall() + 4)

    with pytest.raises(VenueAuth):
        rotation.exchange.balances()

    assert 0 == rotation.store.reads


def test_conversion_is_not_committed_twice_for_a_key(rotation: Rotation) -> None:
    """The key is replaced all the same: whatever comes next is asked with the new one."""
    rotation.rotate()
    call = Call("POST", "/convert/trade/1", body=b"{}")

    with pytest.raises(VenueAuth):
        rotation.exchange._transport.send(call, again_on_401=False)
    rotation.exchange.balances()

    assert ([401], [200]) == (rotation.answers("POST", "/convert/trade/1"), rotation.answers("GET", "/accounts"))


def test_old_and_new_and_unfit_keys_are_blanked_out() -> None:
    """What the venue quotes of any of them is gone before anyone reads it."""
    old, new, unfit = (credentials_of(make_key(algorithm)) for algorithm in (*Algorithm, Algorithm.ES256))
    store = Store(unfit)
    store.reads_max = 2

    def try_out(candidate: Credentials) -> None:
        if candidate is unfit:
            raise ConfigError("not this one")

    key = RenewableKey(old, store, try_out)
    renewed = [key.renew(0)]
    store.found = new
    renewed.append(key.renew(0))
    said = key.redact(" ".join(part for each in (old, new, unfit) for part in (each.key_name, each.secret)))

    assert [False, True] == renewed
    assert ["[hidden]"] * 6 == said.split()
