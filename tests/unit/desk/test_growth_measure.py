"""What counts as growth: a record that stays does, a number that gains a digit or a size that swings does not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from desk.drill.growth_measure import measure_account_item, measure_growth, measure_ledger_item
from trader.model.codec import canonical_json
from trader.model.ids import Asset, Scope
from trader.model.ledger import open_ledger
from trader.model.money import Notional
from trader.sim.account import SimAccount

CYCLES = range(600)
SCOPE = Scope("PAPER#test")
LEDGER = open_ledger(SCOPE, Asset("USD"), Notional(10_000))


def test_one_byte_a_cycle_is_growth() -> None:
    """The least that is ever said."""
    assert 1 == measure_growth([5000 + n for n in CYCLES]).bytes_per_cycle


@pytest.mark.parametrize(("record", "every", "expected"), [(700, 10, 70), (690, 1, 690), (1000, 100, 10)])
def test_records_that_stay_are_growth(record: int, every: int, expected: int) -> None:
    """One in so many cycles, and none is ever forgotten."""
    found = measure_growth([5000 + n // every * record for n in CYCLES]).bytes_per_cycle

    assert expected == pytest.approx(found, abs=2)


def test_growth_is_seen_through_noise() -> None:
    """Sizes that swing by more than they grow in an hour."""
    chance = random.Random(7)

    found = measure_growth([5000 + 3 * n + chance.randint(-100, 100) for n in CYCLES]).bytes_per_cycle

    assert 3 == found


def test_noise_is_no_growth() -> None:
    """Ids and instants are longer or shorter by some digits."""
    for seed in range(50):
        chance = random.Random(seed)

        assert 0 == measure_growth([5000 + chance.randint(-50, 50) for _ in CYCLES]).bytes_per_cycle


def test_counters_that_gain_digits_are_no_growth() -> None:
    """Ten of them, on their way through 10 and 100."""
    assert 0 == measure_growth([5000 + 10 * len(str(n)) for n in CYCLES]).bytes_per_cycle


@pytest.mark.parametrize("period", [1, 2, 3, 4, 6, 12])
def test_swinging_at_the_rhythm_is_no_growth(period: int) -> None:
    """Records come one by one and leave all at once."""
    assert 0 == measure_growth([5000 + n % period * 700 for n in CYCLES], 12).bytes_per_cycle


def test_what_is_forgotten_in_time_is_no_growth() -> None:
    """It grows until the first record is old enough to leave; from then on as many leave as come."""
    assert 0 == measure_growth([5000 + min(n, 250) * 700 for n in CYCLES]).bytes_per_cycle


def test_becoming_smaller_is_no_growth() -> None:
    """It is not counted against another story's growth."""
    assert 0 == measure_growth([50_000 - 7 * n for n in CYCLES]).bytes_per_cycle


def test_half_a_byte_is_rounded_up() -> None:
    """Half a byte a cycle counts as one."""
    assert 1 == measure_growth([5000 + n // 2 for n in CYCLES], 4).bytes_per_cycle


def test_late_growth_is_growth() -> None:
    """It begins only after the middle of the story."""
    assert 100 < measure_growth([5000 + max(n - 400, 0) * 700 for n in CYCLES]).bytes_per_cycle


def test_too_few_cycles_are_refused() -> None:
    """Two windows do not fit into them."""
    with pytest.raises(ValueError, match="39 cycles are too few"):
        measure_growth([5000] * 39)


def test_items_are_measured_as_they_are_written() -> None:
    """What does not repeat cannot be packed: 100 KB of it are an item of 100 KB at the least."""
    chance = random.Random(7)
    grown = {Asset(chance.randbytes(50).hex()): "" for _ in range(2_000)}
    ledger = replace(LEDGER, reduce_only=grown)
    account = SimAccount(totals=dict.fromkeys(grown, Notional(1)))

    assert (1, 1) == (measure_ledger_item(LEDGER), measure_account_item(SimAccount(), SCOPE))
    assert 100 <= measure_ledger_item(ledger) <= len(canonical_json(ledger)) / 1024 + 1
    assert 100 <= measure_account_item(account, SCOPE) <= len(canonical_json(account)) / 1024 + 1
