"""The edge gate: a measured number, an assumed one, none; in LIVE and elsewhere."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from factories import a_lot, a_parent, a_proposal, a_quote, a_sale
from factories_market import a_candidate
from factories_settings import a_measurement, an_assumption, shipped_settings
from trader.entry.wiring import find_demand
from trader.model.decisions import TradeProposal
from trader.model.denials import DenialCode
from trader.model.edges import UNMEASURED, WEIGHT_RULE, Edge, EdgeSource
from trader.model.events import EventKind
from trader.model.ids import ClientOrderId, ProductId, StrategyId
from trader.model.market import FeeRates
from trader.model.parent_life import ParentStyle
from trader.settings.app import Mode
from trader.settings.evidence import NO_EVIDENCE, Evidence, StrategyEvidence
from trader.stages.edge_gate import EdgeGate, Gated

RULES = StrategyId("rules_engine")
#: 0.5 % + 0.9 %, no spread to speak of, 10 bps of slippage: 1.5 %, of which a trade must earn more than half again.
FEES = FeeRates(maker=Decimal("0.005"), taker=Decimal("0.009"))
MARKET = {ProductId("SOL-USD"): a_candidate("SOL-USD", quote=a_quote("SOL-USD", bid="100", ask="100.000001"))}
UP = "price_move up"


def gate(evidence: Evidence = NO_EVIDENCE, mode: Mode = Mode.PAPER, *, overrides: bool = False) -> EdgeGate:
    """The gate of the shipped settings in a mode."""
    settings = shipped_settings()
    app = replace(settings.app, mode=mode, live_without_evidence=overrides)
    return EdgeGate(evidence, settings.costs, find_demand(replace(settings, app=app)))


def known(evidence: StrategyEvidence) -> Evidence:
    """That and nothing else."""
    return Evidence({evidence.strategy: evidence})


def ask(asked: EdgeGate, proposal: TradeProposal) -> Gated:
    """What becomes of one wish."""
    return asked.check([proposal], MARKET, FEES)


def codes(gated: Gated) -> list[DenialCode]:
    """What was refused."""
    return [each.code for each in gated.denials]


# --- nothing is known


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PAPER])
def test_unmeasured_purchase_passes_where_no_money_is_at_stake_and_says_so(mode: Mode) -> None:
    """Its edge has no number, and its source is that there is none."""
    [passed] = ask(gate(mode=mode), a_proposal(rule=UP)).proposals

    assert UNMEASURED == passed.edge
    assert Decimal("1.5") == passed.edge_multiple


def test_unmeasured_purchase_is_denied_in_live() -> None:
    """With the rule that has no number, and that there is no file."""
    [denial] = ask(gate(mode=Mode.LIVE), a_proposal(rule=UP)).denials

    assert DenialCode.EDGE_UNMEASURED == denial.code
    assert {"rule": UP, "source": "unmeasured", "evidence": "none"} == denial.details


def test_file_that_cannot_be_used_is_named_in_the_denial() -> None:
    """Or the owner would look for a file that is there."""
    evidence = Evidence(faults={RULES: "is no JSON"})

    [denial] = ask(gate(evidence, Mode.LIVE), a_proposal(rule=UP)).denials

    assert "is no JSON" == denial.details["evidence"]


@pytest.mark.parametrize("mode", list(Mode))
def test_sale_is_never_asked(mode: Mode) -> None:
    """Getting out needs no edge."""
    sale = a_sale(a_lot("SOL-USD"))

    assert (sale,) == ask(gate(mode=mode), sale).proposals


def test_owner_may_let_live_buy_what_nobody_measured() -> None:
    """Then it passes, and stands in the record of every run."""
    asked = gate(mode=Mode.LIVE, overrides=True)

    assert 1 == len(ask(asked, a_proposal(rule=UP)).proposals)
    assert [EventKind.EVIDENCE_OVERRIDDEN] == [note.kind for note in asked.note_override()]


@pytest.mark.parametrize(("mode", "overrides"), [(Mode.LIVE, False), (Mode.PAPER, True), (Mode.DRY_RUN, True)])
def test_record_does_not_speak_of_an_override_that_changes_nothing(mode: Mode, overrides: bool) -> None:
    """Only in LIVE is anything overridden."""
    assert () == gate(mode=mode, overrides=overrides).note_override()


# --- something was measured


@pytest.mark.parametrize(("low", "passes"), [("2.26", True), ("2.25", False), ("-1", False)])
@pytest.mark.parametrize("mode", list(Mode))
def test_lower_end_of_the_measured_mean_must_exceed_the_costs(low: str, passes: bool, mode: Mode) -> None:
    """1.5 % × 1.5 are 2.25 %, which is not enough; the mean itself, one more, is not what counts."""
    evidence = known(a_measurement("rules_engine", price_move_up=low))

    gated = ask(gate(evidence, mode), a_proposal(rule=UP))

    assert ([] if passes else [DenialCode.EDGE_BELOW_COST]) == codes(gated)
    if passes:
        assert Edge(EdgeSource.MEASURED, Decimal(low), 200, "2026-01-01") == gated.proposals[0].edge


def test_denial_has_both_numbers() -> None:
    """And how many trades the one rests on."""
    evidence = known(a_measurement("rules_engine", price_move_up="1"))

    details = dict(ask(gate(evidence), a_proposal(rule=UP)).denials[0].details)

    assert Decimal("2.25") == round(Decimal(str(details.pop("edge_pct_min"))), 4)
    assert {"edge_pct": Decimal(1), "rule": UP, "source": "measured", "trades": 200} == details


def test_style_that_takes_pays_for_it() -> None:
    """0.9 % twice and 10 bps twice are 2 %, half again 3 %."""
    evidence = known(a_measurement("rules_engine", price_move_up="2.9"))

    assert [] == codes(ask(gate(evidence), a_proposal(rule=UP)))
    assert [DenialCode.EDGE_BELOW_COST] == codes(ask(gate(evidence), a_proposal(rule=UP, style=ParentStyle.TAKER)))


def test_other_rule_of_a_measured_strategy_is_unmeasured() -> None:
    """A number is of the row that it was counted for."""
    evidence = known(a_measurement("rules_engine", price_move_up="5"))

    assert [DenialCode.EDGE_UNMEASURED] == codes(ask(gate(evidence, Mode.LIVE), a_proposal(rule="breakout up")))


# --- something is assumed


@pytest.mark.parametrize(("hit_ratio", "passes"), [("0.46", True), ("0.45", False)])
def test_assumed_ratio_counts_outside_live(hit_ratio: str, passes: bool) -> None:
    """12 % × 0.46 - 6 % × 0.54 are 2.28 %; with 0.45 they are 2.1 %, of 2.25 % needed."""
    evidence = known(an_assumption("rules_engine", {UP: hit_ratio}))

    assert passes is (codes(ask(gate(evidence), a_proposal(rule=UP))) == [])


def test_assumed_ratio_opens_nothing_in_live() -> None:
    """Not even one of a certain win."""
    evidence = known(an_assumption("rules_engine", {UP: "1"}))

    [denial] = ask(gate(evidence, Mode.LIVE), a_proposal(rule=UP)).denials

    assert (DenialCode.EDGE_UNMEASURED, "assumed") == (denial.code, denial.details["source"])


def test_assumed_ratio_says_nothing_of_a_trade_without_a_target() -> None:
    """There is nothing that could be hit."""
    evidence = known(an_assumption("rules_engine", {UP: "0.1"}))

    assert UNMEASURED == ask(gate(evidence), a_proposal(rule=UP, take_profit_pct=None)).proposals[0].edge


# --- target weights


@pytest.mark.parametrize(
    ("fee", "style", "passes"),
    [
        ("0.0075", ParentStyle.PASSIVE, True),
        ("0.0074", ParentStyle.PASSIVE, False),
        ("0.0135", ParentStyle.TAKER, True),
        ("0.0134", ParentStyle.TAKER, False),
    ],
)
def test_weight_is_judged_by_the_fee_that_its_strategy_could_bear(fee: str, style: ParentStyle, passes: bool) -> None:
    """It must be one and a half times what its style pays: 0.75 % of 0.5 %, 1.35 % of 0.9 %."""
    evidence = known(replace(a_measurement("rules_engine"), break_even_fee_ratio=Decimal(fee)))

    gated = ask(gate(evidence, Mode.LIVE), a_proposal(rule=WEIGHT_RULE, style=style, take_profit_pct=None))

    assert ([] if passes else [DenialCode.EDGE_BELOW_COST]) == codes(gated)


# --- parents


def test_parent_whose_edge_nobody_measured_buys_nothing_in_live() -> None:
    """Also one that was opened while the owner let it; a measured one goes on."""
    parents = {
        ClientOrderId(name): a_parent(edge_source=source)
        for name, source in (("a", EdgeSource.MEASURED), ("b", EdgeSource.ASSUMED), ("c", EdgeSource.NONE))
    }

    assert {"b", "c"} == set(gate(mode=Mode.LIVE).check_parents(parents))
    assert {} == gate(mode=Mode.LIVE, overrides=True).check_parents(parents)
    assert {} == gate().check_parents(parents)
