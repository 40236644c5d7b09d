"""What is written down of a decision: whose it is, under which names, in which order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from factories import CYCLE, NOW, a_convert_intent, a_ledger, an_intent, some_facts, some_marks
from trader.errors import DataError
from trader.model.cycle_state import AcceptedMark, FailureStreak, ProductCache, Regime, RegimeReading, RegimeState
from trader.model.decisions import Decision, Outcome, Plan, RiskReview, Verdict
from trader.model.events import AuditEvent, AuditNote, EventKind
from trader.model.ids import Asset, Instant, ProductId
from trader.model.money import Notional, Price
from trader.stages.audit_record import record_decision, record_unlisted, stamp_notes

ETH = ProductId("ETH-USD")
PLAN = Plan((an_intent(),), conversions=(a_convert_intent(),))


def a_decision() -> Decision:
    return Decision(
        regime=Regime.CHOP,
        equity=Notional(10_000),
        triggers=(),
        proposals=(),
        review=RiskReview(),
        plan=PLAN,
        verdicts=(Verdict(ETH, Outcome.ENTERING, "execution", None, {}),),
        ledger=a_ledger(failure_streak=FailureStreak(2)),
        notes=(AuditNote(EventKind.FLOW_RECORDED, "opening", {}),),
        reading=RegimeReading(Regime.CRASH, -11.5, 80.0, RegimeState(Regime.CHOP)),
        size_multiplier=Decimal("1.0"),
        old_marks={Asset("ETH"): AcceptedMark(Price(99), NOW)},
    )


def recorded(kind: EventKind) -> AuditNote:
    """The first note of a kind."""
    return next(note for note in record_decision(some_facts(), a_decision(), "digest", "code") if note.kind is kind)


def test_note_is_stamped_with_its_cycle_and_instant() -> None:
    """Nothing else of it changes, and the order stays."""
    notes = (
        AuditNote(EventKind.FLOW_RECORDED, "opening", {"change": 1}),
        AuditNote(EventKind.RISK_CHECKED, "risk", {}),
    )

    assert (
        AuditEvent(EventKind.FLOW_RECORDED, CYCLE, NOW, "opening", {"change": 1}),
        AuditEvent(EventKind.RISK_CHECKED, CYCLE, NOW, "risk", {}),
    ) == stamp_notes(notes, CYCLE, NOW)


def test_decision_is_told_in_the_order_of_the_chain() -> None:
    """What was known before comes first, what is about to be sent comes last."""
    notes = record_decision(some_facts(), a_decision(), "digest", "code")

    assert [
        (EventKind.FLOW_RECORDED, "opening"),
        (EventKind.INPUTS_GATHERED, "inputs"),
        (EventKind.REGIME_ASSESSED, "regime"),
        (EventKind.UNIVERSE_SELECTED, "universe"),
        (EventKind.TRIGGERS_DETECTED, "triggers"),
        (EventKind.STRATEGIES_PROPOSED, "strategies"),
        (EventKind.RISK_CHECKED, "risk"),
        (EventKind.EXECUTION_PLANNED, "execution"),
        (EventKind.VERDICT_GIVEN, ETH),
        (EventKind.ORDER_INTENDED, "convert-1"),
        (EventKind.ORDER_INTENDED, an_intent().client_order_id),
    ] == [(note.kind, note.subject) for note in notes]


def test_regime_is_written_down_with_the_reading_it_rests_on() -> None:
    """The one in force, the one that was read, and the two numbers behind it."""
    assert {
        "regime": Regime.CHOP,
        "state": a_ledger().regime,
        "raw": Regime.CRASH,
        "trend_pct": -11.5,
        "volatility_pct": 80.0,
    } == recorded(EventKind.REGIME_ASSESSED).body


def test_regime_without_a_reading_is_written_down_as_that() -> None:
    """No number is made up."""
    decision = replace(a_decision(), reading=RegimeReading())

    (body,) = (
        note.body
        for note in record_decision(some_facts(), decision, "digest", "code")
        if note.kind is EventKind.REGIME_ASSESSED
    )

    assert (Regime.UNKNOWN, None, None) == (body["raw"], body["trend_pct"], body["volatility_pct"])


def test_risk_is_written_down_with_what_it_looked_at() -> None:
    """Enough data or not; equity, marks, those of old, failures, halt, the regime's size, what was made smaller."""
    assert {
        "complete": True,
        "equity": Notional(10_000),
        "equity_marks": some_marks(),
        "old_marks": {Asset("ETH"): AcceptedMark(Price(99), NOW)},
        "failure_streak": FailureStreak(2),
        "drawdown_halt": a_ledger().drawdown_halt,
        "size_multiplier": Decimal("1.0"),
        "trims": (),
    } == recorded(EventKind.RISK_CHECKED).body


def test_order_and_conversion_are_announced_whole() -> None:
    """From these lines a lost ledger is made anew."""
    notes = record_decision(some_facts(), a_decision(), "digest", "code")

    assert [{"conversion": a_convert_intent()}, {"intent": an_intent()}] == [
        note.body for note in notes if note.kind is EventKind.ORDER_INTENDED
    ]


def test_inputs_are_written_down_by_digest_and_what_is_missing_by_its_reason() -> None:
    """Enough to see what a decision was made from, without a copy of every bar."""
    inputs = some_facts()
    bars = {**inputs.bars, ETH: DataError("no candles")}
    (body,) = (
        note.body
        for note in record_decision(
            replace(
                inputs, bars=bars, benchmark=DataError("none"), causes={ETH: "no bids"}, failures=("fees: HTTP 503",)
            ),
            a_decision(),
            "d",
            "c",
        )
        if note.kind is EventKind.INPUTS_GATHERED
    )

    series = inputs.bars[ProductId("BTC-USD")]
    assert not isinstance(series, DataError)
    assert (series.digest, "no candles") == (body["bars"]["BTC-USD"], body["bars"][ETH])
    assert ({ETH: "no bids"}, ("fees: HTTP 503",)) == (body["causes"], body["failures"])
    assert ("d", "c", NOW, NOW) == (body["config"], body["code"], body["now"], body["scheduled_at"])


def test_inputs_are_written_down_with_the_size_of_the_ledger_and_what_it_may_be() -> None:
    """Both numbers of a denial, also where there was none: the decision can be made again."""
    inputs = replace(some_facts(), ledger_bytes=7_000, ledger_bytes_max=204_800)

    (body,) = (
        note.body for note in record_decision(inputs, a_decision(), "d", "c") if note.kind is EventKind.INPUTS_GATHERED
    )

    assert (7_000, 204_800) == (body["ledger_bytes"], body["ledger_bytes_max"])


def a_cache(at: int, *unlisted: str) -> ProductCache:
    return ProductCache(Instant(at), (), unlisted=tuple(Asset(base) for base in unlisted))


MIDNIGHT = NOW // 86_400 * 86_400


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, None, None),
        (None, a_cache(NOW), None),
        (None, a_cache(NOW, "LINK"), ["LINK"]),
        (a_cache(0), a_cache(NOW, "LINK"), ["LINK"]),
        (a_cache(NOW, "LINK"), a_cache(NOW, "LINK"), None),
        (a_cache(NOW), a_cache(NOW, "LINK"), None),
        (a_cache(MIDNIGHT, "LINK"), a_cache(MIDNIGHT + 86_399, "LINK"), None),
        (a_cache(MIDNIGHT - 1, "LINK"), a_cache(MIDNIGHT, "LINK"), ["LINK"]),
        (a_cache(MIDNIGHT, "LINK"), a_cache(MIDNIGHT + 1, "ADA", "LINK"), ["ADA", "LINK"]),
        (a_cache(MIDNIGHT, "ADA", "LINK"), a_cache(MIDNIGHT + 1, "ADA"), None),
        (a_cache(MIDNIGHT - 1, "LINK"), a_cache(MIDNIGHT), None),
    ],
)
def test_unlisted_assets_are_named_by_the_first_list_of_a_day_and_when_newly_gone(
    before: ProductCache | None, after: ProductCache | None, told: list[str] | None
) -> None:
    """A cache whose instant stays was not read anew."""
    notes = record_unlisted(before, after)

    assert ([] if told is None else [told]) == [list(note.body["bases"]) for note in notes]
    assert {EventKind.PRODUCTS_UNLISTED} >= {note.kind for note in notes}
