"""Scales, ticks, dates and paths of the pictures."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.backtest.report.plot import HEIGHT, Scale, build_band, build_line, fit_scale, list_dates, list_ticks

NUMBERS = st.floats(min_value=-1e9, max_value=1e9).map(lambda each: round(each, 6))


def instant(day: str) -> int:
    """Midnight of a day."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


@given(st.lists(st.none() | NUMBERS), st.booleans())
def test_scale_holds_every_value(values: list[float | None], with_zero: bool) -> None:
    """Whatever they are, none at all too; ticks lie within it."""
    scale = fit_scale(values, with_zero=with_zero)

    assert scale.low < scale.high
    assert all(0 <= scale.place(each) <= HEIGHT for each in values if each is not None)
    assert all(0 <= scale.place(each) <= HEIGHT for each in list_ticks(scale))
    assert not with_zero or scale.low <= 0 <= scale.high


def test_ticks_are_round() -> None:
    """Steps of one, two or five."""
    assert [0, 20, 40, 60, 80, 100] == list_ticks(Scale(0, 100))
    assert [9000, 10000, 11000] == list_ticks(Scale(8200, 11500))


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        ("2025-01-01", "2025-01-05", ["1 Jan", "2 Jan", "3 Jan", "4 Jan", "5 Jan"]),
        ("2025-09-01", "2025-10-27", ["1 Sep", "15 Sep", "29 Sep", "13 Oct", "27 Oct"]),
        ("2025-01-15", "2025-10-27", ["Mar 2025", "May 2025", "Jul 2025", "Sep 2025"]),
        ("2019-06-01", "2026-02-01", ["2020", "2021", "2022", "2023", "2024", "2025", "2026"]),
    ],
)
def test_dates_are_a_handful(start: str, end: str, labels: list[str]) -> None:
    """Days, weeks, months or years, each where it begins."""
    found = list_dates(instant(start), instant(end))

    assert labels == [told for _, told in found]
    assert all(instant(start) <= at <= instant(end) for at, _ in found)


def test_line_is_broken_where_a_value_is_missing() -> None:
    """And an area is in pieces."""
    scale = Scale(0, 10, 1000)

    assert "M0 1000 10 500 M30 0" == build_line([0, 10, 20, 30], [0, 5, None, 10], scale)
    assert "M0 500 10 500 10 1000 0 1000ZM30 0 30 500Z" == build_band(
        [0, 10, 20, 30], [0, 0, None, 5], [5, 5, 5, 10], scale
    )
