"""The key is revoked at the venue while the function runs, and replaced, put wrong and put right where it is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from desk.cost.aws_calls import Recording, record_calls
from desk.sandbox.auth import Algorithm, ApiKey, make_key
from desk.sandbox.faults import FaultRule, FaultScript
from integration.conftest import World, a_tick
from integration.test_calls import cheap
from trader.entry.lambda_handler import CycleAborted
from trader.errors import ConfigError

LIVE = "LIVE#main"
ORDERS = "/api/v3/brokerage/orders"


@pytest.fixture
def recording() -> Any:
    """Stands before the world does, so that its clients are heard."""
    with record_calls() as made:
        yield made


@pytest.fixture
def buying(world: World) -> World:
    """LIVE on a market where the first tick buys."""
    world.mode("LIVE", confirmed="yes")
    return world


@pytest.fixture
def live(buying: World) -> World:
    """LIVE with few products, none of which is bought."""
    cheap(buying)
    return buying


def store(world: World, text: str) -> None:
    world.secrets.put_secret_value(SecretId="api-key", SecretString=text)


def revoke(world: World) -> None:
    for name in list(world.venue.venue.keys):
        world.venue.venue.revoke_key(name)


def succeed(world: World, algorithm: Algorithm = Algorithm.EDDSA, **changes: Any) -> ApiKey:
    """Make a key, and store its file as it is downloaded."""
    new = world.venue.venue.add_key(replace(make_key(algorithm), **changes))
    store(world, json.dumps(new.file()))
    return new


class Before(FaultScript):
    """Does something once, right before the venue looks at a request."""

    def __init__(self, method: str, path: str, then: Any) -> None:
        super().__init__()
        self._wanted, self._then, self.is_done = (method, path), then, False

    def pick(self, method: str, path: str) -> FaultRule | None:
        if (method, path) == self._wanted and not self.is_done:
            self.is_done = True
            self._then()
        return super().pick(method, path)


def statuses(world: World, method: str, path: str) -> list[int]:
    log = world.venue.venue.traffic.log()
    return [seen.status for seen in log if (seen.method, seen.path) == (method, path)]


def reads(recording: Recording) -> int:
    return sum(call.name == "secretsmanager:GetSecretValue" for call in recording.calls)


@pytest.mark.parametrize("is_warm", [True, False], ids=["warm", "cold"])
def test_revoking_the_old_key_first_costs_no_cycle(recording: Recording, live: World, is_warm: bool) -> None:
    """The very next tick goes on with what was downloaded, and one read of the secret is all it takes."""
    live.invoke(a_tick(seconds_ago=3))
    revoke(live)
    succeed(live)
    if not is_warm:
        live.mode("LIVE", confirmed="yes")

    with recording.listening():
        summary = live.invoke(a_tick(seconds_ago=2))
        again = live.invoke(a_tick())

    assert ("COMPLETED", "COMPLETED", 1) == (summary["outcome"], again["outcome"], reads(recording))


def test_order_that_meets_the_revocation_is_sent_once_more_and_is_one(buying: World) -> None:
    """The key changes right before the first order arrives: the order is taken under the new one, with its own id."""

    def rotate() -> None:
        revoke(buying)
        succeed(buying)

    buying.venue.venue.faults = Before("POST", ORDERS, rotate)
    summary = buying.invoke(a_tick())

    sent = [each.core.client_order_id for each in buying.venue.venue.orders() if each.core.parent is None]
    posted = statuses(buying, "POST", ORDERS)
    assert ("COMPLETED", len(sent)) == (summary["outcome"], summary["orders_sent"])
    assert 401 == posted[0]
    assert [200] * len(sent) == posted[1:]
    assert len(set(sent)) == len(sent) > 0
    assert set(sent) <= set(buying.ledger(LIVE)["orders"])


def test_key_of_another_portfolio_takes_over_in_the_middle_of_nothing(buying: World) -> None:
    """43: between reading the account and sending an order it is not taken; nothing arrives at the venue."""

    def rotate() -> None:
        revoke(buying)
        succeed(buying, portfolio="another-portfolio")

    buying.venue.venue.faults = Before("POST", ORDERS, rotate)
    buying.invoke(a_tick(seconds_ago=2))
    with pytest.raises(CycleAborted, match="another-portfolio"):
        buying.invoke(a_tick())

    assert [] == buying.venue.venue.orders()
    assert {401} == set(statuses(buying, "POST", ORDERS))


def test_revoked_key_without_a_successor_rings_and_says_what_to_do(
    recording: Recording, live: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """One read of the secret in each invocation; when it is put right, the same process goes on."""
    live.invoke(a_tick(seconds_ago=4))
    old = live.venue.key
    revoke(live)

    with recording.listening(), pytest.raises(CycleAborted) as caught:
        live.invoke(a_tick(seconds_ago=3))
    stuck = reads(recording)
    succeed(live, Algorithm.ES256)
    summary = live.invoke(a_tick())

    told = "HTTP 401: Unauthorized; secret api-key holds the key that was refused; if it was revoked, put its successor"
    assert told in str(caught.value)
    assert (1, "COMPLETED") == (stuck, summary["outcome"])
    said = capsys.readouterr().out + json.dumps(live.audit()) + json.dumps(live.ledger(LIVE))
    keys = (old, live.venue.key)
    assert [] == [key.name for key in keys if key.name in said]
    assert [] == [line for key in keys for line in key.secret.splitlines() if line in said]


def test_key_that_is_refused_for_quotes_alone_is_named_as_well(live: World) -> None:
    """The cycle abstains for want of quotes; what that comes of has to be said, and rings."""
    live.invoke(a_tick(seconds_ago=3))
    live.venue.venue.faults = Before("GET", "/api/v3/brokerage/best_bid_ask", lambda: revoke(live))

    with pytest.raises(CycleAborted, match=r"too much market data is missing .* HTTP 401: .* put its successor there"):
        live.invoke(a_tick(seconds_ago=2))
    succeed(live)

    assert "COMPLETED" == live.invoke(a_tick())["outcome"]


WRONG = {
    "empty": " ",
    "prose": "planted-secret",
    "half": '{"name": "planted-secret"}',
    "no key": '{"name": "planted-name", "privateKey": "planted-secret"}',
}


@pytest.mark.parametrize("way", WRONG)
def test_process_that_could_not_start_for_its_secret_starts_when_it_is_put_right(live: World, way: str) -> None:
    """Each invocation reads it again; each failure is one line that names it and quotes nothing."""
    good = json.dumps(live.venue.key.file())
    store(live, WRONG[way])

    with pytest.raises(ConfigError) as caught:
        live.invoke(a_tick(seconds_ago=2))
    store(live, "\ufeff" + good + "\n")
    summary = live.invoke(a_tick())

    assert (1, "COMPLETED") == (len(caught.value.problems), summary["outcome"])
    assert str(caught.value).startswith("secret api-key: ")
    assert "planted" not in str(caught.value)


def test_key_of_another_portfolio_is_replaced_without_a_new_process(live: World) -> None:
    """The venue takes it, so nothing is refused; the next invocation reads the secret all the same."""
    live.invoke(a_tick(seconds_ago=4))
    good = json.dumps(live.venue.key.file())
    succeed(live, portfolio="another-portfolio")
    live.mode("LIVE", confirmed="yes")
    with pytest.raises(CycleAborted, match="the key is for another-portfolio"):
        live.invoke(a_tick(seconds_ago=3))

    store(live, good)

    assert "COMPLETED" == live.invoke(a_tick())["outcome"]


def test_no_books_are_opened_with_a_key_that_is_refused(live: World) -> None:
    """A person has to be told at once; when the key is right, the first tick opens them."""
    revoke(live)
    with pytest.raises(CycleAborted, match=r"no books are opened .* HTTP 401"):
        live.invoke(a_tick(seconds_ago=2))

    succeed(live)

    assert "COMPLETED" == live.invoke(a_tick())["outcome"]
