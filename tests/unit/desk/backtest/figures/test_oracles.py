"""Our figures against those of quantstats, empyrical and ffn, as ``make oracles`` wrote them down."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from architecture.tree import ROOT
from desk.backtest.figures.curve import Curve, DayEquity, build_curve
from desk.backtest.figures.performance import measure_performance
from desk.backtest.figures.regression import compare_curves
from desk.backtest.figures.trades import measure_trades
from factories_figures import a_trip
from oracles.curves import DRAWN, OPENING, draw_trades, list_curves, list_days

TOLD: dict[str, Any] = json.loads((ROOT / "tests/fixtures/oracles/figures.json").read_text(encoding="utf-8"))
CURVES = list_curves()


def a_curve(name: str, days: int | None = None) -> Curve:
    """One of the curves that the oracles were shown, or its first days."""
    equities = CURVES[name][:days]
    lines = [
        DayEquity(day, None if equity is None else Decimal(str(equity)))
        for day, equity in zip(list_days(len(equities)), equities, strict=True)
    ]
    return build_curve(Decimal(str(OPENING)), lines)


def same(expected: float | None, actual: float | None) -> bool:
    """Within a thousand millionth, and undefined where the other is."""
    if expected is None or actual is None:
        return expected is actual
    return actual == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", CURVES)
def test_figures_of_a_curve_are_those_of_others(name: str) -> None:
    """Each figure, by each who computes it as we do."""
    ours = asdict(measure_performance(a_curve(name)))
    told: dict[str, dict[str, float | None]] = TOLD["curves"][name]

    differing = {
        f"{figure} by {oracle}": (value, ours[figure])
        for figure, answers in told.items()
        for oracle, value in answers.items()
        if not same(value, ours[figure])
    }

    assert differing == {}
    assert sum(len(each) for each in told.values()) == 18


@pytest.mark.parametrize("name", CURVES)
def test_deepest_drawdown_has_the_dates_of_another(name: str) -> None:
    """From the day after its peak to its recovery, or to the last day."""
    curve = a_curve(name)
    deepest = measure_performance(curve).deepest
    ours = None
    if deepest is not None:
        below = date.fromisoformat(deepest.peak_day) + timedelta(days=1)
        ours = {"first_day_below": below.isoformat(), "end": deepest.recovered_day or curve.points[-1].day}

    assert TOLD["deepest"][name] == ours


@pytest.mark.parametrize("seed", range(1, DRAWN + 1))
def test_alpha_and_beta_are_those_of_another(seed: int) -> None:
    """Against the next curve, on the days that both have."""
    one, other = f"seed {seed}", f"seed {seed % DRAWN + 1}"
    days = min(len(CURVES[one]), len(CURVES[other]))
    ours, told = compare_curves(a_curve(one, days), a_curve(other, days)), TOLD["pairs"][one]

    assert ours.alpha is not None
    assert same(told["beta"], ours.beta)
    assert same(told["alpha_compounded"], (1 + ours.alpha / 365) ** 365 - 1)


@pytest.mark.parametrize("seed", range(1, DRAWN + 1))
def test_figures_of_trades_are_those_of_another(seed: int) -> None:
    """Hit ratio, profit factor, mean win and loss, losses in a row."""
    nets = draw_trades(seed)
    ours = asdict(measure_trades([a_trip(str(net), number=number) for number, net in enumerate(nets)]))
    told: dict[str, float | None] = TOLD["trades"][str(seed)]
    numbers = {name: None if ours[name] is None else float(ours[name]) for name in told}

    # Means of money are rounded to eight decimals.
    assert {
        name: (value, numbers[name])
        for name, value in told.items()
        if (value is None) is not (numbers[name] is None)
        or (value is not None and numbers[name] != pytest.approx(value, rel=1e-9, abs=5.1e-9))
    } == {}


def test_fixture_is_of_all_curves() -> None:
    """Fifty drawn ones and the edges."""
    assert TOLD["curves"].keys() == CURVES.keys() == TOLD["deepest"].keys()
    assert DRAWN == 50
    assert {"empyrical-reloaded", "ffn", "quantstats"} == set(TOLD["versions"])
