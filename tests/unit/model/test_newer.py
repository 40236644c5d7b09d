"""What a newer release left in the ledger: which of it keeps this one from entering, and that all of it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args, get_type_hints

import pytest

from factories import (
    NOW,
    a_bracket_intent,
    a_held_ledger,
    a_ledger,
    an_exit_intent,
    an_intent,
    an_order_record,
    an_order_state,
)
from trader.errors import LedgerCorrupt, MalformedData
from trader.model.codec import canonical_json, decode, decode_told, digest_of, encode, read_stored
from trader.model.commands import Command, CommandKind, read_commands
from trader.model.ids import ClientOrderId
from trader.model.ledger import Ledger
from trader.model.market import Quote
from trader.model.newer import why_newer
from trader.model.order_life import OrderStatus, may_follow
from trader.model.orders import OrderConfiguration, OrderIntent, OrderPurpose, OrderStatusReport
from trader.model.parse import split_hint
from trader.model.schema import READER, SCHEMA, upgrade_stored
from trader.model.unknown import OpenEnum, UnknownFields
from trader.sim.account import SimAccount
from trader.sim.orders import SimConversion, SimOrder

ADDED: dict[str, Any] = {"b": [{"amount": "1.50"}, None, 0.1], "a": True}
#: Words that never change meaning by a release: a third side would be another venue.
CLOSED = {"Side"}


def read(plain: Mapping[str, Any]) -> Ledger:
    return read_stored(Ledger, json.dumps(plain), "test", upgrade_stored)


def a_plain_ledger(**changes: Any) -> dict[str, Any]:
    """One lot under its bracket, as it is stored."""
    ledger = a_held_ledger(an_intent(), an_order_record(a_bracket_intent()))
    return {**encode(ledger), **changes}


def stored_kinds() -> dict[type, set[type]]:
    """Every class of stored state, and the enums its fields are of."""
    found: dict[type, set[type]] = {}

    def collect(hint: Any, owner: type | None) -> None:
        bare, _ = split_hint(hint)
        for each in get_args(bare):
            collect(each, owner)
        if not isinstance(bare, type) or get_args(bare):
            return
        if is_dataclass(bare) and bare not in found:
            found[bare] = set()
            for each in get_type_hints(bare, include_extras=True).values():
                collect(each, bare)
        elif hasattr(bare, "__members__") and owner is not None:
            found[owner].add(bare)

    for kind in (Ledger, SimAccount, SimOrder, SimConversion):
        collect(kind, None)
    return found


@pytest.mark.parametrize("kind", stored_kinds(), ids=lambda kind: kind.__name__)
def test_every_class_of_stored_state_keeps_what_it_does_not_know(kind: type) -> None:
    """One that is added without the field, or an enum that is not open, would stop a rollback for good."""
    enums = {each for each in stored_kinds()[kind] if each.__name__ not in CLOSED}

    assert UnknownFields is get_type_hints(kind).get("unknown")
    assert "unknown" == fields(kind)[-1].name
    assert [] == [each for each in enums if not issubclass(each, OpenEnum)]


@pytest.mark.parametrize("kind", [Quote, OrderStatusReport])
def test_class_that_is_not_stored_goes_on_refusing_unknown_fields(kind: type) -> None:
    """What nobody writes back cannot be kept."""
    assert "unknown" not in get_type_hints(kind)


def test_unknown_fields_stay_where_they_are() -> None:
    """At the root, in a lot, in what is below it, and in what lies below an order, byte for byte."""
    plain = a_plain_ledger(next_release=ADDED)
    (lot,), orders = plain["lots"].values(), plain["orders"].values()
    for record in (lot, lot["bracket"], *orders, *(each["intent"] for each in orders), plain["regime"]):
        record["next_release"] = ADDED

    ledger = read(plain)

    assert json.dumps(plain, sort_keys=True, separators=(",", ":")) == canonical_json(ledger)
    assert why_newer(ledger) is None


def test_unknown_fields_stay_with_a_record_that_changes() -> None:
    """A change of one field is the same record."""
    plain = a_plain_ledger(next_release=ADDED)
    next(iter(plain["orders"].values()))["next_release"] = ADDED
    ledger = read(plain)
    record = next(iter(ledger.orders.values()))

    written = encode(replace(ledger, audit_head="x").with_order(replace(record, note="changed")))

    assert ADDED == written["next_release"]
    assert ADDED == written["orders"][record.intent.client_order_id]["next_release"]


def test_field_that_is_called_like_the_one_that_keeps_is_kept_too() -> None:
    """Nobody here writes a field of that name; somebody later may."""
    plain = a_plain_ledger(unknown={"a": 1})

    assert {"a": 1} == encode(read(plain))["unknown"]


def test_ledger_without_unknown_fields_has_the_bytes_of_before() -> None:
    """The digests of the audit stay."""
    ledger = a_held_ledger(an_intent())

    assert '"unknown":' not in canonical_json(ledger)
    assert digest_of(ledger) == digest_of(decode(Ledger, encode(ledger)))


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"schema": SCHEMA + 1}, "schema", SCHEMA + 1),
        ({"min_reader": READER + 1}, "min_reader", str(READER + 1)),
        ({"min_reader": "soon"}, "min_reader", '"soon"'),
        ({"regime": {"current": "panic"}}, "regime.current", "panic"),
        ({"last_cycle": {"cycle_id": "20261122T101500Z", "phase": "PARTED"}}, "last_cycle.phase", "PARTED"),
        ({"tallies": {"x|EXIT": {"refusals": {"MOOD": {"reason": "", "count": 1, "until": 0}}}}},
         "tallies.x|EXIT.refusals", "MOOD"),
    ],
)  # fmt: skip
def test_field_and_value_that_keep_from_entering_are_named(changes: Any, field: str, value: Any) -> None:
    """Whatever it is, and it is written back as it was."""
    ledger = read(a_plain_ledger(**changes))
    why = why_newer(ledger)

    assert why is not None
    assert (field, value) == (why["field"], why["value"])
    assert encode(ledger) == encode(read(encode(ledger)))


@pytest.mark.parametrize("min_reader", [0, READER])
def test_reader_that_is_asked_for_may_be_this_one(min_reader: int) -> None:
    """The field alone denies nothing, and stays."""
    ledger = read(a_plain_ledger(min_reader=min_reader))

    assert why_newer(ledger) is None
    assert min_reader == encode(ledger)["min_reader"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"purpose": "HEDGE"}, "intent.purpose"),
        ({"configuration": "PEGGED_GTC"}, "intent.configuration"),
    ],
)
def test_order_of_a_newer_release_is_not_understood(changes: dict[str, str], field: str) -> None:
    """Its word is none of the members, and is written as it was read."""
    plain = a_plain_ledger()
    order_id = next(iter(plain["orders"]))
    plain["orders"][order_id]["intent"] |= changes
    ledger = read(plain)
    why = why_newer(ledger)

    assert why is not None
    assert f"orders.{order_id}.{field}" == why["field"]
    assert plain["orders"][order_id] == encode(ledger)["orders"][order_id]
    assert not ledger.orders[ClientOrderId(order_id)].is_understood


def test_no_news_follows_an_unknown_status() -> None:
    """What it means, and what may come after it, only the newer release knows."""
    plain = a_plain_ledger()
    order_id = next(iter(plain["orders"]))
    plain["orders"][order_id]["status"] = "PARKED"
    status = read(plain).orders[ClientOrderId(order_id)].status

    assert not status.is_known
    assert not status.is_final
    assert [] == [each for each in OrderStatus if may_follow(status, each)]


def test_unknown_word_is_no_member_and_no_word_of_the_wire() -> None:
    """Only the reader of stored state makes one: anywhere else the word is refused as before."""
    kept = OrderPurpose.keep("HEDGE")

    assert ("HEDGE", "HEDGE", False) == (kept, f"{kept}", kept.is_known)
    assert kept not in list(OrderPurpose)
    assert OrderPurpose.keep("HEDGE") == kept
    assert hash(OrderPurpose.keep("HEDGE")) == hash(kept)
    with pytest.raises(ValueError, match="HEDGE"):
        OrderPurpose("HEDGE")


def test_word_of_a_closed_enum_is_refused() -> None:
    """There is no third side."""
    plain = encode(an_exit_intent())

    with pytest.raises(MalformedData, match="'SHORT' is not a valid Side"):
        decode(OrderIntent, {**plain, "side": "SHORT"})


def test_audit_may_tell_more_than_this_release_knows() -> None:
    """What cannot be kept is left out, at any depth; what is missing is still missed."""
    plain = {**encode(an_order_state()), "latency": {"ms": 3}}

    assert an_order_state() == decode_told(OrderStatusReport, plain)
    with pytest.raises(MalformedData, match="latency"):
        decode(OrderStatusReport, plain)
    with pytest.raises(MalformedData, match="lacks 'status'"):
        decode_told(OrderStatusReport, {key: each for key, each in plain.items() if key != "status"})


@pytest.mark.parametrize("schema", [SCHEMA + 2, 0, -1, "3", None])
def test_schema_that_is_not_next_is_refused(schema: Any) -> None:
    """Two ahead may mean anything by the fields that this release knows."""
    with pytest.raises(LedgerCorrupt, match="schema"):
        read(a_plain_ledger(schema=schema))


def test_next_schema_is_written_back_and_never_lowered() -> None:
    """Lowered, the newer release would take its own ledger for an old one, and upgrade it."""
    ledger = read(a_plain_ledger(schema=SCHEMA + 1))

    assert SCHEMA + 1 == encode(replace(ledger, audit_head="x"))["schema"]
    assert SCHEMA == encode(a_ledger())["schema"]


def test_configuration_of_an_order_tells_no_stop_if_it_is_unknown() -> None:
    """Nothing is concluded from a word that nobody here knows."""
    assert not OrderConfiguration.keep("TRAILING_STOP_GTC").has_stop


def test_command_with_one_more_field_is_read_and_stays_what_it_is() -> None:
    """A FLATTEN that an older release could not read would sell nothing; its slot is emptied by its very text."""
    told = Command(CommandKind.FLATTEN, NOW, "c-1").text()
    text = told.replace('"kind":"flatten"', '"kind":"flatten","next_release":{"a":[1]}')

    read_back = read_commands({"flatten": text})

    assert () == read_back.unread
    assert read_back.is_flattening
    assert text == read_back.slots["flatten"].text() != told
