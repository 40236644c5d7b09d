"""The life of orders: every configuration, its fills and its fees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from factories_venue import SOL, STEP, USD, Bar, a_path, a_product, a_simulation
from trader.model.ids import Asset
from unit.desk.sandbox.conftest import Open
from unit.desk.sandbox.venues import Client, bracket, limit, limit_until, market, stop_limit

DIP = Bar(low=99.0)


def told(order: Any, *names: str) -> tuple[Any, ...]:
    """Some members of an order."""
    return tuple(order[name] for name in names)


def test_success_is_told_in_todays_envelope(client: Client) -> None:
    """No order id at the top, an empty attached id, and an echo that has grown."""
    answer = client.order(limit(), name="mine")

    order_id = answer["success_response"]["order_id"]
    expected = {
        "success": True,
        "success_response": {
            "order_id": order_id,
            "product_id": "SOL-USD",
            "side": "BUY",
            "client_order_id": "mine",
            "attached_order_id": "",
        },
        "order_configuration": {
            "limit_limit_gtc": {"base_size": "2", "limit_price": "99.90", "post_only": True, "rfq_disabled": False}
        },
    }
    assert expected == answer


def test_resting_limit_fills_as_maker(open_venue: Open) -> None:
    """2 at 99.90 cost 199.80 and 1.1988 of fees."""
    client = open_venue(a_path(DIP))

    order_id = client.placed(limit())
    before = client.look(order_id)
    client.pass_bars()
    after = client.look(order_id)

    assert ("OPEN", "200.9988", "0", "0", None, False) == told(
        before, "status", "outstanding_hold_amount", "filled_size", "average_filled_price", "last_fill_time", "settled"
    )
    assert ("FILLED", "2", "199.8", "1.1988", "200.9988", "99.9", "100.00", "1", "0", True) == told(
        after,
        "status",
        "filled_size",
        "filled_value",
        "total_fees",
        "total_value_after_fees",
        "average_filled_price",
        "completion_percentage",
        "number_of_fills",
        "outstanding_hold_amount",
        "settled",
    )
    assert ("GOOD_UNTIL_CANCELLED", "LIMIT", "INVALID_ORDER_TYPE", "", "UNKNOWN_MARGIN_TYPE", "") == told(
        after, "time_in_force", "order_type", "trigger_status", "fee", "margin_type", "leverage"
    )
    (fill,) = client.get("/orders/historical/fills")["fills"]
    assert ("99.9", "2", "1.1988", "MAKER", False, "FILL") == told(
        fill, "price", "size", "commission", "liquidity_indicator", "size_in_quote", "trade_type"
    )
    assert Decimal("9799.0012") == client.money("USD")[0]


def test_limit_that_crosses_takes_and_lets_the_rest_rest(open_venue: Open) -> None:
    """1199.399 are shown at 100.05; the remaining 0.601 stay on the book with their taker's hold."""
    client = open_venue(opening={USD: Decimal(1_000_000)})

    order_id = client.placed(limit("101", "1200", post_only=False))

    assert ("OPEN", "1199.399", "TAKER") == (
        *told(client.look(order_id), "status", "filled_size"),
        client.get("/orders/historical/fills")["fills"][0]["liquidity_indicator"],
    )


@pytest.mark.parametrize(
    ("name", "price", "status", "filled"),
    [
        ("sor_limit_ioc", "101", "CANCELLED", "1199.399"),
        ("sor_limit_ioc", "100", "CANCELLED", "0"),
        ("limit_limit_fok", "101", "CANCELLED", "0"),
    ],
)
def test_immediate_orders_never_rest(open_venue: Open, name: str, price: str, status: str, filled: str) -> None:
    client = open_venue(opening={USD: Decimal(1_000_000)})

    order_id = client.placed({name: {"base_size": "2000", "limit_price": price}})

    assert (status, filled) == told(client.look(order_id), "status", "filled_size")
    assert Decimal(0) == client.money("USD")[1]


def test_fill_or_kill_that_can_be_filled_is(client: Client) -> None:
    order_id = client.placed({"limit_limit_fok": {"base_size": "2", "limit_price": "101"}})

    assert ("FILLED", "FILL_OR_KILL") == told(client.look(order_id), "status", "time_in_force")


def test_good_till_date_expires_by_itself(client: Client) -> None:
    order_id = client.placed(limit_until(2 * STEP))
    client.pass_bars(2)

    assert ("EXPIRED", "GOOD_UNTIL_DATE_TIME") == told(client.look(order_id), "status", "time_in_force")
    assert (Decimal(10_000), Decimal(0)) == client.money("USD")


def test_market_buy_in_quote_costs_exactly_what_was_said(open_venue: Open) -> None:
    """The recorded arithmetic: 6.36 at 0.6 % is 6.3220675944333996 and 0.0379324055666004; the size is in quote."""
    rules = a_simulation(spread_bps=Decimal(0), impact_bps=Decimal(0), taker_fee_ratio=Decimal("0.006"))
    client = open_venue(settings=rules)
    client.venue.set_price("SOL-USD", "21220.63")

    order_id = client.placed(market(quote_size="6.36"))

    order = client.look(order_id)
    assert ("6.3220675944333996", "0.0379324055666004", "6.36", "0.000297920684505", "100") == told(
        order, "filled_value", "total_fees", "total_value_after_fees", "filled_size", "completion_percentage"
    )
    assert ("21220.6399999973697697", True, True, "FILLED") == told(
        order, "average_filled_price", "size_in_quote", "size_inclusive_of_fees", "status"
    )
    (fill,) = client.get("/orders/historical/fills")["fills"]
    assert ("6.3220675944333996", True) == told(fill, "size", "size_in_quote")
    assert Decimal("9993.64") == client.money("USD")[0]


def test_market_sale_pays_its_fee_out_of_the_proceeds(open_venue: Open) -> None:
    """The recorded arithmetic: 10 at 0.392 and 0.8 % leave 3.88864."""
    rules = a_simulation(spread_bps=Decimal(0), impact_bps=Decimal(0), taker_fee_ratio=Decimal("0.008"))
    product = a_product(SOL, price_increment=Decimal("0.0001"), base_increment=Decimal("0.01"))
    client = open_venue(settings=rules, product=product)
    client.venue.set_price("SOL-USD", "0.392")

    order_id = client.placed(market(base_size="10"), "SELL")

    assert ("3.92", "0.03136", "3.88864", "FILLED", "IMMEDIATE_OR_CANCEL", "MARKET") == told(
        client.look(order_id),
        "filled_value",
        "total_fees",
        "total_value_after_fees",
        "status",
        "time_in_force",
        "order_type",
    )


def test_limit_arithmetic_is_the_recorded_one(open_venue: Open) -> None:
    """0.45646728 at 24442.5 and 0.1 %: fees 11.1572014914."""
    rules = a_simulation(maker_fee_ratio=Decimal("0.001"), spread_bps=Decimal(0))
    product = a_product(SOL, base_increment=Decimal("0.00000001"))
    client = open_venue(settings=rules, product=product, opening={USD: Decimal(50_000)})
    client.venue.set_price("SOL-USD", "24500")
    order_id = client.placed(limit("24442.5", "0.45646728"))

    client.venue.set_price("SOL-USD", "24400")

    assert ("11157.2014914", "11.1572014914", "11168.3586928914") == told(
        client.look(order_id), "filled_value", "total_fees", "total_value_after_fees"
    )


def test_market_buy_in_base_pays_on_top(client: Client) -> None:
    """2 at 100.11 and 1.2 % on top."""
    order_id = client.placed(market(base_size="2"))

    assert ("200.22", "2.40264", False) == told(
        client.look(order_id), "filled_value", "total_fees", "size_inclusive_of_fees"
    )


def test_market_order_stops_where_price_protection_says(open_venue: Open) -> None:
    """With no room beyond the touch only what is shown is bought; the rest is cancelled."""
    client = open_venue(opening={USD: Decimal(1_000_000)}, protection_ratio=Decimal(0))

    order_id = client.placed(market(quote_size="500000"))

    order = client.look(order_id)
    assert ("CANCELLED", "119999.8818", "order was cut short by price protection") == told(
        order, "status", "filled_value", "cancel_message"
    )
    assert float(order["completion_percentage"]) < 25


def test_stop_limit_waits_for_its_stop_and_then_takes(open_venue: Open) -> None:
    """95 is reached, the limit of 94 lets it sell just below."""
    client = open_venue(a_path(Bar(), DIP, Bar(low=94.5, close=95.0)))
    order_id = client.placed(stop_limit("95", "94"), "SELL")

    waiting = client.look(order_id)
    client.pass_bars(2)
    held = client.money("SOL")
    client.pass_bars(1)
    done = client.look(order_id)

    assert ("OPEN", "STOP_PENDING", "STOP_LIMIT") == told(waiting, "status", "trigger_status", "order_type")
    assert (Decimal(8), Decimal(2)) == held
    assert ("FILLED", "STOP_TRIGGERED") == told(done, "status", "trigger_status")
    assert 94 < float(done["average_filled_price"]) < 95


def test_stop_limit_whose_limit_is_out_of_reach_rests(open_venue: Open) -> None:
    """A buy stop at 105 with a limit of 105 meets an ask above it."""
    client = open_venue(a_path(Bar(), Bar(high=106.0, close=106.0), Bar(open=106.0, low=104.0)))
    order_id = client.placed(stop_limit("105", "105", up=True))

    client.pass_bars(2)
    triggered = client.look(order_id)
    client.pass_bars(1)

    assert ("OPEN", "STOP_TRIGGERED", "0") == told(triggered, "status", "trigger_status", "filled_size")
    assert ("FILLED", "105") == told(client.look(order_id), "status", "average_filled_price")


@pytest.mark.parametrize(("bar", "price"), [(Bar(low=94.0), "94.9"), (Bar(high=111.0), "110")])
def test_bracket_sells_at_stop_or_target(open_venue: Open, bar: Bar, price: str) -> None:
    client = open_venue(a_path(bar))
    order_id = client.placed(bracket(), "SELL")

    client.pass_bars()

    assert ("FILLED", price, "BRACKET") == told(client.look(order_id), "status", "average_filled_price", "order_type")


def test_attached_bracket_is_born_with_the_fill(open_venue: Open) -> None:
    """The parent knows it from the start; it is an order only once something was bought."""
    client = open_venue(a_path(Bar(low=99.0, volume=15.0), Bar(low=94.0)))
    attached = {"trigger_bracket_gtc": {"limit_price": "110", "stop_trigger_price": "95"}}
    answer = client.order(limit(), attached_order_configuration=attached)
    parent, child = (answer["success_response"][name] for name in ("order_id", "attached_order_id"))

    unborn = client.send("GET", f"/orders/historical/{child}")
    client.pass_bars()
    born = client.look(child)
    client.pass_bars()

    assert 404 == unborn.status_code
    assert (parent, "SELL", "OPEN", "1.5") == (
        born["originating_order_id"],
        born["side"],
        born["status"],
        born["order_configuration"]["trigger_bracket_gtc"]["base_size"],
    )
    assert (child, attached) == told(client.look(parent), "attached_order_id", "attached_order_configuration")
    assert "FILLED" == client.look(child)["status"]


def test_the_other_door_pays_in_its_own_quote(client: Client) -> None:
    client.placed(market(quote_size="100"), product_id="SOL-USDC")

    assert (Decimal(900), Decimal(10_000)) == (client.money("USDC")[0], client.money("USD")[0])


def test_same_client_id_is_answered_with_the_old_order_and_the_new_words(client: Client) -> None:
    """The echo lies; the order read back does not."""
    first = client.order(limit(), name="twice")
    second = client.order(market(base_size="1"), "SELL", name="twice")

    assert first["success_response"]["order_id"] == second["success_response"]["order_id"]
    assert ("SELL", True) == (second["success_response"]["side"], "market_market_ioc" in second["order_configuration"])
    assert "BUY" == client.look(first["success_response"]["order_id"])["side"]
    assert 1 == len(client.venue.orders())


def test_same_client_id_may_also_be_refused(open_venue: Open) -> None:
    client = open_venue(duplicate_id_is_rejected=True)
    client.placed(limit(), name="twice")

    answer = client.order(limit(), name="twice")

    assert (False, "DUPLICATE_CLIENT_ORDER_ID") == (
        answer["success"],
        answer["error_response"]["new_order_failure_reason"],
    )


def test_rejected_order_leaves_its_id_free(client: Client) -> None:
    assert not client.order(limit("100.05"), name="again")["success"]
    assert client.order(limit(), name="again")["success"]


def test_cancellation_answers_a_row_for_each_id(client: Client) -> None:
    """In order: taken, over, never heard of."""
    resting, done = client.placed(limit()), client.placed(market(base_size="1"))
    stranger = "31d8810d-41dc-4321-b734-0a44495294a2"

    rows = client.cancel(resting, done, stranger, resting)

    assert [
        (True, "UNKNOWN_CANCEL_FAILURE_REASON", resting),
        (False, "ORDER_IS_FULLY_FILLED", done),
        (False, "UNKNOWN_CANCEL_ORDER", stranger),
        (False, "UNKNOWN_CANCEL_ORDER", resting),
    ] == [(row["success"], row["failure_reason"], row["order_id"]) for row in rows]
    assert "CANCELLED" == client.look(resting)["status"]


@pytest.mark.parametrize("order_ids", [["x"] * 101, [""], "x", [1]])
def test_cancellation_of_nonsense_is_a_bad_request(client: Client, order_ids: Any) -> None:
    assert 400 == client.send("POST", "/orders/batch_cancel", {"order_ids": order_ids}).status_code


def test_edit_moves_a_working_limit(client: Client) -> None:
    """Total size and price; the hold follows; the history tells."""
    order_id = client.placed(limit())

    answer = client.send("POST", "/orders/edit", {"order_id": order_id, "price": "99.80", "size": "3"}).json()

    assert {"success": True, "errors": []} == answer
    order = client.look(order_id)
    assert ("3", "99.8") == (
        order["order_configuration"]["limit_limit_gtc"]["base_size"],
        order["edit_history"][0]["price"],
    )
    assert Decimal("301.1964") - client.money("USD")[1] < Decimal("0.01")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"price": "99.80"}, "INVALID_EDITED_SIZE"),
        ({"price": "99.801", "size": "2"}, "INVALID_EDITED_PRICE"),
        ({"price": "99.90", "size": "2"}, "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST"),
        ({"price": "99.90", "size": "5", "order_id": "none"}, "ORDER_NOT_FOUND"),
        ({"price": "99.90", "size": "5000"}, "COMMANDER_REJECTED_EDIT_ORDER"),
    ],
)
def test_edit_is_refused_with_a_reason(client: Client, change: dict[str, str], reason: str) -> None:
    order_id = client.placed(limit())

    answer = client.send("POST", "/orders/edit", {"order_id": order_id, **change}).json()

    assert (False, reason) == (answer["success"], answer["errors"][0]["edit_failure_reason"])


def test_too_many_open_orders_fail_late(open_venue: Open) -> None:
    client = open_venue(open_orders_max=1)
    client.placed(limit())

    order_id = client.placed(limit())

    assert ("FAILED", "TOO_MANY_OPEN_ORDERS") == told(client.look(order_id), "status", "reject_reason")


def test_execution_may_be_cut_into_several_fills(open_venue: Open) -> None:
    client = open_venue(slices=3)
    order_id = client.placed({"sor_limit_ioc": {"base_size": "2", "limit_price": "101"}})

    sizes = [fill["size"] for fill in client.get("/orders/historical/fills")["fills"]]

    assert (["0.668", "0.666", "0.666"], "3") == (sizes, client.look(order_id)["number_of_fills"])


def test_wallet_that_does_not_exist_is_not_available(open_venue: Open) -> None:
    client = open_venue(opening={Asset("EUR"): Decimal(100)})

    answer = client.order(limit())

    assert "account is not available" == answer["error_response"]["message"]
