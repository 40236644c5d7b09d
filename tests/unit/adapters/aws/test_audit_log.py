"""What the bucket answers to a write under a key that is taken, or being taken, and how long it may take us."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from trader.adapters.aws.audit_log import S3AuditLog
from trader.adapters.aws.clients import URGENT, URGENT_REQUEST_SECONDS
from trader.errors import AuditConflict, AuditError
from trader.model.codec import sha256_hex
from trader.model.events import OwedRecord

RECORD = OwedRecord("key", "body\n")
CONFLICTS = ["ConditionalRequestConflict", "OperationAborted"]
EXISTS, STORED = "PreconditionFailed", ""


@dataclass
class Bucket:
    """Answers each put as a test says, an empty code for *stored*; the last answer stays. Time passes by its hand."""

    answers: list[str]
    holds: str = RECORD.body
    seconds: float = 0.05
    passed: float = 0.0
    puts: list[dict[str, Any]] = field(default_factory=list)
    gets: int = 0

    def put_object(self, **asked: Any) -> None:
        self.passed += self.seconds
        code = self.answers[min(len(self.puts), len(self.answers) - 1)]
        self.puts.append(asked)
        if code:
            raise ClientError({"Error": {"Code": code, "Message": "planted"}}, "PutObject")

    def get_object(self, **_: Any) -> dict[str, Any]:
        self.passed += self.seconds
        self.gets += 1
        return {"Body": io.BytesIO(self.holds.encode())}

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.passed += seconds

    def write(self, *, urgent: bool = False) -> str:
        log = S3AuditLog(self, "bucket", monotonic=lambda: self.passed, sleep=self.sleep)
        return log.write(RECORD, urgent=urgent)


each_urgency = pytest.mark.parametrize("urgent", [False, True], ids=["ordinary", "urgent"])
each_conflict = pytest.mark.parametrize("conflict", CONFLICTS)


@each_urgency
@each_conflict
@pytest.mark.parametrize("times", [1, 2, 3])
def test_conflict_means_send_again(conflict: str, times: int, urgent: bool) -> None:
    """Nothing was stored: the same bytes under the same condition, and nothing is compared."""
    bucket = Bucket([conflict] * times + [STORED])

    assert sha256_hex(RECORD.body) == bucket.write(urgent=urgent)
    assert (times + 1, 0) == (len(bucket.puts), bucket.gets)
    assert all(each == bucket.puts[0] for each in bucket.puts)
    assert ("*", b"body\n") == (bucket.puts[0]["IfNoneMatch"], bucket.puts[0]["Body"])


@each_urgency
@each_conflict
def test_conflict_that_does_not_end_is_an_error(conflict: str, urgent: bool) -> None:
    """After four times, with the bucket's own word and not its message."""
    bucket = Bucket([conflict])

    with pytest.raises(AuditError, match=f"^audit object key: {conflict}$"):
        bucket.write(urgent=urgent)

    assert (4, 0) == (len(bucket.puts), bucket.gets)


@each_urgency
@pytest.mark.parametrize("answers", [[EXISTS], [CONFLICTS[0], EXISTS], [CONFLICTS[1], CONFLICTS[0], EXISTS]])
def test_object_that_exists_is_compared(answers: list[str], urgent: bool) -> None:
    """The other write may have been our own: the same bytes are stored, other bytes are for good."""
    assert sha256_hex(RECORD.body) == Bucket(answers).write(urgent=urgent)

    other = Bucket(answers, holds="other\n")
    with pytest.raises(AuditConflict, match="holds something else already"):
        other.write(urgent=urgent)

    assert (len(answers), 1) == (len(other.puts), other.gets)


@each_urgency
@pytest.mark.parametrize("code", ["SlowDown", "AccessDenied", "InternalError", "Conflict", "409"])
def test_any_other_refusal_is_sent_once(code: str, urgent: bool) -> None:
    """What is worth repeating of those the client repeats by itself."""
    bucket = Bucket([code])

    with pytest.raises(AuditError, match=f"^audit object key: {code}$"):
        bucket.write(urgent=urgent)

    assert 1 == len(bucket.puts)


@pytest.mark.parametrize("seconds", [0.01, 0.3, 0.75, 1.0, 1.39, 1.41, 1.5])
@pytest.mark.parametrize("answers", [CONFLICTS[:1], [CONFLICTS[0], EXISTS], [EXISTS]], ids=["409", "409, 412", "412"])
def test_urgent_write_takes_three_seconds_at_most(seconds: float, answers: list[str]) -> None:
    """However slow the bucket says no; a request takes what its client waits for, at most."""
    assert URGENT_REQUEST_SECONDS == URGENT.connect_timeout + URGENT.read_timeout
    bucket = Bucket(answers, seconds=seconds)

    with contextlib.suppress(AuditError):
        bucket.write(urgent=True)

    assert bucket.passed <= 3
    assert seconds > 1.4 or len(bucket.puts) + bucket.gets > 1


def test_urgent_write_that_cannot_be_compared_in_time_is_an_error() -> None:
    """It is owed then, and compared by a later run; it is no conflict that nothing can mend."""
    bucket = Bucket([EXISTS], seconds=1.6)

    with pytest.raises(AuditError, match="no time left to compare it") as caught:
        bucket.write(urgent=True)

    assert not isinstance(caught.value, AuditConflict)
    assert 0 == bucket.gets


def test_ordinary_write_that_was_slow_is_compared_all_the_same() -> None:
    """An entry is decided again if its record is not there: it is worth the wait."""
    assert sha256_hex(RECORD.body) == Bucket([EXISTS], seconds=6).write()
