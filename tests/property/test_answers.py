"""Whatever a strategy answers, a cycle decides, can be written down, and sells what it would have sold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from factories import NOW, OTHER, RULES, Scripted, a_held_ledger, a_proposal, shipped_settings, some_facts
from trader.model.codec import digest_of
from trader.model.cycle_state import Regime, RegimeState
from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.inputs import CycleInputs, StrategyContext
from trader.model.market import Quote
from trader.model.money import Price
from trader.model.orders import OrderPurpose, Side
from trader.stages.audit_record import record_decision
from trader.stages.pipeline import Pipeline

NUMBERS = st.one_of(
    st.decimals(),
    st.floats(),
    st.integers(),
    st.sampled_from([Decimal("sNaN"), Decimal("1E+999999"), Decimal("-1E-999999"), Decimal("99.99999999"), True]),
)
#: Numbers that are more often than not such as the field may hold.
LIKELY = st.one_of(st.decimals("0", "100", places=4), st.floats(0, 1), st.integers(0, 100))
THINGS = st.one_of(NUMBERS, LIKELY, st.text(), st.none(), st.sampled_from(["SOL-USD", "ETH-USD", RULES, Side.SELL]))
NAMES = [each.name for each in fields(TradeProposal)]
#: A sound proposal in which some fields hold anything at all, or only numbers that are likely.
PROPOSALS = st.one_of(
    st.builds(
        lambda changes: replace(a_proposal(), **changes), st.dictionaries(st.sampled_from(NAMES), THINGS, max_size=3)
    ),
    st.builds(
        lambda stop, target, size: a_proposal(stop_loss_pct=stop, take_profit_pct=target, size_pct=size),
        *[st.decimals("-10", "130", places=6)] * 3,
    ),
)
DENIALS = st.builds(
    lambda product, details: Denial(product, DenialCode.RULE_MISSING, "strategies", details),
    st.one_of(st.sampled_from(["SOL-USD", "ETH-USD", "FOO-USD"]), THINGS),
    st.one_of(st.dictionaries(st.text(max_size=5), THINGS, max_size=3), st.none()),
)
ANSWERS = st.one_of(
    st.lists(st.one_of(PROPOSALS, DENIALS), max_size=4), st.lists(THINGS, min_size=1, max_size=2), THINGS
)


@cache
def some_inputs() -> CycleInputs:
    """ETH was bought at 100 and stands at 93, below its stop."""
    eth = Quote(a_proposal("ETH-USD").product_id, Price("93"), Price("93.01"), NOW)
    held = replace(a_held_ledger(), regime=RegimeState(Regime.CHOP, Regime.CHOP))
    inputs = some_facts(ledger=held)
    return replace(inputs, quotes={**inputs.quotes, eth.product_id: eth})


def told(answers: Any) -> Pipeline:
    settings = shipped_settings()
    settings = replace(settings, strategies={RULES: settings.strategies[RULES], OTHER: settings.strategies[RULES]})

    def propose(_: StrategyContext) -> Sequence[TradeProposal]:
        return answers  # type: ignore[no-any-return]

    return Pipeline.build(settings, {RULES: Scripted(propose), OTHER: Scripted()})


@given(ANSWERS)
def test_any_answer_leaves_a_decision_that_can_be_written_down(answers: Any) -> None:
    """With the exit in it; and every order that comes of it is protected on the right sides of its price."""
    decision = told(answers).decide(some_inputs())

    assert digest_of(decision)
    assert digest_of(record_decision(some_inputs(), decision, "config", "code")).encode()
    assert [OrderPurpose.EXIT] == [intent.purpose for intent in decision.plan.intents if intent.side is Side.SELL]
    for intent in decision.plan.intents:
        assert not intent.is_entry or (intent.bracket is not None and intent.bracket.is_around(intent.limit_price))


@given(st.lists(PROPOSALS, min_size=1, max_size=4))
def test_each_proposal_goes_on_or_is_denied(proposals: list[TradeProposal]) -> None:
    """None is lost, and one that cannot be takes no other with it."""
    pipeline = told(proposals)
    answers = pipeline.propose(some_inputs(), pipeline.screen(some_inputs())).answers

    if not answers.failed:
        invalid = [each for each in answers.denials if each.code is DenialCode.PROPOSAL_INVALID]
        assert len(proposals) == len(answers.proposals) + len(invalid)
