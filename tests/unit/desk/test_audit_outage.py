"""The audit's bucket is gone while a sale falls due: the drill, with fewer products than `make outage-drill` has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.drill.audit_outage import ITEM_BYTES_MAX, Told, play_outage


def test_sale_does_not_wait_for_the_bucket_and_nothing_is_lost() -> None:
    """With 40 products the day's first record fits beside the ledger, candles and all: each decision is replayable."""
    told = play_outage(40)

    assert ([], 0, 0, 0) == (told.faults, told.sold_after, told.left, told.entered)
    assert min(told.owed, told.wanted) > 0
    assert (0, told.decisions) == (told.omitted, told.replayable)
    assert 100_000 < told.largest_item <= ITEM_BYTES_MAX
    assert told.is_sound


@pytest.mark.parametrize(
    "change",
    [
        {"sold_after": 1},
        {"sold_after": -1},
        {"left": 1},
        {"entered": 1},
        {"wanted": 0},
        {"owed": 0},
        {"largest_item": ITEM_BYTES_MAX + 1},
        {"faults": ["broken"]},
    ],
    ids=str,
)
def test_each_way_to_fail_counts(change: dict[str, object]) -> None:
    """Else the drill could pass on nothing."""
    sound = Told(200, ticks=58, owed=36, left=0, sold_after=0, wanted=3, largest_item=1000)

    assert sound.is_sound
    assert not replace(sound, **change).is_sound  # type: ignore[arg-type]
