"""The message that people get: the code that stands in the template, on alarms as CloudWatch tells them."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
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
        "trader status --stack",
    ),
    "exposed": ("- lot t247-1 is neither covered nor being sold: auction", "trader flatten --stack"),
    "attention": ("- order t247-2 of SOL-USD is in doubt for 960 s: ", "trader status --stack"),
    "errors": ("- failed: ConfigError: app.capital is 0", "aws sqs receive-message"),
}

#: Whose lines each message has: a cycle that failed is no heartbeat, and one that was aborted is no error.
OF = {kind: {kind} for kind in LOGGED} | {"heartbeat": {"heartbeat", "errors"}}


class Hook(http.server.BaseHTTPRequestHandler):
    """A webhook: keeps what is posted, answers as told."""

    posted: list[dict[str, Any]]
    asked: list[str]
    status = 200
    drips = False

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        if 300 <= self.status < 400:
            self.send_header("Location", "/elsewhere")
        if self.drips:
            self.flush_headers()
            for _ in range(30):
                time.sleep(0.1)
                self.wfile.write(b"X-A: b\r\n")
        self.end_headers()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    """An address on this machine, and what was posted there."""
    kind = type("OneHook", (Hook,), {"posted": [], "asked": []})
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
        self.namespace: dict[str, Any] = {}
        exec(CODE, self.namespace)

    def log(self, *lines: str | dict[str, Any], seconds_ago: int = 30) -> None:
        """Write lines as the function does."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
        at = int((AT.timestamp() - seconds_ago) * 1000)
        events = [{"timestamp": at + number, "message": text} for number, text in enumerate(texts)]
        self._logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)

    def hear(self, kind: str, new: str = "ALARM", old: str = "OK", **changes: Any) -> None:
        """Tell it what CloudWatch tells of a change."""
        rule = properties(TEMPLATE, f"{kind.capitalize()}Alarm")
        self.take(
            {
                "AlarmName": f"test-{kind}",
                "AlarmDescription": rule["AlarmDescription"]["Fn::Sub"],
                "NewStateValue": new,
                "OldStateValue": old,
                "NewStateReason": "Threshold Crossed: 1 datapoint was greater than or equal to the threshold (1.0).",
                "StateChangeTime": AT.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
                **changes,
            }
        )

    def take(self, message: Any) -> None:
        """Hand it a message as SNS does."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.namespace["handler"]({"Records": [{"Sns": {"Message": text}}]}, None)

    def messages(self) -> list[tuple[str, str]]:
        """Subject and text of everything that was mailed."""
        sent = sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].topics[self.topic].sent_notifications
        return [(str(subject), text) for _, text, subject, *_ in sent]


@pytest.mark.parametrize("kind", LOGGED)
def test_message_says_what_it_is_the_numbers_and_what_to_type(
    kind: str, own_aws: None, monkeypatch: pytest.MonkeyPatch
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
    assert [] == [told for other, (told, _) in TOLD.items() if other not in OF[kind] and told in lines]


def test_time_out_is_named_though_nobody_logged_it(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda writes a line of its own."""
    notifier = Notifier(monkeypatch)
    notifier.log("2026-11-30T10:14:00.000Z 1 Task timed out after 210.00 seconds\n\n")

    notifier.hear("errors")

    assert "- 2026-11-30T10:14:00.000Z 1 Task timed out after 210.00 seconds" in notifier.messages()[0][1].split("\n")


def test_end_of_an_incident_is_one_line(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a new alarm that finds all well is none."""
    notifier = Notifier(monkeypatch)

    notifier.hear("exposed", new="OK", old="INSUFFICIENT_DATA")
    notifier.hear("exposed", new="OK", old="ALARM")

    line = "test: exposed is over, 2026-11-30 10:15 UTC"
    assert [(line, line)] == notifier.messages()


def test_what_is_old_or_too_much_is_left_out(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour back, the last eight."""
    notifier = Notifier(monkeypatch)
    notifier.log({"message": "Attention", "what": "long ago"}, seconds_ago=2_000)
    notifier.log(*({"message": "Attention", "what": f"reason {number}"} for number in range(12)))

    notifier.hear("attention")

    reasons = [line for line in notifier.messages()[0][1].split("\n") if line.startswith("- ")]
    assert [f"- reason {number}" for number in range(4, 12)] == reasons


@pytest.mark.parametrize("log", ["empty", "gone"])
def test_message_goes_out_without_a_log(log: str, own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why it has no reasons."""
    notifier = Notifier(monkeypatch)
    if log == "gone":
        boto3.client("logs").delete_log_group(logGroupName=GROUP)

    notifier.hear("exposed")

    expected = {"empty": "- nothing; Threshold Crossed", "gone": "- it could not be read: ResourceNotFound"}[log]
    assert expected in notifier.messages()[0][1]


def test_webhook_gets_the_same_text(
    own_aws: None, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
) -> None:
    """Under the two names that chats look for."""
    address, kind = hook
    notifier = Notifier(monkeypatch, address)

    notifier.hear("exposed", new="OK", old="ALARM")

    line = "test: exposed is over, 2026-11-30 10:15 UTC"
    assert [{"text": line, "content": line}] == kind.posted
    assert [(line, line)] == notifier.messages()


@pytest.mark.parametrize("has_mail", [True, False])
def test_webhook_that_fails_is_told_by_mail_or_tried_again(
    has_mail: bool, own_aws: None, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_webhook_that_has_moved_has_not_taken_it(
    status: int, own_aws: None, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
) -> None:
    """Whoever follows it asks for a page and posts nothing: a person has to give the new address."""
    address, kind = hook
    kind.status = status
    notifier = Notifier(monkeypatch, address)

    notifier.hear("exposed")

    ((_, text),) = notifier.messages()
    assert text.endswith(f"the webhook did not take it: {status}")
    assert [] == kind.asked


def test_webhook_that_never_ends_its_answer_keeps_no_mail_from_going_out(
    own_aws: None, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
) -> None:
    """Each piece comes in time, the whole does not."""
    address, kind = hook
    kind.drips = True
    notifier = Notifier(monkeypatch, address)
    notifier.namespace["SECONDS"] = 0.5
    begun = time.monotonic()

    notifier.hear("exposed")

    assert time.monotonic() - begun < 2.5
    assert notifier.messages()[0][1].endswith("the webhook did not take it: TimeoutError")


def test_reasons_are_the_last_of_a_log_of_thousands_of_lines(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudWatch gives the oldest first."""
    notifier = Notifier(monkeypatch)
    notifier.log(*(json.dumps({"level": "DEBUG", "message": f"line {number}"}) for number in range(6_000)))
    notifier.log({"message": "Exposed", "what": "lot one"}, seconds_ago=5)

    notifier.hear("exposed")

    assert "- lot one" in notifier.messages()[0][1].split("\n")


def test_reason_that_goes_on_is_not_crowded_out_by_later_ones(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is said again and again the last time counts."""
    notifier = Notifier(monkeypatch)
    said = [f"order one is in doubt for {number} s" for number in range(12)]
    notifier.log(*({"message": "Attention", "what": what} for each in said for what in ("the ledger is large", each)))

    notifier.hear("attention")

    reasons = [line for line in notifier.messages()[0][1].split("\n") if line.startswith("- ")]
    assert [*(f"- {each}" for each in said[5:-1]), "- the ledger is large", f"- {said[-1]}"] == reasons


def test_heartbeat_names_ticks_and_what_they_failed_of(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks between the ticks are no heartbeat, and a tick that raised has no outcome."""
    notifier = Notifier(monkeypatch)
    notifier.log(LOGGED["errors"])
    watch = {"level": "INFO", "message": "cycle", "outcome": "COMPLETED", "reason": ""}
    notifier.log(*({**watch, "cycle": f"20261130T10{minute:02}00Z-watch"} for minute in range(10)), seconds_ago=20)

    notifier.hear("heartbeat")

    reasons = [line for line in notifier.messages()[0][1].split("\n") if line.startswith("- ")]
    assert ["- failed: ConfigError: app.capital is 0"] == reasons


@pytest.mark.parametrize("kind", ["heartbeat", "errors"])
@pytest.mark.parametrize(
    "line",
    [
        "RequestId: 1 Error: Runtime exited with error: signal: killed Runtime.ExitError",
        "[ERROR] Runtime.ImportModuleError: Unable to import module 'trader': No module named 'x'",
    ],
)
def test_death_that_nobody_logged_is_named(
    kind: str, line: str, own_aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of memory that was short, or a package that is not there, only Lambda tells; of a traceback the first line."""
    notifier = Notifier(monkeypatch)
    notifier.log("INIT_START Runtime Version: python:3.13.v12", f"{line}\nTraceback (most recent call last):\n")

    notifier.hear(kind)

    assert [f"- {line}"] == [each for each in notifier.messages()[0][1].split("\n") if each.startswith("- ")]


def test_line_of_another_shape_hides_no_reason(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the code did not write, or another release did."""
    notifier = Notifier(monkeypatch)
    odd: list[dict[str, Any]] = [{"level": "ERROR"}, {"outcome": "ABORTED"}, {"message": {"a": 1}}, {"message": None}]
    odd += [{"message": "Exposed", "what": ["lot", 1]}, {"message": "Exposed", "what": "lot two\nlies open"}]
    notifier.log(*odd)

    for kind in LOGGED:
        notifier.hear(kind)

    texts = [text for _, text in notifier.messages()]
    assert [] == [text for text in texts if "could not be read" in text]
    assert "- lot two lies open" in texts[1].split("\n")


@pytest.mark.parametrize("message", ["garbage", "[1]", "null", '{"AlarmName": "other"}', {"AlarmName": None}])
def test_message_that_cannot_be_read_goes_out_as_it_is(
    message: Any, own_aws: None, monkeypatch: pytest.MonkeyPatch, hook: tuple[str, type[Hook]]
) -> None:
    """To the webhook as well, which no destination for failures reaches."""
    address, kind = hook
    notifier = Notifier(monkeypatch, address, has_mail=False)

    notifier.take(message)

    ((subject, text),) = notifier.messages()
    told = message if isinstance(message, str) else json.dumps(message)
    assert ("test: an alarm", told) == (subject[:14], text.split("\n")[-1])
    assert [text] == [each["text"] for each in kind.posted]


def test_alarm_of_somebody_else_is_told_by_what_it_says(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is no subject for a mail, and no description."""
    notifier = Notifier(monkeypatch)

    notifier.hear("errors", AlarmName="größe", AlarmDescription=None)

    ((subject, text),) = notifier.messages()
    assert subject.isascii()
    assert "- nothing; Threshold Crossed" in text


def test_alarm_that_cannot_be_judged_is_not_told_as_ringing(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor as over."""
    notifier = Notifier(monkeypatch)

    notifier.hear("exposed", new="INSUFFICIENT_DATA", old="ALARM")

    assert ["test: exposed is INSUFFICIENT_DATA, 2026-11-30 10:15 UTC"] == [text for _, text in notifier.messages()]


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_message_goes_out_with_what_was_read_before_the_log_was_refused(
    code: str, own_aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with the word for it."""
    notifier = Notifier(monkeypatch)

    def paginate(**_: Any) -> Iterator[dict[str, Any]]:
        yield {"events": [{"message": json.dumps({"message": "Exposed", "what": "lot one"})}]}
        raise ClientError({"Error": {"Code": code, "Message": "Rate exceeded"}}, "FilterLogEvents")

    logs = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate))
    others = boto3.client
    notifier.namespace["boto3"] = SimpleNamespace(
        client=lambda name, **named: logs if name == "logs" else others(name, **named)
    )

    notifier.hear("exposed")

    first, second = (line for line in notifier.messages()[0][1].split("\n") if line.startswith("- "))
    assert "- lot one" == first
    assert second.startswith("- it could not be read: ClientError")
    assert code in second


def test_everything_that_hangs_together_leaves_time_to_tell() -> None:
    """Reading, with one request that begins last of all; the webhook; and the mail."""
    namespace: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STACK", "test")
        patch.setenv("WEBHOOK", "")
        exec(CODE, namespace)
    quick, seconds = namespace["QUICK"], namespace["SECONDS"]
    request = quick.retries["total_max_attempts"] * (quick.connect_timeout + quick.read_timeout + 1)

    assert seconds + request + seconds + request < properties(TEMPLATE, "Notifier")["Timeout"]


def test_notifier_may_do_what_it_does_and_no_more(own_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
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
