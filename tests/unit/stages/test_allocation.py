"""Who runs now, and who wins when two strategies want the same product."""

from __future__ import annotations

from typing import Any

import pytest

from factories import NOW, OTHER, RULES, a_lot, a_proposal, a_sale, strategy_settings
from trader.model.decisions import TradeProposal
from trader.model.denials import DenialCode
from trader.model.ids import Instant, StrategyId
from trader.settings.policy import AllocationSettings, StrategySettings
from trader.settings.schedule import ScheduleSettings
from trader.stages.allocation import Allocated, CapitalAllocator


def an_allocator(strategies: dict[StrategyId, StrategySettings] | None = None, **over: Any) -> CapitalAllocator:
    """Both strategies enabled; a purchase waits for a sale, one entry per product."""
    both = {RULES: strategy_settings(), OTHER: strategy_settings()}
    settings = AllocationSettings(**{"net_opposed": True, "one_entry_per_product": True, **over})
    return CapitalAllocator(settings, both if strategies is None else strategies)


def denied(allocated: Allocated) -> list[tuple[str, StrategyId | None, DenialCode]]:
    return [(denial.product_id, denial.strategy, denial.code) for denial in allocated.denials]


def ids(proposals: tuple[TradeProposal, ...]) -> list[tuple[str, str]]:
    return [(proposal.side, proposal.product_id) for proposal in proposals]


# --- cadence


@pytest.mark.parametrize(("ago", "expected"), [(899, []), (900, [RULES]), (901, [RULES])])
def test_strategy_is_due_when_its_cadence_has_come_round(ago: int, expected: list[StrategyId]) -> None:
    """Every fifteen minutes: to the second."""
    allocator = an_allocator({RULES: strategy_settings(schedule=ScheduleSettings(every_minutes=15))})

    assert expected == list(allocator.due({RULES: Instant(NOW - ago)}, NOW))


HOURLY = ScheduleSettings(every_minutes=60)


def test_strategy_that_never_ran_is_due() -> None:
    """And one without a cadence is due in every cycle."""
    allocator = an_allocator({RULES: strategy_settings(schedule=HOURLY), OTHER: strategy_settings()})

    assert (OTHER, RULES) == allocator.due({OTHER: NOW}, NOW)


def test_strategy_that_is_not_enabled_never_runs() -> None:
    """Whatever its cadence."""
    assert () == an_allocator({RULES: strategy_settings(enabled=False)}).due({}, NOW)


# --- peaceful wishes


def test_wishes_for_different_products_all_go_on_best_first() -> None:
    """Exits before sales before purchases; purchases by conviction."""
    lot, own = a_lot("ETH-USD"), a_lot("ADA-USD")
    buys = [a_proposal("SOL-USD", conviction=0.5), a_proposal("BTC-USD", conviction=0.9)]

    allocated = an_allocator().allocate([TradeProposal.sell(lot, "stop")], [*buys, a_sale(own)])

    assert [("SELL", "ETH-USD"), ("SELL", "ADA-USD"), ("BUY", "BTC-USD"), ("BUY", "SOL-USD")] == ids(
        allocated.proposals
    )
    assert () == allocated.denials


def test_equal_conviction_is_decided_by_name() -> None:
    """Never by the order in which strategies happened to answer."""
    one, other = a_proposal("SOL-USD"), a_proposal("BTC-USD")
    allocator = an_allocator()

    assert allocator.allocate([], [one, other]) == allocator.allocate([], [other, one])


def test_own_wish_to_sell_a_lot_that_must_go_anyway_is_one_sale() -> None:
    """The forced exit stands for both; nobody is refused anything."""
    lot = a_lot("ETH-USD")
    exits = TradeProposal.sell(lot, "stop")

    assert Allocated((exits,), ()) == an_allocator().allocate([exits], [a_sale(lot)])


def test_two_wishes_to_sell_a_lot_are_one_sale() -> None:
    """It would be sold twice; the first wish stands."""
    lot = a_lot("ETH-USD")
    first, second = a_sale(lot, reason="back"), a_sale(lot, reason="back again")

    assert Allocated((first,), ()) == an_allocator().allocate([], [first, second])


# --- the same product


def test_larger_conviction_gets_the_product() -> None:
    """STRATEGIES differ: the other is told whom it lost to, and by how much."""
    better = a_proposal(conviction=0.7, strategy=OTHER)

    allocated = an_allocator().allocate([], [a_proposal(conviction=0.6), better])

    assert (better,) == allocated.proposals
    assert [("SOL-USD", RULES, DenialCode.CONVICTION_BELOW_PEER)] == denied(allocated)
    assert {"conviction": 0.6, "peer": OTHER, "best": 0.7} == allocated.denials[0].details


def test_two_doors_to_a_book_are_the_same_product() -> None:
    """What is bought is the asset: SOL-USDC and SOL-USD are one wish."""
    allocated = an_allocator().allocate([], [a_proposal(), a_proposal("SOL-USDC", strategy=OTHER, conviction=0.1)])

    assert [("SOL-USDC", OTHER, DenialCode.CONVICTION_BELOW_PEER)] == denied(allocated)


def test_both_may_enter_if_the_settings_say_so() -> None:
    """Then the caps of risk decide how much."""
    proposals = [a_proposal(conviction=0.7), a_proposal(strategy=OTHER)]

    assert tuple(proposals) == an_allocator(one_entry_per_product=False).allocate([], proposals).proposals


def test_sale_goes_and_purchase_of_the_same_asset_waits() -> None:
    """The purchase is recorded with its side and conviction."""
    sale, buy = a_sale(a_lot("SOL-USD", strategy=OTHER)), a_proposal()

    allocated = an_allocator().allocate([], [sale, buy])

    assert (sale,) == allocated.proposals
    assert [("SOL-USD", RULES, DenialCode.STRATEGIES_OPPOSED)] == denied(allocated)
    assert {"side": "BUY", "conviction": 0.6} == allocated.denials[0].details


@pytest.mark.parametrize("product_id", ["SOL-USDC", "SOL-EUR"])
def test_purchase_waits_for_a_sale_of_the_asset_on_any_of_its_products(product_id: str) -> None:
    """What is sold is the asset, whatever it is sold for."""
    sale, buy = a_sale(a_lot(product_id, strategy=OTHER)), a_proposal()

    assert (sale,) == an_allocator().allocate([], [buy, sale]).proposals


def test_no_number_of_purchases_and_no_conviction_stops_a_sale() -> None:
    """Many purchases, all of them sure; those of other assets go on."""
    sale = a_sale(a_lot("SOL-USD", strategy=OTHER), conviction=0.0)
    buys = [a_proposal(conviction=1.0), a_proposal(conviction=1.0, strategy=OTHER), a_proposal("BTC-USD")]

    assert (sale, buys[2]) == an_allocator().allocate([], [*buys, sale]).proposals


def test_sale_and_purchase_both_go_on_if_the_settings_say_so() -> None:
    """Two strategies, two books."""
    sale, buy = a_sale(a_lot("SOL-USD", strategy=OTHER)), a_proposal()

    assert (sale, buy) == an_allocator(net_opposed=False).allocate([], [buy, sale]).proposals


@pytest.mark.parametrize("net_opposed", [True, False])
def test_forced_exit_always_stands_against_a_purchase(net_opposed: bool) -> None:
    """Buying what is just being stopped out is refused, whatever the settings say."""
    exits = TradeProposal.sell(a_lot("SOL-USD", strategy=OTHER), "stop")

    allocated = an_allocator(net_opposed=net_opposed).allocate([exits], [a_proposal()])

    assert (exits,) == allocated.proposals
    assert [("SOL-USD", RULES, DenialCode.STRATEGIES_OPPOSED)] == denied(allocated)


def test_purchase_refused_for_an_exit_does_not_stop_another_strategys_sale() -> None:
    """Both sales go, the purchase is refused once."""
    exits = TradeProposal.sell(a_lot("SOL-USD"), "stop")
    sale = a_sale(a_lot("SOL-USD", strategy=OTHER, lot_id="lot-2"))

    allocated = an_allocator().allocate([exits], [a_proposal(), sale])

    assert (exits, sale) == allocated.proposals
