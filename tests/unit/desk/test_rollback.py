"""Rolling back moves the alias, to the version before or to the one that is named, and to no other."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from architecture.tree import ROOT
from desk import rollback
from trader.errors import ConfigError

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def awslambda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function of three versions, the alias at the last."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "")
    with mock_aws():
        document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        role = boto3.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        client = boto3.client("lambda")
        client.create_function(
            FunctionName="f", Runtime="python3.13", Handler="index.f", Role=role, Code={"ZipFile": code.getvalue()}
        )
        for number in (1, 2, 3):
            client.update_function_configuration(FunctionName="f", Description=f"release {number}")
            client.publish_version(FunctionName="f")
        client.create_alias(FunctionName="f", Name=rollback.ALIAS, FunctionVersion="3")
        yield client


def at(awslambda: Any) -> str:
    return str(awslambda.get_alias(FunctionName="f", Name=rollback.ALIAS)["FunctionVersion"])


def test_rolling_back_goes_one_version_back_each_time(awslambda: Any) -> None:
    """From the one in force, not from the newest; both say what they are."""
    first, second = (rollback.roll_back("f", awslambda) for _ in range(2))

    assert "1" == at(awslambda)
    assert [(3, 2), (2, 1)] == [(before.number, after.number) for before, after in (first, second)]
    assert "release 1" in str(second[1])


def test_nothing_lies_before_the_first_version(awslambda: Any) -> None:
    """It stays where it is, and the error says what there is."""
    awslambda.update_alias(FunctionName="f", Name=rollback.ALIAS, FunctionVersion="1")
    with pytest.raises(ConfigError, match=r"at version 1; no version before it \(has 1, 2, 3\)"):
        rollback.roll_back("f", awslambda)

    assert "1" == at(awslambda)


def test_named_version_may_be_a_later_one(awslambda: Any) -> None:
    """Forward again; a version that does not exist is refused."""
    rollback.roll_back("f", awslambda, 1)
    rollback.roll_back("f", awslambda, 3)
    with pytest.raises(ConfigError, match="no version 4"):
        rollback.roll_back("f", awslambda, 4)

    assert "3" == at(awslambda)


def test_version_that_was_deleted_is_passed_over(awslambda: Any) -> None:
    """The one before is the next that is there."""
    awslambda.delete_function(FunctionName="f", Qualifier="2")

    assert 1 == rollback.roll_back("f", awslambda)[1].number


def test_command_finds_the_function_of_the_profiles_stack(awslambda: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Both versions are printed; at the end of the road it fails."""
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"FunctionName": {"Value": "f"}},
    }
    stack = rollback.read_stack_name("paper", ROOT / "samconfig.toml")
    boto3.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))

    done = [rollback.main(["paper", "--stack", stack]) for _ in range(3)]

    told = capsys.readouterr()
    assert [0, 0, 1] == done
    assert ["f:live", "from version 3", "to version 2"] == [
        " ".join(line.split()[:3]) for line in told.out.splitlines()[:3]
    ]
    assert "no version before it" in told.err


def test_profile_that_does_not_exist_is_refused() -> None:
    """Rather than another stack."""
    with pytest.raises(ConfigError, match="'staging': no such profile; allowed are dev, paper, live"):
        rollback.read_stack_name("staging", ROOT / "samconfig.toml")


def test_stack_that_is_not_there_is_one_line(awslambda: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Named as AWS names it, and no traceback."""
    done = rollback.main(["paper", "--stack", "trader-nowhere"])

    told = capsys.readouterr().err.splitlines()
    assert (1, 1) == (done, len(told))
    assert told[0].startswith("rollback: ")
    assert "Stack with id trader-nowhere does not exist" in told[0]


def test_shell_without_a_region_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What boto3 says of it, in one line."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    done = rollback.main(["paper", "--stack", "trader-paper"])

    assert (1, "rollback: You must specify a region.\n") == (done, capsys.readouterr().err)


def test_stack_whose_deployment_failed_says_its_state() -> None:
    """CloudFormation lists such a stack without outputs."""

    class CloudFormation:
        def describe_stacks(self, **_: Any) -> dict[str, Any]:
            return {"Stacks": [{"StackName": "s", "StackStatus": "ROLLBACK_COMPLETE"}]}

    with pytest.raises(ConfigError, match="s: it has no outputs; its state is ROLLBACK_COMPLETE"):
        rollback.read_outputs("s", CloudFormation())
