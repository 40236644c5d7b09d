"""How a cycle looks to a person."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from desk.cli.tables import print_cycle
from factories import CYCLE, NOW, Scripted, shipped_settings, some_facts
from trader.cycle import CycleOutcome, CycleReport
from trader.model.ids import Instant, StrategyId
from trader.model.inputs import Tick
from trader.stages.pipeline import Pipeline


@pytest.mark.parametrize("text", ["[/red] was closed", "[bold]", "ends in a \\"])
def test_text_of_an_error_is_shown_as_it_is(text: str) -> None:
    """Brackets in it are no colors: what a strategy raised can say anything."""

    def fail(_: object) -> tuple[()]:
        raise ValueError(text)

    settings = shipped_settings({"strategies.rules_engine.enabled": False, "strategies.mean_reversion.enabled": True})
    pipeline = Pipeline.build(settings, {StrategyId("mean_reversion"): Scripted(fail, reads_triggers=False)})
    tick, shown = Tick(CYCLE, NOW, Instant(NOW + 55)), StringIO()

    decision = pipeline.decide(some_facts())
    print_cycle(CycleReport(tick, CycleOutcome.COMPLETED, decision=decision), Console(file=shown, width=400))

    assert f"error ValueError: {text}" in shown.getvalue()
