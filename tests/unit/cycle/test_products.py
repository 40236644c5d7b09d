"""What the venue's list of products has, has not, and has without sense: who is considered, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from accidents.one_account import BTC, DIP, ETH, SOL, Bar, World, a_path, a_world, down, listed, with_settings
from factories import Scripted, a_proposal, once
from trader.cycle import CycleOutcome, CycleReport
from trader.errors import DataError, MalformedData, MissingData
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import Asset, ProductId
from trader.model.listings import UNNAMED
from trader.model.market import Product
from trader.model.trading_state import TradingState

QUIET = [Bar()] * 400
LINK = ProductId("LINK-USD")
DAY = 86_400


def configured(**bases: list[str]) -> dict[str, Any]:
    """The bases of the tiers, which are all that is configured."""
    tiers = {"tier_1_core": ["BTC", "ETH", "SOL"], "tier_2_rotational": ["LINK", "DOGE"], **bases}
    return {f"universe__tiers__{tier}__bases": names for tier, names in tiers.items()}


def a_small_world(**over: Any) -> World:
    """BTC, ETH and SOL are listed; LINK and DOGE, which are configured as well, are not."""
    return a_world(**{"strategy": Scripted(), **configured(), **over})


def notes_of(report: CycleReport) -> list[Any]:
    return [note.body["bases"] for note in report.notes if note.kind is EventKind.PRODUCTS_UNLISTED]


def considered(report: CycleReport) -> set[str]:
    assert report.decision is not None
    return {verdict.product_id for verdict in report.decision.verdicts}


def cause_of(report: CycleReport, product_id: ProductId) -> Any:
    assert report.decision is not None
    (verdict,) = [each for each in report.decision.verdicts if each.product_id == product_id]
    return verdict.code, verdict.details["cause"]


def answer(world: World, changes: Mapping[ProductId, Product | DataError | None]) -> None:
    """From now on these rows are others in the venue's answers; None leaves one out."""

    def products(original: Any, *wanted: Any) -> Any:
        rows = {**original(*wanted), **{key: row for key, row in changes.items() if not wanted or key in wanted[0]}}
        missing = {key: MissingData("not in the answer") for key in (wanted[0] if wanted else ())}
        return {**missing, **{key: row for key, row in rows.items() if row is not None}}

    world.meddlers["market.products"] = products


def test_base_that_is_not_listed_is_not_considered() -> None:
    """No verdict in any cycle; one note, with the names."""
    world = a_small_world()

    reports = world.cycles(24)

    assert [{BTC, ETH, SOL}] * 24 == [considered(report) for report in reports]
    assert [[("DOGE", "LINK")], *[[]] * 23] == [notes_of(report) for report in reports]
    assert "ProductsUnlisted" in "".join(world.audit.texts.values())


def test_note_is_repeated_once_a_day() -> None:
    """At the first reading of the list on each UTC day, and the ledger does not grow by it."""
    world = a_small_world(paths={SOL: a_path(*[Bar()] * 900)})
    noted: dict[str, int] = {}
    for _ in range(3 * 12):
        report = world.cycle()
        day = report.tick.cycle_id[:8]
        noted[day] = noted.get(day, 0) + len(notes_of(report))
        world.clock.advance(2 * 3600)

    assert [1] * len(noted) == list(noted.values())
    assert len(noted) >= 3
    assert world.ledger.products is not None
    assert ("DOGE", "LINK") == world.ledger.products.unlisted


def test_base_that_is_newly_gone_is_noted_at_once() -> None:
    """Not only on the next day: from then on it has no verdict. What comes back is simply considered again."""
    world = a_small_world()
    world.cycle()
    answer(world, {ETH: None})
    world.clock.advance(3600)

    gone = world.cycle()
    world.meddlers.clear()
    world.clock.advance(3600)
    back = world.cycle()

    assert [("DOGE", "ETH", "LINK")] == notes_of(gone)
    assert {BTC, SOL} == considered(gone)
    assert ([], {BTC, ETH, SOL}) == (notes_of(back), considered(back))


def test_market_that_lists_everything_has_no_note() -> None:
    """An empty one would be read every day."""
    world = a_small_world(**configured(tier_2_rotational=[]))

    assert [[], []] == [notes_of(report) for report in world.cycles(2)]


@pytest.mark.parametrize("name", ["LINK-USD", "LINK-USDC", "LINK-USDT"])
def test_base_whose_row_makes_no_sense_has_its_verdict(name: str) -> None:
    """Whichever of the rows it is that it could be paid by; it is there, so it is not noted as missing."""
    world = a_small_world()
    answer(world, {ProductId(name): MalformedData("no increment")})

    reports = world.cycles(2)

    assert [(DenialCode.PRODUCT_MISSING, "no increment")] * 2 == [cause_of(report, LINK) for report in reports]
    assert [[("DOGE",)], []] == [notes_of(report) for report in reports]


def test_row_without_a_name_may_be_that_of_any_missing_base() -> None:
    """So nothing is said to be unlisted: the list was not read whole."""
    world = a_small_world()
    answer(world, {UNNAMED: MalformedData("product_id: Field required")})

    report = world.cycle()

    expected = (DenialCode.PRODUCT_MISSING, "product_id: Field required")
    assert {expected} == {cause_of(report, each) for each in (LINK, ProductId("DOGE-USD"))}
    assert ([], {BTC, ETH, SOL, LINK, "DOGE-USD"}) == (notes_of(report), considered(report))


def test_list_that_never_could_be_read_leaves_every_base_its_verdict() -> None:
    """Nobody knows what is listed."""
    world = a_small_world()
    world.meddlers["market.products"] = down

    report = world.cycle()

    assert {BTC, ETH, SOL, LINK, "DOGE-USD"} == considered(report)
    assert (DenialCode.PRODUCT_MISSING, "the venue does not answer") == cause_of(report, LINK)
    assert [] == notes_of(report)


def test_list_that_can_no_longer_be_read_changes_nothing_about_what_is_unlisted() -> None:
    """The last one that was read well still says so; the day's note waits for the next one."""
    world = a_small_world()
    world.cycle()
    world.meddlers["market.products"] = down
    world.clock.advance(DAY)
    failed = world.cycle()
    world.meddlers.clear()
    world.pass_bars()

    read = world.cycle()

    assert ([], {BTC, ETH, SOL}, CycleOutcome.ABSTAINED) == (notes_of(failed), considered(failed), failed.outcome)
    assert [("DOGE", "LINK")] == notes_of(read)


def test_base_that_is_configured_within_the_hour_is_looked_for_at_once() -> None:
    """What the list had of it was not kept: it is read anew, and only once."""
    world = a_small_world(products=[listed("ADA-USD")], paths={ProductId("ADA-USD"): a_path(*QUIET)})
    world.cycle()
    asked = world.calls.count("market.products")
    world = with_settings(world, Scripted(), **configured(tier_2_rotational=["LINK", "ADA", "XRP"]))
    world.pass_bars()

    reports = world.cycles(3)

    assert asked + 1 == world.calls.count("market.products")
    assert [{BTC, ETH, SOL, "ADA-USD"}] * 3 == [considered(report) for report in reports]
    assert [[("LINK", "XRP")], [], []] == [notes_of(report) for report in reports]


@pytest.mark.parametrize("state", [TradingState.RUN, TradingState.REDUCE_ONLY])
def test_held_base_that_is_no_longer_listed_has_its_verdict_in_every_cycle(state: TradingState) -> None:
    """It is ours: it is considered, whatever the list says."""
    world = a_small_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(3)
    answer(world, {SOL: None})
    world.kill_switch.word = state
    world.clock.advance(3600)

    reports = world.cycles(3)

    unlisted = (DenialCode.PRODUCT_MISSING, "the venue does not list it")
    if state is TradingState.RUN:
        assert [unlisted] * 3 == [cause_of(report, SOL) for report in reports]
        assert [[("DOGE", "LINK", "SOL")], [], []] == [notes_of(report) for report in reports]
    assert all(SOL in considered(report) for report in reports)


@pytest.mark.parametrize("state", [TradingState.RUN, TradingState.REDUCE_ONLY, TradingState.FLATTEN])
def test_bare_lot_of_a_base_that_is_no_longer_listed_rings(state: TradingState) -> None:
    """In every run, by its name."""
    world = a_small_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(3)
    (lot,) = world.ledger.lots.values()
    del world.market._products[SOL]
    world.venue.cancel([each.venue_order_id for each in world.ledger.active_orders if each.venue_order_id])
    world.kill_switch.word = state
    world.clock.advance(3600)

    reports = world.cycles(3)

    assert [[lot.lot_id]] * 3 == [list(report.exposed) for report in reports]
    assert {CycleOutcome.ABORTED} == {report.outcome for report in reports}
    assert all(SOL in considered(report) for report in reports)


def test_base_that_was_sold_after_it_left_the_list_is_considered_no_more() -> None:
    """Its last lot gone, it is like any other that is not listed."""
    world = a_small_world(strategy=once(a_proposal("SOL-USD", max_hold_hours=1)), paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(3)
    answer(world, {SOL: None})
    world.clock.advance(3600)
    # The list has lost it, the venue still takes the order.
    reports = world.cycles(2)
    assert {SOL} == {lot.product_id for lot in world.ledger.lots.values()}
    assert all(SOL in considered(report) for report in reports)
    answer(world, {})
    world.cycle()
    assert {} == world.ledger.lots

    answer(world, {SOL: None})
    world.clock.advance(3600)

    assert {BTC, ETH} == considered(world.cycle())
    assert Asset("SOL") in world.ledger.products.unlisted  # type: ignore[union-attr]
