"""What the venue really answered once, as recorded by others: each body is read, and what it says is asserted.

The recordings lie beside the repository and are not part of it; without them these tests are skipped.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from architecture.tree import ROOT
from factories_venue import an_exit, an_intent
from trader.adapters.coinbase.wire import account, base, market, orders
from trader.adapters.coinbase.wire.requests import encode_cancel, encode_order
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, VenueOrderId
from trader.model.market import Balance, Candle, Depth, FeeRates, Quote
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, Liquidity, OrderConfiguration, OrderStatusReport, Side
from trader.model.refusals import REFUSALS, RefusalClass, classify_refusal

FOLDER = ROOT.parent / "shared" / "fixtures" / "coinbase"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings in ../{FOLDER.relative_to(ROOT.parent)}")

BTC = ProductId("BTC-USD")


def recorded(name: str) -> Any:
    """One recording, decoded as the adapter decodes a body."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"), parse_float=Decimal)


def is_read_here(path: Path) -> bool:
    """Whether this file names a recording in a test of it."""
    return f'"{path.stem}"' in Path(__file__).read_text(encoding="utf-8")


def test_every_recording_is_read_by_some_test() -> None:
    """A new one marked REAL in the index has to be asserted here."""
    index = (FOLDER / "INDEX.md").read_text(encoding="utf-8")
    real = re.findall(r"^\| (\S+\.json) \| REAL \|", index, re.MULTILINE)

    assert 30 < len(real)
    assert [] == [name for name in real if not is_read_here(Path(name))]


# --- products


def test_product_recorded_live() -> None:
    """The newest full object, flag by flag open, with keys nobody asked for."""
    product = market.read_product(recorded("fastmm_product_BTC-USD_live_2026-09-30"))

    assert (BTC, "BTC", "USD", None) == (product.product_id, product.base, product.quote, product.alias)
    assert (Quantity("0.00000001"), Price("0.01"), Notional("0.01")) == (
        product.base_increment,
        product.price_increment,
        product.quote_increment,
    )
    assert (Quantity("0.00000001"), Quantity(3400)) == (product.base_size_min, product.base_size_max)
    assert (Notional(1), Notional(150_000_000)) == (product.quote_size_min, product.quote_size_max)
    assert (Price("83306.04"), Notional("385375332.57")) == (product.price, product.volume_24h)
    assert Instant(1672531200) == product.listed_at
    assert () == product.trading_restrictions
    assert (False, False) == (product.limit_only, product.post_only)


def test_product_recorded_with_a_key() -> None:
    """The private route's object of January 2025."""
    product = market.read_product(recorded("cotiq_get_product"))

    assert (BTC, Price("104780.43"), Notional("800313822.5"), ()) == (
        product.product_id,
        product.price,
        product.volume_24h,
        product.trading_restrictions,
    )


def test_alias_product_recorded() -> None:
    """SOL-USDC is another door to SOL-USD, and settles in USDC whatever its display name says."""
    raw = recorded("cotiq_get_products")
    (product,) = map(market.read_product, base.read_rows(raw, "products"))

    assert ("SOL-USDC", "SOL-USD", "USDC") == (product.product_id, product.alias, product.quote)
    assert ("SOL-USD", Quantity(1_274_000), Price("269.12")) == (
        product.canonical_id,
        product.base_size_max,
        product.price,
    )


def test_nine_spot_products_recorded() -> None:
    """Steps, ticks and aliases of each; a maximum may have more digits than the step."""
    rows = base.read_rows(recorded("ccxt_markets_products_spot_2025"), "products")
    products = {product.product_id: product for product in map(market.read_product, rows)}

    assert 9 == len(products)
    assert {"BTC-USDC": "BTC-USD", "XRP-USDC": "XRP-USD"} == {
        key: product.alias for key, product in products.items() if product.alias
    }
    assert {
        "BTC-USD": ("0.00000001", "0.01"),
        "BTC-USDC": ("0.00000001", "0.01"),
        "BTC-USDT": ("0.00000001", "0.01"),
        "ETH-USDT": ("0.00000001", "0.01"),
        "ADA-USDT": ("0.01", "0.0001"),
        "XRP-USDT": ("0.000001", "0.0001"),
        "XRP-USDC": ("0.000001", "0.0001"),
        "DOGE-USDT": ("0.1", "0.0001"),
        "ETH-USD": ("0.00000001", "0.01"),
    } == {key: (format(each.base_increment, "f"), format(each.price_increment, "f")) for key, each in products.items()}
    assert Quantity("11988060.178198761161369") == products[ProductId("XRP-USDT")].base_size_max
    assert Notional("2809244.1843") == products[ProductId("DOGE-USDT")].volume_24h
    assert Instant(1689277680) == products[ProductId("XRP-USDT")].listed_at
    assert all(() == product.trading_restrictions for product in products.values())


# --- market


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ccxt_doc_best_bid_ask", Quote(ProductId("TRAC-EUR"), Price("0.2384"), Price("0.2406"), Instant(1688109324))),
        ("cotiq_get_best_bid_ask", Quote(BTC, Price("101716.47"), Price("101722.02"), Instant(1737440307))),
    ],
)
def test_best_bid_and_ask_recorded(name: str, expected: Quote) -> None:
    """One level a side, and the book's own time."""
    (row,) = base.read_rows(recorded(name), "pricebooks")

    assert expected == market.read_quote(row)


def test_books_recorded() -> None:
    """Levels from the touch outwards; the band cuts them."""
    wide = market.read_depth(recorded("cotiq_get_product_book"), Decimal(20))
    narrow = market.read_depth(recorded("cotiq_get_product_book"), Decimal("0.01"))
    other = market.read_depth(recorded("ccxt_doc_product_book"), Decimal(20))

    bids = Decimal("102240.84") * Decimal("0.0811067") + Decimal("102235.58") * Decimal("0.08262611")
    bids += Decimal("102234.4") * Decimal("0.03249858")
    asks = Decimal("102240.85") * Decimal("0.04385283") + Decimal("102247.39") * Decimal("0.0349621")
    asks += Decimal("102250.33") * Decimal("0.001")
    assert Depth(BTC, Notional(bids), Notional(asks)) == wide
    assert narrow is not None
    assert Decimal("102240.84") * Decimal("0.0811067") == narrow.bid_notional
    assert other is not None
    assert Decimal("30757.85") * Decimal("0.115") == other.bid_notional


def test_candles_recorded() -> None:
    """Newest first on the wire, oldest first here."""
    one = Candle(1673391780, 17417.74, 17417.99, 17414.36, 17417.38, 1.87780853)
    older = Candle(1643500800, 38189.82, 38384.07, 37365.31, 37901.35, 10632.53591257)
    newer = Candle(1643587200, 37904.99, 38785.04, 36640.94, 38491.93, 19654.98487168)

    assert [one] == market.read_candles(recorded("ccxt_doc_candles"))
    assert [older, newer] == market.read_candles(recorded("cotiq_get_product_candles"))


def test_ticker_recorded() -> None:
    """Touch, and the newest of two trades."""
    expected = Quote(BTC, Price("102605.48"), Price("102605.49"), Instant(1737619330))

    assert expected == market.read_ticker(recorded("cotiq_get_product_market_trades"), BTC)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("ccxt_doc_server_time", "1709005034.333"),
        ("cotiq_get_time", "1738308285.753"),
        ("fastmm_time_live_2026-09-30", "1790735849.298"),
    ],
)
def test_server_time_recorded(name: str, seconds: str) -> None:
    """To the millisecond."""
    assert Decimal(seconds) == market.read_server_time(recorded(name))


# --- the account


@pytest.mark.parametrize(
    ("name", "asset", "cursor"),
    [
        ("ccxt_doc_accounts_v3", Asset("USDC"), None),
        ("cotiq_get_accounts", Asset("ETH2"), "ec7b673b-cfba-49bf-a17e-6030b95eb961"),
    ],
)
def test_wallets_recorded(name: str, asset: Asset, cursor: str | None) -> None:
    """Zero is a balance; the second page has a cursor, the last one none."""
    rows, found = base.read_page(recorded(name), "accounts")

    assert cursor == found
    assert {asset: Balance(asset, Decimal(0), Decimal(0))} == account.read_balances("GET /accounts", rows)


@pytest.mark.parametrize(
    ("name", "maker", "taker"),
    [
        ("ccxt_doc_transaction_summary_2023_numbers", "0.004", "0.006"),
        ("ccxt_doc_transaction_summary_adv1_taker080", "0.006", "0.008"),
        ("cotiq_get_transaction_summary", "0.0035", "0.0075"),
    ],
)
def test_fee_rates_recorded(name: str, maker: str, taker: str) -> None:
    """Beside totals that are numbers in one and text in another."""
    assert FeeRates(Decimal(maker), Decimal(taker)) == market.read_fee_rates(recorded(name))


def test_totals_keep_every_digit() -> None:
    """17 of them are more than a binary fraction has."""
    assert Decimal("31.224156296464002") == recorded("cotiq_get_transaction_summary")["total_fees"]


# --- orders


def test_filled_order_recorded() -> None:
    """The complete modern object: a post-only buy in three fills."""
    order = orders.read_order_envelope(recorded("cotiq_get_order_filled"))

    expected = OrderStatusReport(
        venue_order_id=VenueOrderId("a4ab4709-0678-47b8-9151-0c3540b9f6f5"),
        client_order_id=ClientOrderId("9389d8f1-5d49-4e5d-9526-d046bec0fba7"),
        product_id=ProductId("BTC-EUR"),
        side=Side.BUY,
        status=OrderStatus.FILLED,
        filled_quantity=Quantity("0.45646728"),
        created_at=Instant(1692812531),
        settled=True,
        quantity=Quantity("0.45646728"),
        limit_price=Price("24442.5"),
    )
    assert expected == orders.make_status_report(order)
    assert order.terms.post_only is True
    assert order.attached_terms is None


def test_open_order_recorded() -> None:
    """Zeros are text, the fee is empty, and nothing of that is an error."""
    order = orders.read_order_envelope(recorded("ccxt_doc_order_get_limit_open_LTC-BTC"))
    state = orders.make_status_report(order)

    assert (OrderStatus.OPEN, Side.SELL, Quantity(0), False) == (
        state.status,
        state.side,
        state.filled_quantity,
        state.settled,
    )
    assert (Quantity("0.2"), Price("0.006"), Instant(1673912243)) == (
        state.quantity,
        state.limit_price,
        state.created_at,
    )
    assert order.terms.post_only is False


def test_order_sized_in_quote_recorded() -> None:
    """It has no size in base units, and filled more digits than the step allows."""
    rows, cursor = base.read_page(recorded("ccxt_doc_orders_batch_BTC-USDT_market_buy_quote_size"), "orders")
    (state,) = (orders.make_status_report(orders.read_order(row)) for row in rows)

    assert cursor is None
    assert (OrderStatus.FILLED, True, Quantity("0.000297920684505"), None, None) == (
        state.status,
        state.settled,
        state.filled_quantity,
        state.quantity,
        state.limit_price,
    )


@pytest.mark.parametrize(
    ("name", "order_id"),
    [
        ("cotiq_post_create_order_success", "e5ed0e4f-3c86-4bec-818a-707fee427180"),
        ("ccxt_doc_create_order_success_old_shape", "52cfe5e2-0b29-4c19-a245-a6a773de5030"),
        ("issue49_create_order_ioc_success_echo", "REDACTED-4ef9-9587-fc71dee4f912"),
    ],
)
def test_taken_order_recorded(name: str, order_id: str) -> None:
    """Old envelope and new; the third is the answer to a reused id, which looks like any other."""
    assert orders.Created(VenueOrderId(order_id)) == orders.read_created(recorded(name))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cotiq_post_create_order_insufficient_fund", "INSUFFICIENT_FUND"),
        ("other_create_order_insufficient_fund_market_2026-02-16", "INSUFFICIENT_FUND"),
        ("ccxt_doc_create_order_failure_stop_above_last", "STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
        ("ccxt_doc_create_order_failure_unsupported_config", "UNSUPPORTED_ORDER_CONFIGURATION"),
    ],
)
def test_refused_order_recorded(name: str, reason: str) -> None:
    """Each tells its reason in another place."""
    assert orders.Created(None, reason) == orders.read_created(recorded(name))


@pytest.mark.parametrize(
    ("name", "order_id", "was_taken"),
    [
        ("cotiq_post_cancel_order_success", "31d8810d-41dc-4321-b734-0a44495294a2", True),
        ("cotiq_post_cancel_order_fail", "31d8810d-41dc-4321-b734-0a44495294a2", False),
        ("ccxt_doc_batch_cancel_success", "bb8851a3-4fda-4a2c-aa06-9048db0e0f0d", True),
    ],
)
def test_cancellation_recorded(name: str, order_id: str, was_taken: bool) -> None:
    """A success carries a failure reason that means none."""
    assert {order_id: was_taken} == orders.read_cancelled(recorded(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cotiq_post_preview_order_success", ((), "10.035", "0.035")),
        ("cotiq_post_preview_order_insufficient_fund", (("INSUFFICIENT_FUND",), "30.105", "0.105")),
        ("cotiq_post_preview_order_invalid_config", (("INVALID_ORDER_CONFIG",), None, None)),
    ],
)
def test_preview_recorded(name: str, expected: tuple[tuple[str, ...], str | None, str | None]) -> None:
    """A warning UNKNOWN is none; empty numbers are missing ones."""
    reasons, total, commission = expected
    money = [None if text is None else Notional(text) for text in (total, commission)]

    assert orders.Preview(reasons, *money) == orders.read_preview(recorded(name))


def test_fill_sized_in_quote_recorded() -> None:
    """Accident 4: 0.00468 is an amount of USDT, not of bitcoin."""
    rows, cursor = base.read_page(recorded("ccxt_doc_fills_BTC-USDT_size_in_quote"), "fills")
    (fill,) = map(account.read_fill, rows)

    price = Price("21220.64")
    expected = Fill(
        trade_id=account.TradeId("b88b82cc89e326a2778874795102cbafd08dd979a2a7a3c69603fc4c23c2e010"),
        venue_order_id=VenueOrderId("813a53c5-3e39-47bb-863d-2faf685d22d8"),
        product_id=ProductId("BTC-USDT"),
        side=Side.BUY,
        price=price,
        quantity=Quantity(Decimal("0.0046830664333996") / price),
        fee=Notional("0.0000280983986004"),
        time=Instant(1674005858),
        liquidity=Liquidity.UNKNOWN,
    )
    assert cursor is None
    assert expected == fill
    assert fill.notional == pytest.approx(Decimal("0.0046830664333996"))


# --- what we do not use, read by the same rules


def test_edit_recorded() -> None:
    """We never edit; its answer lists two reasons that both mean none, in an object where the docs say a list."""
    raw = recorded("ccxt_doc_edit_order_success")

    assert raw["success"] is True
    assert base.find_first_words(raw["errors"], "edit_failure_reason", "preview_failure_reason") is None


def test_public_frames_recorded() -> None:
    """We use no socket; trades in its frames are those of the ticker."""
    frames = recorded("fastmm_ws_public_frames_live_2026-09-30")
    trades = [event for frame in frames if frame["channel"] == "market_trades" for event in frame["events"]]
    touch = {"best_bid": "83277.25", "best_ask": "83277.26"}

    quotes = [market.read_ticker({**event, **touch}, BTC) for event in trades]

    assert [Instant(1790735993), Instant(1790735992)] == [quote.time for quote in quotes if quote is not None]
    assert [1790735993, 1790735993] == [base.parse_instant(frame["timestamp"]) for frame in frames[:2]]


def test_user_frames_recorded() -> None:
    """The first one lists our open orders, of which there were none."""
    snapshot, _, heartbeat = recorded("fastmm_ws_user_envelopes_live_2026-09-30")

    assert [] == base.read_rows(snapshot["events"][0], "orders")
    assert 1790735835 == base.parse_instant(heartbeat["timestamp"])


def test_requests_recorded() -> None:
    """What another client sends for the same wish is what we send."""
    requests = {each["what"]: each for each in recorded("ccxt_req_spot_requests")}

    ioc = an_exit(
        "x",
        configuration=OrderConfiguration.LIMIT_IOC,
        side=Side.BUY,
        product_id=ProductId("DOGE-USDT"),
        quantity=Quantity(10),
        limit_price=Price("0.05"),
        client_order_id=ClientOrderId("<uuid4>"),
    )
    assert requests["limit IOC"]["body"] == json.loads(encode_order(ioc))

    post_only = json.loads(encode_order(an_intent(quantity=Quantity(10), limit_price=Price("0.25"))))
    terms = post_only["order_configuration"]["limit_limit_gtd"]
    del terms["end_time"]
    assert requests["limit buy post only"]["body"]["order_configuration"]["limit_limit_gtc"] == terms

    ids = (VenueOrderId("9fd0cadc-2ccc-45e8-b254-ea511c34e5b2"),)
    assert requests["batch cancel"]["body"] == json.loads(encode_cancel(ids))


#: The classes of the fact sheet, section 3.4, by the members it names.
CLASSES = {
    RefusalClass.FUNDS: """INSUFFICIENT_FUND INSUFFICIENT_FUNDS INVALID_LEDGER_BALANCE INSUFFICIENT_LEDGER_BALANCE
        HOLD_FAILURE""",
    RefusalClass.METADATA: """INVALID_SIZE_PRECISION INVALID_PRICE_PRECISION INVALID_LIMIT_PRICE_PRECISION
        INVALID_STOP_PRICE_PRECISION INVALID_QUOTE_SIZE_PRECISION INVALID_BASE_SIZE_TOO_SMALL
        INVALID_BASE_SIZE_TOO_LARGE INVALID_QUOTE_SIZE_TOO_SMALL INVALID_QUOTE_SIZE_TOO_LARGE NON_NUMERIC_ORDER_SIZE
        INVALID_STOP_PRICE
        STOP_PRICE_ABOVE_LAST_TRADE_PRICE STOP_PRICE_BELOW_LAST_TRADE_PRICE STOP_PRICE_ABOVE_LIMIT_PRICE
        STOP_PRICE_BELOW_LIMIT_PRICE""",
    RefusalClass.MARKET: """INVALID_LIMIT_PRICE_POST_ONLY INVALID_LIMIT_PRICE LIMIT_PRICE_TOO_FAR_FROM_MARKET
        BREACHED_PRICE_LIMIT INVALID_NO_LIQUIDITY""",
    RefusalClass.MARKET_STATE: """UNTRADABLE_PRODUCT ORDER_ENTRY_DISABLED TRADING_DISABLED PRODUCT_TRADING_HALTED
        NOT_ALLOWED_BY_MARKET_STATE INELIGIBLE_PAIR FOK_DISABLED""",
    RefusalClass.PERMISSION: """GEOFENCING_RESTRICTION COMPLIANCE_PURCHASE_LIMIT_EXCEEDED PERMISSION_DENIED
        UNSUPPORTED_ORDER_CONFIGURATION""",
    RefusalClass.DUPLICATE: "DUPLICATE_CLIENT_ORDER_ID",
    RefusalClass.EDGE: """COMMANDER_REJECTED_NEW_ORDER RISK_PROXY_FAILURE MISSING_COMMISSION_RATE
        MISSING_PRODUCT_PRICE_BOOK MISSING_MARKET_TRADE_DATA UNKNOWN_FAILURE_REASON""",
}


def test_every_reason_of_the_venue_has_its_class() -> None:
    """Each word of both lists is in the table, and each that the fact sheet names is in its class."""
    enums = recorded("enums")
    listed = {*enums["spec_NewOrderFailureReason"], *enums["doc_PreviewFailureReason"]}
    words = {word.removeprefix("PREVIEW_") for word in listed}
    named = {word: kind for kind, members in CLASSES.items() for word in members.split()}
    named |= {word: RefusalClass.METADATA for word in words if word.startswith("INVALID_BRACKET_")}

    assert 150 < len(listed)
    assert set() == {word for word in words if not word.startswith("UNKNOWN_")} - set(REFUSALS)
    assert {RefusalClass.EDGE} == {classify_refusal(word) for word in words if word.startswith("UNKNOWN_")}
    assert named == {word: classify_refusal(word) for word in named}
    assert named == {word: classify_refusal(f"PREVIEW_{word}") for word in named}
