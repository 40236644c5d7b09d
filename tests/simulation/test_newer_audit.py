"""Books are made anew from an audit that the next release has written, as far as this one understands it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from desk.recovery.chain import read_chain
from desk.recovery.store import RebuildOptions, rebuild
from simulation.recovery_world import after_tick, the_store
from simulation.scenarios import SCENARIOS
from simulation.world import SCOPE, Scenario, World
from trader.model.codec import canonical_json, decode, encode, sha256_hex
from trader.model.ledger import Ledger
from trader.model.schema import SCHEMA

ADDED = {"next_release": {"parts": ["1.50", None]}}
#: Records of the audit that get a field more, wherever they stand.
MARKS = ("client_order_id", "trade_id", "venue_order_id", "bid", "day_equity", "failed_cycles", "held_cycles", "member")


def widen(plain: Any) -> Any:
    """Plain JSON as a release would write it whose records have a field more."""
    if isinstance(plain, list):
        return [widen(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    added = ADDED if any(mark in plain for mark in MARKS) else {}
    return {**{key: widen(each) for key, each in plain.items()}, **added}


def rewrite_audit(texts: dict[str, str]) -> dict[str, str]:
    """The same chain, written by the next release: its schema, events of its own between ours, and more fields."""
    digests, written = {"": ""}, {}
    for each in read_chain(texts).objects:
        header, *lines = (json.loads(line) for line in texts[each.key].splitlines())
        header |= {"schema": SCHEMA + 1, "previous": digests[each.previous], **ADDED}
        told = [header]
        for line in lines:
            told += [{**line, "body": {**widen(line["body"]), **ADDED}}, {**line, "event": "MoodSensed", "body": ADDED}]
        written[each.key] = "".join(f"{canonical_json(line)}\n" for line in told)
        digests[each.digest] = sha256_hex(written[each.key])
    return written


class NewerReader:
    """The audit of a world, as the next release would have written it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def texts(self, _: Any) -> dict[str, str]:
        return rewrite_audit(dict(self._world.audit_texts()))

    def checkpoints(self, _: Any) -> dict[str, str]:
        return {}


def without_news(plain: Any) -> Any:
    """Plain JSON without what the next release added."""
    if isinstance(plain, list):
        return [without_news(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    return {key: without_news(each) for key, each in plain.items() if key not in ADDED}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_books_are_rebuilt_from_the_audit_of_the_next_release(scenario: Scenario) -> None:
    """The chain is sound, nothing of it is a refusal, and the books are those that its own release would make."""
    world = after_tick(scenario, 2)
    stores = replace(the_store(world), reader=NewerReader(world))
    ours, _ = rebuild(the_store(world), RebuildOptions())

    newer, _ = rebuild(stores, RebuildOptions())
    plain = without_news(encode(newer.ledger))

    assert () == read_chain(NewerReader(world).texts(SCOPE)).problems
    assert replace(ours.ledger, audit_head="") == replace(decode(Ledger, plain), audit_head="")
    assert ours.unknown == newer.unknown
