"""Audit objects in S3, each written once: the bucket refuses a second write under the same key."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from trader.adapters.aws.clients import read_error_code, translate_errors
from trader.errors import AuditConflict, AuditError
from trader.model.codec import sha256_hex
from trader.model.events import AuditObject, OwedRecord

_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}


class S3AuditLog:
    """JSONL objects below one prefix of one bucket.

    *open_urgent* makes the client that gives up after one try; it is made when it is first needed.
    """

    def __init__(
        self, client: Any, bucket: str, prefix: str = "audit/", open_urgent: Callable[[], Any] | None = None
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._urgent = cache(open_urgent or (lambda: client))

    def write(self, record: AuditObject | OwedRecord, *, urgent: bool = False) -> str:
        """Store the object; identical bytes under the same key are the same object."""
        body, key = record.text(), self._prefix + record.key
        client = self._urgent() if urgent else self._client
        with translate_errors(f"audit object {record.key}", AuditError):
            try:
                client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body.encode(),
                    ContentType="application/x-ndjson",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if read_error_code(error) not in _EXISTS:
                    raise
                self._check_same(client, key, body)
        return sha256_hex(body)

    def _check_same(self, client: Any, key: str, body: str) -> None:
        stored = client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        if stored != body.encode():
            raise AuditConflict(f"audit object {key} holds something else already")
