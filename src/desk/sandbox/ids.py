"""Ids as the venue makes them, out of what they name: the same run gives the same ids."""

from __future__ import annotations

import uuid

from trader.model.codec import sha256_hex


def derive_uuid(text: str) -> str:
    """Derive a UUID."""
    return str(uuid.UUID(sha256_hex(text)[:32], version=4))


def derive_entry_id(text: str) -> str:
    """Derive 64 hexadecimal digits, as entries of a statement are numbered."""
    return sha256_hex(text)


USER_ID = derive_uuid("user")
PORTFOLIO_ID = derive_uuid("portfolio")
