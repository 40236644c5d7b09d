"""From a wanted weight to trades: every sum by hand, at a bid of 100 and a capital of 1,500."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import NOW, RULES, USD, a_fill, a_ledger, a_lot, a_parent, an_exit_intent, an_order_record
from factories_market import a_candidate
from trader.model.cycle_state import Regime
from trader.model.denials import DenialCode
from trader.model.ids import Asset, Instant, ProductId
from trader.model.inputs import StrategyContext
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Quote
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Side
from trader.model.targets import TargetWeight
from trader.stages.proposals.targets import ResolvedTargets, resolve_targets

ETH = ProductId("ETH-USD")
QUOTE = Quote(ETH, Price(100), Price("100.02"), NOW)
LEAST = Notional(25)


def a_context(**over: Any) -> StrategyContext:
    """ETH is a candidate; 1,500 of an equity of 10,000 are the strategy's own."""
    plain = StrategyContext(
        now=NOW,
        regime=Regime.CHOP,
        candidates={ETH: a_candidate("ETH-USD")},
        triggers={},
        lots=(),
        round_trip_ratio={},
        base_size_pct={},
        equity=Notional(10_000),
        capital=Notional(1500),
    )
    return replace(plain, **over)


def resolved(weight: str, ledger: Ledger | None = None, **over: Any) -> ResolvedTargets:
    """What a target comes to; *over* are its terms, or those of the context."""
    shown = {name: over.pop(name) for name in ("candidates", "capital", "equity", "quotes") if name in over}
    quotes = shown.pop("quotes", {ETH: QUOTE})
    target = TargetWeight(RULES, ETH, Asset("ETH"), Decimal(weight), **{"stop_loss_pct": Decimal(6), **over})
    return resolve_targets([target], ledger or a_ledger(), {RULES: a_context(**shown)}, quotes, LEAST)


def lots_of(*quantities: str) -> tuple[Lot, ...]:
    """Lots of so many ETH, the oldest first."""
    return tuple(
        replace(a_lot("ETH-USD"), lot_id=f"lot-{n}", quantity=Quantity(each), opened_at=Instant(NOW - 1000 + n))
        for n, each in enumerate(quantities)
    )  # type: ignore[return-value]


def test_nothing_held_is_bought_whole() -> None:
    """A tenth of 1,500 is 150: 1.5 % of the equity; stop, target and time as they were said."""
    (buy,) = resolved("0.1", take_profit_pct=Decimal(9), max_hold_hours=5, give_up_minutes=60).proposals

    assert (buy.side, buy.size_pct, buy.stop_loss_pct, buy.take_profit_pct) == (Side.BUY, Decimal("1.5"), 6, 9)
    assert (buy.max_hold_hours, buy.give_up_minutes) == (5, 60)


@pytest.mark.parametrize(
    ("weight", "band", "held", "size_pct"),
    [
        ("0.2", "0", "1", "2"),
        ("0.2", "0.133", "1", "2"),
        ("0.2", "0.134", "1", None),
        ("0.2", "0", "3", None),
        ("0.08", "0", "1", None),
    ],
    ids=["what is missing", "beyond the band", "within the band", "what is wanted is held", "too little to be bought"],
)
def test_only_what_is_missing_beyond_the_band_is_bought(
    weight: str, band: str, held: str, size_pct: str | None
) -> None:
    """100 is held and 300 wanted: 200 more, unless the band of the capital is as wide; 20 is no purchase."""
    done = resolved(weight, a_ledger(lots=lots_of(held)), band=Decimal(band))

    assert [each.size_pct for each in done.proposals if not each.reduces] == (
        [] if size_pct is None else [Decimal(size_pct)]
    )
    assert [DenialCode.TARGET_HELD] * (size_pct is None) == [each.code for each in done.denials]


def test_sales_take_the_oldest_lots_first_and_part_of_the_last() -> None:
    """Of 1 + 2 + 1 ETH 150 are to stay: one lot whole, and one and a half of the next."""
    done = resolved("0.1", a_ledger(lots=lots_of("1", "2", "1")))

    assert [("lot-0", None), ("lot-1", Decimal("1.5"))] == [(each.lot_id, each.quantity) for each in done.proposals]


def test_nothing_wanted_sells_every_lot_whole() -> None:
    """Whatever the band, and whatever the lots are worth."""
    done = resolved("0", a_ledger(lots=lots_of("0.01", "2")), band=Decimal(1))

    assert [("lot-0", None), ("lot-1", None)] == [(each.lot_id, each.quantity) for each in done.proposals]


def test_what_is_being_sold_is_not_held() -> None:
    """Two of three ETH are on their way out: 100 stays of the 300 wanted, so 200 are bought."""
    (lot,) = lots_of("3")
    sale = replace(an_exit_intent(), quantity=Quantity(2), lot_id=lot.lot_id)
    ledger = a_ledger(lots=[lot], working=[an_order_record(sale, OrderStatus.OPEN)])

    (buy,) = resolved("0.2", ledger).proposals

    assert buy.size_pct == 2


@pytest.mark.parametrize(
    ("weight", "size_pct", "limit"),
    [
        ("0.2", None, None),
        ("0.3", "4.5", None),
        ("0.1", None, "150"),
        ("0.01", None, "0"),
        ("0", None, "0"),
    ],
    ids=["as wanted", "more is wanted", "less is wanted", "too little is left to buy", "nothing is wanted"],
)
def test_parent_order_counts_and_never_buys_beyond(weight: str, size_pct: str | None, limit: str | None) -> None:
    """It may still buy 3 ETH at 100 at most. Less asks nobody, more is a purchase like any other."""
    parent = a_parent("ETH-USD", quantity=Quantity(3), price_max=Price(100))
    done = resolved(weight, a_ledger(parents={parent.parent_id: parent}))

    assert [each.size_pct for each in done.proposals] == ([] if size_pct is None else [Decimal(size_pct)])
    assert done.limits == ({} if limit is None else {(RULES, Asset("ETH")): Decimal(limit)})


def test_what_a_parent_has_spent_is_part_of_its_wish() -> None:
    """A lot of 1 ETH, 2 more to come, 450 wanted: the parent is to come to 450 in all, its 100 included."""
    parent = a_parent("ETH-USD", quantity=Quantity(3), price_max=Price(100)).book(a_fill(quantity="1", price="100"))
    ledger = a_ledger(lots=lots_of("1"), parents={parent.parent_id: parent})

    (buy,) = resolved("0.3", ledger).proposals

    assert buy.size_pct == Decimal("4.5")


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"capital": None}, DenialCode.EQUITY_UNKNOWN),
        ({"quotes": {}}, DenialCode.QUOTE_MISSING),
        ({"candidates": {}}, DenialCode.PRODUCT_MISSING),
    ],
)
def test_target_that_cannot_be_weighed_is_denied(over: dict[str, Any], code: DenialCode) -> None:
    """Without equity, without a price of what is held, or to be bought where nothing may be."""
    done = resolved("0.3", a_ledger(lots=lots_of("1")), **over)

    assert ((), [code]) == (done.proposals, [each.code for each in done.denials])


def test_second_target_of_an_asset_is_denied() -> None:
    """The first stands."""
    first = TargetWeight(RULES, ETH, Asset("ETH"), Decimal("0.1"), Decimal(6))
    both = [first, replace(first, weight=Decimal("0.2"))]

    done = resolve_targets(both, a_ledger(), {RULES: a_context()}, {ETH: QUOTE}, LEAST)

    assert [Decimal("1.5")] == [each.size_pct for each in done.proposals]
    assert [DenialCode.PROPOSAL_INVALID] == [each.code for each in done.denials]
    assert USD not in done.limits
