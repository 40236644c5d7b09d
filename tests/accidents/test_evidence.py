"""60: a cost gate that believes the hit ratio in its own configuration asks for nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from accidents.hostile_venue import QUIET
from accidents.one_account import DIP, SOL, Bar, World, a_path, a_world, pipeline_for
from factories import RULES, Scripted, a_proposal, scripted
from factories_settings import a_measurement, assumed_evidence, shipped_settings, shipped_trees, with_overrides
from trader.adapters.config.files import parse_settings
from trader.cycle import CycleReport
from trader.errors import ConfigError
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.orders import Side
from trader.model.trading_state import TradingState
from trader.settings.evidence import NO_EVIDENCE, Evidence

UP = "price_move up"
WISH = a_proposal("SOL-USD", rule=UP, take_profit_pct=Decimal(60), stop_loss_pct=Decimal(6))


def a_live_world(evidence: Evidence = NO_EVIDENCE, *after: Bar, overrides: bool = False) -> World:
    """Real money, and a strategy that wants SOL in every cycle."""
    world = a_world(paths={SOL: a_path(DIP, Bar(), *after, *QUIET)}, strategy=scripted(WISH))
    return under(world, evidence, scripted(WISH), overrides=overrides)


def under(world: World, evidence: Evidence, strategy: Scripted, *, overrides: bool = False) -> World:
    """The same world in LIVE, with another strategy, other evidence, and perhaps leave to do without."""
    live = shipped_settings({"app.mode": "LIVE", "app.live_without_evidence": overrides, "exchange.read_only": False})
    return replace(world, pipeline=pipeline_for(replace(live, evidence=evidence), strategy))


def codes_of(report: CycleReport) -> set[DenialCode]:
    """Why things were not done in a cycle."""
    assert report.decision is not None
    return {each.code for each in report.decision.verdicts if each.code is not None}


def overridden(report: CycleReport) -> bool:
    """Whether the record of a run says that it trades without evidence."""
    return any(note.kind is EventKind.EVIDENCE_OVERRIDDEN for note in report.notes)


@pytest.mark.parametrize("evidence", [NO_EVIDENCE, assumed_evidence("1"), Evidence(faults={RULES: "is no JSON"})])
def test_live_buys_nothing_that_nobody_measured(evidence: Evidence) -> None:
    """Not with no file, not with an assumed ratio of one, not with a file that cannot be read."""
    world = a_live_world(evidence)

    reports = world.cycles(4)

    assert [] == world.buys()
    assert all(DenialCode.EDGE_UNMEASURED in codes_of(report) for report in reports)
    assert not any(map(overridden, reports))


def test_live_buys_what_was_measured_to_pay() -> None:
    """The same market, the same wish, and a number: so it is the number that was missing."""
    world = a_live_world(Evidence({RULES: a_measurement("rules_engine", price_move_up="5")}))

    world.cycles(2)

    assert 1 == len(world.buys())


def test_live_buys_nothing_that_was_measured_to_lose() -> None:
    """A number is asked for, and asked about."""
    world = a_live_world(Evidence({RULES: a_measurement("rules_engine", price_move_up="-1.3")}))

    reports = world.cycles(4)

    assert [] == world.buys()
    assert all(DenialCode.EDGE_BELOW_COST in codes_of(report) for report in reports)


def test_owner_who_overrides_the_gate_is_on_record_in_every_run() -> None:
    """Bought, and said in the first cycle as in the last."""
    world = a_live_world(overrides=True)

    reports = world.cycles(4)

    assert 1 == len(world.buys())
    assert all(map(overridden, reports))


@pytest.mark.parametrize("switch", [TradingState.RUN, TradingState.REDUCE_ONLY, TradingState.FLATTEN])
def test_what_is_held_is_sold_without_any_evidence(switch: TradingState) -> None:
    """Bought while there was leave; the leave is gone, the market falls through the stop, and everything is sold."""
    fall = (Bar(), Bar(80.0), Bar(80.0))
    world = a_live_world(NO_EVIDENCE, *fall, overrides=True)
    world.cycles(2)
    assert 1 == len(world.ledger.lots)

    world = under(world, NO_EVIDENCE, scripted(WISH))
    world.kill_switch.word = switch
    world.cycles(5)

    assert {} == world.ledger.lots
    assert 1 == len(world.buys())


def test_parent_that_was_begun_with_leave_buys_no_more_without() -> None:
    """Its child is taken off the book, and what is left is never bought."""
    world = a_live_world(NO_EVIDENCE, overrides=True)
    world.cycle()
    assert 1 == len(world.ledger.parents)

    world = under(world, NO_EVIDENCE, scripted())
    world.cycles(8)

    assert {} == world.ledger.parents
    assert not [each for each in world.stored.active.values() if each.side is Side.BUY]


@pytest.mark.parametrize(
    "path", ["strategies.rules_engine.settings.rules[0].hit_ratio", "strategies.mean_reversion.settings.hit_ratio"]
)
def test_number_typed_into_the_policy_opens_nothing(path: str) -> None:
    """There is no such setting any more, and the answer says where a number belongs."""
    with pytest.raises(ConfigError) as refused:
        parse_settings(with_overrides(shipped_trees(), {path: "1"}))

    said = "is gone: what a trade earns is no setting; it is measured, and stands in evidence/<strategy>.json"
    assert (f"policy.yaml: {path}: {said}",) == refused.value.problems
