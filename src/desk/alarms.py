"""Who hears a stack's alarms, and does it work: ``python -m desk.alarms hearers paper``, ``… test paper``.

A test goes an alarm's whole way, the notifier and the mail included: it sets the alarm's state, which CloudWatch takes
for a change like any other, and sets it back.
"""

# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desk.rollback import read_outputs, read_stack_name
from trader.errors import ConfigError

ALARMS = ("heartbeat", "exposed", "attention", "errors")
#: What SNS says in place of a subscription's name until the address has confirmed.
_PENDING = "PendingConfirmation"


def describe_hearers(outputs: Mapping[str, str], sns: Any) -> Iterator[str]:
    """Say of each address whether it has confirmed, and whether there is a webhook; or that nobody hears anything."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=outputs["MessageTopicArn"])
    addresses = [each for page in pages for each in page["Subscriptions"]]
    for each in addresses:
        if each["SubscriptionArn"] == _PENDING:
            yield f"alarms: {each['Endpoint']} has NOT CONFIRMED and hears nothing: open the mail from AWS and click"
        else:
            yield f"alarms: {each['Endpoint']} ({each['Protocol']}) hears them"
    has_webhook = outputs.get("AlarmWebhookIsSet") == "yes"
    if has_webhook:
        yield "alarms: the webhook hears them"
    if not addresses and not has_webhook:
        yield "alarms: NOBODY hears them; deploy with AlarmEmail or AlarmWebhook"


def perform_test(stack: str, alarm: str, cloudwatch: Any) -> None:
    """Ring an alarm of a stack and end it. Raises: ConfigError if there is none, or if it rings already."""
    name = f"{stack}-{alarm}"
    found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if not found:
        raise ConfigError(f"alarms: {stack} has no alarm {name}")
    if found[0]["StateValue"] == "ALARM":
        raise ConfigError(f"alarms: {name} rings already, since {found[0]['StateUpdatedTimestamp']:%Y-%m-%d %H:%M} UTC")
    # Set back at once: one that ignores silence would ring until its metric says zero.
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="A test, nothing has happened.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print who hears, or ring."""
    import boto3  # noqa: PLC0415 - development only
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="desk.alarms", description="Say who hears a stack's alarms, or ring one.")
    parser.add_argument("what", choices=("hearers", "test"))
    parser.add_argument("profile", help="of samconfig.toml: dev, paper or live")
    parser.add_argument("--alarm", choices=ALARMS, default=ALARMS[0])
    parser.add_argument("--stack", help="the stack, if not the profile's")
    told = parser.parse_args(arguments)
    try:
        stack = told.stack or read_stack_name(told.profile)
        if told.what == "test":
            perform_test(stack, told.alarm, boto3.client("cloudwatch"))
            print(f"{stack}-{told.alarm} rang and is over: two messages, within a minute or two, to")
        for line in describe_hearers(read_outputs(stack, boto3.client("cloudformation")), boto3.client("sns")):
            print(line)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"alarms: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
