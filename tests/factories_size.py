"""Ledgers of a size: what cannot be packed, in such an amount that the whole packs to so many bytes."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from trader.adapters.aws.stored_text import StoredText
from trader.model.codec import canonical_json
from trader.model.cycle_state import Cooldown
from trader.model.ids import Asset, Instant
from trader.model.ledger import Ledger

_NOISY = Asset("NOISE")
#: Long after any test.
_FOR_GOOD = Instant(4_000_000_000)


@cache
def _noise() -> str:
    return f"{random.Random(7).getrandbits(4 * 2**21):0{2**21}x}"


def noise(digits: int, skipped: int = 0) -> str:
    """Up to two million digits that cannot be guessed, the same each time: seven of them pack to about four bytes."""
    return _noise()[skipped : skipped + digits]


def with_noise(ledger: Ledger, digits: int, skipped: int = 0) -> Ledger:
    """The ledger with a note of so many digits on the cool-down of an asset that does not exist."""
    return replace(ledger, cooldowns={**ledger.cooldowns, _NOISY: Cooldown(_FOR_GOOD, noise(digits, skipped))})


def packed_size(ledger: Ledger) -> int:
    """Bytes of the ledger as DynamoDB keeps it."""
    return StoredText.pack(canonical_json(ledger)).size


def of_size(ledger: Ledger, size: int) -> Ledger:
    """The ledger with as much noise as makes it pack to just *size* bytes."""
    digits = 2 * size
    for skipped in range(20):
        # A digit more is a byte more, or none, or two: what is stepped over is hit by other digits.
        for _ in range(12):
            made = with_noise(ledger, digits, skipped)
            missing = size - packed_size(made)
            if not missing:
                return made
            digits += missing * 7 // 4 or missing
    raise AssertionError(f"no ledger packs to just {size} bytes")
