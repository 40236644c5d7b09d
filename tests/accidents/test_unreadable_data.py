"""Accident 37: a field vanished from all products; the bot stopped buying, and nobody could say why.

Told as whole cycles through the adapter, over sockets, at the simulated Coinbase; on the way back a hand changes the
answers of one endpoint. Whatever it does, report, record and verdicts name the endpoint, and its status or the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from accidents.coinbase_venue import Change, at_coinbase, change_answers
from accidents.one_account import DIP, SOL, Bar, World, a_path, a_world
from factories import Scripted, a_proposal
from factories_venue import START
from trader.adapters.coinbase.http import Answer
from trader.cycle import CycleOutcome, CycleReport
from trader.model.decisions import TradeProposal, Verdict
from trader.model.denials import DenialCode
from trader.model.inputs import StrategyContext

PAGE = Answer(403, "<html><head><title>Attention Required!</title></head></html>")
FIELD, STATUS = "Field required", "HTTP 403: a page"
CANDLES = "/market/products/SOL-USD/candles"


def a_page(_: Answer) -> Answer:
    """The edge answers in the venue's place."""
    return PAGE


def without(field: str, product_id: str = "") -> Change:
    """The venue no longer tells a field; of one product, if one is named."""

    def cut(value: Any) -> Any:
        if isinstance(value, list):
            return [cut(each) for each in value]
        if not isinstance(value, dict):
            return value
        is_meant = value.get("product_id", product_id) == product_id or not product_id
        return {key: cut(each) for key, each in value.items() if key != field or not is_meant}

    return lambda answer: replace(answer, text=json.dumps(cut(json.loads(answer.text))))


def telling(value: Any, field: str, product_id: str) -> Change:
    """The venue tells something else of one product."""

    def changed(answer: Answer) -> Answer:
        body = json.loads(answer.text)
        rows = [{**row, field: value} if row["product_id"] == product_id else row for row in body["products"]]
        return replace(answer, text=json.dumps({**body, "products": rows}))

    return changed


@pytest.fixture
def world() -> Iterator[World]:
    """One account at the simulated Coinbase; a strategy wants SOL from the second cycle on, if it is a candidate."""

    def answer(context: StrategyContext) -> tuple[TradeProposal, ...]:
        is_wanted = SOL in context.candidates and context.now > START
        return (a_proposal("SOL-USD"),) if is_wanted else ()

    paths = {SOL: a_path(Bar(), DIP, *[Bar()] * 24)}
    with at_coinbase(a_world(strategy=Scripted(answer), paths=paths, exchange__fee_cache_hours=1)) as made:
        yield made


def strike(world: World, path: str, change: Change) -> CycleReport:
    """One cycle that goes well, then one, an hour later, of which the answers of an endpoint are changed."""
    assert CycleOutcome.COMPLETED is world.cycle().outcome
    world.audit.texts.clear()
    world.clock.advance(3600)
    change_answers(world.market, path, change)  # type: ignore[arg-type]
    return world.cycle()


def verdict_of_sol(report: CycleReport) -> Verdict:
    assert report.decision is not None
    return next(each for each in report.decision.verdicts if each.product_id == SOL)


def record_of(world: World) -> str:
    """Everything that was written down of the cycle."""
    return "\n".join(world.audit.texts.values())


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        ("/products", without("quote_increment"), f"products: GET /products: [A-Z]+-USD: quote_increment: {FIELD}"),
        ("/products", without("cancel_only"), f"products: GET /products: [A-Z]+-USD: cancel_only: {FIELD}"),
        ("/products", without("product_id"), f"products: GET /products: product_id: {FIELD}"),
        ("/products", without("products"), "products: GET /products: products: there is no list"),
        ("/products", a_page, f"products: GET /products: {STATUS}"),
        ("/best_bid_ask", without("bids"), f"QUOTE_MISSING: GET /best_bid_ask: [A-Z]+-USD: bids: {FIELD}"),
        ("/best_bid_ask", without("price"), f"GET /best_bid_ask: [A-Z]+-USD: bids.0.price: {FIELD}"),
        ("/best_bid_ask", without("time"), "GET /best_bid_ask: [A-Z]+-USD: time: there is none"),
        ("/best_bid_ask", without("product_id"), f"GET /best_bid_ask: product_id: {FIELD}"),
        ("/best_bid_ask", without("pricebooks"), "quotes: GET /best_bid_ask: pricebooks: there is no list"),
        ("/best_bid_ask", a_page, f"quotes: GET /best_bid_ask: {STATUS}"),
        ("/transaction_summary", without("taker_fee_rate"), "fees: GET /transaction_summary: .*taker_fee_rate"),
        ("/transaction_summary", a_page, f"fees: GET /transaction_summary: {STATUS}"),
    ],
)
def test_cycle_that_buys_nothing_says_why(world: World, path: str, change: Change, said: str) -> None:
    """37: the reason of the cycle, the record, and the verdict on what a strategy wanted."""
    report = strike(world, path, change)

    cause = said[said.index("GET") :]
    assert CycleOutcome.ABSTAINED is report.outcome
    assert re.search(said, report.reason)
    assert re.search(cause, record_of(world))
    assert re.search(cause, str(verdict_of_sol(report).details["cause"]))


@pytest.mark.parametrize(
    ("path", "change", "code", "said"),
    [
        (
            "/products",
            without("base_increment", "SOL-USD"),
            "PRODUCT_MISSING",
            "GET /products: SOL-USD: base_increment: ",
        ),
        (
            "/products",
            telling("0", "base_increment", "SOL-USD"),
            "PRODUCT_MISSING",
            "GET /products: SOL-USD: base_increment: 0 must be above 0",
        ),
        ("/best_bid_ask", without("asks", "SOL-USD"), "QUOTE_MISSING", "GET /best_bid_ask: SOL-USD: asks: "),
        (CANDLES, without("close"), "DATA_MALFORMED", f"GET {CANDLES}: candles.0.close: "),
        (CANDLES, without("candles"), "DATA_MALFORMED", f"GET {CANDLES}: candles: {FIELD}"),
        (CANDLES, a_page, "DATA_MISSING", f"GET {CANDLES}: {STATUS}"),
        ("/market/product_book", without("size"), "DEPTH_MISSING", "GET /market/product_book: pricebook.bids.0.size: "),
        ("/market/product_book", a_page, "DEPTH_MISSING", f"GET /market/product_book: {STATUS}"),
    ],
)
def test_product_that_is_not_bought_says_why(world: World, path: str, change: Change, code: str, said: str) -> None:
    """37: where it is one product's data alone, its verdict and the record."""
    verdict = verdict_of_sol(strike(world, path, change))

    assert DenialCode(code) is verdict.code
    assert any(str(each).startswith(said) for each in verdict.details.values())
    assert said in record_of(world)


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        ("/accounts", without("currency"), "GET /accounts: accounts: none of "),
        ("/accounts", a_page, f"GET /accounts: {STATUS}"),
        ("/orders/historical/batch", a_page, f"GET /orders/historical/batch: {STATUS}"),
        ("/orders/historical/fills", a_page, f"GET /orders/historical/fills: {STATUS}"),
    ],
)
def test_account_that_cannot_be_read_says_why(world: World, path: str, change: Change, said: str) -> None:
    """37: nothing is decided without it; the reason and the record say what is wrong."""
    reports = world.cycles(2)
    assert {CycleOutcome.COMPLETED} == {each.outcome for each in reports}
    assert 1 == len(world.ledger.orders)
    world.audit.texts.clear()
    change_answers(world.market, path, change)  # type: ignore[arg-type]

    report = world.cycle()

    assert (CycleOutcome.ABSTAINED, True) == (report.outcome, said in report.reason)
    assert said in record_of(world)


@pytest.mark.parametrize(
    ("path", "change", "asset", "said"),
    [
        ("/accounts", without("available_balance"), "USD", "GET /accounts: account: available_balance: "),
        ("/orders/historical/batch", without("side"), "SOL", "GET /orders/historical/batch: order: side: "),
        ("/orders/historical/fills", without("price"), "SOL", "GET /orders/historical/fills: fill: price: "),
    ],
)
def test_row_of_ours_that_cannot_be_read_says_why_and_concerns_its_asset_alone(
    world: World, path: str, change: Change, asset: str, said: str
) -> None:
    """37: the cycle goes on; what the row is about is not bought, and the record says what is wrong."""
    world.cycles(2)
    world.audit.texts.clear()
    change_answers(world.market, path, change)  # type: ignore[arg-type]

    report = world.cycle()

    assert CycleOutcome.COMPLETED is report.outcome
    assert [asset] == [base for base, why in world.ledger.reduce_only.items() if said in why and base == asset]
    assert said in record_of(world)
