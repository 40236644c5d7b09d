"""Hears what the function asks of AWS while a test runs, and says it in the template's names.

What the publisher asks is another function's, with a role of its own: test_publisher.py compares those two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore import handlers

from desk.cost.aws_calls import EVENT, AwsCall, list_permissions
from integration.grants import KEY_PARAMETER, PLACE, REFERENCES
from integration.proof import BY_PARAMETER, Asked

#: All that the publisher asks of AWS is asked here, and nothing else is.
_OF_THE_PUBLISHER = "trader.adapters.aws.event_bus"
#: Where a deployment is told a resource's name, how the resource is called in full, and what it is in the grants.
_NAMED = (
    ("TRADER_TABLE", f"arn:aws:dynamodb:{PLACE}:table/", REFERENCES["StateTable.Arn"]),
    ("TRADER_AUDIT_BUCKET", "arn:aws:s3:::", REFERENCES["AuditBucket.Arn"]),
    (
        "TRADER_KILL_SWITCH",
        f"arn:aws:ssm:{PLACE}:parameter",
        f"arn:aws:ssm:{PLACE}:parameter{REFERENCES['SwitchParameter']}",
    ),
    (
        "TRADER_KEY_PARAMETER",
        f"arn:aws:ssm:{PLACE}:parameter",
        f"arn:aws:ssm:{PLACE}:parameter{KEY_PARAMETER}",
    ),
    ("TRADER_SECRET", f"arn:aws:secretsmanager:{PLACE}:secret:", REFERENCES["ApiSecret"]),
)


def asked_by(call: AwsCall, environment: Mapping[str, str]) -> set[Asked]:
    """What a call needs, in the mode and with the names that the function was deployed with at that moment.

    A name that the environment does not give stays as it is, and is covered by no grant.
    """
    mode = BY_PARAMETER if environment.get("TRADER_KEY_PARAMETER") else environment.get("TRADER_MODE", "DRY_RUN")
    try:
        wanted = list_permissions(call)
    except LookupError:
        wanted = {(call.name, "a resource nobody has named yet")}
    return {(mode, action, _in_the_template(resource, environment)) for action, resource in wanted}


def _in_the_template(resource: str, environment: Mapping[str, str]) -> str:
    for variable, prefix, name in _NAMED:
        told = prefix + environment.get(variable, "")
        if told != prefix and (resource == told or resource.startswith(told + "/")):
            return name + resource.removeprefix(told)
    return resource


class AwsCallRecorder:
    """What the function has asked for since the test began. What a test itself asks is not the function's."""

    def __init__(self) -> None:
        self._asked: set[Asked] = set()
        self._listens = False

    def begin(self) -> None:
        self._asked, self._listens = set(), True

    def end(self) -> list[Asked]:
        self._listens = False
        return sorted(self._asked)

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What is done meanwhile is a person's doing, by the same code as the function's."""
        listened, self._listens = self._listens, False
        try:
            yield
        finally:
            self._listens = listened

    def hear(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Take one of botocore's events."""
        if not self._listens:
            return
        call = AwsCall.of_event(params, model)
        if call.caller.partition(".")[0] == "trader" and call.caller != _OF_THE_PUBLISHER:
            self._asked |= asked_by(call, os.environ)


# For good, and before any session is made: whatever client a test comes to use, what the function asks is heard.
EAR = AwsCallRecorder()
handlers.BUILTIN_HANDLERS.append((EVENT, EAR.hear))
