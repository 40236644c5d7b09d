"""Audit objects in S3, each written once: the bucket refuses a second write under the same key."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from trader.adapters.aws.clients import read_error_code, translate_errors
from trader.errors import AuditError
from trader.model.codec import sha256_hex
from trader.model.events import AuditObject

_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}


class S3AuditLog:
    """JSONL objects below one prefix of one bucket."""

    def __init__(self, client: Any, bucket: str, prefix: str = "audit/") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def write(self, audit_object: AuditObject) -> str:
        """Store the object; identical bytes under the same key are the same object."""
        body, key = audit_object.text(), self._prefix + audit_object.key
        with translate_errors(f"audit object {audit_object.key}", AuditError):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body.encode(),
                    ContentType="application/x-ndjson",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if read_error_code(error) not in _EXISTS:
                    raise
                self._check_same(key, body)
        return sha256_hex(body)

    def _check_same(self, key: str, body: str) -> None:
        stored = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        if stored != body.encode():
            raise AuditError(f"audit object {key} holds something else already")
