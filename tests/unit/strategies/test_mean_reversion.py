"""Far below its mean it buys, back at its mean it sells, in between it says how far it is."""

from decimal import Decimal
from math import sqrt
from typing import Any

import pytest

from factories_market import (
    a_candidate,
    a_context,
    a_held_product,
    a_lot,
    a_trigger,
    flat_bars,
    mean_reversion_settings,
    some_bars,
)
from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.ids import ClientOrderId, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.market import Bars
from trader.model.orders import Side
from trader.strategies.mean_reversion import SETTINGS, STRATEGY, MeanReversion, MeanReversionSettings
from trader.strategies.registry import find_settings_class, list_names

BTC = ProductId("BTC-USD")


def answers(context: StrategyContext, **overrides: Any) -> list[TradeProposal | Denial]:
    settings = mean_reversion_settings(**overrides)
    return list(MeanReversion(StrategyId("mean_reversion"), settings).propose(context))


def last_close(close: float) -> Bars:
    """Closes of 100 and 101 in turn, then this one: a mean near 100.5 and a stdev near 0.5."""
    return some_bars([100.0 + n % 2 for n in range(299)] + [close])


def the_answer(close: float, lots: tuple[Any, ...] = (), **overrides: Any) -> TradeProposal | Denial:
    [answer] = answers(a_context(a_candidate(bars=last_close(close)), lots=lots), **overrides)
    return answer


def held(product_id: str = "BTC-USD", **overrides: Any) -> Any:
    return a_lot(product_id, strategy="mean_reversion", **overrides)


def test_close_far_below_its_mean_is_bought() -> None:
    """Terms and text come from the settings, the base size of 3 % × 0.6 from the calm market."""
    answer = the_answer(99.0)

    assert isinstance(answer, TradeProposal)
    assert (answer.strategy, answer.product_id, answer.base, answer.side) == ("mean_reversion", BTC, "BTC", Side.BUY)
    assert (Decimal(4), Decimal(8), 24, "all") == (
        answer.stop_loss_pct,
        answer.take_profit_pct,
        answer.max_hold_hours,
        answer.rule,
    )
    assert answer.reason.startswith("below its mean: z -2.")
    assert answer.trigger is None


def test_entry_is_at_its_limit_not_before() -> None:
    """4 × 8 and 3 have a z of -4 / sqrt(5), which is -1.789."""
    bars = some_bars([8.0] * 296 + [8.0, 8.0, 8.0, 3.0])
    context = a_context(a_candidate(bars=bars), base_size_pct={BTC: Decimal(3)})

    [bought] = answers(context, band_window="25m", entry_z=1.788)
    [denied] = answers(context, band_window="25m", entry_z=1.789)

    assert isinstance(bought, TradeProposal)
    assert isinstance(denied, Denial)
    assert denied.code is DenialCode.MOVE_BELOW_MIN
    assert denied.details == pytest.approx({"z": -4 / sqrt(5), "z_max": -1.789})


@pytest.mark.parametrize("close", [100.0, 100.5, 101.0, 105.0])
def test_close_that_is_not_far_below_is_not_bought(close: float) -> None:
    """Far above is not far below: the sign counts."""
    answer = the_answer(close)

    assert isinstance(answer, Denial)
    assert answer.code is DenialCode.MOVE_BELOW_MIN
    assert (answer.stage, answer.strategy) == ("strategies", "mean_reversion")


def test_flat_market_is_not_bought() -> None:
    """No deviation, no z."""
    [answer] = answers(a_context(a_candidate(bars=flat_bars())))

    assert isinstance(answer, Denial)
    assert answer.details["z"] == 0.0


def test_deeper_is_more_convinced() -> None:
    """Conviction is the mean of |z| / 4 and the confidence."""
    near, far = the_answer(99.0, entry_z=1.0), the_answer(97.0, entry_z=1.0)

    assert isinstance(near, TradeProposal)
    assert isinstance(far, TradeProposal)
    assert near.conviction < far.conviction
    assert pytest.approx((1.0 + 0.6) / 2) == far.conviction


@pytest.mark.parametrize("close", [100.6, 101.0, 103.0])
def test_own_lot_is_sold_when_it_is_back(close: float) -> None:
    """At the mean or above it: a sale of that lot, under the product it was bought as."""
    answer = the_answer(close, lots=(held("BTC-USDC"),))

    assert isinstance(answer, TradeProposal)
    assert answer.reduces
    assert (answer.product_id, answer.lot_id) == ("BTC-USDC", "lot-BTC-USDC")


def test_own_lot_below_the_mean_is_kept() -> None:
    """And not added to, however far below."""
    for close in (100.0, 97.0):
        answer = the_answer(close, lots=(held(),))
        assert isinstance(answer, Denial)
        assert answer.code is DenialCode.POSITION_HELD
        assert answer.details["z_exit"] == 0.0


def test_exit_may_come_before_the_mean() -> None:
    """With an exit at one deviation below, 100 after a mean of 100.5 is near enough."""
    answer = the_answer(100.0, lots=(held(),), exit_z=1.2)

    assert isinstance(answer, TradeProposal)
    assert answer.side is Side.SELL


def test_each_lot_is_sold_by_itself() -> None:
    """Two lots, two sales; a lot of another base stays."""
    lots = (held(lot_id=ClientOrderId("one")), held(lot_id=ClientOrderId("two")), held("ETH-USD"))

    found = answers(a_context(a_candidate(bars=last_close(102.0)), lots=lots))

    assert [(each.lot_id, each.side) for each in found if isinstance(each, TradeProposal)] == [
        ("one", Side.SELL),
        ("two", Side.SELL),
    ]
    assert len(found) == 2


# --- held, whatever the universe says


def beyond_the_universe(bars: Bars | None, *lots: Any) -> StrategyContext:
    """Lots of ETH, while only BTC is a candidate."""
    return a_context(lots=lots, held={lot.product_id: a_held_product("ETH", bars=bars) for lot in lots})


@pytest.mark.parametrize("product_id", ["ETH-USD", "ETH-USDC"])
def test_lot_of_no_candidate_is_sold_when_it_is_back(product_id: str) -> None:
    """Accident 51: also one that was bought as an alias."""
    sale, *others = answers(beyond_the_universe(last_close(101.0), held(product_id)))

    assert isinstance(sale, TradeProposal)
    assert (Side.SELL, product_id, f"lot-{product_id}") == (sale.side, sale.product_id, sale.lot_id)
    assert ["BTC-USD"] == [each.product_id for each in others]


def test_lot_of_no_candidate_below_the_mean_is_kept() -> None:
    """And the numbers say how far it is."""
    denial, _ = answers(beyond_the_universe(last_close(99.0), held("ETH-USD")))

    assert isinstance(denial, Denial)
    assert ("ETH-USD", DenialCode.POSITION_HELD, 0.0) == (denial.product_id, denial.code, denial.details["z_exit"])


def test_nothing_is_bought_that_is_no_candidate() -> None:
    """However far below its mean what is held lies, and however many products it was bought as."""
    lots = (held("ETH-USD"), held("ETH-USDC"))

    found = answers(beyond_the_universe(last_close(90.0), *lots))

    assert [("ETH-USD", DenialCode.POSITION_HELD), ("BTC-USD", DenialCode.MOVE_BELOW_MIN)] == [
        (each.product_id, each.code) for each in found if isinstance(each, Denial)
    ]


def test_lots_of_one_asset_on_two_products_are_judged_together() -> None:
    """Each is sold as what it was bought as."""
    lots = (held("ETH-USD"), held("ETH-USDC"))

    found = answers(beyond_the_universe(last_close(102.0), *lots))

    assert ["ETH-USD", "ETH-USDC"] == [each.product_id for each in found if isinstance(each, TradeProposal)]


def test_lot_without_bars_is_left_to_its_stop_and_target() -> None:
    """The universe has said why there are none."""
    found = answers(beyond_the_universe(None, held("ETH-USD")))

    assert ["BTC-USD"] == [each.product_id for each in found]


@pytest.mark.parametrize(("count", "code"), [(47, DenialCode.HISTORY_TOO_SHORT), (48, None)])
def test_exit_needs_the_bars_of_its_band_and_no_more(count: int, code: DenialCode | None) -> None:
    """Not those that only sizes are made of."""
    answer, _ = answers(
        beyond_the_universe(flat_bars(count), held("ETH-USD")), band_window="4h", volatility_window="1d"
    )

    assert code is (answer.code if isinstance(answer, Denial) else None)


def test_triggers_are_not_looked_at() -> None:
    """With or without one, the answer is the same."""
    candidate = a_candidate(bars=last_close(100.5))

    assert answers(a_context(candidate)) == answers(a_context(candidate, triggers=[a_trigger()]))


@pytest.mark.parametrize("bars", [flat_bars(47), flat_bars(288)])
def test_too_few_bars_are_refused(bars: Bars) -> None:
    """For the band, or for the volatility that sizes."""
    [answer] = answers(a_context(a_candidate(bars=bars)))

    assert isinstance(answer, Denial)
    assert answer.code is DenialCode.HISTORY_TOO_SHORT


def test_wild_market_is_bought_less() -> None:
    """0.5 / 4 is 12.5 %, × 60 / volatility × 0.6: four times as wild is a quarter of it."""
    shown = []
    for scale in (1.0, 4.0):
        closes = [100.0 + scale * 2 * (n % 2) for n in range(299)] + [100.0 - scale * 6]
        context = a_context(a_candidate(bars=some_bars(closes)), base_size_pct={BTC: Decimal(100)})
        [answer] = answers(context)
        assert isinstance(answer, TradeProposal)
        shown.append(float(answer.size_pct))

    assert pytest.approx(4.0, rel=0.1) == shown[0] / shown[1]


def test_band_that_is_left_where_it_is_entered_is_refused() -> None:
    """Every buy would be sold at once."""
    with pytest.raises(ValueError, match=r"exit_z 2\.0 must be below entry_z 2\.0"):
        mean_reversion_settings(exit_z=2.0)


def test_strategy_is_found_by_its_name() -> None:
    """The registry finds the module, its class and its settings."""
    assert "mean_reversion" in list_names()
    assert (MeanReversion, MeanReversionSettings) == (STRATEGY, SETTINGS)
    assert find_settings_class("mean_reversion") is MeanReversionSettings
