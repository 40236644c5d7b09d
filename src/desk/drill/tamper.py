"""Forge an audit in every way, with any rights on its bucket and on the ledger, and see whether `verify` finds where.

The audit is one that production wrote, two runs died in it and an hour of it was owed. It lies in a bucket with
versions (moto's), its first day was written down by the template's own function. Each forgery is made twice: once as
somebody does who may put and delete, once by one who deletes the old versions too. A history that was written anew and
chained is told from the true one by versions and by what was written down; what is younger than that by versions. A
checkpoint stands beside the chain: the record that names it tells it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, product
from typing import Any

from desk.drill.audit_anchor import write_anchor
from desk.drill.growth import make_settings
from desk.drill.growth_world import SCOPE
from desk.drill.tamper_ways import BESIDE, CHAINED, WAYS, Forged, Way, forge
from desk.drill.tamper_world import Written, write_history
from desk.recovery.anchors import Anchors, parse_anchors
from desk.recovery.evidence import Evidence
from desk.recovery.history import History
from desk.recovery.ledger_item import read_stored_item
from desk.recovery.verify import Verification, verify_audit
from trader.model.ids import Instant

_PREFIX = "audit/"
_NUMBERS = count(1)


@dataclass(slots=True)
class Told:
    """What was forged, what of it was found where it is, and what was taken for a forgery and is none."""

    of: int = 0
    found: int = 0
    mistaken: int = 0
    explained: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether everything was found, and nothing else."""
        return self.of == self.found > 0 and not self.mistaken and self.explained > 0

    def count(self, judged: Verification, key: str, line: int, how: str) -> None:
        """Count a forgery, and whether it was found where it is."""
        self.of += 1
        if any((each.key, each.line) == (key, line) for each in judged.found):
            self.found += 1
        else:
            self.faults.append(f"{how}: not found at {key} line {line}")

    def line(self) -> str:
        """Write the line for machines."""
        return f"found={self.found} of={self.of} mistaken={self.mistaken} explained={self.explained}"


class Bucket:
    """One audit in a bucket of its own, and the times that its objects would have in the world that wrote them."""

    def __init__(self, s3: Any, written: Written, beside: Mapping[str, str] | None = None) -> None:
        self._s3, self._written, self.name = s3, written, f"audit-{next(_NUMBERS)}"
        s3.create_bucket(Bucket=self.name)
        s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})
        for key, text in {**written.texts, **(written.checkpoints if beside is None else beside)}.items():
            self.put(key, text)
        self._first = {key: versions[0] for key, versions in self._rows().items()}

    def put(self, key: str, text: str) -> None:
        """Put an object over whatever is there."""
        self._s3.put_object(Bucket=self.name, Key=_PREFIX + key, Body=text.encode())

    def replace(self, forged: Forged, *, leaves_versions: bool) -> None:
        """Make the bucket hold a forged audit; without versions, as if it had never held another."""
        for key in self._written.texts.keys() - forged.texts.keys():
            self._s3.delete_object(Bucket=self.name, Key=_PREFIX + key)
        changed = {key for key, text in forged.texts.items() if self._written.texts.get(key) != text}
        for key in changed:
            self.put(key, forged.texts[key])
        if not leaves_versions:
            for key, versions in self._rows().items():
                surplus = versions[:-1] if key in forged.texts else versions
                for version in surplus:
                    self._s3.delete_object(Bucket=self.name, Key=_PREFIX + key, VersionId=version)

    def history(self) -> History:
        """Read it as the command does. moto has the time of this machine, so the world's own is put in its place."""
        from desk.recovery.aws import S3History  # noqa: PLC0415 - beside moto only

        rows, ended = self._rows(), Instant(self._written.ended_at + 3600)
        read = S3History(self._s3, self.name).read(SCOPE)
        return {
            key: tuple(
                replace(version, at=self._written.stored_at[key] if row == self._first.get(key) else ended)
                for row, version in zip(rows[key], versions, strict=True)
            )
            for key, versions in read.items()
        }

    def checkpoints(self) -> Mapping[str, str]:
        """Read what stands beside the chain, as the command does."""
        from desk.recovery.aws import S3AuditReader  # noqa: PLC0415 - beside moto only

        return S3AuditReader(self._s3, self.name).checkpoints(SCOPE)

    def anchors(self, day: str) -> Anchors:
        """Let the template's function write a day down."""
        return parse_anchors(write_anchor({"day": day}, self.name), SCOPE)

    def _rows(self) -> Mapping[str, list[str]]:
        """List the versions of each key, oldest first, by their ids."""
        rows: list[dict[str, Any]] = []
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self.name):
            rows += [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        rows.sort(key=lambda row: (row["Key"], row["LastModified"], row["IsLatest"]))
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row["Key"].removeprefix(_PREFIX), []).append(row["VersionId"])
        return found


def run_drill(written: Written, s3: Any, *, step: int = 1, is_anchored: bool = True) -> Told:
    """Forge in every way at every place, or in each so many-th; without the anchors if a test wants to see it fail."""
    told = Told()
    bucket = Bucket(s3, written)
    anchors = bucket.anchors(written.first_day)
    cases = list(_list_cases(written, anchors))[::step]
    if not is_anchored:
        anchors = Anchors()
    _judge_honest(written, verify_audit(_evidence(written, bucket, anchors, None)), told)
    for key, way in product(written.checkpoints, BESIDE):
        texts = dict(written.checkpoints)
        line = way(texts, key)
        judged = verify_audit(_evidence(written, Bucket(s3, written, texts), anchors, None))
        told.count(judged, key, line, way.__name__)
    for key, way, chains, leaves_versions in cases:
        forged = forge(written.texts, key, way, chains=chains)
        bucket = Bucket(s3, written)
        bucket.replace(forged, leaves_versions=leaves_versions)
        judged = verify_audit(_evidence(written, bucket, anchors, forged.head))
        how = f"{way.__name__}{', chained anew' if chains else ''}{'' if leaves_versions else ', no versions left'}"
        told.count(judged, forged.key, forged.line, how)
    return told


def _list_cases(written: Written, anchors: Anchors) -> Iterator[tuple[str, Way, bool, bool]]:
    """List keys and ways. What is younger than the last day that was written down has its versions alone."""
    keys = sorted(each for each in written.texts if each not in written.odd)
    old = [each for each in keys if each in anchors.objects]
    young = [each for each in keys if each not in anchors.objects]
    for leaves_versions, places in ((True, (old[1], old[-2], young[1], young[-2])), (False, (old[1], old[-2]))):
        for key in places:
            yield from ((key, way, False, leaves_versions) for way in WAYS)
            yield from ((key, way, True, leaves_versions) for way in CHAINED)


def _evidence(written: Written, bucket: Bucket, anchors: Anchors, head: str | None) -> Evidence:
    stored = read_stored_item(written.item, "the drill's item")
    if head is not None and stored.ledger is not None:
        # Whoever may write the table gives the ledger the head that suits.
        stored = replace(stored, ledger=replace(stored.ledger, audit_head=head))
    return Evidence(bucket.history(), {}, anchors, stored, checkpoints=bucket.checkpoints())


def _judge_honest(written: Written, judged: Verification, told: Told) -> None:
    told.mistaken = len(judged.found)
    told.explained = len(judged.explained)
    told.faults += [f"taken for a forgery: {each}" for each in judged.found]
    strange = [each for each in judged.explained if each.key not in written.odd]
    told.mistaken += len(strange)
    told.faults += [f"explained without need: {each}" for each in strange]


def main() -> int:
    """Run the drill. Ends with 1 if a forgery was not found where it is, or something honest was taken for one."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    import boto3  # noqa: PLC0415 - beside moto only

    from desk.mocked_aws import open_mocked_aws  # noqa: PLC0415

    with open_mocked_aws():
        told = run_drill(write_history(make_settings()), boto3.client("s3", region_name="us-east-1"))
    for fault in told.faults:
        print(fault, file=sys.stderr)
    print(told.line())
    return 0 if told.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
