"""Commands and watch runs under attack: a clumsy operator, a slow or hostile venue, an event that somebody made up."""

from __future__ import annotations

from typing import Any

import pytest

from trader.entry.events import parse_event
from trader.errors import MalformedData
from trader.model.ids import Instant

NOW = Instant(1_795_342_507)
#: What an operator may take for a product; paused as one it would keep nothing from being bought.
NO_PRODUCTS = ("-USD", "--", ".", "SOLUSD", "SOL_USD", "SOL/USD", "SOL-", 7)


# --- events that somebody made up


@pytest.mark.parametrize(
    "event",
    [
        {"command": "flatten", "issued_at": "9999-12-31T23:59:59-14:00"},
        {"command": "flatten", "issued_at": "0001-01-01T00:00:00+14:00"},
        {"command": "flatten", "issued_at": "x" * 5000},
        {"command": "pause", "product": "SOL-USD", "until": "9999-12-31T23:59:59-14:00"},
        {"scheduled_time": "9999-12-31T23:59:59-14:00"},
        {"command": "flatten", "scheduled_time": "2026-11-22T10:15:00Z"},
        {"source": "trader.operator", "detail-type": "flatten", "scheduled_time": "2026-11-22T10:15:00Z"},
        {
            "source": "trader.operator",
            "detail-type": "flatten",
            "time": "2026-11-22T10:15:00Z",
            "detail": {"command": "resume"},
        },
        {"source": "trader.operator", "detail-type": "flatten", "time": "2026-11-22T10:15:00Z", "detail": {"id": "x"}},
        {"a\nb": 1},
        {"x" * 5000: 1},
        {"command": "flatten", "x\n" * 5000: 1},
        {"command": "flatten", "why": "x" * 121},
        {"command": "flatten", "why": "\u202eback"},
        {"command": "flatten", "why": "\ud800"},
        *({"command": "pause", "product": each, "until": "2027-01-01T00:00:00Z"} for each in NO_PRODUCTS),
    ],
)
def test_event_that_somebody_made_up_is_refused_in_one_short_line(event: dict[str, Any]) -> None:
    """As what it is: no other error, no other request, and nothing that fills the log."""
    with pytest.raises(MalformedData) as refusal:
        parse_event(event, NOW, "request")

    assert (1, True) == (len(str(refusal.value).splitlines()), len(str(refusal.value)) <= 250)


@pytest.mark.parametrize("key", ["why", "who"])
def test_key_that_was_pasted_into_a_command_is_not_told_again(key: str) -> None:
    """Lambda writes the message of what is raised into the log, past whatever hides secrets there."""
    secret = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIabcdefghijklmnop"

    with pytest.raises(MalformedData) as refusal:
        parse_event({"command": "flatten", key: secret}, NOW)

    assert "BEGIN" not in str(refusal.value)
