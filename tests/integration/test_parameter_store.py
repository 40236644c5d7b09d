"""The layer before moto's Parameter Store: the pattern holds, and a change of a parameter is an event of a rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from architecture.test_template import parsed, properties
from integration.grants import SWITCH
from integration.rule_world import TARGET, RuleWorld, open_rule_world
from trader.entry.events import SwitchChanged, parse_event
from trader.model.ids import Instant

PATTERN = properties(parsed(), "SwitchParameter")["Parameter"]["AllowedPattern"]


@pytest.fixture
def aws() -> Iterator[RuleWorld]:
    with open_rule_world() as made:
        made.client("ssm").delete_parameters(Names=[SWITCH, "/other"])
        made.put("RUN", AllowedPattern=PATTERN)
        made.listen()
        yield made


@pytest.mark.parametrize("word", ["GO", "run", "RUN ", "HALT now"])
def test_fifth_word_is_refused_and_is_no_event(aws: RuleWorld, word: str) -> None:
    """By the pattern that the parameter was made with; what stood there stands."""
    with pytest.raises(ClientError, match="failed to satisfy constraint") as refused:
        aws.put(word)

    assert "ParameterPatternMismatchException" == refused.value.response["Error"]["Code"]
    assert "RUN" == aws.client("ssm").get_parameter(Name=SWITCH)["Parameter"]["Value"]
    assert [] == aws.delivered


def test_new_parameter_is_held_to_its_own_pattern(aws: RuleWorld) -> None:
    """One without a pattern takes anything."""
    with pytest.raises(ClientError, match="failed to satisfy"):
        aws.put("GO", "/other", AllowedPattern=PATTERN)
    aws.put("GO", "/other")

    assert "GO" == aws.client("ssm").get_parameter(Name="/other")["Parameter"]["Value"]


def test_parameter_without_a_type_is_not_made(aws: RuleWorld) -> None:
    """Overwriting is for what is there: a slip in a name makes no second switch."""
    ssm = aws.client("ssm")

    with pytest.raises(ClientError, match="type is required when you create") as refused:
        ssm.put_parameter(Name="/other", Value="HALT", Overwrite=True)
    ssm.put_parameter(Name=SWITCH, Value="HALT", Overwrite=True)

    assert "ValidationException" == refused.value.response["Error"]["Code"]
    assert [(SWITCH, "Update")] == aws.changes()


def test_each_change_of_the_switch_is_an_event_and_no_other_is(aws: RuleWorld) -> None:
    """Written, deleted, made again; another parameter's change and a look are none."""
    aws.put("HALT")
    aws.put("HALT", "/other")
    aws.client("ssm").get_parameter(Name=SWITCH)
    aws.client("ssm").delete_parameter(Name=SWITCH)
    aws.put("RUN")
    aws.client("ssm").delete_parameters(Names=[SWITCH, "/other"])

    assert [(SWITCH, what) for what in ("Update", "Delete", "Create", "Delete")] == aws.changes()
    assert {TARGET} == {target for target, _ in aws.delivered}


def test_event_is_a_change_of_the_switch_to_the_handler(aws: RuleWorld) -> None:
    """Each has an id of its own."""
    aws.put("HALT")
    aws.put("RUN")
    commands = [parse_event(event, Instant(0)) for _, event in aws.delivered]

    assert all(isinstance(command, SwitchChanged) for command in commands)
    assert 2 == len(set(commands)) == len({event["id"] for _, event in aws.delivered})


def test_refused_request_is_no_event(aws: RuleWorld) -> None:
    """The parameter is there already, and Overwrite was not said."""
    with pytest.raises(ClientError, match="already exists"):
        aws.client("ssm").put_parameter(Name=SWITCH, Value="HALT", Type="String")
    with pytest.raises(ClientError, match="not found"):
        aws.client("ssm").delete_parameter(Name="/nowhere")

    assert [] == aws.delivered
