"""The bookkeeping behind the proofs: which keys there are, and which of them no row covers."""

import pytest

from unit.config_keys import Row, every, idle_rows, keys_of, missing_rows, shipped_keys

KEYS = (
    "risk.total_pct_max",
    "universe.tiers.tier_1_core.spread_bps_max",
    "universe.tiers.tier_1_core.bases[0]",
    "universe.tiers.tier_1_core.bases[12]",
    "strategies.rules_engine.settings.rules[0].stop_pct",
    "strategies.rules_engine.settings.rules[6].stop_pct",
)


def test_keys_of_rules_tiers_and_lists_are_found() -> None:
    """Nested as deep as it may be, each value once."""
    keys = shipped_keys()

    assert len(keys) == len(set(keys))
    assert {
        "app.mode",
        "universe.tiers.tier_3_dynamic.price_min",
        "universe.clusters.MEME.bases[0]",
        "universe.never_trade",
        "risk.pegs.USDC[1]",
        "triggers.price_move.short_pct.bull",
        "strategies.rules_engine.settings.rules[6].move_pct_min",
    } <= set(keys)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("risk.total_pct_max", ["risk.total_pct_max"]),
        ("universe.tiers.*.spread_bps_max", ["universe.tiers.tier_1_core.spread_bps_max"]),
        (
            "universe.tiers.*.bases[*]",
            ["universe.tiers.tier_1_core.bases[0]", "universe.tiers.tier_1_core.bases[12]"],
        ),
        (
            "strategies.rules_engine.settings.rules[*].stop_pct",
            [
                "strategies.rules_engine.settings.rules[0].stop_pct",
                "strategies.rules_engine.settings.rules[6].stop_pct",
            ],
        ),
        ("strategies.rules_engine.settings.rules[6].*", ["strategies.rules_engine.settings.rules[6].stop_pct"]),
        ("risk.*", ["risk.total_pct_max"]),
        # A star is one name: it reaches neither below nor across a point, and not into a list.
        ("universe.*", []),
        ("universe.tiers.*.bases", []),
        ("risk.total_pct", []),
        ("risk?total_pct_max", []),
    ],
)
def test_pattern_covers_one_name_or_one_place(pattern: str, expected: list[str]) -> None:
    """And everything else to the letter."""
    assert expected == list(keys_of(pattern, KEYS))


def test_key_without_a_row_is_named() -> None:
    """In the order of the keys."""
    rows = {"risk.*": "row", "universe.tiers.*.bases[*]": "row"}

    assert [KEYS[1], KEYS[4], KEYS[5]] == list(missing_rows(KEYS, rows))


def test_no_key_is_missing_once_all_have_rows() -> None:
    """What the test of completeness will ask for."""
    assert () == missing_rows(KEYS, dict.fromkeys(KEYS, "row"))


def test_row_for_a_key_that_is_gone_is_named() -> None:
    """A renamed key must not leave its proof behind."""
    assert ("risk.totl_pct_max",) == idle_rows(KEYS, {"risk.totl_pct_max": "row", "risk.*": "row"})


def test_each_key_of_a_family_gets_a_row_of_its_own() -> None:
    """One for each item of a list, made from its own key."""
    rows = every("risk.pegs.*[*]", lambda key: Row(key, str))

    assert {"risk.pegs.USDT[0]", "risk.pegs.USDC[0]", "risk.pegs.USDC[1]"} == set(rows)
    assert all(row.to == key for key, row in rows.items())
