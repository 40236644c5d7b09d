"""Audit objects in S3, each written once: the bucket refuses a second write under the same key."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from trader.adapters.aws.clients import URGENT_REQUEST_SECONDS, read_error_code, translate_errors
from trader.errors import AuditConflict, AuditError
from trader.model.codec import sha256_hex
from trader.model.events import AuditText

_EXISTS = "PreconditionFailed"
#: Another conditional write is under way. Nothing was stored: send again.
_CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted"})

#: How often an object is sent at most, and the pause before it is sent again.
_SENDS_MAX, _PAUSE_SECONDS = 4, 0.1
#: What all requests of an urgent write may take together.
_URGENT_SECONDS = 3.0


class S3AuditLog:
    """JSONL objects below one prefix of one bucket.

    *open_urgent* makes the client that gives up after one try; it is made when it is first needed.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        prefix: str = "audit/",
        open_urgent: Callable[[], Any] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._urgent = cache(open_urgent or (lambda: client))
        self._monotonic = monotonic
        self._sleep = sleep

    def write(self, record: AuditText, *, urgent: bool = False) -> str:
        """Store the object; identical bytes under the same key are the same object.

        Where another write under the key is under way, it is sent again, four times in all. Of an urgent write no
        request begins that might end after its three seconds.
        """
        body, key = record.text(), self._prefix + record.key
        client = self._urgent() if urgent else self._client
        last = self._monotonic() + _URGENT_SECONDS - URGENT_REQUEST_SECONDS if urgent else math.inf
        with translate_errors(f"audit object {record.key}", AuditError):
            if not self._put(client, key, body, last):
                self._check_same(client, key, body, last)
        return sha256_hex(body)

    def _put(self, client: Any, key: str, body: str, last: float) -> bool:
        """Store the object; False if there is one under its key. *last* is until when a request may begin."""
        sends = 0
        while True:
            sends += 1
            try:
                client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body.encode(),
                    ContentType="application/x-ndjson",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                code = read_error_code(error)
                if code == _EXISTS:
                    return False
                if code not in _CONFLICTS or sends == _SENDS_MAX or self._monotonic() + _PAUSE_SECONDS > last:
                    raise
            else:
                return True
            self._sleep(_PAUSE_SECONDS)

    def _check_same(self, client: Any, key: str, body: str, last: float) -> None:
        if self._monotonic() > last:
            raise AuditError(f"audit object {key} exists, and there is no time left to compare it")
        stored = client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        if stored != body.encode():
            raise AuditConflict(f"audit object {key} holds something else already")
