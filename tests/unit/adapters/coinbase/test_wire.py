"""What the venue says, read: values of ours out of payloads of ours, and what is not believed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from factories_venue import a_product, a_taker, an_intent
from trader.adapters.coinbase.wire import account, base, market, orders
from trader.errors import DataError, MissingData, VenueError, VenueProtocol
from trader.model.conversions import ConversionReport, ConversionStatus
from trader.model.ids import Asset, Instant, ProductId, VenueOrderId
from trader.model.market import Balance, Candle, Depth, FeeRates, Quote
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, Liquidity, Side
from unit.adapters.coinbase.stub import a_wire_order, a_wire_product, refused, taken

USD, USDC = Asset("USD"), Asset("USDC")


# --- products


def test_product_is_read_whole() -> None:
    """Every number with its unit, aliases and listing date included; what nobody asked for is ignored."""
    expected = a_product(
        volume_24h=Notional(100500), price=Price("100.5"), listed_at=Instant(1767312000), status="online"
    )

    assert expected == market.read_product(a_wire_product())
    assert ProductId("SOL-USD") == market.read_product(a_wire_product("SOL-USDC", alias="SOL-USD")).alias


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("is_disabled", "is_disabled"),
        ("trading_disabled", "trading_disabled"),
        ("cancel_only", "cancel_only"),
        ("limit_only", "limit_only"),
        ("post_only", "post_only"),
        ("auction_mode", "in_auction"),
        ("view_only", "view_only"),
    ],
)
def test_every_gate_of_a_product_is_read(theirs: str, ours: str) -> None:
    """Accident 14. And one that went missing is not an open one."""
    closed = market.read_product(a_wire_product(**{theirs: True}))

    assert getattr(closed, ours) is True
    assert a_product().trading_restrictions == market.read_product(a_wire_product()).trading_restrictions
    with pytest.raises(VenueProtocol, match=f"^{theirs}: "):
        market.read_product({key: value for key, value in a_wire_product().items() if key != theirs})


@pytest.mark.parametrize("status", ["offline", "delisted", "", None, "something new"])
def test_product_that_is_not_online_is_closed(status: str | None) -> None:
    """Empty is what dead products send."""
    closed = market.read_product(a_wire_product(status=status))

    assert [f"status={status or 'empty'}"] == list(closed.trading_restrictions)


def test_what_a_product_does_not_tell_is_not_made_up() -> None:
    """No price is no price, no volume is none."""
    dead = market.read_product(a_wire_product(price="", approximate_quote_24h_volume=None, new_at=None))

    assert (None, 0, None) == (dead.price, dead.volume_24h, dead.listed_at)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *product(["base_increment", "price_increment", "quote_min_size"], ["", None, "abc", "NaN", True, {}]),
        *product(["base_currency_id", "product_id"], ["", None, 5, {}]),
    ],
)
def test_product_without_a_fact_it_needs_is_refused(key: str, value: Any) -> None:
    """Named by the venue's own word for it, without its content."""
    with pytest.raises(VenueProtocol, match=f"^{key}: "):
        market.read_product({**a_wire_product(), key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *product(["base_increment", "price_increment", "quote_increment"], ["0", "-1", "NaN", "1e30", "abc", "", None]),
        *product(["base_min_size", "quote_max_size"], ["-1", "NaN", "1e30", "abc", "", {}]),
        *product(["price", "approximate_quote_24h_volume"], ["-1", "NaN", "1e30", "abc"]),
    ],
)
def test_numbers_without_sense_leave_the_flags_readable(key: str, value: Any) -> None:
    """Accident 42: what is held there is sold by the numbers of before and the flags of now."""
    with pytest.raises(market.UnfitNumbers) as caught:
        market.read_product(a_wire_product("SOL-USDC", alias="SOL-USD", cancel_only=True, **{key: value}))

    told = {"product_id": "SOL-USDC", "base": "SOL", "quote": "USDC", "alias": "SOL-USD", "cancel_only": True}
    assert told.items() <= caught.value.told.items()
    assert {"status": "online", "view_only": False, "listed_at": 1767312000}.items() <= caught.value.told.items()


def test_flags_that_cannot_be_read_are_not_told() -> None:
    """Whatever is wrong with the numbers besides."""
    with pytest.raises(VenueProtocol, match=r"^view_only: ") as caught:
        market.read_product(a_wire_product(view_only="perhaps", base_increment="0"))

    assert not isinstance(caught.value, market.UnfitNumbers)


@pytest.mark.parametrize("value", ["0.00000001", Decimal("0.00000001"), "1E-8"])
def test_number_is_exact_as_text_and_as_number(value: Any) -> None:
    """However it is written."""
    assert Quantity("0.00000001") == market.read_product(a_wire_product(base_increment=value)).base_increment


def test_binary_fraction_is_no_number() -> None:
    """Whoever decodes a body with floats hears of it."""
    with pytest.raises(VenueProtocol, match="is no exact number"):
        market.read_product(a_wire_product(base_increment=0.1))


# --- books


def a_book(**changes: Any) -> dict[str, Any]:
    levels: dict[str, Any] = {
        "bids": [{"price": "99.90", "size": "10"}, {"price": "99.80", "size": "5"}, {"price": "90", "size": "1000"}],
        "asks": [{"price": "100.10", "size": "2"}, {"price": "100.30", "size": "7"}],
    }
    return {"product_id": "SOL-USD", "time": "2026-11-22T12:00:00.999999999Z", **levels, **changes}


def test_quote_is_the_best_of_both_sides_at_the_books_time() -> None:
    """To the second it lies in."""
    expected = Quote(ProductId("SOL-USD"), Price("99.90"), Price("100.10"), Instant(1795348800))

    assert expected == market.read_quote(a_book())


@pytest.mark.parametrize("side", ["bids", "asks"])
def test_side_without_orders_is_no_quote(side: str) -> None:
    """And no depth."""
    with pytest.raises(MissingData, match=f"^{side}: empty$"):
        market.read_quote(a_book(**{side: []}))
    with pytest.raises(MissingData, match=f"^{side}: empty$"):
        market.read_depth({"pricebook": a_book(**{side: []})}, Decimal(20))


@pytest.mark.parametrize("time", ["", None, "yesterday", "2026-11-22T12:00:00", 5])
def test_quote_without_a_time_is_refused(time: Any) -> None:
    """No timestamp is invented; one without a zone is none."""
    with pytest.raises(VenueProtocol, match=r"^time: "):
        market.read_quote(a_book(time=time))


@pytest.mark.parametrize("price", ["9e999999", "1e19", "1e-19", "1e-999999", "9" * 300])
@pytest.mark.parametrize("side", ["bids", "asks"])
def test_price_that_cannot_be_computed_with_is_that_products_trouble(side: str, price: str) -> None:
    """Comparing bid and ask raised, and no exit of any product was decided in that cycle."""
    row = a_book(**{side: [{"price": price, "size": "1"}]})
    ticker = {"trades": [{"time": "2026-11-22T12:00:01Z"}], "best_bid": "99.9", "best_ask": "100.1"}

    with pytest.raises(VenueProtocol, match=rf"^{side}\.0\.price: "):
        market.read_quote(row)
    with pytest.raises(VenueProtocol, match=rf"^pricebook\.{side}\.0\.price: "):
        market.read_depth({"pricebook": row}, Decimal(20))
    with pytest.raises(VenueProtocol, match=rf"^best_{side[:-1]}: "):
        market.read_ticker({**ticker, f"best_{side[:-1]}": price}, ProductId("SOL-USD"))


def test_size_that_cannot_be_computed_with_is_that_books_trouble() -> None:
    """An order book is read only where somebody wants to buy; no sale beside it has to know."""
    with pytest.raises(VenueProtocol, match=r"^pricebook\.asks\.0\.size: "):
        market.read_depth({"pricebook": a_book(asks=[{"price": "100.1", "size": "9e999999"}])}, Decimal(20))


def test_depth_is_what_rests_within_the_band() -> None:
    """20 bps around 100 reach from 99.80 to 100.20, both included."""
    expected = Depth(ProductId("SOL-USD"), Notional("1498.00"), Notional("200.20"))

    assert expected == market.read_depth({"pricebook": a_book()}, Decimal(20))


def test_ticker_is_as_old_as_its_newest_trade() -> None:
    """The only time in it."""
    trades = [{"time": "2026-11-22T12:00:01Z"}, {"time": "2026-11-22T12:00:02.5Z"}]
    raw = {"trades": trades, "best_bid": "99.9", "best_ask": "100.1"}

    expected = Quote(ProductId("SOL-USD"), Price("99.9"), Price("100.1"), Instant(1795348802))
    assert expected == market.read_ticker(raw, ProductId("SOL-USD"))


@pytest.mark.parametrize("changes", [{"best_bid": ""}, {"best_ask": None}, {"trades": []}], ids=str)
def test_ticker_without_a_side_or_a_trade_is_no_quote(changes: dict[str, Any]) -> None:
    """It is named what is missing."""
    raw = {"trades": [{"time": "2026-11-22T12:00:01Z"}], "best_bid": "99.9", "best_ask": "100.1"}

    with pytest.raises(MissingData, match=f"^{next(iter(changes))}: empty$"):
        market.read_ticker({**raw, **changes}, ProductId("SOL-USD"))


# --- candles, fees, time


def test_candles_are_turned_oldest_first() -> None:
    """As text or as numbers."""
    newer = {"start": "1795348800", "low": "1", "high": "4", "open": "2", "close": "3", "volume": "5"}
    older = {**newer, "start": 1795348500, "volume": Decimal("5.5"), "extra": None}

    expected = [Candle(1795348500, 2.0, 4.0, 1.0, 3.0, 5.5), Candle(1795348800, 2.0, 4.0, 1.0, 3.0, 5.0)]
    assert expected == market.read_candles({"candles": [newer, older]})


@pytest.mark.parametrize(
    "raw", [{}, {"candles": None}, [], {"candles": [{"start": "1"}]}, {"candles": [{"start": ""}]}]
)
def test_candles_that_are_none_are_refused(raw: Any) -> None:
    """An answer without the list is not an empty list."""
    with pytest.raises(VenueProtocol, match=r"^(candles|all of it)"):
        market.read_candles(raw)


def test_fee_rates_are_fractions() -> None:
    """Of the tier; totals may be numbers or text, nobody asks."""
    raw = {"fee_tier": {"maker_fee_rate": "0.0035", "taker_fee_rate": Decimal("0.0075")}, "total_fees": 1}

    assert FeeRates(Decimal("0.0035"), Decimal("0.0075")) == market.read_fee_rates(raw)
    with pytest.raises(VenueProtocol, match=r"fee_tier\.maker_fee_rate"):
        market.read_fee_rates({"fee_tier": {"maker_fee_rate": "", "taker_fee_rate": "0.1"}})


@pytest.mark.parametrize("rate", ["1", "-1", "9e999999"])
def test_fee_rate_of_everything_or_more_is_none(rate: str) -> None:
    """An order's cost is divided by one more than it."""
    with pytest.raises(VenueProtocol, match=r"^fee rates: fee_tier\.taker_fee_rate: "):
        market.read_fee_rates({"fee_tier": {"maker_fee_rate": "0.001", "taker_fee_rate": rate}})


@pytest.mark.parametrize("millis", ["1e400", "-5", "0", "99999999999999999"])
def test_server_time_that_is_no_instant_is_refused(millis: str) -> None:
    """Nothing could be dated by it."""
    with pytest.raises(VenueProtocol, match="is no instant"):
        market.read_server_time({"epochMillis": millis})


def test_server_time_is_exact_to_the_millisecond() -> None:
    """Text, in a spelling of its own."""
    assert Decimal("1790735849.298") == market.read_server_time({"epochMillis": "1790735849298", "iso": "x"})


# --- the account


def a_wallet(currency: str = "USD", available: str = "1", hold: str = "0", **changes: Any) -> dict[str, Any]:
    return {
        "currency": currency,
        "available_balance": {"value": available, "currency": currency},
        "hold": {"value": hold, "currency": currency},
        "type": "ACCOUNT_TYPE_FIAT",
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
        **changes,
    }


def test_wallets_of_one_currency_are_summed() -> None:
    """Available and held apart; old answers name no platform."""
    rows = [a_wallet(available="1.5", hold="0.5"), a_wallet("SOL", "2"), a_wallet(available="2", platform="")]

    expected = {USD: Balance(USD, Decimal("3.5"), Decimal("0.5")), "SOL": Balance(Asset("SOL"), Decimal(2), Decimal(0))}
    assert expected == account.read_balances("GET /accounts", rows)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "ACCOUNT_TYPE_VAULT"},
        {"type": "VAULT"},
        {"type": "ACCOUNT_TYPE_PERP_FUTURES"},
        {"platform": "ACCOUNT_PLATFORM_INTX"},
        {"platform": "ACCOUNT_PLATFORM_CFM_CONSUMER"},
        {"platform": "ACCOUNT_PLATFORM_UNSPECIFIED"},
    ],
)
def test_what_an_order_cannot_spend_is_not_ours_to_count(changes: dict[str, str]) -> None:
    """Not even if it makes no sense otherwise."""
    assert {} == account.read_balances("GET /accounts", [a_wallet(available="", **changes)])


@pytest.mark.parametrize(
    "changes",
    [{"available_balance": None}, {"hold": {"value": ""}}, {"hold": {"value": "1e999999"}}, {"hold": []}],
    ids=str,
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_wallet_that_does_not_tell_spoils_its_own_currency(changes: dict[str, Any], at: int) -> None:
    """Zero is a fact; nothing is not. The other currencies are told, wherever it stands."""
    rows = [a_wallet(), a_wallet("SOL", "2", type="ACCOUNT_TYPE_CRYPTO")]
    rows.insert(at, a_wallet(**changes))

    found = account.read_balances("GET /accounts", rows)

    assert [True, False] == [isinstance(found[Asset(each)], DataError) for each in ("USD", "SOL")]
    assert str(found[Asset("USD")]).startswith("GET /accounts: ")


@pytest.mark.parametrize("row", [None, "text", {}, {"currency": ""}, {"currency": 5, "type": "CRYPTO"}], ids=str)
def test_row_without_a_currency_is_nobodys(row: Any) -> None:
    """Unless there are no others: then the venue speaks another language."""
    assert [USD] == list(account.read_balances("GET /accounts", [row, a_wallet(), row]))

    with pytest.raises(VenueProtocol, match=r"^GET /accounts: accounts: none of 2 rows names a currency$"):
        account.read_balances("GET /accounts", [row, row])


@pytest.mark.parametrize("kind", ["", "ACCOUNT_TYPE_UNSPECIFIED", "ACCOUNT_TYPE_STAKED", "crypto", None])
def test_kind_of_wallet_that_nobody_knows_is_not_spent_from(kind: Any) -> None:
    """Money that cannot be reached would be promised to orders."""
    assert {} == account.read_balances("GET /accounts", [a_wallet(type=kind)])


def test_wallets_name_their_portfolio() -> None:
    """Each once; a row that does not says nothing, nor does one that no order spends from."""
    rows = [a_wallet(retail_portfolio_id=each) for each in ("p", "p", "", None, 5, [])]
    others = [a_wallet(retail_portfolio_id="other", **each) for each in ({"type": "VAULT"}, {"platform": "INTX"})]

    assert {"p"} == account.read_portfolios([*rows, *others, None])


def test_portfolio_that_makes_no_sense_spoils_no_wallet() -> None:
    """Its amounts can be read all the same."""
    assert [USD] == list(account.read_balances("GET /accounts", [a_wallet(retail_portfolio_id=5)]))


def test_permissions_are_all_told() -> None:
    """A flag that is missing is not a permission, and not its absence either."""
    raw = {
        "can_view": True,
        "can_trade": True,
        "can_transfer": False,
        "portfolio_uuid": "p",
        "portfolio_type": "DEFAULT",
    }

    assert raw == vars(account.read_permissions(raw))
    with pytest.raises(VenueProtocol):
        account.read_permissions({"can_view": True, "can_trade": True})


# --- orders


def test_order_is_read_whole() -> None:
    """Size and price from whatever configuration there is."""
    raw = a_wire_order(an_intent(), status="FILLED", filled_size="2", settled=True, attached_order_id="child")

    state = orders.make_status_report(orders.read_order(raw))

    assert (OrderStatus.FILLED, Quantity(2), True, "child", None) == (
        state.status,
        state.filled_quantity,
        state.settled,
        state.attached_order_id,
        state.originating_order_id,
    )
    assert (Quantity(2), Price("99.9"), None) == (state.quantity, state.limit_price, state.stop_price)
    assert an_intent().decided_at == state.created_at


@pytest.mark.parametrize(
    ("terms", "stop"), [({"stop_trigger_price": "95"}, "95"), ({"stop_price": "94"}, "94"), ({"stop_price": ""}, None)]
)
def test_stop_is_found_under_either_name(terms: dict[str, str], stop: str | None) -> None:
    """Brackets call it trigger; members that are not meant are printed as null."""
    raw = a_wire_order(a_taker(), order_configuration={"limit_limit_gtc": None, "x": {"base_size": "1", **terms}})

    state = orders.make_status_report(orders.read_order(raw))
    assert (None if stop is None else Price(stop)) == state.stop_price


@pytest.mark.parametrize("status", [*orders.VENUE_STATUSES])
def test_every_status_of_the_venue_is_known(status: OrderStatus) -> None:
    """By its own name."""
    raw = a_wire_order(a_taker(), status=status.value, filled_size="2")

    assert status is orders.read_order(raw).status


@pytest.mark.parametrize(
    "status", ["HALF_OPEN", "", None, "INTENDED", "WITHHELD", "ABANDONED", "REJECTED", "open", 7, ["OPEN"]]
)
def test_status_nobody_knows_is_unknown_and_not_over(status: Any) -> None:
    """Our own words for states before the venue has it are not the venue's."""
    read = orders.read_order(a_wire_order(a_taker(), status=status)).status

    assert OrderStatus.UNKNOWN_ORDER_STATUS is read
    assert not read.is_final


@pytest.mark.parametrize(
    "changes",
    [
        {"side": "BOTH"},
        {"side": ""},
        {"created_time": ""},
        {"order_id": ""},
        {"product_id": None},
        {"filled_size": "lots"},
        {"status": "FILLED", "filled_size": ""},
    ],
    ids=str,
)
def test_order_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """Half an order is no order."""
    with pytest.raises(VenueProtocol):
        orders.read_order(a_wire_order(a_taker(), **changes))


def test_success_is_told_by_one_word_and_the_id_by_one_place() -> None:
    """Both halves may be printed; the old top-level id is not looked at."""
    both = {
        **taken("new"),
        "order_id": "old",
        "failure_reason": "UNKNOWN_FAILURE_REASON",
        "error_response": {"error": "E"},
    }

    assert orders.Created(VenueOrderId("new")) == orders.read_created(both)


REASONS = [
    (
        refused(error="INSUFFICIENT_FUND", message="m", preview_failure_reason="PREVIEW_INSUFFICIENT_FUND"),
        "INSUFFICIENT_FUND",
    ),
    (refused(error="UNKNOWN_FAILURE_REASON", message="", preview_failure_reason="PREVIEW_STOP"), "STOP"),
    (refused(error="A", new_order_failure_reason="B", preview_failure_reason="PREVIEW_C"), "B"),
    (refused(error="A", new_order_failure_reason="UNKNOWN_FAILURE_REASON", preview_failure_reason="PREVIEW_C"), "C"),
    (refused(error="", message="account is not available"), "account is not available"),
    (refused(error_details="Invalid product_id"), "Invalid product_id"),
    (refused(error="UNKNOWN_FAILURE_REASON", message=""), "UNKNOWN_FAILURE_REASON"),
    ({"success": False, "failure_reason": "OLD_WORD", "error_response": None}, "OLD_WORD"),
    ({"success": False}, "UNKNOWN_FAILURE_REASON"),
    ({**taken(), **refused(error="E")}, "E"),
    (refused(message="x" * 999), "x" * 200),
]


@pytest.mark.parametrize(("raw", "reason"), REASONS, ids=[reason[:30] for _, reason in REASONS])
def test_reason_of_a_refusal_is_the_first_that_says_something(raw: dict[str, Any], reason: str) -> None:
    """Of five places, any of which may be missing."""
    assert orders.Created(None, reason) == orders.read_created(raw)


@pytest.mark.parametrize(
    "raw", [{}, [], None, {"success": "maybe"}, {"success": True}, {"success": True, "success_response": {}}]
)
def test_answer_to_an_order_that_says_neither_is_refused(raw: Any) -> None:
    """Then we do not know."""
    with pytest.raises(VenueProtocol, match="new order"):
        orders.read_created(raw)


def test_cancellations_are_told_one_by_one() -> None:
    """Whatever reason is printed on success."""
    rows = [
        {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": "a"},
        {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": "b"},
    ]

    assert {"a": True, "b": False} == orders.read_cancelled({"results": rows})


def test_preview_tells_what_is_against_it_and_what_it_costs() -> None:
    """No reason is no objection."""
    good = {"errs": [], "warning": ["UNKNOWN"], "order_total": "10.035", "commission_total": "0.035"}
    bad = {"errs": ["PREVIEW_INVALID_ORDER_CONFIG"], "order_total": "", "commission_total": ""}

    assert orders.Preview((), Notional("10.035"), Notional("0.035")) == orders.read_preview(good)
    assert orders.Preview(("INVALID_ORDER_CONFIG",), None, None) == orders.read_preview(bad)


# --- fills


def a_wire_fill(**changes: Any) -> dict[str, Any]:
    return {
        "entry_id": "entry-1",
        "trade_id": "trade-1",
        "order_id": "order-1",
        "trade_time": "2026-11-22T12:00:00.999999999Z",
        "trade_type": "FILL",
        "price": "100",
        "size": "2",
        "commission": "1.2",
        "product_id": "SOL-USD",
        "liquidity_indicator": "MAKER",
        "size_in_quote": False,
        "side": "BUY",
        **changes,
    }


def test_fill_is_read_whole() -> None:
    """Named by its entry, at the second it lies in."""
    expected = Fill(
        trade_id=account.TradeId("entry-1"),
        venue_order_id=VenueOrderId("order-1"),
        product_id=ProductId("SOL-USD"),
        side=Side.BUY,
        price=Price(100),
        quantity=Quantity(2),
        fee=Notional("1.2"),
        time=Instant(1795348800),
        liquidity=Liquidity.MAKER,
    )

    assert expected == account.read_fill(a_wire_fill())


def test_size_in_quote_is_divided_by_the_price() -> None:
    """Accident 4, both ways: the same 200 of quote, told in quote and in base."""
    in_quote = account.read_fill(a_wire_fill(size="200", size_in_quote=True))
    in_base = account.read_fill(a_wire_fill(size="2", size_in_quote=False))

    assert in_quote == in_base
    assert Notional(200) == in_quote.notional


def test_fill_without_an_entry_is_named_by_order_and_trade() -> None:
    """Trade ids alone may meet."""
    assert "order-1|trade-1" == account.read_fill(a_wire_fill(entry_id="")).trade_id
    with pytest.raises(VenueProtocol, match="has no id"):
        account.read_fill(a_wire_fill(entry_id=None, trade_id=""))


@pytest.mark.parametrize("word", ["", None, "UNKNOWN_LIQUIDITY_INDICATOR", "BOTH"])
def test_liquidity_nobody_knows_is_unknown(word: str | None) -> None:
    """The fee is told anyway."""
    assert Liquidity.UNKNOWN is account.read_fill(a_wire_fill(liquidity_indicator=word)).liquidity


@pytest.mark.parametrize("word", ["REVERSAL", "CORRECTION", "SYNTHETIC", "", None])
def test_fill_that_is_not_an_execution_stops_the_reading(word: str | None) -> None:
    """Booking a reversal as a buy is worse than not trading."""
    with pytest.raises(VenueProtocol):
        account.read_fill(a_wire_fill(trade_type=word))


@pytest.mark.parametrize(
    "changes", [{"price": "0"}, {"size": "-1"}, {"size": ""}, {"commission": ""}, {"side": ""}, {"trade_time": "now"}]
)
def test_fill_that_makes_no_sense_is_refused(changes: dict[str, str]) -> None:
    """The ledger is built from these and nothing else."""
    with pytest.raises(VenueProtocol, match="fill"):
        account.read_fill(a_wire_fill(**changes))


# --- conversions


def money(value: str, currency: str) -> dict[str, str]:
    return {"value": value, "currency": currency, "cbrn": ""}


def a_trade(status: str = "TRADE_STATUS_COMPLETED", **parts: Any) -> dict[str, Any]:
    return {"trade": {"id": "c-9", "status": status, **parts}}


@pytest.mark.parametrize(
    ("parts", "received"),
    [
        ({"amount": money("100", "USDC"), "total": money("100", "USD")}, "100"),
        ({"amount": money("100", "USDC"), "total": money("99.5", "USDC")}, "99.5"),
        ({"total": money("100", "USD"), "user_entered_amount": money("100", "USD")}, "100"),
        ({"amount": money("100", "USD"), "total_fee": {"amount": money("0.25", "USD")}}, "99.75"),
        ({"amount": money("100", "USD"), "total_fee": {"amount": None}}, "100"),
    ],
)
def test_done_conversion_tells_what_arrived(parts: dict[str, Any], received: str) -> None:
    """In the target asset, or one to one less the fee; the least of what is told."""
    expected = ConversionReport("c-9", ConversionStatus.COMPLETED, Notional(received))

    assert expected == account.read_conversion(a_trade(**parts), USD, USDC)


def test_done_conversion_that_does_not_tell_is_refused() -> None:
    """No amount is made up."""
    with pytest.raises(VenueProtocol, match="not told"):
        account.read_conversion(a_trade(amount=money("100", "EUR")), USD, USDC)


@pytest.mark.parametrize(
    ("word", "status", "is_begun"),
    [
        ("TRADE_STATUS_CREATED", ConversionStatus.QUOTED, False),
        ("TRADE_STATUS_STARTED", ConversionStatus.QUOTED, True),
        ("TRADE_STATUS_UNSPECIFIED", ConversionStatus.QUOTED, True),
        ("TRADE_STATUS_SOMETHING", ConversionStatus.QUOTED, True),
        ("", ConversionStatus.QUOTED, True),
        ("TRADE_STATUS_CANCELED", ConversionStatus.FAILED, False),
        ("CANCELLED", ConversionStatus.FAILED, False),
    ],
)
def test_conversion_that_is_not_done_received_nothing(word: str, status: ConversionStatus, *, is_begun: bool) -> None:
    """A status nobody knows leaves it open; only a quote that nobody committed ends by itself."""
    report = account.read_conversion(a_trade(word, amount=money("100", "USDC")), USD, USDC)

    assert ConversionReport("c-9", status, Notional(0), is_begun) == report


# --- pages


def test_page_ends_where_the_venue_says_so() -> None:
    """By its flag where there is one, by the cursor where there is none."""
    assert ([1], "c") == base.read_page({"x": [1], "has_next": True, "cursor": "c"}, "x")
    assert ([1], None) == base.read_page({"x": [1], "has_next": False, "cursor": "c"}, "x")
    assert ([1], "c") == base.read_page({"x": [1], "cursor": "c"}, "x")
    assert ([], None) == base.read_page({"x": [], "cursor": ""}, "x")


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"x": None},
        {"x": {}},
        [],
        "",
        {"x": [], "has_next": True, "cursor": ""},
        {"x": [], "proof_token_required": True},
    ],
    ids=str,
)
def test_page_that_is_not_whole_is_refused(raw: Any) -> None:
    """Accident 9: a list that is missing is not an empty list, and a withheld one is not either."""
    with pytest.raises(VenueProtocol):
        base.read_page(raw, "x")


READERS: list[Callable[[Any], Any]] = [
    market.read_product,
    market.read_quote,
    lambda raw: market.read_depth(raw, Decimal(20)),
    lambda raw: market.read_ticker(raw, ProductId("SOL-USD")),
    market.read_candles,
    market.read_fee_rates,
    market.read_server_time,
    lambda raw: account.read_balances("GET /accounts", [raw]),
    account.read_permissions,
    account.read_fill,
    account.read_conversion_id,
    lambda raw: account.read_conversion(raw, USD, USDC),
    orders.read_order,
    orders.read_order_envelope,
    orders.read_created,
    orders.read_cancelled,
    orders.read_preview,
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("raw", [None, [], {}, "text", 5, True, [[]], {"x": 1}], ids=str)
def test_nonsense_is_never_anything_but_a_venue_error(reader: Callable[[Any], Any], raw: Any) -> None:
    """Whatever it is, and its content is not in the message."""
    with pytest.raises(VenueError) as caught:
        reader(raw)

    assert caught.value.__context__ is None
