"""What goes wrong on demand, and what the venue has done by then."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from desk.sandbox import app
from desk.sandbox.faults import Fault, FaultRule, FaultScript
from desk.sandbox.options import RateLimit
from desk.sandbox.traffic import Traffic
from unit.desk.sandbox.conftest import Open
from unit.desk.sandbox.venues import PATIENCE_SECONDS, Client, limit, market

ORDERS = "/orders$"
_FOR_EVER = 10**6


def body(name: str = "x") -> dict[str, Any]:
    """A body of POST /orders."""
    return {"client_order_id": name, "product_id": "SOL-USD", "side": "BUY", "order_configuration": limit()}


def wait_until(condition: Callable[[], bool]) -> None:
    """Give the venue the time it needs."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "says"),
    [
        ("rate_limited_html", 429, "text/html", "<title>Coinbase</title>"),
        ("rate_limited_json", 429, "application/json", '"id":"rate_limit_exceeded"'),
        ("unauthorized", 401, "text/plain", "Unauthorized"),
        ("forbidden", 403, "application/json", "Target Account Not Tradable"),
        ("internal_error", 500, "application/json", '"error":"INTERNAL"'),
        ("bad_gateway", 502, "text/html", "<html>"),
        ("unavailable", 503, "text/html", "<html>"),
        ("not_found", 404, "application/json", "NOT_FOUND"),
        ("rejected_without_reason", 200, "application/json", '"success":false'),
    ],
)
@pytest.mark.parametrize("executed", [False, True])
def test_answer_is_replaced(
    client: Client, fault: str, status: int, content_type: str, says: str, executed: bool
) -> None:
    """Without the order being placed, or with it placed all the same."""
    client.venue.faults.add(fault, "POST", ORDERS, executed=executed)

    answer = client.send("POST", "/orders", body())

    assert (status, True) == (answer.status_code, answer.headers["Content-Type"].startswith(content_type))
    assert says in answer.text
    assert int(executed) == len(client.venue.orders())
    assert 200 == client.send("POST", "/orders", body("y")).status_code


@pytest.mark.parametrize(
    ("fault", "error", "placed"),
    [
        ("timeout_before", requests.ReadTimeout, 0),
        ("timeout_after", requests.ReadTimeout, 1),
        ("reset_before", requests.ConnectionError, 0),
        ("reset_after", requests.ConnectionError, 1),
        ("cut_off", requests.exceptions.ChunkedEncodingError, 1),
    ],
)
def test_connection_fails(client: Client, fault: str, error: type[Exception], placed: int) -> None:
    """The next request of the same session works again."""
    client.venue.faults.add(fault, "POST", ORDERS, seconds=_FOR_EVER)

    with pytest.raises(error):
        client.send("POST", "/orders", body(), timeout=0.1 if error is requests.ReadTimeout else PATIENCE_SECONDS)
    # Who gives up may be ahead of the venue.
    wait_until(lambda: len(client.venue.traffic.log()) == 1)

    assert placed == len(client.venue.orders())
    assert 200 == client.send("GET", "/accounts").status_code


def test_connection_is_closed_after_the_timeout_for_those_who_wait(client: Client) -> None:
    client.venue.faults.add("timeout_before", seconds=0.05)

    with pytest.raises(requests.ConnectionError):
        client.send("GET", "/accounts")


@pytest.mark.parametrize(("fault", "is_empty"), [("truncated", False), ("empty", True)])
def test_body_that_is_no_json(client: Client, fault: str, is_empty: bool) -> None:
    client.venue.faults.add(fault, "GET", "/accounts")

    answer = client.send("GET", "/accounts")

    assert (200, is_empty) == (answer.status_code, not answer.content)
    with pytest.raises(ValueError, match=r"."):
        json.loads(answer.content)


def test_members_nobody_knows_and_keys_nobody_expects(client: Client) -> None:
    order_id = client.placed(limit())
    client.venue.faults.add("unknown_enums", "GET", "/orders/historical/")
    client.venue.faults.add("extra_keys", "GET", "/orders/historical/")

    strange, grown = client.look(order_id), client.look(order_id)

    assert ("SOMETHING_NEW", "SOMETHING_NEW") == (strange["status"], strange["order_type"])
    assert {"nested": ["text", 1, None]} == grown["a_member_of_next_year"]


def test_totals_may_come_as_numbers(client: Client) -> None:
    order_id = client.placed(market(base_size="1"))
    client.venue.faults.add("numbers_for_text", "GET", "/orders/historical/")

    assert isinstance(client.look(order_id)["total_fees"], float)


def test_history_may_be_withheld(client: Client) -> None:
    client.placed(limit())
    client.venue.faults.add("proof_token_required", "GET", "/orders/historical/batch")

    page = client.get("/orders/historical/batch")

    assert ([], True) == (page["orders"], page["proof_token_required"])


def test_slow_answer_comes_in_the_end(client: Client) -> None:
    client.venue.faults.add("slow", "GET", "/accounts", seconds=0.05)
    began = time.monotonic()

    answer = client.send("GET", "/accounts")

    assert (200, True) == (answer.status_code, time.monotonic() - began >= 0.05)


def test_retry_after_is_sent_if_asked_for(client: Client) -> None:
    client.venue.faults.add("rate_limited_json", retry_after=7)

    assert "7" == client.send("GET", "/accounts").headers["Retry-After"]


# --- fates


@pytest.mark.parametrize(
    ("fault", "status", "filled"),
    [
        ("accepted_then_failed", "FAILED", "0"),
        ("partial_then_cancelled", "CANCELLED", "1"),
        ("post_only_race", "CANCELLED", "0"),
    ],
)
def test_order_is_accepted_and_then_something_else_happens(
    client: Client, fault: str, status: str, filled: str
) -> None:
    client.venue.faults.add(fault, "POST", ORDERS)

    order = client.look(client.placed(limit()))

    assert (status, filled) == (order["status"], order["filled_size"])
    assert (0, "0") == (client.money("USD")[1], order["outstanding_hold_amount"])
    assert (order["reject_message"] or order["cancel_message"]) != ""


def test_cancellation_is_taken_and_the_order_fills(client: Client) -> None:
    order_id = client.placed(limit())
    client.venue.faults.add("cancel_fill_race", "POST", "/orders/batch_cancel")

    (row,) = client.cancel(order_id)

    assert (True, "FILLED") == (row["success"], client.look(order_id)["status"])


# --- the script


def test_rules_count_what_they_match() -> None:
    """The second order, every third GET, twice at most, and what begins with a path."""
    script = FaultScript()
    second = script.add("unavailable", "POST", ORDERS, nth=2)
    thirds = script.add("unauthorized", "GET", "/accounts", every=3, count=2)

    posts = [script.pick("POST", "/api/v3/brokerage/orders") for _ in range(4)]
    previews = script.pick("POST", "/api/v3/brokerage/orders/preview")
    gets = [script.pick("GET", "/api/v3/brokerage/accounts/x") is not None for _ in range(10)]

    assert [None, second, None, None] == posts
    assert previews is None
    assert [False, False, True, False, False, True, False, False, False, False] == gets
    assert (2, 2) == (thirds.fired, thirds.count)
    script.clear()
    assert () == script.rules()


def test_rule_without_end_goes_on() -> None:
    rule = FaultRule(Fault.SLOW, count=0)

    assert all(rule.hits("GET", "/x") for _ in range(5))


@pytest.mark.parametrize(
    "row", [{"fault": "unheard_of"}, {"fault": "slow", "seconds": "long"}, {"fault": "slow", "x": 1}]
)
def test_rule_that_makes_no_sense_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        FaultScript().add_row(row)


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_has_its_place(client: Client, fault: Fault) -> None:
    """Whatever the fault, the venue itself does not break, and there is at most one order."""
    client.venue.faults.add(fault, "POST", ORDERS, seconds=0.01)

    try:
        client.send("POST", "/orders", body())
    except requests.RequestException:
        assert fault in {
            Fault.TIMEOUT_BEFORE,
            Fault.TIMEOUT_AFTER,
            Fault.RESET_BEFORE,
            Fault.RESET_AFTER,
            Fault.CUT_OFF,
        }
    client.send("POST", "/orders", body())

    assert 1 == len(client.venue.orders())


# --- traffic


def test_requests_are_counted_by_class(client: Client) -> None:
    client.get("/accounts")
    client.get("/orders/historical/fills")
    client.public("/time")
    client.public("/market/products/SOL-USD")

    assert {"public": 2, "private": 1, "fills": 1} == client.venue.traffic.totals()
    assert 1 <= client.venue.traffic.highest()["public"] <= 2
    last = client.venue.traffic.log()[-1]
    assert ("GET", "/api/v3/brokerage/market/products/SOL-USD", "public", 200) == (
        last.method,
        last.path,
        last.kind,
        last.status,
    )


def test_more_than_the_limit_is_throttled(open_venue: Open) -> None:
    """Two at once; private answers tell what is left, public ones tell nothing."""
    client = open_venue(rate_limits={"private": RateLimit(0.001, 2), "public": RateLimit(0.001, 1)})

    answers = [client.send("GET", "/accounts") for _ in range(3)]
    public = [client.public("/time") for _ in range(2)]

    assert [200, 200, 429] == [answer.status_code for answer in answers]
    assert ["1", "0", "0"] == [answer.headers["x-ratelimit-remaining"] for answer in answers]
    assert [200, 429] == [answer.status_code for answer in public]
    assert "x-ratelimit-limit" not in public[0].headers


def test_counter_forgets_on_request() -> None:
    traffic = Traffic({})
    traffic.count("private")
    traffic.reset()

    assert ({"public": 0, "private": 0, "fills": 0}, ()) == (traffic.highest(), traffic.log())


def test_answers_are_delayed_side_by_side(open_venue: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of ten requests waits its time while the other nine wait theirs."""
    together, waits = threading.Barrier(10, timeout=PATIENCE_SECONDS), list[float]()
    client = open_venue(delay_seconds=0.15)

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        together.wait()

    monkeypatch.setattr(app, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))

    threads = [
        threading.Thread(target=lambda: requests.get(client.server.url + "/v2/currencies", timeout=PATIENCE_SECONDS))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [0.15] * 10 == waits
    assert not together.broken
    assert 10 == client.venue.traffic.totals()["public"]


def test_delay_is_real(open_venue: Open) -> None:
    """Nothing comes back before it is over."""
    client = open_venue(delay_seconds=0.05)
    began = time.monotonic()

    client.public("/time")

    assert time.monotonic() - began >= 0.05


def test_connection_is_kept(client: Client) -> None:
    """One socket serves a session; a body on a GET does not disturb it."""
    for _ in range(3):
        client.send("GET", "/accounts", {})

    pools = client.session.get_adapter(client.server.url).poolmanager.pools  # type: ignore[attr-defined]
    (pool,) = [pools[key] for key in pools.keys()]  # noqa: SIM118 - no mapping
    assert (1, 3) == (pool.num_connections, pool.num_requests)
