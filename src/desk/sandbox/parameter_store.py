"""What moto's Parameter Store lacks: a value has to match its parameter's pattern, and a change of it is an event.

A thin layer of ours in front of moto's server. It looks at the requests that change a parameter and lets all others
pass. An event reaches each target of every rule that moto keeps and that matches, once and at once; on AWS an event may
be lost or come twice, and a function that fails is tried again.
"""

from __future__ import annotations

import io
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

#: What takes an event: the target's ARN, and the event.
Deliver = Callable[[str, dict[str, Any]], None]
_SERVICE = "AmazonSSM."
_CHANGES = {"PutParameter", "DeleteParameter", "DeleteParameters"}
_ACCOUNT = "123456789012"


class WatchedParameterStore:
    """A WSGI application around moto's. Nothing is delivered while ``deliver`` is None."""

    def __init__(self, app: Any, client: Callable[[str], Any]) -> None:
        self._app, self._client = app, client
        self.deliver: Deliver | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        operation = str(environ.get("HTTP_X_AMZ_TARGET", "")).removeprefix(_SERVICE)
        if operation not in _CHANGES:
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        asked = json.loads(body)
        if operation == "PutParameter" and (refusal := self._refuse(asked)):
            start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
            return [refusal]
        statuses: list[str] = []

        def started(status: str, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, *rest)

        answer = b"".join(self._app(environ, started))
        if statuses[0].startswith("200"):
            for name, what in _changes(operation, asked, json.loads(answer or b"{}")):
                self._announce(name, what)
        return [answer]

    def _refuse(self, asked: Mapping[str, Any]) -> bytes | None:
        name, value = asked["Name"], asked["Value"]
        chosen = [{"Key": "Name", "Values": [name]}]
        there = self._client("ssm").describe_parameters(ParameterFilters=chosen)["Parameters"]
        pattern = asked.get("AllowedPattern") or (there[0].get("AllowedPattern") if there else None)
        if pattern is None or re.search(pattern, value):
            return None
        text = (
            f"Parameter value, {value}, failed to satisfy constraint: Member must satisfy regular expression {pattern}"
        )
        return json.dumps({"__type": "ParameterPatternMismatchException", "message": text}).encode()

    def _announce(self, name: str, operation: str) -> None:
        if self.deliver is None:
            return
        from moto.events.models import EventPattern  # noqa: PLC0415 - development only

        event: Any = _event(name, operation)
        events = self._client("events")
        for rule in events.list_rules()["Rules"]:
            if EventPattern.load(rule.get("EventPattern")).matches_event(event):
                for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                    self.deliver(target["Arn"], event)


class MotoServer:
    """Moto's server in a thread, with that layer before it. *client* makes clients of this very server."""

    def __init__(self, bind: str, port: int, client: Callable[[str], Any]) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: PLC0415 - development only
        from werkzeug.serving import make_server  # noqa: PLC0415

        self.parameters = WatchedParameterStore(DomainDispatcherApplication(create_backend_app), client)
        self._server: BaseWSGIServer = make_server(
            bind, port, self.parameters, threaded=True, request_handler=MotoRequestHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _changes(operation: str, asked: Mapping[str, Any], told: Mapping[str, Any]) -> list[tuple[str, str]]:
    if operation == "PutParameter":
        return [(asked["Name"], "Create" if told.get("Version") == 1 else "Update")]
    return [(name, "Delete") for name in told.get("DeletedParameters", [asked.get("Name", "")])]


def _event(name: str, operation: str) -> dict[str, Any]:
    """Make the event that Parameter Store sends, as in ``events/kill-switch-changed.json``."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "source": "aws.ssm",
        "detail-type": "Parameter Store Change",
        "account": _ACCOUNT,
        "region": "us-east-1",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resources": [f"arn:aws:ssm:us-east-1:{_ACCOUNT}:parameter{name}"],
        "detail": {"name": name, "type": "String", "operation": operation},
    }
