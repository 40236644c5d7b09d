"""The versions of a bucket in the order of their writing, however close they are, and byte for byte."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from desk.recovery.aws import S3History
from desk.recovery.history import Version
from trader.model.ids import Instant, Scope

AT = Instant(1_795_219_200)
KEY = "scope=LIVE#main/dt=2026-11-21/20261121T000000Z-00000001-decision.jsonl"


class Listing:
    """What S3 says of one key whose versions are all of one second: the newest first, markers apart from versions."""

    def __init__(self, *bodies: bytes | None, per_page: int = 1000) -> None:
        self._bodies, self._per_page = bodies, per_page

    def get_paginator(self, _: str) -> Listing:
        return self

    def paginate(self, **_: Any) -> list[dict[str, list[dict[str, Any]]]]:
        at, newest = datetime.fromtimestamp(AT, UTC), len(self._bodies) - 1
        rows = [
            {"Key": f"audit/{KEY}", "VersionId": str(number), "LastModified": at, "IsLatest": number == newest}
            | ({"Size": len(body)} if body is not None else {})
            for number, body in reversed(list(enumerate(self._bodies)))
        ]
        pages = [rows[first : first + self._per_page] for first in range(0, len(rows), self._per_page)]
        return [
            {
                "Versions": [each for each in page if "Size" in each],
                "DeleteMarkers": [each for each in page if "Size" not in each],
            }
            for page in pages
        ]

    def get_object(self, **asked: Any) -> dict[str, io.BytesIO]:
        return {"Body": io.BytesIO(self._bodies[int(asked["VersionId"])] or b"")}


def read(listing: Listing) -> tuple[Version, ...]:
    return S3History(listing, "audit").read(Scope("LIVE#main"))[KEY]


def test_versions_of_one_second_come_in_the_order_of_their_writing() -> None:
    """The oldest is what was written; whoever is quick must not put his own before it."""
    for per_page in (1, 2, 1000):
        found = read(Listing(b"a", b"b", b"c", b"d", per_page=per_page))

        assert ["a", "b", "c", "d"] == [each.text for each in found]


def test_deletion_comes_last_if_nothing_was_put_after_it() -> None:
    """Else it is known to be one, though not where it stood among what was put in the same second."""
    assert ["a", "b", None] == [each.text for each in read(Listing(b"a", b"b", None))]
    assert ["a", None, "b"] == [each.text for each in read(Listing(b"a", None, b"b"))]


def test_bytes_that_are_no_text_are_no_other_text() -> None:
    """One of them in place of the sign that stands for such bytes would else be the same record."""
    texts = [each.text for each in read(Listing("a\ufffd".encode(), b"a\xff", b"a\xfe", b""))]

    assert 4 == len(set(texts))
    assert "" == texts[-1]
