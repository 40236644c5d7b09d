"""What moto's EventBridge lacks: an event reaches the function that a rule names.

A thin layer of ours in front of moto's server. It answers PutEvents itself, at which moto fails if the target is a
function, and lets all other requests pass. Rules and targets are those that moto keeps, so what decides is the pattern
of the template. An event reaches each target of every rule that matches, once and at once; on AWS it may be lost or
come twice, and a function that fails is tried again. A bus that is not there is refused here; AWS takes the event, says
that all is well, and drops it.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from desk.sandbox.stack import ACCOUNT, REGION

#: What takes an event: the target's ARN, and the event.
Deliver = Callable[[str, dict[str, Any]], None]
_PUT = "AWSEvents.PutEvents"
_ENTRIES_MAX = 10
_REQUIRED = ("Source", "DetailType", "Detail")


class EventBuses:
    """A WSGI application around moto's. Nothing is delivered while ``deliver`` is None."""

    def __init__(self, app: Any, client: Callable[[str], Any]) -> None:
        # Ten events of a request ask ten times; a client takes a fifth of a second to make.
        self._app, self._client = app, cache(client)
        self.deliver: Deliver | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("HTTP_X_AMZ_TARGET") != _PUT:
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        from botocore.exceptions import ClientError  # noqa: PLC0415 - development only

        entries = read_request(environ)["Entries"]
        if len(entries) > _ENTRIES_MAX:
            return write_answer(
                start_response, "ValidationException", f"{len(entries)} entries; at most {_ENTRIES_MAX}"
            )
        try:
            told = [self._put(entry) for entry in entries]
        except ClientError as error:
            return write_answer(start_response, error.response["Error"]["Code"], error.response["Error"]["Message"])
        failed = sum("ErrorCode" in each for each in told)
        return write_answer(start_response, "", {"FailedEntryCount": failed, "Entries": told})

    def send(self, event: dict[str, Any], bus: str = "default") -> None:
        """Deliver an event to each target of every rule of a bus that matches it."""
        from moto.events.models import EventPattern  # noqa: PLC0415 - development only

        events = self._client("events")
        known: Any = event
        for rule in events.list_rules(EventBusName=bus)["Rules"]:
            # A rule without a pattern is a schedule's; moto would have it match everything.
            pattern = rule.get("EventPattern") if rule["State"] == "ENABLED" else None
            if pattern and EventPattern.load(pattern).matches_event(known):
                for target in events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)["Targets"]:
                    if self.deliver is not None:
                        self.deliver(target["Arn"], event)

    def _put(self, entry: Mapping[str, Any]) -> dict[str, str]:
        if refusal := _refuse(entry):
            return {"ErrorCode": refusal[0], "ErrorMessage": refusal[1]}
        at = datetime.fromtimestamp(entry["Time"], UTC) if "Time" in entry else None
        detail = json.loads(entry["Detail"])
        event = make_event(entry["Source"], entry["DetailType"], detail, entry.get("Resources", ()), at)
        self.send(event, entry.get("EventBusName", "default"))
        return {"EventId": event["id"]}


def make_event(
    source: str, detail_type: str, detail: Mapping[str, Any], resources: Iterable[str] = (), at: datetime | None = None
) -> dict[str, Any]:
    """Make an event as EventBridge delivers it, as in ``events/bus-flatten.json``; without an instant it is of now."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": list(resources),
        "detail": dict(detail),
    }


def read_request(environ: dict[str, Any]) -> dict[str, Any]:
    """Read the body of a request, and leave it there for whoever is asked next."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return dict(json.loads(body))


def write_answer(start_response: Any, error: str, said: str | Mapping[str, Any]) -> list[bytes]:
    """Answer as AWS's JSON protocol does: with what was made, or with an error of this name and its message."""
    start_response("400 Bad Request" if error else "200 OK", [("Content-Type", "application/x-amz-json-1.1")])
    return [json.dumps({"__type": error, "message": said} if error else said).encode()]


def _refuse(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    missing = [name for name in _REQUIRED if not entry.get(name)]
    if missing:
        return "InvalidArgument", f"Parameter {missing[0]} is not valid. Reason: {missing[0]} is a required argument."
    if entry["Source"].startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        is_object = isinstance(json.loads(entry["Detail"]), dict)
    except ValueError:
        is_object = False
    return None if is_object else ("MalformedDetail", "Detail is malformed.")
