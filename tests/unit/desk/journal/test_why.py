"""``trader why``: what it says of every product of every cycle, and that it says nothing that is not on record."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from architecture.tree import ROOT
from desk.cli.columns import cell_len
from desk.cli.why_screen import render_answer
from desk.journal.checks import ORDER
from desk.journal.decisions import iterate_decisions
from desk.journal.reasons import describe_need, list_limits
from desk.journal.runs import Journal
from desk.journal.summary import describe_period
from desk.journal.why import Question, describe_decision
from desk.journal.words import write_share
from factories_settings import assumed_evidence, shipped_settings
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY, SCENARIOS, STOPPED
from simulation.world import SCOPE, Scenario
from trader.errors import ConfigError, MissingData
from trader.model.capital import why_not_fund
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Instant, cycle_id_at, rfc3339
from trader.settings import Settings
from trader.stages.risk import RiskManager
from trader.stages.risk.sizes import PurchaseSizer
from unit.desk.journal.recorded import (
    FIRST,
    CountingReader,
    decision_notes,
    journal_of,
    make_chain,
    read_json,
    run,
    run_in,
    write_texts,
    write_world,
)

WIDTHS = (60, 80, 140)
SETTINGS = shipped_settings()
SCHEMA_1 = ROOT / "tests/fixtures/schema_1/paper"
NOW = Instant(FIRST + 10**6)


def ask(folder: Path, product: str, *cycles: Any, at: int | None = None, settings: Settings = SETTINGS) -> Any:
    """The answer about a product, of some cycles' notes."""
    texts, head = make_chain(cycles)
    write_texts(folder, texts)
    question = Question(product, Instant(at) if at is not None else None)
    return describe_decision(Journal(CountingReader(folder), SCOPE, head=head), question, settings, NOW)


def refused(code: str, stage: str, **details: Any) -> list[AuditNote]:
    """A cycle that refused SOL-USD."""
    verdict = {"product_id": "SOL-USD", "outcome": "REFUSED", "stage": stage, "code": code, "details": details}
    inputs = {"trading_state": "RUN", "quotes": [], "failures": []}
    return [
        AuditNote(EventKind.INPUTS_GATHERED, "inputs", inputs),
        AuditNote(EventKind.VERDICT_GIVEN, "SOL-USD", {"verdict": verdict}),
    ]


def stage_of(told: Any, name: str) -> dict[str, Any]:
    return next(each for each in told["stages"] if each["stage"] == name)


def test_denial_by_risk_is_told_with_its_number_beside_its_limit(
    synthetic_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with what came before it: trigger, rule, conviction, edge, losses, quote, regime."""
    assert 0 == run_in(synthetic_home, "why", "XLM-USD", "--at", "2025-12-31T23:40:00Z")
    text = capsys.readouterr().out

    assert "risk · HOUR_ENTRIES_EXCEED_MAX: enough entries within an hour" in text
    assert "✗ entries 3 ≥ 3 (100 %)" in text
    for word in (
        "in the universe",
        "bps of 35 allowed",
        "conviction 0.",
        "≥ 0.45",
        "edge unmeasured",
        "day -0.",
        "of -3 %",
    ):
        assert word in text, word
    assert "would need entries < 3" in text
    assert "regime chop" in text
    assert "bid 0.48" in text


def test_numbers_on_the_screen_are_those_of_the_record(
    synthetic_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The details of the verdict, equity and quote, digit for digit, in JSON."""
    assert 0 == run_in(synthetic_home, "why", "XLM-USD", "--at", "2025-12-31T23:40:00Z", "--json")
    told: Any = read_json(capsys)
    decision = next(
        each
        for each in iterate_decisions(Journal(CountingReader(synthetic_home / "audit"), SCOPE).iterate_runs())
        if each.run.cycle_id == told["cycle"]
    )
    quote = next(row for row in decision.inputs["quotes"] if row["product_id"] == "XLM-USD")

    assert {"entries": 3, "limit": 3} == told["verdict"]["details"]
    assert decision.risk["equity"] == told["equity"]
    assert (quote["bid"], quote["ask"]) == (told["quote"]["bid"], told["quote"]["ask"])
    assert told["is_config_of_now"]


@pytest.mark.parametrize("name", ["xlm-usd", "XLM", "xlm", " XLM-USD "])
def test_product_is_found_in_any_case_and_by_its_base(
    name: str, synthetic_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As people type it."""
    assert 0 == run_in(synthetic_home, "why", name)

    assert "XLM-USD" in capsys.readouterr().out


def test_base_of_two_products_is_asked_back(tmp_path: Path) -> None:
    """Either may be meant."""
    both = decision_notes({"SOL-USD": "TRIGGER_MISSING", "SOL-USDC": "TRIGGER_MISSING"})

    with pytest.raises(ConfigError, match="sol may be SOL-USD or SOL-USDC"):
        ask(tmp_path, "sol", both)


def test_unknown_product_is_answered_with_those_that_were_considered(
    synthetic_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    assert 78 == run_in(synthetic_home, "why", "NOPE-USD")
    lines = capsys.readouterr().err.splitlines()

    assert 1 == len(lines)
    assert "NOPE-USD was not considered by 20251231T235500Z" in lines[0]
    assert "XRP-USD" in lines[0]


def test_instant_between_two_cycles_means_the_one_before_and_says_how_long_before(tmp_path: Path) -> None:
    """To the second."""
    cycles = [decision_notes({"SOL-USD": "TRIGGER_MISSING"})] * 4
    told = ask(tmp_path, "SOL", *cycles, at=FIRST + 2 * 300 + 77)

    assert cycle_id_at(Instant(FIRST + 600)) == told["cycle"]
    assert f"1 min before {rfc3339(Instant(FIRST + 677))}".replace("1 min", "77 s") in "\n".join(
        render_answer(told, 140, shows_all=False)
    )


def test_instant_before_all_records_says_so(tmp_path: Path) -> None:
    """And what makes some."""
    with pytest.raises(MissingData, match="at or before 2026-11-21T23:59:59Z is on record"):
        ask(tmp_path, "SOL", decision_notes({"SOL-USD": "TRIGGER_MISSING"}), at=FIRST - 1)


def test_same_reason_is_counted_over_the_last_twelve(tmp_path: Path) -> None:
    """Another code in between does not count, nor does a cycle that did not consider it."""
    codes = ["TRIGGER_MISSING", "VOLUME_BELOW_MIN", "TRIGGER_MISSING", "TRIGGER_MISSING"]
    told = ask(tmp_path, "SOL", *[decision_notes({"SOL-USD": code}) for code in codes], decision_notes({}))
    older = ask(tmp_path / "older", "SOL", *[decision_notes({"SOL-USD": code}) for code in codes])

    assert told["verdict"] is None
    assert {"count": 3, "of": 4} == older["same_reason"]


def test_product_that_this_cycle_did_not_consider_is_told_with_the_last_that_did(tmp_path: Path) -> None:
    """As under HALT, when only what is held is looked at."""
    halted = decision_notes({}, state="HALT")
    told = ask(tmp_path, "SOL", decision_notes({"SOL-USD": "TRIGGER_MISSING"}), halted, halted)
    text = "\n".join(render_answer(told, 200, shows_all=False))

    assert "HALTED: the kill switch said HALT or could not be read" in text
    assert f"was not considered: nobody decided about it; last in {cycle_id_at(FIRST)}" in text
    assert f"trader why SOL-USD --at {rfc3339(FIRST)}" in text


def test_cycle_that_abstained_says_why(tmp_path: Path) -> None:
    """In the words of its record."""
    settled = AuditNote(EventKind.CYCLE_SETTLED, "abstained", {"reason": "the account could not be read: HTTP 503"})
    told = ask(tmp_path, "SOL", decision_notes({"SOL-USD": "TRIGGER_MISSING"}), [settled])

    assert "ABSTAINED: the account could not be read: HTTP 503" in "\n".join(render_answer(told, 200, shows_all=False))


@pytest.mark.parametrize("failed", [0, 4, 8])
def test_cycle_without_enough_data_says_what_failed(failed: int, tmp_path: Path) -> None:
    """More than half of the products, by the configuration of the record; else as far as a denial says."""
    codes = ["DATA_STALE"] * failed + ["TRIGGER_MISSING"] * (8 - failed)
    cycle = decision_notes({f"P{number}-USD": code for number, code in enumerate(codes)})
    inputs = {**cycle[0].body, "config": SETTINGS.digest}
    told = ask(tmp_path, "P0", [AuditNote(EventKind.INPUTS_GATHERED, "inputs", inputs), *cycle[1:]])

    assert ("ABSTAINED" if failed == 8 else "COMPLETED") == told["outcome"]
    assert failed < 8 or told["reason"].endswith("P0-USD: DATA_STALE")


@pytest.mark.parametrize("is_complete", [True, False])
def test_cycle_that_wrote_down_whether_it_had_enough_is_believed(is_complete: bool, tmp_path: Path) -> None:
    """Under REDUCE_ONLY nobody asks for what only entries need, so nothing of it is missing."""
    cycle = decision_notes({f"P{number}-USD": "DATA_MISSING" for number in range(8)})
    inputs = {**cycle[0].body, "config": SETTINGS.digest}
    noted = AuditNote(EventKind.RISK_CHECKED, "risk", {"complete": is_complete})
    told = ask(tmp_path, "P0", [AuditNote(EventKind.INPUTS_GATHERED, "inputs", inputs), noted, *cycle[1:]])

    assert ("COMPLETED" if is_complete else "ABSTAINED") == told["outcome"]


def test_read_that_failed_as_a_whole_is_named(tmp_path: Path) -> None:
    """Then nothing is entered."""
    cycle = decision_notes({"SOL-USD": "QUOTE_MISSING"})
    inputs = {**cycle[0].body, "failures": ["quotes: GET /best_bid_ask: HTTP 503"]}
    told = ask(tmp_path, "SOL", [AuditNote(EventKind.INPUTS_GATHERED, "inputs", inputs), *cycle[1:]])

    assert ("ABSTAINED", True) == (told["outcome"], "HTTP 503" in told["reason"])


def test_only_cycles_that_abstained_say_why_too(tmp_path: Path) -> None:
    """No product is known then."""
    settled = AuditNote(EventKind.CYCLE_SETTLED, "abstained", {"reason": "the account could not be read: HTTP 503"})

    with pytest.raises(MissingData, match="ABSTAINED and considered no product: the account could not be read"):
        ask(tmp_path, "SOL", [settled])


@pytest.mark.parametrize("code", list(DenialCode))
def test_every_code_has_a_meaning_a_need_and_a_next_step(code: DenialCode, tmp_path: Path) -> None:
    """Without any numbers, as an older record may be."""
    told = ask(tmp_path, "SOL", refused(code, code.stage))

    assert code.meaning == told["verdict"]["meaning"]
    assert told["would_need"]
    assert told["next"].startswith("trader ")


def test_code_of_a_newer_release_is_told_as_it_is(tmp_path: Path) -> None:
    """It is not known here, and neither is its stage."""
    told = ask(tmp_path, "SOL", refused("MOON_TOO_FULL", "astrology", moon=0.99, moon_max=0.5))
    text = "\n".join(render_answer(told, 140, shows_all=True))

    assert "astrology · MOON_TOO_FULL: this release does not know the code" in text
    assert "moon ≤ 0.5" in told["would_need"]


@pytest.mark.parametrize(
    ("code", "details", "need"),
    [
        ("VOLUME_BELOW_MIN", {"volume_24h": "4000000", "volume_24h_min": "5000000"}, "volume 24h ≥ 5000000"),
        ("SPREAD_EXCEEDS_MAX", {"spread_bps": "41.5", "spread_bps_max": "35"}, "spread bps ≤ 35"),
        ("POSITIONS_EXCEED_MAX", {"positions": 8, "limit": 8}, "positions < 8"),
        ("DAY_LOSS_EXCEEDS_MAX", {"loss_pct": "3.2", "limit_pct": "3"}, "loss pct < 3"),
        ("EDGE_BELOW_COST", {"edge_pct": "1.5", "hurdle_pct": "2.4"}, "edge pct > 2.4"),
        ("EDGE_BELOW_COST", {"edge_pct": "1.5", "edge_pct_min": "2.4"}, "edge pct > 2.4"),
        ("EDGE_BELOW_COST", {"edge_pct": "2.4", "edge_pct_min": "2.4"}, "edge pct > 2.4"),
        (
            "TIER_EXCEEDS_MAX",
            {"wish": "300", "room": "10", "limit": "20", "used": "10", "min": "10", "min_before_fee": "10.07"},
            "room ≥ 10.07",
        ),
        (
            "POSITION_EXCEEDS_MAX",
            {"wish": "10.05", "room": "5", "limit": "20", "used": "15", "min": "10", "min_before_fee": "10.07"},
            "room ≥ 10.07 and wish ≥ 10.07",
        ),
        ("NOTIONAL_BELOW_MIN", {"wish": "10", "room": "90", "min": "10", "min_before_fee": "10.07"}, "wish ≥ 10.07"),
        (
            "DRAWDOWN_EXCEEDS_MAX",
            {"loss_pct": "10.2", "limit_pct": "10"},
            "loss pct < 10 and a person who clears the drawdown stop",
        ),
        ("DRAWDOWN_EXCEEDS_MAX", {"until": "operator"}, "a person who clears the drawdown stop"),
        (
            "PRICE_OUTLIER",
            {"move_pct": -12.5, "move_pct_max": 10, "volume_ratio": 0.02, "volume_ratio_min": 0.1},
            "move pct within ±10 or volume ratio ≥ 0.1",
        ),
        (
            "TRIGGER_MISSING",
            {"volume_ratio": 1.7, "volume_ratio_min": 1.8, "bounce_pct": 3.5, "bounce_pct_min": 3},
            "one of: volume ratio ≥ 1.8 with a move of the price (the nearest), an old low and signs of a turn beside "
            "bounce pct 3.5",
        ),
        (
            "EXPOSURE_EXCEEDS_MAX",
            {"wish": "300", "room": "2", "limit": "2500", "used": "2498", "min": "10"},
            "room ≥ 10",
        ),
        ("MARK_STALE", {"SOL-USD": 930, "limit": 900}, "a quote of SOL-USD that is believed"),
        ("EQUITY_UNKNOWN", {}, "a price of everything that is held"),
        ("EQUITY_UNKNOWN", {"SOL": "implausible"}, "a person who has looked at what was booked of SOL"),
        ("PRODUCT_COOLING", {"after": "stop", "seconds_left": 3600}, "to wait 1 h 0 min"),
        ("REFUSAL_RECENT", {"reason": "x", "count": 1, "seconds": 60}, "to wait 60 s"),
        ("PRODUCT_ENTRY_TOO_SOON", {"seconds": 600, "limit": 900}, "passed ≥ 900 s = 15 min"),
        ("ENTRY_TOO_SOON", {"seconds": 17, "limit": 90}, "passed ≥ 90 s"),
        ("TICK_STALE", {"age_seconds": 195, "limit": 120}, "the next tick, which is fresh"),
        ("QUOTE_MISSING", {"cause": "timeout"}, "a best bid and ask of it"),
        (
            "QUOTE_STALE",
            {"age_seconds": 40, "age_seconds_max": 30, "denied_age_seconds": 41, "denied_age_seconds_max": 30},
            "age ≤ 30 s",
        ),
        ("BANNED", {"until": "2027-01-01"}, "the end of its ban"),
        ("STABLE_BASE", {}, "an end of this: the asset is a stable coin"),
        ("MOVE_BELOW_MIN", {"z": -1.2, "z_max": -2.5}, "z ≤ -2.5"),
        ("MOVE_BELOW_MIN", {"move_pct": -2.0, "move_pct_min": 3.0}, "move pct beyond ±3"),
        ("TRIGGER_MISSING", {"above_high_pct": -1.2}, "one of: above high pct > 0 (the nearest)"),
    ],
)
def test_need_is_the_number_that_would_decide_otherwise(code: str, details: dict[str, Any], need: str) -> None:
    """Of every form that limits have."""
    assert need == describe_need(code, details)


def test_limit_of_seconds_names_its_unit() -> None:
    """And how many minutes that is, as the setting may be in minutes."""
    (limit,) = list_limits("PRODUCT_ENTRY_TOO_SOON", {"seconds": 600, "limit": 900})
    (age,) = list_limits("TICK_STALE", {"age_seconds": 195, "limit": 120})

    assert "passed 600 s < 900 s = 15 min (67 %)" == limit.write()
    assert "age 195 s > 120 s (162 %)" == age.write()


@pytest.mark.parametrize("knows_limits", [True, False])
def test_stale_tick_is_told_with_the_next_one_and_advises_no_setting(knows_limits: bool, tmp_path: Path) -> None:
    """Of the first run of a loop that began in the middle of a period: the limit is as it should be."""
    note, verdict = refused("TICK_STALE", "risk", age_seconds=195, limit=120)
    config = SETTINGS.digest if knows_limits else "another"
    body = {**note.body, "now": FIRST + 195, "scheduled_at": FIRST, "config": config}

    notes = [note._replace(body=body), verdict]
    told = ask(tmp_path, "SOL", notes)
    journal = Journal(CountingReader(tmp_path), SCOPE, head=make_chain([notes])[1])
    summary = describe_period(journal, Instant(0), SETTINGS)
    (denied,) = summary["wanted"]["denied"]

    at = f" at {rfc3339(Instant(FIRST + SETTINGS.cycle.period_seconds))}" if knows_limits else ""
    assert f"the next tick{at}, which is fresh: this run started 195 s after its own" == told["would_need"]
    assert (None, "the next tick, which is fresh") == (denied["setting"], denied["would_need"])


@pytest.mark.parametrize(
    ("membership", "line"),
    [
        ({"member": True, "disagreeing_cycles": 0}, "in the universe"),
        ({"member": True, "disagreeing_cycles": 1}, "still in the universe, though it failed the checks in this cycle"),
        (
            {"member": True, "disagreeing_cycles": 3},
            "still in the universe, though it failed the checks in 3 cycles in a row",
        ),
        (
            {"member": False, "disagreeing_cycles": 1},
            "not in the universe yet, though it passed the checks in this cycle",
        ),
        ({"member": False}, "not in the universe"),
    ],
)
def test_membership_says_what_the_checks_found(membership: dict[str, Any], line: str, tmp_path: Path) -> None:
    """Whether they were passed or failed, and how often."""
    universe = AuditNote(EventKind.UNIVERSE_SELECTED, "universe", {"membership": {"SOL-USD": membership}})
    told = ask(tmp_path, "SOL", [*refused("POSITIONS_EXCEED_MAX", "risk", positions=8, limit=8), universe])

    assert line == stage_of(told, "universe")["lines"][0]


@pytest.mark.parametrize(("ahead", "told"), [(-5, "5 s old"), (0, "0 s old"), (1, "0 s old"), (61, "dated 61 s ahead")])
def test_quote_of_a_clock_a_moment_ahead_is_new(ahead: int, told: str, tmp_path: Path) -> None:
    """No quote is less than nothing old; one that is far ahead is said to be so."""
    note, verdict = refused("QUOTE_STALE", "universe", age_seconds=-ahead)
    quote = {"product_id": "SOL-USD", "bid": "1", "ask": "2", "time": FIRST + ahead}
    answer = ask(tmp_path, "SOL", [note._replace(body={**note.body, "now": FIRST, "quotes": [quote]}), verdict])

    assert f"ask 2, {told}" in " ".join(render_answer(answer, 200, shows_all=False))


def test_checks_of_risk_are_listed_as_they_are_made() -> None:
    """All of them, in the order of the code that makes them."""
    source = inspect.getsource(RiskManager) + inspect.getsource(PurchaseSizer)
    asked = source[source.index("def _switch_and_ledger") :]
    asked = asked.replace("why_not_fund(portfolio.ledger)", inspect.getsource(why_not_fund))
    made = list(dict.fromkeys(re.findall(r"DenialCode\.([A-Z_]+)", asked)))
    order = [each.value for each in ORDER]

    assert set(made) == set(order)
    assert [each for each in made if each in order[:24]] == order[:24]


def test_nearest_trigger_comes_first() -> None:
    """Any of them would do."""
    details = {"short_move_pct": 0.1, "short_move_pct_min": 1.2, "momentum_pct": 1.9, "momentum_pct_min": 2.0}

    assert "one of: momentum pct beyond ±2 (the nearest), short move pct beyond ±1.2" == describe_need(
        "TRIGGER_MISSING", details
    )
    assert "momentum pct 1.9 of ±2 (95 %)" == list_limits("TRIGGER_MISSING", details)[0].write()


def test_fall_counts_by_its_size() -> None:
    """A trigger may be one of a fall: minus 1.9 is nearer to 2 than minus 0.1 is to 1.2, and minus 3 has passed it."""
    details = {"short_move_pct": -0.1, "short_move_pct_min": 1.2, "momentum_pct": -1.9, "momentum_pct_min": 2.0}
    passed = list_limits("TRIGGER_MISSING", {"momentum_pct": -3, "momentum_pct_min": 2.0})

    assert ["momentum_pct", "short_move_pct"] == [each.name for each in list_limits("TRIGGER_MISSING", details)]
    assert [True] == [each.holds for each in passed]


def test_what_is_not_on_record_says_so(tmp_path: Path) -> None:
    """A record with a verdict and nothing else: no quote, no equity, no trigger, no check of risk."""
    told = ask(tmp_path, "SOL", refused("POSITIONS_EXCEED_MAX", "risk", positions=8, limit=8))
    text = "\n".join(render_answer(told, 140, shows_all=True))

    assert "✓" not in text
    assert "quote not on record · equity not on record" in text
    assert ["not on record"] * 2 == [stage_of(told, name)["state"] for name in ("universe", "triggers")]
    assert "not reached" == stage_of(told, "execution")["state"]


def test_limits_of_another_configuration_are_not_those_of_now(tmp_path: Path) -> None:
    """The record names its configuration by its digest."""
    (told,) = [ask(tmp_path, "SOL", refused("POSITIONS_EXCEED_MAX", "risk", positions=8, limit=8))]

    assert not told["is_config_of_now"]
    assert "the configuration was another then" in "\n".join(render_answer(told, 140, shows_all=False))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_verdict_of_every_kind_of_cycle_fits(scenario: Scenario, width: int, tmp_path: Path) -> None:
    """Each line is as wide as the screen at most, and every stage is named."""
    world = after_tick(scenario, len(scenario.beats) - 1)
    journal = journal_of(world, tmp_path)
    asked = 0
    for decision in iterate_decisions(journal.iterate_runs()):
        for product in decision.verdicts():
            told = describe_decision(journal, Question(product, decision.run.at), scenario.settings, NOW)
            lines = render_answer(told, width, shows_all=False)
            asked += 1

            assert not [line for line in lines if cell_len(line) > width]
            assert not [line for line in lines if line != line.rstrip()]
            assert told["is_config_of_now"]

    assert asked


@pytest.mark.parametrize("width", WIDTHS)
def test_all_checks_fit_every_screen(
    synthetic_home: Path, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --all, too."""
    monkeypatch.setenv("COLUMNS", str(width))

    assert 0 == run_in(synthetic_home, "why", "XLM-USD", "--all", "--at", "2025-12-31T23:40:00Z")
    text = capsys.readouterr().out

    assert not [line for line in text.splitlines() if cell_len(line) > width and str(synthetic_home) not in line]
    rows = {line.split()[0]: line for line in text.splitlines() if line[:1].isupper()}

    assert "refused" in rows["HOUR_ENTRIES_EXCEED_MAX"]
    assert "passed" in rows["DAY_TRADES_EXCEED_MAX"]
    assert "not reached" in rows["EXPOSURE_EXCEEDS_MAX"]


def test_first_screen_fits_80_by_24(
    synthetic_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of every product in every cycle."""
    monkeypatch.setenv("COLUMNS", "80")
    journal = Journal(CountingReader(synthetic_home / "audit"), SCOPE)
    for decision in iterate_decisions(journal.iterate_runs()):
        for product in decision.verdicts():
            told = describe_decision(journal, Question(product, decision.run.at), SETTINGS, NOW)

            assert len(render_answer(told, 80, shows_all=False)) <= 24


def test_order_is_told_with_what_became_of_it(tmp_path: Path) -> None:
    """Announced in the decision, answered in the outcome."""
    world = after_tick(ENTRY, len(ENTRY.beats) - 1)
    journal = journal_of(world, tmp_path)
    entering = next(
        each
        for each in iterate_decisions(journal.iterate_runs())
        if any(verdict["outcome"] == "ENTERING" for verdict in each.verdicts().values())
    )
    told = describe_decision(journal, Question("SOL", entering.run.at), ENTRY.settings, NOW)

    assert "ENTERING" == told["verdict"]["outcome"]
    (line,) = stage_of(told, "execution")["lines"]
    assert line.startswith("BUY ")
    assert "→ OPEN" in line or "→ FILLED" in line or "→ Accepted" in line


def test_edge_is_told_against_what_a_round_trip_cost(tmp_path: Path) -> None:
    """By the fees and the quote of the record, when the configuration is the same."""
    story = replace(STOPPED, evidence=assumed_evidence("0.9"))
    journal = journal_of(after_tick(story, 1), tmp_path)
    texts = []
    for decision in iterate_decisions(journal.iterate_runs()):
        told = describe_decision(journal, Question("SOL", decision.run.at), story.settings, NOW)
        texts += stage_of(told, "strategies")["lines"]

    assert any("edge +" in line and "needed" in line and "not on record" not in line for line in texts)


def test_folder_of_schema_1_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    """Its words are those of before."""
    assert 0 == run_in(SCHEMA_1, "why", "btc")
    text = capsys.readouterr().out

    assert "BTC-USD ENTERING" in text
    assert "switch RUN" in text


def test_folder_is_left_as_it_is(synthetic_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks leaves no file, no lock."""
    home = tmp_path / "home"
    shutil.copytree(synthetic_home, home)
    (next(home.glob("scope=*")) / ".lock").unlink()
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    for words in (("why", "xlm"), ("why", "--summary"), ("trades",), ("fills",), ("lots",), ("cycles",)):
        assert 0 == run_in(home, *words), words
    capsys.readouterr()

    assert before == {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_broken_record_is_named_and_the_answer_given(
    synthetic_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 1, as something is wrong."""
    home = tmp_path / "home"
    shutil.copytree(synthetic_home, home)
    broken = next((home / "audit").rglob("20251231T235000Z*"))
    broken.write_bytes(b"\x00\xff")

    assert 1 == run_in(home, "why", "xlm")
    told = capsys.readouterr()

    assert "BROKEN" in told.out
    assert "20251231T235000Z" in told.out
    assert "XLM-USD" in told.out
    assert "trader audit verify" in told.err


def test_run_at_work_is_no_obstacle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A lease is held, and a record written that no ledger names yet: it is told with that caution."""
    world = after_tick(ENTRY, 2)
    texts, _ = make_chain([decision_notes({"SOL-USD": "TRIGGER_MISSING"})])
    ledger = world.ledger()
    assert ledger is not None
    write_world(tmp_path, world)
    world.store.acquire(SCOPE, "busy", world.clock.now(), 100)
    ((key, text),) = texts.items()
    late = key.replace("20261122T000000Z-00000001", "20261122T130000Z-00000099")
    write_texts(
        tmp_path / "audit",
        {late: text.replace(key, late).replace('"previous":""', f'"previous":"{ledger.audit_head}"')},
    )

    assert 0 == run_in(tmp_path, "why", "sol")
    assert "no ledger stands on it yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("why",),
        ("why", "SOL-USD", "--summary"),
        ("why", "SOL-USD", "--since", "7d"),
        ("why", "--summary", "--at", "2025-12-31"),
        ("why", "--summary", "--all"),
        ("why", "SOL-USD", "--at", "noon"),
        ("why", "--summary", "--since", "7"),
        ("why", "--summary", "--since", "-7d"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_one_line(
    words: tuple[str, ...], synthetic_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is allowed."""
    assert 78 == run_in(synthetic_home, *words)
    told = capsys.readouterr()

    assert "" == told.out
    assert 1 == len(told.err.splitlines())
    assert "allowed" in told.err


def test_empty_folder_has_nothing_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command says so in one line, ends with 1, and leaves the folder empty."""
    for words in (("why", "xlm"), ("why", "--summary"), ("trades",), ("fills",), ("lots",), ("cycles",)):
        assert 1 == run_in(tmp_path, *words), words
        assert 1 == len(capsys.readouterr().err.splitlines())

    assert [] == list(tmp_path.iterdir())


def test_asking_loads_neither_boto3_nor_what_trades(synthetic_home: Path) -> None:
    """In a process of its own: an answer shall be there at once."""
    code = (
        "import sys; sys.argv = ['trader', *sys.argv[1:]]\n"
        "from desk.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print([name for name in ('boto3', 'requests', 'desk.markets') if name in sys.modules])"
    )
    words = [sys.executable, "-c", code, "why", "xlm", "--home", str(synthetic_home)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)

    assert "[]" == done.stdout.splitlines()[-1]
    assert 0 == done.returncode, done.stderr


def test_summary_counts_cycles_verdicts_and_what_kept_entries_away(
    synthetic_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The counts add up."""
    assert 0 == run_in(synthetic_home, "why", "--summary", "--json")
    told: Any = read_json(capsys)
    denied = told["wanted"]["denied"]

    assert {"COMPLETED": 48} == told["cycles"]
    assert sum(told["verdicts"].values()) == sum(sum(each.values()) for each in told["products"].values())
    assert told["wanted"]["count"] == told["wanted"]["ordered"] + sum(each["count"] for each in denied)
    assert "VOLATILITY_TOO_LOW" == denied[0]["code"]
    assert "triggers.atr_ratio_min" == denied[0]["setting"]


def test_summary_is_what_the_records_say(synthetic_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counted by hand from the lines: verdicts, what was held meanwhile, where a trigger had fired, and the shares."""
    lines = [line for file in synthetic_home.rglob("*.jsonl") if "audit" in file.parts for line in file.open()]
    events = [json.loads(line) for line in lines]
    given = [each["body"]["verdict"] for each in events if each.get("event") == "VerdictGiven"]
    fired = {
        (each["cycle"], trigger["product_id"])
        for each in events
        if each.get("event") == "TriggersDetected"
        for trigger in each["body"]["triggers"]
    }
    refused = Counter(each["code"] for each in given if each["outcome"] == "REFUSED")
    quiet, ordered = refused["VOLATILITY_TOO_LOW"], sum(each["outcome"] == "ENTERING" for each in given)
    held = {
        (each["cycle"], each["body"]["verdict"]["product_id"])
        for each in events
        if each.get("event") == "VerdictGiven" and each["body"]["verdict"]["outcome"] in ("HELD", "EXITING")
    }

    assert 0 == run_in(synthetic_home, "why", "--summary", "--json")
    told: Any = read_json(capsys)
    assert 0 == run_in(synthetic_home, "why", "--summary")
    text = " ".join(capsys.readouterr().out.split())
    wanted = told["wanted"]
    others = wanted["count"] - ordered

    assert Counter(each["code"] or each["outcome"] for each in given) == Counter(told["verdicts"])
    assert Counter(each["code"] for each in given if each["outcome"] == "HELD") == Counter(told["held"]["verdicts"])
    assert sum(told["held"]["products"].values()) == sum(each["outcome"] == "HELD" for each in given)
    # A parent is worked without another trigger.
    worked = {
        (each["cycle"], each["body"]["verdict"]["product_id"])
        for each in events
        if each.get("event") == "VerdictGiven"
        and (each["body"]["verdict"]["outcome"] == "ENTERING" or "parent" in (each["body"]["verdict"]["details"] or {}))
    }
    assert (len((fired | worked) - held) + quiet, ordered) == (wanted["count"], wanted["ordered"])
    for each in wanted["denied"]:
        assert refused[each["code"]] == each["count"]
        assert str(round(Decimal(100 * each["count"]) / others, 1)) == each["share_pct"]
    assert abs(100 - sum(Decimal(each["share_pct"]) for each in wanted["denied"])) < 1
    assert f"{ordered} times an order to buy was decided. What denied the other {others}:" in text
    left = wanted["denied"][5:]
    assert ("more by" in text) is bool(left)
    for first in left[:1]:
        assert f"and {sum(each['count'] for each in left)} more by {first['code']}" in text


def test_nearest_miss_is_of_a_limit_that_was_missed(tmp_path: Path) -> None:
    """One that was kept stands on record too, and may be nearer."""
    notes = refused("MOON_TOO_FULL", "risk", tide=1.01, tide_max=1.02, moon=0.99, moon_max=0.5)
    texts, head = make_chain([notes])
    write_texts(tmp_path, texts)
    told = describe_period(Journal(CountingReader(tmp_path), SCOPE, head=head), Instant(0), SETTINGS)

    (denied,) = told["wanted"]["denied"]

    assert "moon 0.99 > 0.5 (198 %)" == denied["nearest"]


@pytest.mark.parametrize(
    ("count", "total", "told"),
    [(1, 3360, "<0.1 %"), (0, 3360, "0.0 %"), (3359, 3360, ">99.9 %"), (48, 48, "100.0 %"), (1, 3, "33.3 %")],
)
def test_share_is_neither_nothing_nor_everything_if_it_is_not(count: int, total: int, told: str) -> None:
    """Rounded for people."""
    assert told == write_share(count, total)


@pytest.mark.parametrize("width", WIDTHS)
def test_summary_fits(
    synthetic_home: Path, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Codes, counts and products are there at any width."""
    monkeypatch.setenv("COLUMNS", str(width))

    assert 0 == run_in(synthetic_home, "why", "--summary")
    text = capsys.readouterr().out

    assert not [line for line in text.splitlines() if cell_len(line) > width]
    assert "HOUR_ENTRIES_EXCEED_MAX" in text
    assert "XRP-USD" in text


def test_summary_since_a_span_ends_with_the_newest_record(
    synthetic_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A market of last year has no other now; and no more is read than that."""
    assert 0 == run_in(synthetic_home, "why", "--summary", "--since", "1h", "--json")
    told: Any = read_json(capsys)

    assert ("2025-12-31T22:55:00Z", "2025-12-31T23:55:00Z") == (told["from"], told["to"])
    assert {"COMPLETED": 13} == told["cycles"]
    assert told["objects_read"] < 40


def test_next_leads_to_the_place_that_was_typed(
    synthetic_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed as it stands, it answers about the same system; what was not typed need not be typed then."""
    words = ["why", "XLM-USD", "--at", "2025-12-31T23:40:00Z", "--json"]
    assert 0 == run(*words, "--home", str(synthetic_home))
    typed: Any = read_json(capsys)
    monkeypatch.setenv("TRADER_HOME", str(synthetic_home.parents[1]))
    assert 0 == run(*words)
    alone: Any = read_json(capsys)
    assert 0 == run(*words, "--mode", "PAPER", "--config", str(ROOT / "config"))
    configured: Any = read_json(capsys)

    assert f"{alone['next']} --home {synthetic_home}" == typed["next"]
    assert "trader why --summary --since 7d" == alone["next"]
    assert f"{alone['next']} --config {ROOT / 'config'}" == configured["next"]


def test_examples_of_the_help_are_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Each ends with a block of lines that can be typed."""
    for command in ("why", "trades", "fills", "lots", "cycles"):
        assert 0 == run(command, "--help")
        text = capsys.readouterr().out
        lines = [line.strip() for line in text.partition("Examples:")[2].splitlines() if line.strip()]

        assert lines
        assert all(line.startswith("trader ") for line in lines), lines
