"""What moto's Parameter Store lacks: a value has to match its parameter's pattern, and a change of it is an event.

Nor is a parameter made by a request to overwrite it that names no type: AWS refuses what moto takes.

A thin layer of ours in front of moto's server. It looks at the requests that change a parameter and lets all others
pass. The event goes to the default bus (`event_bus`), as on AWS, where it may be lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from desk.sandbox.event_bus import make_event, read_request, write_answer
from desk.sandbox.stack import ACCOUNT, REGION

_SERVICE = "AmazonSSM."
_CHANGES = {"PutParameter", "DeleteParameter", "DeleteParameters"}


class WatchedParameterStore:
    """A WSGI application around moto's; *send* takes the events."""

    def __init__(self, app: Any, client: Callable[[str], Any], send: Callable[[dict[str, Any]], None]) -> None:
        self._app, self._client, self._send = app, client, send

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        operation = str(environ.get("HTTP_X_AMZ_TARGET", "")).removeprefix(_SERVICE)
        if operation not in _CHANGES:
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        asked = read_request(environ)
        if operation == "PutParameter" and (refusal := self._refuse(asked)):
            return write_answer(start_response, *refusal)
        statuses: list[str] = []

        def started(status: str, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, *rest)

        told = b"".join(self._app(environ, started))
        if statuses[0].startswith("200"):
            for name, what in _changes(operation, asked, json.loads(told or b"{}")):
                self._send(_event(name, what))
        return [told]

    def _refuse(self, asked: Mapping[str, Any]) -> tuple[str, str] | None:
        name, value = asked["Name"], asked["Value"]
        chosen = [{"Key": "Name", "Values": [name]}]
        there = self._client("ssm").describe_parameters(ParameterFilters=chosen)["Parameters"]
        if not there and not asked.get("Type"):
            return "ValidationException", "A parameter type is required when you create a parameter."
        pattern = asked.get("AllowedPattern") or (there[0].get("AllowedPattern") if there else None)
        if pattern is None or re.search(pattern, value):
            return None
        return (
            "ParameterPatternMismatchException",
            f"Parameter value, {value}, failed to satisfy constraint: Member must satisfy regular expression {pattern}",
        )


def _changes(operation: str, asked: Mapping[str, Any], told: Mapping[str, Any]) -> list[tuple[str, str]]:
    if operation == "PutParameter":
        return [(asked["Name"], "Create" if told.get("Version") == 1 else "Update")]
    return [(name, "Delete") for name in told.get("DeletedParameters", [asked.get("Name", "")])]


def _event(name: str, operation: str) -> dict[str, Any]:
    """Make the event that Parameter Store sends, as in ``events/kill-switch-changed.json``."""
    detail = {"name": name, "type": "String", "operation": operation}
    arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}"
    return make_event("aws.ssm", "Parameter Store Change", detail, [arn])
