"""The curves that our figures and those of others are computed from: fifty drawn ones and the edges, as daily equities.

Nothing but the standard library is used, and every equity is rounded to a cent: the same everywhere.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

OPENING = 10_000.0
FIRST = date(2024, 1, 1)
DRAWN = 50


def draw_equities(seed: int) -> list[float | None]:
    """Between two months and three years of days; calm or wild, rising or falling, some of them at rest."""
    chance = Random(seed)
    drift, sigma = chance.uniform(-0.002, 0.003), chance.uniform(0.002, 0.05)
    rest = chance.choice((0.0, 0.0, 0.3, 0.8))
    equities: list[float | None] = []
    equity = OPENING
    for _ in range(chance.randint(60, 1100)):
        if chance.random() >= rest:
            equity = max(round(equity * (1 + chance.gauss(drift, sigma)), 2), 1.0)
        equities.append(equity)
    return equities


#: The edges, by name: the equity at the end of each day after the opening, None on a day that nobody marked.
EDGES: dict[str, list[float | None]] = {
    "flat": [OPENING] * 90,
    "one day": [10_100.0],
    "two days": [10_100.0, 10_050.0],
    "all losses": [round(OPENING * 0.99**day * (1 - day % 3 * 1e-3), 2) for day in range(1, 121)],
    "all gains": [round(OPENING * 1.002**day + day % 4, 2) for day in range(1, 121)],
    "gap days": [None if day % 5 in (2, 3) else 10_000.0 + 50 * (day // 7 % 5) for day in range(1, 200)],
    "moves once a week": [10_000.0 + 50 * (day // 7 % 5) for day in range(1, 200)],
    "never recovered": [10_500.0, 11_000.0, *(8_000.0 + 10 * (day % 9) for day in range(100))],
    "recovered on the last day": [10_500.0, 9_000.0, 9_500.0, 10_499.0, 10_500.0],
    "falls from the opening": [9_000.0, 9_500.0, 9_400.0, 9_900.0],
    "one move among zeros": [*[OPENING] * 40, 10_400.0, *[10_400.0] * 40],
    "nothing left": [5_000.0, 2_500.0, 0.0],
}


def list_curves() -> dict[str, list[float | None]]:
    """Every curve by its name."""
    return {**{f"seed {seed}": draw_equities(seed) for seed in range(1, DRAWN + 1)}, **EDGES}


def draw_trades(seed: int) -> list[float]:
    """Gains of trades as parts of what they cost, none of them zero."""
    chance = Random(f"trades {seed}")
    edge = chance.uniform(-0.01, 0.01)
    return [round(chance.gauss(edge, 0.02), 6) or 1e-6 for _ in range(chance.randint(2, 120))]


def list_days(count: int) -> list[str]:
    """The UTC days of a curve, the opening's before them left out."""
    return [(FIRST + timedelta(days=day)).isoformat() for day in range(1, count + 1)]
