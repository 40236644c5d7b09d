"""The drill of going back and forward again: what it counts, and that it fails where a release is not fit for it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from desk.drill.release_parent import run_parent_case
from desk.drill.releases import main, run_drill
from desk.in_memory import InMemoryStateStore
from trader.adapters.local.lease import LeaseItem
from trader.cycle import CycleReport, run_cycle
from trader.errors import LedgerCorrupt
from trader.model.ids import Scope
from trader.model.inputs import Tick
from trader.model.ledger import Ledger
from trader.model.newer import find_unknown_words
from trader.model.orders import OrderConfiguration, OrderPurpose
from trader.model.parent_life import ParentStyle
from trader.model.schema import SCHEMA
from trader.model.unknown import NONE_UNKNOWN
from trader.ports import Ports
from trader.stages.pipeline import Pipeline

LINE = re.compile(
    r"refused=0 lost=0 doubled=0 touched=0 entered=0 unsold=0 ticks=20 kept=\d+ denied=10 "
    r"parent_changed=0 parent_children=0 parent_uncounted=0 parent_cancelled=0 parent_denied=\d+ parent_booked=0.4 "
    r"parent_exits=2"
)


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with every record in it changed, the innermost first."""
    if isinstance(value, dict):
        return {key: changed(each, change) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(changed(each, change) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return change(
            replace(value, **{each.name: changed(getattr(value, each.name), change) for each in fields(value)})
        )
    return value


class Dropping(InMemoryStateStore):
    """A codec that reads what it does not know, and does not write it back."""

    def _ledger(self, item: LeaseItem, scope: Scope) -> Ledger | None:
        ledger = super()._ledger(item, scope)
        dropped: Ledger | None = changed(
            ledger, lambda each: replace(each, unknown=NONE_UNKNOWN) if hasattr(each, "unknown") else each
        )
        return dropped


class Guessing(InMemoryStateStore):
    """A codec that takes words it does not know for the nearest that it knows, and every schema for its own."""

    def _ledger(self, item: LeaseItem, scope: Scope) -> Ledger | None:
        ledger = super()._ledger(item, scope)
        if ledger is None or not any(find_unknown_words(ledger)):
            return ledger
        orders = {
            key: replace(
                each,
                intent=replace(
                    each.intent,
                    purpose=each.intent.purpose if each.intent.purpose.is_known else OrderPurpose.PROTECTION,
                    configuration=each.intent.configuration
                    if each.intent.configuration.is_known
                    else OrderConfiguration.BRACKET_GTC,
                ),
            )
            for key, each in ledger.orders.items()
        }
        return replace(ledger, orders=orders, schema=SCHEMA)


class Strict(InMemoryStateStore):
    """The release of before: what it does not know is damage."""

    def _ledger(self, item: LeaseItem, scope: Scope) -> Ledger | None:
        ledger = super()._ledger(item, scope)
        if ledger is not None and ledger.unknown:
            raise LedgerCorrupt(f"Ledger has no field {ledger.unknown[0][0]!r}")
        return ledger


def deny_nothing(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """A cycle whose risk stage knows no such denial."""
    report = run_cycle(tick, pipeline, ports)
    decision = report.decision
    if decision is None:
        return report
    return replace(report, decision=replace(decision, review=replace(decision.review, denials=())))


def test_this_release_is_fit_to_go_back_to(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty ticks on the ledger of the next one: nothing is refused, lost or doubled, and what may be sold is."""
    monkeypatch.setattr(sys, "argv", ["releases"])
    with pytest.raises(SystemExit) as left:
        main()

    assert 0 == left.value.code
    assert LINE.fullmatch(capsys.readouterr().out.splitlines()[-1])


def test_codec_that_drops_what_it_does_not_know_fails_the_drill(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drill can fail: every field that is gone is named, and the command says so to its caller."""
    monkeypatch.setattr(sys, "argv", ["releases"])
    with pytest.raises(SystemExit) as left:
        main(Dropping())

    said = capsys.readouterr().out
    assert 1 == left.value.code
    assert re.search(r"lost=[1-9]", said.splitlines()[-1])
    assert "next_release" in said


def test_release_that_refuses_what_it_does_not_know_fails_the_drill() -> None:
    """Accident 61, as it was: it stops, and sells nothing."""
    told = run_drill(Strict(), ticks=1)

    assert (2, 2) == (told.refused, told.unsold)
    assert not told.is_sound


def test_release_that_guesses_at_words_fails_the_drill() -> None:
    """It cancels what it does not understand, and sells what is spoken for."""
    told = run_drill(Guessing(), ticks=2)

    assert told.touched
    assert told.doubled
    assert not told.is_sound


def test_drill_in_which_nobody_wanted_to_enter_proves_nothing() -> None:
    """That nothing was entered counts only where a denial says why."""
    told = run_drill(run=deny_nothing, ticks=1)

    assert (0, 0) == (told.denied, told.entered)
    assert not told.is_sound


class Styling(InMemoryStateStore):
    """A codec that takes a style it does not know for one that it knows."""

    def _ledger(self, item: LeaseItem, scope: Scope) -> Ledger | None:
        ledger = super()._ledger(item, scope)
        if ledger is None:
            return None
        style = ParentStyle.PASSIVE_THEN_TAKER
        parents = {
            key: each if each.style.is_known else replace(each, style=style) for key, each in ledger.parents.items()
        }
        return replace(ledger, parents=parents)


def test_parent_of_an_unknown_style_is_counted_and_not_worked() -> None:
    """Its child stays on the book until it is filled; what is this release's own is sold all the same."""
    told = run_parent_case()

    assert told.is_sound
    assert (0, 0, 0, 0) == (told.changed, told.children, told.uncounted, told.cancelled)
    assert told.denied > 0


def test_release_that_guesses_at_a_style_fails_the_case() -> None:
    """It works the parent of another release."""
    told = run_parent_case(Styling())

    assert told.changed
    assert 0 == told.denied
    assert not told.is_sound


def test_case_in_which_nobody_was_denied_proves_nothing() -> None:
    """The same: a denial has to name the style."""
    assert not run_parent_case(run=deny_nothing).is_sound
