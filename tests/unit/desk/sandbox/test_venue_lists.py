"""Listings: filters, pages, cursors; and answers that lag."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from desk.sandbox.options import Lags
from factories_venue import START, USD, Bar, a_path
from trader.model.ids import Asset
from unit.desk.sandbox.conftest import Open
from unit.desk.sandbox.venues import Client, limit, market

ORDERS = "/orders/historical/batch"
FILLS = "/orders/historical/fills"


def names(page: Any) -> list[str]:
    """Client ids of a page of orders."""
    return [order["client_order_id"] for order in page["orders"]]


def test_orders_come_newest_first_over_pages(client: Client) -> None:
    """The cursor is a number that means nothing to anybody."""
    for name in "abcde":
        client.placed(limit(), name=name)

    pages, cursor = [], ""
    while not pages or cursor:
        page = client.get(ORDERS, limit=2, **({"cursor": cursor} if cursor else {}))
        pages.append(names(page))
        assert page["has_next"] == bool(page["cursor"])
        cursor = page["cursor"]

    assert [["e", "d"], ["c", "b"], ["a"]] == pages
    assert ("0", False) == (page["sequence"], page["proof_token_required"])


def test_no_order_is_an_empty_page(client: Client) -> None:
    expected = {"orders": [], "sequence": "0", "has_next": False, "cursor": "", "proof_token_required": False}

    assert expected == client.get(ORDERS)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"order_status": ["OPEN"]}, ["rest"]),
        ({"order_status": ["FILLED", "CANCELLED"]}, ["other", "taken"]),
        ({"product_ids": ["SOL-USDC", "NONE-USD"]}, ["other"]),
        ({"product_id": "SOL-USDC"}, ["other", "taken", "rest"]),
        ({"order_side": "SELL"}, ["taken"]),
        ({"order_types": ["LIMIT"]}, ["rest"]),
        ({"time_in_forces": ["IMMEDIATE_OR_CANCEL"]}, ["other", "taken"]),
        ({"product_type": "FUTURE"}, []),
        ({"order_placement_source": "RETAIL_SIMPLE"}, []),
        ({"start_date": "2026-11-22T12:05:00Z"}, ["other"]),
        ({"end_date": "2026-11-22T12:05:00Z"}, ["taken", "rest"]),
        ({"sort_by": "LAST_UPDATE_TIME"}, ["other", "taken", "rest"]),
        ({"something_else": "1"}, ["other", "taken", "rest"]),
    ],
    ids=str,
)
def test_orders_are_filtered(client: Client, query: dict[str, Any], found: list[str]) -> None:
    """The singular product_id is no filter, and neither is what nobody knows."""
    client.placed(limit("90"), name="rest")
    client.placed(market(base_size="1"), "SELL", name="taken")
    client.pass_bars()
    client.placed(market(quote_size="10"), name="other", product_id="SOL-USDC")

    assert found == names(client.get(ORDERS, **query))


@pytest.mark.parametrize(
    "query",
    [
        {"order_status": "DONE"},
        {"order_side": "HOLD"},
        {"start_date": "yesterday"},
        {"limit": "many"},
        {"cursor": "nonsense"},
    ],
    ids=str,
)
def test_argument_that_makes_no_sense_is_a_bad_request(client: Client, query: dict[str, str]) -> None:
    assert 400 == client.send("GET", ORDERS, **query).status_code


def test_fills_end_with_an_empty_cursor_only(client: Client) -> None:
    """A page that is not full carries a cursor too."""
    for _ in range(3):
        client.placed(market(base_size="1"), "SELL")

    first = client.get(FILLS, limit=2)
    second = client.get(FILLS, limit=2, cursor=first["cursor"])
    last = client.get(FILLS, limit=2, cursor=second["cursor"])

    assert ([2, 1, 0], "") == ([len(page["fills"]) for page in (first, second, last)], last["cursor"])
    assert {"fills", "cursor"} == set(first)
    assert first["fills"][0]["trade_time"] > second["fills"][0]["trade_time"]


def test_fills_are_filtered(client: Client) -> None:
    order_id = client.placed(market(base_size="1"), "SELL")
    client.placed(market(quote_size="10"), product_id="SOL-USDC")

    def count(**query: Any) -> int:
        return len(client.get(FILLS, **query)["fills"])

    assert (2, 1, 1, 1, 0, 0) == (
        count(),
        count(order_ids=[order_id]),
        count(product_ids=["SOL-USDC"]),
        count(start_sequence_timestamp="2026-11-22T12:00:00Z", order_side="SELL"),
        count(start_sequence_timestamp="2026-11-22T12:00:01Z"),
        count(end_sequence_timestamp="2026-11-22T12:00:00Z"),
    )


def test_fill_time_counts_nanoseconds(client: Client) -> None:
    client.placed(market(base_size="1"), "SELL")

    (fill,) = client.get(FILLS)["fills"]

    assert len("2026-11-22T12:00:00.000000000Z") == len(fill["trade_time"])
    assert 64 == len(fill["entry_id"])


def test_accounts_page_by_the_last_uuid(open_venue: Open) -> None:
    """Fiat is cash, coins have wallets; a vault is another row of the same coin."""
    client = open_venue(vault_rows=True)

    first = client.get("/accounts", limit=3)
    rest = client.get("/accounts", limit=3, cursor=first["cursor"])

    assert (True, first["accounts"][-1]["uuid"], 3) == (first["has_next"], first["cursor"], first["size"])
    assert (False, "", 2) == (rest["has_next"], rest["cursor"], rest["size"])
    rows = [(row["name"], row["type"]) for row in first["accounts"] + rest["accounts"]]
    assert [
        ("Cash (USD)", "ACCOUNT_TYPE_FIAT"),
        ("USDC Wallet", "ACCOUNT_TYPE_CRYPTO"),
        ("USDC Vault", "ACCOUNT_TYPE_VAULT"),
        ("SOL Wallet", "ACCOUNT_TYPE_CRYPTO"),
        ("SOL Vault", "ACCOUNT_TYPE_VAULT"),
    ] == rows
    assert rest["accounts"][0] == client.get(f"/accounts/{rest['accounts'][0]['uuid']}")["account"]
    assert 404 == client.send("GET", "/accounts/nobody").status_code


def test_asset_never_held_has_no_account(open_venue: Open) -> None:
    client = open_venue(opening={USD: Decimal(100)})

    before = [row["currency"] for row in client.get("/accounts")["accounts"]]
    client.placed(market(quote_size="50"))

    assert (["USD"], ["USD", "SOL"]) == (before, [row["currency"] for row in client.get("/accounts")["accounts"]])


# --- lags


def test_order_is_not_found_for_a_while(open_venue: Open) -> None:
    client = open_venue(lags=Lags(order=5))
    order_id = client.placed(limit())

    early = client.send("GET", f"/orders/historical/{order_id}")
    client.pass_seconds(5)

    assert (404, "order with this orderID was not found") == (early.status_code, early.json()["message"])
    assert "OPEN" == client.look(order_id)["status"]


def test_listing_shows_what_was(open_venue: Open) -> None:
    """Created, then filled; each is seen ten seconds later."""
    client = open_venue(lags=Lags(listing=10))
    order_id = client.placed(limit(), name="a")
    seen = [names(client.get(ORDERS))]
    client.pass_seconds(10)
    seen.append(names(client.get(ORDERS)))
    client.cancel(order_id)
    stale = client.get(ORDERS)["orders"][0]["status"]
    client.pass_seconds(10)

    assert [[], ["a"]] == seen
    assert ("OPEN", "CANCELLED") == (stale, client.get(ORDERS)["orders"][0]["status"])


def test_fills_and_balances_lag_behind_the_order(open_venue: Open) -> None:
    client = open_venue(lags=Lags(fills=5, balance=8, settled=3))
    order_id = client.placed(market(base_size="1"), "SELL")

    order = client.look(order_id)
    early = (order["status"], order["settled"], len(client.get(FILLS)["fills"]), client.money("SOL")[0])
    client.pass_seconds(3)
    settled = client.look(order_id)["settled"]
    client.pass_seconds(2)
    filled = (len(client.get(FILLS)["fills"]), client.money("SOL")[0])
    client.pass_seconds(3)

    assert ("FILLED", False, 0, Decimal(10)) == early
    assert (True, (1, Decimal(10)), Decimal(9)) == (settled, filled, client.money("SOL")[0])


def test_lagging_balance_shows_the_hold_late_too(open_venue: Open) -> None:
    client = open_venue(lags=Lags(balance=4))
    client.placed(limit())
    early = client.money("USD")
    client.pass_seconds(4)

    assert ((Decimal(10_000), Decimal(0)), Decimal("200.9988")) == (early, client.money("USD")[1])


def test_pending_order_is_not_open_yet(open_venue: Open) -> None:
    """OPEN does not find it; its hold is there already; a market order executes when its time has come."""
    client = open_venue(lags=Lags(pending=3))
    order_id = client.placed(limit(), name="a")
    taker = client.placed(market(base_size="1"), "SELL")

    pending = (
        client.look(order_id)["status"],
        names(client.get(ORDERS, order_status=["OPEN"])),
        client.money("USD")[1],
    )
    client.pass_seconds(3)

    assert ("PENDING", [], Decimal("200.9988")) == pending
    assert ("OPEN", "FILLED") == (client.look(order_id)["status"], client.look(taker)["status"])


def test_cancellation_takes_its_time_and_loses_to_a_fill(open_venue: Open) -> None:
    """Queued; a second request is a duplicate; what closes before the end of the queue still fills."""
    client = open_venue(a_path(Bar(low=99.0)), lags=Lags(cancel=400))
    filled = client.placed(limit())
    spared = client.placed(limit("95"))

    rows = client.cancel(filled, spared, spared)
    queued = client.look(filled)
    client.pass_seconds(400)

    assert [True, True, False] == [row["success"] for row in rows]
    assert "DUPLICATE_CANCEL_REQUEST" == rows[2]["failure_reason"]
    assert ("CANCEL_QUEUED", True) == (queued["status"], queued["pending_cancel"])
    assert ("FILLED", "CANCELLED") == (client.look(filled)["status"], client.look(spared)["status"])


def test_conversion_runs_for_a_while(open_venue: Open) -> None:
    client = open_venue(lags=Lags(conversion=5))
    trade_id = _quote(client)["id"]
    body = {"from_account": "USD", "to_account": "USDC"}

    started = client.send("POST", f"/convert/trade/{trade_id}", body).json()["trade"]["status"]
    client.pass_seconds(5)

    assert "TRADE_STATUS_STARTED" == started
    assert "TRADE_STATUS_COMPLETED" == client.get(f"/convert/trade/{trade_id}", **body)["trade"]["status"]


# --- the rest of the account


def test_conversion_is_quoted_committed_once_and_found(client: Client) -> None:
    quote = _quote(client)
    body = {"from_account": "USD", "to_account": "USDC"}
    path = f"/convert/trade/{quote['id']}"
    before = client.money("USDC")[0]

    done = client.send("POST", path, body).json()["trade"]
    again = client.send("POST", path, body)

    assert ("TRADE_STATUS_CREATED", Decimal(1000)) == (quote["status"], before)
    assert ("TRADE_STATUS_COMPLETED", "100", "0") == (
        done["status"],
        done["total"]["value"],
        done["total_fee"]["amount"]["value"],
    )
    assert (400, Decimal(1100), Decimal(9900)) == (again.status_code, client.money("USDC")[0], client.money("USD")[0])


@pytest.mark.parametrize(
    "body",
    [
        {"from_account": "USD", "to_account": "SOL", "amount": "1"},
        {"from_account": "USD", "to_account": "USDC", "amount": "20000"},
        {"from_account": "USD", "to_account": "USDC", "amount": "x"},
    ],
)
def test_conversion_that_cannot_be_is_refused(client: Client, body: dict[str, str]) -> None:
    assert 400 == client.send("POST", "/convert/quote", body).status_code


def test_conversion_quote_expires(client: Client) -> None:
    trade_id = _quote(client)["id"]
    client.pass_seconds(601)

    answer = client.send("POST", f"/convert/trade/{trade_id}", {"from_account": "USD", "to_account": "USDC"})

    assert 400 == answer.status_code


def test_two_quotes_are_two_conversions(client: Client) -> None:
    assert _quote(client)["id"] != _quote(client)["id"]


def test_key_permissions_and_fees_are_told(open_venue: Open) -> None:
    client, texts = open_venue(), open_venue(totals_are_text=True)

    permissions = client.get("/key_permissions")
    fees = client.get("/transaction_summary", product_type="SPOT")

    assert (True, True, False) == tuple(permissions[f"can_{word}"] for word in ("view", "trade", "transfer"))
    assert ("0.006", "0.012") == tuple(fees["fee_tier"][f"{side}_fee_rate"] for side in ("maker", "taker"))
    assert (0.0, "0") == (fees["total_volume"], texts.get("/transaction_summary")["total_volume"])


def test_portfolio_and_bank_can_be_looked_at(client: Client) -> None:
    (portfolio,) = client.get("/portfolios")["portfolios"]
    breakdown = client.get(f"/portfolios/{portfolio['uuid']}")["breakdown"]
    (bank,) = client.get("/payment_methods")["payment_methods"]

    assert {"USD", "USDC", "SOL"} == {row["asset"] for row in breakdown["spot_positions"]}
    assert bank == client.get(f"/payment_methods/{bank['id']}")["payment_method"]


def test_prints_fill_what_rests_at_once(client: Client) -> None:
    """A trade below the limit; on the other door too, since it is one book."""
    order_id = client.placed(limit())
    other = client.placed(limit("99.80", "1"), product_id="SOL-USDC")

    client.venue.set_price("SOL-USD", "99.50")

    assert ("FILLED", "FILLED") == (client.look(order_id)["status"], client.look(other)["status"])


def test_deposit_is_there_and_start_is_where_it_was(client: Client) -> None:
    client.venue.deposit("BTC", "2")

    assert (Decimal(2), Decimal(0)) == client.money(Asset("BTC"))
    assert START == int(client.public("/time").json()["epochSeconds"])


def _quote(client: Client) -> Any:
    body = {"from_account": "USD", "to_account": "USDC", "amount": "100"}
    return client.send("POST", "/convert/quote", body).json()["trade"]
