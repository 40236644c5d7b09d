"""Text as it lies in DynamoDB: packed, and cut where it packs to more than one item may hold.

What releases before this one wrote is plain; both are read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trader.errors import LedgerCorrupt
from trader.model.codec import canonical_json
from trader.model.events import OwedRecord
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill

#: The most that one item holds of a text, so that 400,000 bytes are two items. DynamoDB would take 409,600 as one, but
#: moto holds the old and the new value of an update together against 405,000: what is tried is what runs.
PART_BYTES_MAX = 200_000
# Measured: 43 KB pack to 8.6 KB in 0.2 ms at level 1, to 7.3 KB in 0.5 ms at 6, to 7.2 KB in 0.8 ms at 9; 499 KB to
# 107, 91 and 89 KB in 3, 7 and 14 ms. Level 6 saves a write unit in eight; 9 hardly another for twice the time.
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text as it is stored, all parts of it joined."""

    content: bytes
    is_packed: bool = True

    @classmethod
    def pack(cls, text: str) -> StoredText:
        """Pack a text. The same text gives the same bytes, in one process."""
        return cls(zlib.compress(text.encode(), _LEVEL))

    @classmethod
    def fit(cls, text: str) -> StoredText:
        """Leave a text plain, for people to read it where it lies, or pack it if it is too long for one item."""
        plain = text.encode()
        return cls(plain, is_packed=False) if len(plain) <= PART_BYTES_MAX else cls.pack(text)

    @property
    def size(self) -> int:
        """How many bytes are stored."""
        return len(self.content)

    @property
    def head(self) -> Mapping[str, Any]:
        """What the first item holds of it, as the value of an attribute: all of it, if it is plain."""
        return {"B": self.content[:PART_BYTES_MAX]} if self.is_packed else {"S": self.content.decode()}

    @property
    def parts(self) -> list[bytes]:
        """What the items after the first hold of it, in their order."""
        starts = range(PART_BYTES_MAX, self.size, PART_BYTES_MAX) if self.is_packed else ()
        return [self.content[start : start + PART_BYTES_MAX] for start in starts]

    def text(self, where: str) -> str:
        """Unpack it. Raises: LedgerCorrupt naming the place, for bytes that are no packed text."""
        try:
            return (zlib.decompress(self.content) if self.is_packed else self.content).decode()
        except (zlib.error, UnicodeDecodeError) as error:
            raise LedgerCorrupt(f"{where}: not a packed text: {error}") from error


def count_parts(size: int) -> int:
    """Count the items that a packed text of so many bytes takes beside its first."""
    return max(size - 1, 0) // PART_BYTES_MAX


def name_bodies(
    fills: Iterable[Fill], finished: Iterable[OrderRecord], owed: Iterable[OwedRecord]
) -> dict[str, StoredText]:
    """Name and pack what is kept beside the ledger; of what is named twice the last counts."""
    return {
        **{f"FILL#{each.venue_order_id}/{each.trade_id}": StoredText.fit(canonical_json(each)) for each in fills},
        **{f"ORDER#{each.intent.client_order_id}": StoredText.fit(canonical_json(each)) for each in finished},
        **{f"OWED#{each.key}": StoredText.pack(each.body) for each in owed},
    }
