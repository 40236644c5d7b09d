"""The publisher: S3 says that an audit object was written, and its lines go out as events. A function of its own.

It trades nothing and reads no ledger; its role may read the audit and put events on the one bus. Whatever fails is
raised: Lambda brings the object again, and in the end puts it among the lost events.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools import Logger

from trader.adapters.aws.clients import open_client
from trader.adapters.aws.event_bus import EventBus, read_record
from trader.errors import ConfigError, MalformedData
from trader.model.domain_events import read_domain_events

_BUS = "TRADER_EVENT_BUS"

logger = Logger(level=os.environ.get("TRADER_LOG_LEVEL", "INFO"))
# Of the bucket and of the bus; kept between invocations of one process.
_clients: tuple[Any, Any] | None = None


@logger.inject_lambda_context
def handler(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's form
    """Publish the lines of the object that the event names. Raises: whatever went wrong, after it was logged."""
    try:
        bus = os.environ.get(_BUS)
        if not bus:
            raise ConfigError(f"environment: {_BUS}: not set")
        bucket, key = _read_place(event)
        s3, eventbridge = _get_clients()
        events = read_domain_events(bucket, key, read_record(s3, bucket, key))
        EventBus(eventbridge, bus).publish(events)
    except Exception as error:
        logger.error("failed", extra={"error": type(error).__name__, "detail": str(error)})
        raise
    told = {"key": key, "events": len(events)}
    logger.info("published", extra=told)
    return told


def _read_place(event: Any) -> tuple[str, str]:
    """Read bucket and key out of what S3 said through EventBridge."""
    detail = event.get("detail") if isinstance(event, Mapping) else None
    try:
        bucket, key = detail["bucket"]["name"], detail["object"]["key"]  # type: ignore[index]
    except (KeyError, TypeError):
        raise MalformedData("event: names no bucket and object") from None
    if not (isinstance(bucket, str) and isinstance(key, str)):
        raise MalformedData("event: names no bucket and object")
    # Notifications of other kinds escape the key, and no page promises that this kind does not. Ours hold no "%".
    return bucket, unquote(key)


def _get_clients() -> tuple[Any, Any]:
    global _clients  # noqa: PLW0603 - made once in a process, which is what makes later invocations cheap
    if _clients is None:
        _clients = open_client("s3"), open_client("events")
    return _clients
