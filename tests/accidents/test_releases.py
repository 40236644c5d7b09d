"""Releases that did more than they said."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from architecture.tree import ROOT
from desk.drill.releases import run_drill
from desk.in_memory import InMemoryStateStore
from factories import NOW, SCOPE, a_bracket_intent, a_held_ledger, an_intent, an_order_record
from integration.grants import SWITCH
from integration.template_functions import CODE, SwitchMaker
from trader.errors import LedgerCorrupt
from trader.model.schema import SCHEMA
from trader.model.unknown import NONE_UNKNOWN

#: What an update of a stack may bring to the resource; a tag of the stack does not even reach it.
UPDATES: dict[str, dict[str, str]] = {
    "the same again": {},
    "another description": {"Description": "The kill switch"},
    "another pattern": {"AllowedPattern": "^(RUN|HALT)$"},
    "another initial word": {"Value": "RUN"},
    "a tag": {"Tags": "application=trader"},
}
WRITES_AGAIN = CODE.replace('== "Create"', '!= "Delete"').replace("(**parameter)", "(**parameter, Overwrite=True)")


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("ssm")


def put(ssm: Any, word: str) -> None:
    """What the operator does, as the stack's own output says it."""
    ssm.put_parameter(Name=SWITCH, Value=word, Type="String", Overwrite=True)


def read(ssm: Any) -> tuple[str, int]:
    """The word, and how often one was written."""
    parameter = ssm.get_parameter(Name=SWITCH)["Parameter"]
    return parameter["Value"], parameter["Version"]


@pytest.mark.parametrize("changes", UPDATES.values(), ids=UPDATES)
@pytest.mark.parametrize("word", ["RUN", "REDUCE_ONLY", "HALT", "FLATTEN"])
def test_accident_62_an_update_of_the_stack_leaves_the_operators_word(
    ssm: Any, word: str, changes: dict[str, str]
) -> None:
    """CloudFormation wrote a parameter's value again when a tag of it changed, and a halted system traded."""
    maker = SwitchMaker()
    maker.play("Create")
    put(ssm, word)

    assert "SUCCESS" == maker.play("Update", **changes)
    assert (word, 2) == read(ssm)


def test_accident_62_happens_to_code_that_writes_on_an_update(ssm: Any) -> None:
    """The test above would see it."""
    maker = SwitchMaker(WRITES_AGAIN, initial="RUN")
    maker.play("Create")
    put(ssm, "HALT")
    maker.play("Update")

    assert ("RUN", 3) == read(ssm)


def test_switch_is_made_with_its_pattern_and_its_first_word(ssm: Any) -> None:
    """Once, and what it is called is what the resource is called, so that CloudFormation never replaces it."""
    maker = SwitchMaker(initial="REDUCE_ONLY")
    statuses = [maker.play("Create"), maker.play("Update")]

    (made,) = ssm.describe_parameters()["Parameters"]
    assert ("REDUCE_ONLY", 1) == read(ssm)
    assert (["SUCCESS"] * 2, {SWITCH}) == (statuses, set(maker.physical_ids))
    assert ("^(RUN|REDUCE_ONLY|HALT|FLATTEN)$", "Standard", "String") == (
        made["AllowedPattern"],
        made["Tier"],
        made["Type"],
    )
    assert "anything else counts as HALT" in made["Description"]


@pytest.mark.parametrize("word", ["HALT", "RUN"])
def test_word_that_is_there_before_the_stack_stays(ssm: Any, word: str) -> None:
    """Also when CloudFormation asks twice, because it heard no answer."""
    put(ssm, word)
    maker = SwitchMaker(initial="FLATTEN")

    assert ["SUCCESS"] * 2 == [maker.play("Create"), maker.play("Create")]
    assert (word, 1) == read(ssm)


def test_switch_goes_with_its_stack(ssm: Any) -> None:
    """A stack made anew begins with its own first word; a switch that is gone already keeps no stack from going."""
    maker = SwitchMaker()
    maker.play("Create")
    put(ssm, "RUN")
    statuses = [maker.play("Delete"), maker.play("Delete")]
    gone = ssm.describe_parameters()["Parameters"]
    maker.play("Create")

    assert (["SUCCESS"] * 2, []) == (statuses, gone)
    assert ("HALT", 1) == read(ssm)


@pytest.mark.usefixtures("ssm")
def test_switch_that_cannot_be_made_fails_the_deployment() -> None:
    """With the reason, at once, and not after an hour of waiting."""
    maker = SwitchMaker()

    assert "FAILED" == maker.play("Create", Type="Sentence")
    assert "Sentence" in str(maker.reasons[-1])


def test_stack_of_live_begins_with_halt() -> None:
    """The profile says so; that every other word is refused is a promise of the template."""
    profiles = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))

    assert "InitialSwitch=HALT" in profiles["live"]["deploy"]["parameters"]["parameter_overrides"]


# --- 61: a rollback met a ledger with one more field and stopped for good


def test_accident_61_a_rollback_works_with_the_ledger_of_the_release_it_left() -> None:
    """One more field was damage to the older release: no cycle could begin, and nothing was sold."""
    told = run_drill(ticks=2)

    assert [] == told.faults
    assert (0, 0, 0) == (told.refused, told.lost, told.doubled)
    assert told.is_sound


def test_accident_61_one_more_field_is_no_damage_and_two_releases_ahead_still_are() -> None:
    """What is two ahead may mean anything by the fields that are known: its text stays untouched, as before."""
    store = InMemoryStateStore()
    ledger = a_held_ledger(an_intent(), an_order_record(a_bracket_intent()))
    store.commit(store.acquire(SCOPE, "a", NOW, 60), ledger, release=True)
    text = store.texts[SCOPE]
    store.texts[SCOPE] = text.replace('"audit_head":', '"another":{"a":[1]},"audit_head":')
    stored = store.ledger(SCOPE)
    far = store.texts[SCOPE] = text.replace(f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 2}')

    assert stored is not None
    assert ledger == replace(stored, unknown=NONE_UNKNOWN)
    with pytest.raises(LedgerCorrupt, match=f"schema {SCHEMA + 2}"):
        store.acquire(SCOPE, "b", NOW, 60)
    assert far == store.texts[SCOPE]
