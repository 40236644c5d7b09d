"""The day's digests, written down by somebody who can write no record."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from desk.cost.aws_calls import list_permissions, record_calls
from desk.drill.audit_anchor import write_anchor
from desk.recovery.anchors import parse_anchors
from integration.conftest import World
from integration.grants import REFERENCES, granted, of_its_own
from integration.proof import covering
from trader.model.ids import Scope

DAY = "2026-11-29"
ELSEWHERE = ("audit/scope=LIVE#main/dt=2026-11-28/a.jsonl", "set-aside/scope=LIVE#main/dt=2026-11-29/a.jsonl")


def put(world: World, count: int, scope: str = "LIVE#main") -> dict[str, bytes]:
    """Objects of the day, by the key that the record uses."""
    objects = {f"scope={scope}/dt={DAY}/{number:04d}.jsonl": f"{number}\nx\n".encode() for number in range(count)}
    for key, body in objects.items():
        world.s3.put_object(Bucket="audit", Key=f"audit/{key}", Body=body)
    return objects


def test_every_object_of_the_day_before_is_written_down(world: World) -> None:
    """More than one line of the log takes, in several scopes, and nothing of another day or another prefix."""
    wanted = put(world, 120) | put(world, 1, "PAPER#main")
    for key in ELSEWHERE:
        world.s3.put_object(Bucket="audit", Key=key, Body=b"other")

    told = [json.loads(line) for line in write_anchor({"time": "2026-11-30T00:30:00Z"})]

    assert {(DAY, "LIVE#main", 120), (DAY, "PAPER#main", 1)} == {
        (each["day"], each["scope"], each["of"]) for each in told
    }
    rows = [row for each in told for row in each["objects"]]
    assert {key: sha256(body).hexdigest() for key, body in wanted.items()} == {key: digest for key, digest, _ in rows}
    assert {"".join(sha256(line).hexdigest()[:3] for line in body.split(b"\n")) for body in wanted.values()} == {
        lines for *_, lines in rows
    }


def test_day_without_records_is_written_down_as_empty(world: World) -> None:
    """Else nobody could tell it from a day on which nothing was written down."""
    put(world, 1)

    (told,) = write_anchor({"day": "2026-11-30"})

    assert {"anchor": 1, "scope": "LIVE#main", "day": "2026-11-30", "of": 0, "first": 0, "objects": []} == json.loads(
        told
    )


def test_whoever_may_put_objects_keeps_no_day_from_being_written_down(world: World) -> None:
    """Not by more scopes than a page lists, nor by an object of so many lines that the log would lose its own."""
    wanted = put(world, 30)
    for number in range(1001):
        world.s3.put_object(Bucket="audit", Key=f"audit/scope=A{number:04d}/x", Body=b"")
    key = f"scope=LIVE#main/dt={DAY}/0000.jsonl"
    world.s3.put_object(Bucket="audit", Key=f"audit/{key}", Body=b"\n" * 500_000)

    told = write_anchor({"day": DAY})

    anchors = parse_anchors(told, Scope("LIVE#main"))
    assert wanted.keys() == anchors.days[DAY].keys()
    assert anchors.is_whole(DAY)
    assert max(map(len, told)) < 256_000


@pytest.mark.parametrize("kind", ["archived", "huge"])
def test_object_that_cannot_be_read_costs_no_other_its_anchor(world: World, kind: str) -> None:
    """The day is known to have one more, and the function fails in the end, which rings."""
    wanted = put(world, 3)
    body, storage = {"archived": (b"x", "GLACIER"), "huge": (b"x" * 32_000_001, "STANDARD")}[kind]
    key = f"audit/scope=LIVE#main/dt={DAY}/0001x.jsonl"
    world.s3.put_object(Bucket="audit", Key=key, Body=body, StorageClass=storage)
    told: list[str] = []

    with pytest.raises(RuntimeError, match="1 objects of 2026-11-29 were not written down"):
        write_anchor({"day": DAY}, told=told)

    anchors = parse_anchors(told, Scope("LIVE#main"))
    assert wanted.keys() == anchors.days[DAY].keys()
    assert not anchors.is_whole(DAY)


def test_its_calls_and_grants_are_the_same_set(world: World) -> None:
    """It reads the records and writes its log; the trading function has no grant on that, nor this one on a record."""
    put(world, 2)
    with record_calls() as recording, recording.listening() as calls:
        write_anchor({"day": DAY})
    asked = set().union(*map(list_permissions, calls))
    own = of_its_own("LIVE", function="AuditAnchor") - {("sqs:SendMessage", REFERENCES["LostEvents.Arn"])}

    assert set() == {each for each in asked if not covering(own, each)}
    assert {action for action, _ in asked} == {action for action, _ in own}
    assert not any(resource == REFERENCES["AuditAnchorLogs.Arn"] for _, resource in granted("LIVE"))
    assert not {"s3:PutObject", "s3:DeleteObject"} & {action for action, _ in own}
