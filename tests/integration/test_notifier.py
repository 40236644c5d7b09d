"""The message that people get: the code that stands in the template, on alarms as CloudWatch tells them."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns import sns_backends

from architecture.test_template import parsed, properties
from desk.cost.aws_calls import record_calls
from integration.grants import REFERENCES, granted

TEMPLATE = parsed()
CODE: str = properties(TEMPLATE, "Notifier")["Code"]["ZipFile"]
GROUP, AT = "/trader/test/function", datetime(2026, 11, 30, 10, 15, 7, tzinfo=UTC)
#: What the function's log has when each alarm rings.
LOGGED = {
    "heartbeat": {
        "level": "INFO",
        "message": "cycle",
        "cycle": "20261130T100000Z",
        "outcome": "ABSTAINED",
        "reason": "the account could not be read: VenueUnavailable",
    },
    "exposed": {
        "level": "WARNING",
        "message": "Exposed",
        "what": "lot t247-1 is neither covered nor being sold: auction",
    },
    "attention": {
        "level": "WARNING",
        "message": "Attention",
        "what": "order t247-2 of SOL-USD is in doubt for 960 s: ",
    },
    "errors": {"level": "ERROR", "message": "failed", "error": "ConfigError", "detail": "app.capital is 0"},
}
#: The numbers and names in each message, and what is to be typed.
TOLD = {
    "heartbeat": (
        "- 20261130T100000Z ABSTAINED the account could not be read: VenueUnavailable",
        "trader status --mode",
    ),
    "exposed": ("- lot t247-1 is neither covered nor being sold: auction", "trader flatten --mode"),
    "attention": ("- order t247-2 of SOL-USD is in doubt for 960 s: ", "trader status --mode"),
    "errors": ("- failed: ConfigError: app.capital is 0", "aws sqs receive-message"),
}


class Hook(http.server.BaseHTTPRequestHandler):
    """A webhook: keeps what is posted, answers as told."""

    posted: list[dict[str, Any]]
    status = 200

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    """An address on this machine, and what was posted there."""
    kind = type("OneHook", (Hook,), {"posted": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/secret", kind
    server.shutdown()
    server.server_close()


class Notifier:
    """The stack's notifier in an AWS of its own, with one subscriber."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, webhook: str = "", *, has_mail: bool = True) -> None:
        self.topic = boto3.client("sns").create_topic(Name="messages")["TopicArn"]
        logs = boto3.client("logs")
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
        self._logs = logs
        variables = {"STACK": "test", "LOG_GROUP": GROUP, "TOPIC": self.topic, "WEBHOOK": webhook}
        assert set(properties(TEMPLATE, "Notifier")["Environment"]["Variables"]) == {*variables, "HAS_MAIL"}
        for name, value in (variables | {"HAS_MAIL": "yes" * has_mail}).items():
            monkeypatch.setenv(name, value)
        self._namespace: dict[str, Any] = {}
        exec(CODE, self._namespace)

    def log(self, *lines: str | dict[str, Any], seconds_ago: int = 30) -> None:
        """Write lines as the function does."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
        at = int((AT.timestamp() - seconds_ago) * 1000)
        events = [{"timestamp": at + number, "message": text} for number, text in enumerate(texts)]
        self._logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)

    def hear(self, kind: str, new: str = "ALARM", old: str = "OK") -> None:
        """Tell it what CloudWatch tells of a change."""
        rule = properties(TEMPLATE, f"{kind.capitalize()}Alarm")
        message = {
            "AlarmName": f"test-{kind}",
            "AlarmDescription": rule["AlarmDescription"]["Fn::Sub"],
            "NewStateValue": new,
            "OldStateValue": old,
            "NewStateReason": "Threshold Crossed: 1 datapoint was greater than or equal to the threshold (1.0).",
            "StateChangeTime": AT.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        }
        self._namespace["handler"]({"Records": [{"Sns": {"Message": json.dumps(message)}}]}, None)

    def messages(self) -> list[tuple[str, str]]:
        """Subject and text of everything that was mailed."""
        sent = sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].topics[self.topic].sent_notifications
        return [(str(subject), text) for _, text, subject, *_ in sent]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS of this test's own."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.mark.parametrize("kind", LOGGED)
def test_message_says_what_it_is_the_numbers_and_what_to_type(
    kind: str, aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One mail for one incident, its subject the first line; other lines of the log are not in it."""
    notifier = Notifier(monkeypatch)
    for line in LOGGED.values():
        notifier.log(line, line)
    notifier.log("START RequestId: 1", '{"_aws": {}, "Exposed": [1.0]}', "[1, 2]", "{}")

    notifier.hear(kind)

    ((subject, text),) = notifier.messages()
    numbers, to_type = TOLD[kind]
    description, _, _ = properties(TEMPLATE, f"{kind.capitalize()}Alarm")["AlarmDescription"]["Fn::Sub"].partition(
        " To do"
    )
    lines = text.split("\n")
    assert [f"test: {kind.upper()}, 2026-11-30 10:15 UTC", description, ""] == lines[:3]
    assert subject == lines[0]
    assert 1 == lines.count(numbers)
    assert any(line.startswith(f"  {to_type}") for line in lines[lines.index("To do:") :])
    assert [] == [told for other, (told, _) in TOLD.items() if other != kind and told in lines and other != "heartbeat"]


def test_time_out_is_named_though_nobody_logged_it(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda writes a line of its own."""
    notifier = Notifier(monkeypatch)
    notifier.log("2026-11-30T10:14:00.000Z 1 Task timed out after 210.00 seconds\n\n")

    notifier.hear("errors")

    assert "- 2026-11-30T10:14:00.000Z 1 Task timed out after 210.00 seconds" in notifier.messages()[0][1].split("\n")


def test_end_of_an_incident_is_one_line(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a new alarm that finds all well is none."""
    notifier = Notifier(monkeypatch)

    notifier.hear("exposed", new="OK", old="INSUFFICIENT_DATA")
    notifier.hear("exposed", new="OK", old="ALARM")

    line = "test: exposed is over, 2026-11-30 10:15 UTC"
    assert [(line, line)] == notifier.messages()


def test_what_is_old_or_too_much_is_left_out(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour back, the last eight."""
    notifier = Notifier(monkeypatch)
    notifier.log({"message": "Attention", "what": "long ago"}, seconds_ago=2_000)
    notifier.log(*({"message": "Attention", "what": f"reason {number}"} for number in range(12)))

    notifier.hear("attention")

    reasons = [line for line in notifier.messages()[0][1].split("\n") if line.startswith("- ")]
    assert [f"- reason {number}" for number in range(4, 12)] == reasons


@pytest.mark.parametrize("log", ["empty", "gone"])
def test_message_goes_out_without_a_log(log: str, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why it has no reasons."""
    notifier = Notifier(monkeypatch)
    if log == "gone":
        boto3.client("logs").delete_log_group(logGroupName=GROUP)

    notifier.hear("exposed")

    expected = {"empty": "- nothing; Threshold Crossed", "gone": "- it could not be read: ResourceNotFound"}[log]
    assert expected in notifier.messages()[0][1]


def test_webhook_gets_the_same_text(aws: None, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]) -> None:
    """Under the two names that chats look for."""
    address, kind = hook
    notifier = Notifier(monkeypatch, address)

    notifier.hear("exposed", new="OK", old="ALARM")

    line = "test: exposed is over, 2026-11-30 10:15 UTC"
    assert [{"text": line, "content": line}] == kind.posted
    assert [(line, line)] == notifier.messages()


@pytest.mark.parametrize("has_mail", [True, False])
def test_webhook_that_fails_is_told_by_mail_or_tried_again(
    has_mail: bool, aws: None, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
) -> None:
    """Without its address, which is a secret; where nobody gets mail, Lambda sends the alarm once more."""
    address, kind = hook
    kind.status = 500
    notifier = Notifier(monkeypatch, address, has_mail=has_mail)

    if has_mail:
        notifier.hear("exposed")
    else:
        with pytest.raises(RuntimeError, match="500"):
            notifier.hear("exposed")

    ((_, text),) = notifier.messages()
    assert text.endswith("the webhook did not take it: 500")
    assert "secret" not in text


def test_notifier_may_do_what_it_does_and_no_more(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One topic, one log group; the trading function's role is another's."""
    with record_calls() as recording:
        notifier = Notifier(monkeypatch)
        with recording.listening() as calls:
            notifier.hear("errors")

    asked = {call.name for call in calls}
    grants = {action for action, _ in granted("LIVE", function="Notifier")}
    assert {"logs:FilterLogEvents", "sns:Publish"} == asked
    assert asked | {"logs:CreateLogStream", "logs:PutLogEvents"} == grants
    assert ("sns:Publish", REFERENCES["MessageTopic"]) in granted("LIVE", function="Notifier")
