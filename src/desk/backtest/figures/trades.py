"""What round trips came to: how often they won, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from math import sqrt

from desk.backtest.figures.exact import add_exactly, compute_mean_amount, compute_ratio
from desk.backtest.figures.performance import compute_deviation, compute_mean
from desk.backtest.figures.round_trips import RoundTrip
from trader.model.ids import ClientOrderId, ProductId, utc_day


@dataclass(frozen=True, slots=True)
class Trades:
    """The figures of all round trips. A trade is a lot that is sold out; "with open" counts what is held at its mark.

    Units: money in the accounting asset, ratios, seconds.
    """

    trades: int
    open_lots: int
    wins: int
    losses: int
    hit_ratio: float | None
    profit_factor: float | None
    expectancy: Decimal | None
    expectancy_with_open: Decimal | None
    expectancy_r: float | None
    average_win: Decimal | None
    average_loss: Decimal | None
    sqn: float | None
    effective_trades: float | None
    t_effective: float | None
    losses_in_a_row: int
    held_seconds: float | None
    mean_mfe: float | None
    mean_mae: float | None


@dataclass(frozen=True, slots=True)
class LargestTrade:
    """The trade that gained, or lost, most."""

    lot: ClientOrderId
    product: ProductId
    net: Decimal


def measure_trades(trips: Sequence[RoundTrip]) -> Trades:
    """Measure round trips in the order in which they were closed."""
    closed = [each for each in trips if not each.is_open]
    nets = [each.net for each in closed if each.net is not None]
    every = [each.net for each in trips]
    known = [each for each in every if each is not None]
    wins, losses = [each for each in nets if each > 0], [each for each in nets if each <= 0]
    lost = -add_exactly(losses)
    multiples = [each.r_multiple for each in closed if each.r_multiple is not None]
    deviation = compute_deviation(multiples)
    effective = count_effective_trades(closed)
    return Trades(
        trades=len(closed),
        open_lots=len(trips) - len(closed),
        wins=len(wins),
        losses=len(losses),
        hit_ratio=len(wins) / len(closed) if closed else None,
        profit_factor=compute_ratio(add_exactly(wins), lost),
        expectancy=compute_mean_amount(nets),
        expectancy_with_open=compute_mean_amount(known) if len(known) == len(every) else None,
        expectancy_r=compute_mean(multiples) if multiples else None,
        average_win=compute_mean_amount(wins),
        average_loss=compute_mean_amount(losses),
        sqn=sqrt(len(multiples)) * compute_mean(multiples) / deviation if deviation else None,
        effective_trades=effective,
        t_effective=sqrt(effective) * compute_mean(multiples) / deviation if deviation and effective else None,
        losses_in_a_row=max(
            (len(list(run)) for won, run in groupby(closed, lambda each: each.is_win) if not won), default=0
        ),
        held_seconds=_mean([float(each.closed_at - each.opened_at) for each in closed if each.closed_at is not None]),
        mean_mfe=_mean([each.mfe for each in closed if each.mfe is not None]),
        mean_mae=_mean([each.mae for each in closed if each.mae is not None]),
    )


def count_effective_trades(closed: Sequence[RoundTrip]) -> float | None:
    """Return how many independent trades these are worth: those bought on one day are taken for a cluster.

    The design effect is 1 + (m - 1) × rho: m the mean size of a trade's cluster, rho how alike trades of one cluster
    are, by the analysis of variance and never below zero. None with fewer than two trades, or without a spread.
    Source: Kish, Survey Sampling (1965).
    """
    clusters: dict[str, list[float]] = {}
    for each in closed:
        if each.r_multiple is not None:
            clusters.setdefault(utc_day(each.opened_at), []).append(each.r_multiple)
    values = [value for each in clusters.values() for value in each]
    count, groups = len(values), len(clusters)
    if not compute_deviation(values):
        return None
    size = sum(len(each) ** 2 for each in clusters.values()) / count
    if groups == count:
        return float(count)
    if groups == 1:
        # Nothing says how alike they are: all one.
        return 1.0
    mean = compute_mean(values)
    between = sum(len(each) * (compute_mean(each) - mean) ** 2 for each in clusters.values()) / (groups - 1)
    within = sum((value - compute_mean(each)) ** 2 for each in clusters.values() for value in each) / (count - groups)
    typical = (count - size) / (groups - 1)
    rho = max((between - within) / (between + (typical - 1) * within), 0.0) if between else 0.0
    return count / (1 + (size - 1) * rho)


def find_largest_trades(trips: Sequence[RoundTrip]) -> tuple[LargestTrade | None, LargestTrade | None]:
    """Return the trade that gained most and the one that lost most, open lots included; None where there is none."""
    known = [LargestTrade(each.lot, each.product, each.net) for each in trips if each.net is not None]
    best = max(known, key=lambda each: (each.net, each.lot), default=None)
    worst = min(known, key=lambda each: (each.net, each.lot), default=None)
    is_gain, is_loss = best is not None and best.net > 0, worst is not None and worst.net < 0
    return best if is_gain else None, worst if is_loss else None


def _mean(values: Sequence[float]) -> float | None:
    return compute_mean(values) if values else None
