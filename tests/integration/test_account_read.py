"""What a look at the account costs follows from what is new, over a socket, at the simulated Coinbase."""

from __future__ import annotations

import pytest

from desk.bench.account_read import measure_look
from factories import shipped_settings


@pytest.mark.parametrize(("days", "trades_a_day"), [(0, 0), (3, 0), (9, 200), (0, 20_000)])
def test_look_asks_for_no_more_than_four_things_and_the_pages_of_what_is_new(days: int, trades_a_day: int) -> None:
    """However old the lot is, and however busy the account's owner."""
    look = measure_look(shipped_settings(), days, trades_a_day)

    assert (True, 1) == (look.is_bounded, look.lots)
    assert (look.rows > 0) == (trades_a_day > 0)
