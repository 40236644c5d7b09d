"""A key without an effect is a lie in the configuration: each one, changed, changes what is done."""

import pytest

from unit.config_keys import Row, idle_rows, keys_of, missing_rows, shipped_keys
from unit.key_rows import ROWS, SECTIONS


@pytest.mark.parametrize(("pattern", "row"), ROWS.items(), ids=ROWS)
def test_key_changes_what_is_done(pattern: str, row: Row) -> None:
    """With all else equal: another order, verdict, fill or permission; and the same once more without the change."""
    as_is, again, changed = row.outcomes(row.at or pattern)

    assert as_is == again
    assert as_is != changed


def test_every_shipped_key_has_a_row() -> None:
    """Whoever adds a key shows what it decides."""
    assert () == missing_rows(shipped_keys(), ROWS)


def test_no_row_is_idle() -> None:
    """A renamed key takes its proof along."""
    assert () == idle_rows(shipped_keys(), ROWS)


def test_every_pattern_is_proved_at_a_key_it_covers() -> None:
    """A row without such a place stands under the very key it proves."""
    keys = shipped_keys()

    astray = [pattern for pattern, row in ROWS.items() if (row.at or pattern) not in keys_of(pattern, keys)]

    assert [] == astray


def test_no_row_hides_another() -> None:
    """Two sections never prove the same key."""
    assert len(ROWS) == sum(len(section.ROWS) for section in SECTIONS)


@pytest.mark.parametrize(
    "invented",
    [
        "risk.invented_max",
        "universe.tiers.tier_1_core.invented_max",
        "universe.clusters.MEME.invented_max",
        "strategies.rules_engine.settings.rules[0].invented_max",
        "triggers.price_move.short_pct.invented",
        "execution.invented[0]",
    ],
)
def test_new_key_without_a_row_is_missed(invented: str) -> None:
    """No pattern is so wide that it covers what nobody has shown."""
    assert (invented,) == missing_rows((invented,), ROWS)


def test_key_that_decides_nothing_is_seen() -> None:
    """A dead key leaves the outcome as it was, however its value changes."""
    row = Row(99, lambda settings: settings.risk.open_positions_max)

    as_is, _, changed = row.outcomes("risk.total_pct_max")

    assert as_is == changed
