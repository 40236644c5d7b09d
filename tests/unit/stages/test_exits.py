"""Which lots must go, judged on the bid, whatever the triggers say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import (
    NOW,
    OTHER,
    PREFIX,
    RULES,
    a_bracket_intent,
    a_held_ledger,
    a_quote,
    an_exit_intent,
    an_intent,
    an_order_record,
    shipped_settings,
)
from trader.model.cycle_state import Regime
from trader.model.decisions import TradeProposal
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId
from trader.model.ledger import Ledger
from trader.model.lots import EVERY_EXIT, GeneralExit, Lot
from trader.model.market import Quote
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, OrderConfiguration, Side
from trader.model.trading_state import TradingState
from trader.stages.exits import ExitEngine

ETH = ProductId("ETH-USD")
ENTRY = ClientOrderId(PREFIX + "entry")
#: When the lot of these tests has been held long enough.
DUE = Instant(NOW - 3600 + 48 * 3600)


def held(*more: OrderRecord, attach: bool = False, **lot: Any) -> Ledger:
    """One unit bought at 100, stop 94, target 112, bought an hour ago."""
    entry = an_intent(decided_at=Instant(NOW - 3600), max_hold_until=DUE, attach_bracket=attach)
    ledger = a_held_ledger(entry, *more)
    return ledger.with_lot(replace(ledger.lots[ENTRY], **lot))


QUIET = 60


def quoted(bid: str | None, ask: str | None = None) -> dict[ProductId, Quote]:
    if bid is None:
        return {}
    return {ETH: a_quote("ETH-USD", bid=bid, ask=ask or str(Decimal(bid) + 1))}


def reasons(
    ledger: Ledger,
    bid: str | None,
    *,
    regime: Regime = Regime.CHOP,
    switch: TradingState = TradingState.RUN,
    now: int = NOW,
    ask: str | None = None,
    applied: Collection[GeneralExit] = EVERY_EXIT,
    **settings: Any,
) -> list[str]:
    engine = ExitEngine(replace(shipped_settings().exits, **settings), QUIET, {RULES: frozenset(applied)})
    return [wish.reason for wish in engine.propose(ledger, quoted(bid, ask), regime, switch, Instant(now))]


@pytest.mark.parametrize(
    ("bid", "expected"),
    [("93.99", ["stop"]), ("94", ["stop"]), ("94.01", []), ("111.99", []), ("112", ["target"]), ("150", ["target"])],
)
def test_stop_and_target_include_their_price(bid: str, expected: list[str]) -> None:
    """At the stop it is sold, a cent above it is not; so with the target."""
    assert expected == reasons(held(), bid)


def test_stop_is_judged_on_the_bid_not_on_the_ask() -> None:
    """What counts is what a sale would fetch."""
    assert ["stop"] == reasons(held(), "94", ask="120")


@pytest.mark.parametrize(("second", "expected"), [(-1, []), (0, ["time"]), (1, ["time"])])
def test_time_is_up_at_its_instant(second: int, expected: list[str]) -> None:
    """Not a second earlier."""
    assert expected == reasons(held(), "100", now=DUE + second)


@pytest.mark.parametrize("regime", [Regime.CHOP, Regime.CRASH])
def test_without_a_believed_quote_no_price_is_judged(regime: Regime) -> None:
    """None is invented, the venue's bracket stays."""
    assert [] == reasons(held(peak_price=Price(150)), None, regime=regime, trailing=True)


def test_without_a_quote_time_still_runs_out() -> None:
    """A lot must not be held for ever because nobody quotes it."""
    assert ["time"] == reasons(held(), None, now=DUE)


@pytest.mark.parametrize("switch", [TradingState.RUN, TradingState.REDUCE_ONLY])
def test_exits_are_proposed_whether_or_not_entries_are_allowed(switch: TradingState) -> None:
    """Accident 11: they do not depend on anything else of the cycle."""
    assert ["stop"] == reasons(held(), "90", switch=switch)


@pytest.mark.parametrize("bid", ["100", None])
def test_flatten_sells_everything(bid: str | None) -> None:
    """Whatever it is worth, known or not."""
    assert ["flatten"] == reasons(held(), bid, switch=TradingState.FLATTEN)


# --- crash


@pytest.mark.parametrize(("bid", "expected"), [("97.01", []), ("97", ["crash"]), ("94", ["stop"])])
def test_crash_tightens_the_stop_to_half_its_distance(bid: str, expected: list[str]) -> None:
    """Bought at 100 with a stop at 94, it goes at 97."""
    assert expected == reasons(held(), bid, regime=Regime.CRASH)


@pytest.mark.parametrize("regime", [Regime.BULL, Regime.CHOP, Regime.BEAR, Regime.UNKNOWN])
def test_only_a_crash_tightens(regime: Regime) -> None:
    """Not knowing the market is no reason to sell."""
    assert [] == reasons(held(), "95", regime=regime)


def test_crash_tightens_by_the_ratio_of_the_settings() -> None:
    """A quarter of the distance is 98.50."""
    assert ["crash"] == reasons(held(), "98.50", regime=Regime.CRASH, crash_tighten_ratio=Decimal("0.25"))


# --- trailing


def test_trailing_is_off_as_shipped() -> None:
    """A lot that gave back everything it had gained is kept until its stop."""
    assert [] == reasons(held(peak_price=Price(111)), "100")


@pytest.mark.parametrize(
    ("peak", "bid", "expected"),
    [
        ("103.99", "100", []),
        ("104", "101.93", []),
        ("104", "101.92", ["trailing"]),
        ("110", "107.81", []),
        ("110", "107.80", ["trailing"]),
    ],
)
def test_trailing_arms_at_a_gain_and_sells_at_a_giveback(peak: str, bid: str, expected: list[str]) -> None:
    """Armed from 4 % above the entry price on; 2 % below the peak it sells."""
    assert expected == reasons(held(peak_price=Price(peak)), bid, trailing=True)


def test_peak_is_the_best_bid_ever_seen() -> None:
    """It rises with the bid and never falls."""
    engine, ledger = ExitEngine(shipped_settings().exits, QUIET), held(peak_price=Price(105))

    peaks = [engine.raise_peaks(ledger, quoted(bid)).lots[ENTRY].peak_price for bid in ("104", "105", "106")]

    assert [Price(105), Price(105), Price(106)] == peaks


def test_peak_stays_without_a_believed_quote() -> None:
    """Another product's is not its own."""
    engine = ExitEngine(shipped_settings().exits, QUIET)

    after = engine.raise_peaks(held(peak_price=Price(105)), {ProductId("ETH-USDC"): a_quote("ETH-USDC", mid="200")})

    assert Price(105) == after.lots[ENTRY].peak_price


# --- what is left alone


@pytest.mark.parametrize("status", [OrderStatus.INTENDED, OrderStatus.IN_DOUBT, OrderStatus.PENDING, OrderStatus.OPEN])
def test_lot_that_is_being_sold_is_left_alone(status: OrderStatus) -> None:
    """A second sale while the first may still fill would sell it twice."""
    assert [] == reasons(held(an_order_record(an_exit_intent(), status)), "90", now=DUE)


@pytest.mark.parametrize(
    "status", [OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.WITHHELD, OrderStatus.ABANDONED]
)
def test_lot_whose_sale_came_to_nothing_is_sold_again(status: OrderStatus) -> None:
    """An exit is tried until it is done."""
    assert ["stop"] == reasons(held(an_order_record(an_exit_intent(), status)), "90")


def test_lot_whose_sale_has_fills_to_come_is_left_alone() -> None:
    """The order is over, but what it sold is not booked yet."""
    sale = an_order_record(an_exit_intent(), OrderStatus.FILLED, reported_filled=Quantity(1))

    assert [] == reasons(held(sale), "90")


def test_target_is_left_to_the_bracket_that_rests_at_the_venue() -> None:
    """It sells there as a maker; cancelling it to sell as a taker would cost the difference."""
    ledger = held(an_order_record(a_bracket_intent()))

    assert ([], ["stop"]) == (reasons(ledger, "120"), reasons(ledger, "89"))


def test_lot_without_a_target_has_none_to_reach() -> None:
    """However high it stands."""
    assert [] == reasons(held(bracket=Bracket(Price(94), None)), "1000")


# --- the second line


@pytest.mark.parametrize(
    ("over", "below"), [({}, "89.29"), ({"configuration": "STOP_LIMIT_GTC", "limit_price": Price(92)}, "91.99")]
)
@pytest.mark.parametrize(
    ("why", "conditions"),
    [
        ("stop", {}),
        ("time", {"now": DUE}),
        ("stop", {"regime": Regime.CRASH}),
        ("flatten", {"switch": TradingState.FLATTEN}),
        ("stop", {"trailing": True}),
    ],
)
def test_lot_that_the_venue_sells_is_left_to_it(
    why: str, conditions: dict[str, Any], over: dict[str, Any], below: str
) -> None:
    """From the stop at 94 down to the limit of the venue's order; what falls through that is sold here."""
    over = {key: OrderConfiguration(each) if key == "configuration" else each for key, each in over.items()}
    ledger = held(an_order_record(a_bracket_intent(**over)), peak_price=Price(110))

    lowest = str(Decimal(below) + Decimal("0.01"))
    assert [[], [], [why]] == [reasons(ledger, bid, **conditions) for bid in ("94", lowest, below)]


@pytest.mark.parametrize(
    ("why", "conditions"),
    [
        ("time", {"now": DUE}),
        ("crash", {"regime": Regime.CRASH}),
        ("flatten", {"switch": TradingState.FLATTEN}),
        ("trailing", {"trailing": True}),
    ],
)
def test_venue_that_waits_for_its_stop_holds_nothing_back(why: str, conditions: dict[str, Any]) -> None:
    """A cent above the stop every exit goes as ever."""
    ledger = held(an_order_record(a_bracket_intent()), peak_price=Price(110))

    assert [why] == reasons(ledger, "94.01", **conditions)


def test_flatten_without_a_believed_quote_is_due_though_the_venue_may_be_selling() -> None:
    """Nobody can tell; execution says that it has no price."""
    ledger = held(an_order_record(a_bracket_intent()))

    assert ["flatten"] == reasons(ledger, None, switch=TradingState.FLATTEN)


def test_flatten_makes_a_sale_that_rests_again_for_its_own_sake() -> None:
    """The exit is one that waits for nothing, whatever the sale was made for."""
    ledger = held(an_order_record(an_exit_intent(configuration=OrderConfiguration.LIMIT_GTC)))

    assert ["flatten"] == reasons(ledger, "90", switch=TradingState.FLATTEN)


@pytest.mark.parametrize("configuration", [OrderConfiguration.LIMIT_GTC, OrderConfiguration.POST_ONLY_GTC])
@pytest.mark.parametrize("bid", ["80", "100"])
def test_sale_that_rests_is_made_again_at_each_look(bid: str, configuration: OrderConfiguration) -> None:
    """For its own reason, whatever the bid has come to."""
    sale = an_order_record(an_exit_intent(configuration=configuration, reason="stop"))

    assert (["stop"], []) == (reasons(held(sale), bid), reasons(held(sale), None))


@pytest.mark.parametrize(
    ("status", "over"),
    [
        (OrderStatus.INTENDED, {}),
        (OrderStatus.IN_DOUBT, {}),
        (OrderStatus.CANCELLED, {"reported_filled": Quantity("0.3"), "final_at": Instant(NOW - QUIET + 1)}),
    ],
)
def test_resting_sale_in_doubt_or_with_fills_to_come_is_waited_for(status: OrderStatus, over: dict[str, Any]) -> None:
    """A second one would sell the lot twice."""
    sale = an_order_record(an_exit_intent(configuration=OrderConfiguration.LIMIT_GTC), status, **over)

    assert [] == reasons(held(sale), "80", now=NOW)


def test_target_is_not_left_to_a_bracket_that_is_over() -> None:
    """Nothing of it will fill any more."""
    assert ["target"] == reasons(held(an_order_record(a_bracket_intent(), OrderStatus.CANCELLED)), "120")


def test_lot_that_is_sold_out_is_not_sold_again() -> None:
    """It only waits for its entry to end."""
    assert [] == reasons(held(quantity=Quantity(0)), "90", switch=TradingState.FLATTEN)


def test_oldest_lot_is_sold_first() -> None:
    """In a stable order, whatever the order of the books."""
    ledger = held()
    older = replace(ledger.lots[ENTRY], lot_id=ClientOrderId("z-older"), opened_at=Instant(NOW - 9999))
    twin = replace(ledger.lots[ENTRY], lot_id=ClientOrderId("a-twin"))
    ledger = ledger.with_lot(older).with_lot(twin)

    proposals = ExitEngine(shipped_settings().exits, QUIET).propose(ledger, {}, Regime.CHOP, TradingState.FLATTEN, NOW)

    assert ["z-older", "a-twin", ENTRY] == [wish.lot_id for wish in proposals]


def test_proposal_sells_all_of_the_lot_for_its_strategy() -> None:
    """It names the lot, not a size."""
    lot: Lot = held().lots[ENTRY]

    wish = TradeProposal.sell(lot, "time")

    assert (lot.strategy, ETH, Asset("ETH"), Side.SELL, ENTRY, "time", True) == (
        wish.strategy,
        wish.product_id,
        wish.base,
        wish.side,
        wish.lot_id,
        wish.reason,
        wish.reduces,
    )


def test_bracket_with_nothing_left_does_not_hold_the_exit_back() -> None:
    """It is alive at the venue and sells nothing more: above its target the lot is sold by us."""
    resting, spent = (
        held(an_order_record(a_bracket_intent(quantity=Quantity(left)), OrderStatus.OPEN)) for left in (1, 0)
    )

    assert ([], ["target"]) == (reasons(resting, "112"), reasons(spent, "112"))


@pytest.mark.parametrize(("over_ago", "expected"), [(QUIET - 1, []), (QUIET, ["time"])])
def test_exit_whose_fills_are_never_listed_is_waited_for_a_quiet_period(over_ago: int, expected: list[str]) -> None:
    """It claims one of three: then the rest is sold, whatever becomes of that one."""
    over = {"reported_filled": Quantity("0.3"), "final_at": Instant(NOW - over_ago)}
    ledger = held(an_order_record(an_exit_intent(), OrderStatus.CANCELLED, **over), max_hold_until=NOW)

    assert expected == reasons(ledger, "100")


# --- what applies to the lots of a strategy


WAYS: list[tuple[GeneralExit, dict[str, Any]]] = [
    (GeneralExit.TIME, {"bid": None, "now": DUE}),
    (GeneralExit.TARGET, {"bid": "112"}),
    (GeneralExit.CRASH, {"bid": "96", "regime": Regime.CRASH}),
    (GeneralExit.TRAILING, {"bid": "105", "trailing": True}),
]


@pytest.mark.parametrize(("way", "seen"), WAYS)
def test_general_exit_sells_only_where_its_strategy_lets_it_apply(way: GeneralExit, seen: dict[str, Any]) -> None:
    """Its own settings say the rest."""
    ledger = held(peak_price=Price(109))

    assert [way] == reasons(ledger, **seen, applied={way})
    assert [] == reasons(ledger, **seen, applied=EVERY_EXIT - {way})


def test_stop_sells_whatever_applies() -> None:
    """It is no wish of a strategy."""
    assert ["stop"] == reasons(held(), "93", applied=())


def test_lot_of_a_strategy_that_is_not_configured_ends_in_every_way() -> None:
    """Nobody says otherwise."""
    engine = ExitEngine(shipped_settings().exits, QUIET, {OTHER: frozenset()})

    proposals = engine.propose(held(), {}, Regime.CHOP, TradingState.RUN, DUE)

    assert ["time"] == [each.reason for each in proposals]


def test_lot_without_a_time_limit_is_held_for_ever() -> None:
    """A thousand days; its stop stands."""
    ledger, later = held(max_hold_until=None), NOW + 1000 * 86_400

    assert [] == reasons(ledger, "100", now=later)
    assert ["stop"] == reasons(ledger, "94", now=later)
