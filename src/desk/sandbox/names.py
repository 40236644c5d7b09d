"""Ids as the venue makes them, out of what they name: the same run gives the same ids."""

from __future__ import annotations

import uuid

from trader.model.codec import sha256_hex


def uuid_from(text: str) -> str:
    """Derive a UUID."""
    return str(uuid.UUID(sha256_hex(text)[:32], version=4))


def entry_from(text: str) -> str:
    """Derive 64 hexadecimal digits, as entries of a statement are numbered."""
    return sha256_hex(text)


USER_ID = uuid_from("user")
PORTFOLIO_ID = uuid_from("portfolio")
