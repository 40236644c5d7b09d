"""What SAM makes of the template: schedule, rule, permission and settings are the alias's, and a change publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from architecture.tree import ROOT
from desk.sandbox.sam_tool import find_sam, translate_template

TEXT = (ROOT / "template.yaml").read_text(encoding="utf-8")
ALIAS = {"Ref": "TradingFunctionAliaslive"}
#: Each place where something names what it wakes, and the resource type it is a property of.
PLACES = {
    "schedule": ("AWS::Scheduler::Schedule", lambda of: of["Target"]["Arn"]),
    "rule": ("AWS::Events::Rule", lambda of: of["Targets"][0]["Arn"]),
    "permission": ("AWS::Lambda::Permission", lambda of: of["FunctionName"]),
    "settings": ("AWS::Lambda::EventInvokeConfig", lambda of: {"Ref": f"TradingFunctionAlias{of['Qualifier']}"}),
    "role of the schedule": (
        "AWS::IAM::Role",
        lambda of: of["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"],
    ),
}

pytestmark = pytest.mark.skipif(find_sam() is None, reason="no SAM anywhere: nothing here can translate template.yaml")


def template_resources(folder: Path, old: str = "", new: str = "") -> dict[str, Any]:
    """The resources of the template, or of one with another text in one place."""
    assert old in TEXT
    file = folder / "template.yaml"
    file.write_text(TEXT.replace(old, new, 1) if old else TEXT, encoding="utf-8")
    return dict(translate_template(file, "s3://bucket/key", "us-east-1")["Resources"])


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: each for name, each in resources.items() if each["Type"] == kind}


def not_on_the_alias(resources: dict[str, Any]) -> list[str]:
    """The places that wake something else."""
    found = []
    for place, (kind, named) in PLACES.items():
        # The other functions of the stack have no versions.
        of_ours = "ScheduleRole" if kind == "AWS::IAM::Role" else "TradingFunction"
        those = {name: each for name, each in of_type(resources, kind).items() if name.startswith(of_ours)}
        found += [place for each in those.values() if named(each["Properties"]) != ALIAS]
        found += [] if those else [f"no {kind}"]
    return found


def version(resources: dict[str, Any]) -> str:
    """The name of the version; another one is another version."""
    ((name, _),) = of_type(resources, "AWS::Lambda::Version").items()
    return str(name)


def test_alias_is_what_everything_wakes(tmp_path: Path) -> None:
    """Schedule, rule, permission, role and the settings for events name one thing, and it points to the version."""
    resources = template_resources(tmp_path)
    ((_, alias),) = of_type(resources, "AWS::Lambda::Alias").items()

    assert [] == not_on_the_alias(resources)
    assert {"Fn::GetAtt": [version(resources), "Version"]} == alias["Properties"]["FunctionVersion"]
    assert "Retain" == resources[version(resources)]["DeletionPolicy"]


def test_two_attempts_and_900_seconds_are_settings_of_the_alias(tmp_path: Path) -> None:
    """One setting, and none on what is not the alias."""
    every = of_type(template_resources(tmp_path), "AWS::Lambda::EventInvokeConfig")
    (told,) = [each["Properties"] for name, each in every.items() if name.startswith("TradingFunction")]

    assert ("live", 1, 900) == (told["Qualifier"], told["MaximumRetryAttempts"], told["MaximumEventAgeInSeconds"])


@pytest.mark.parametrize(
    ("old", "new", "missed"),
    [
        ("AutoPublishAlias: live", "AutoPublishAlias: next", list(PLACES)),
        ("Resource: !Ref TradingFunction.Alias", "Resource: !GetAtt TradingFunction.Arn", ["role of the schedule"]),
    ],
)
def test_waking_something_else_is_found(old: str, new: str, missed: list[str], tmp_path: Path) -> None:
    """Another alias is missed everywhere; the function itself, in the one place."""
    assert missed == list(dict.fromkeys(not_on_the_alias(template_resources(tmp_path, old, new))))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("TRADER_CONFIG_DIR: /opt/config", "TRADER_CONFIG_DIR: /opt/other"),
        ("ContentUri: config", "ContentUri: config\n      LicenseInfo: of another content"),
        ("ContentUri: layers/dependencies", "ContentUri: layers/dependencies\n      LicenseInfo: of another content"),
        ("Runtime: python3.13", "Runtime: python3.14"),
    ],
)
def test_change_of_what_a_version_consists_of_publishes_another(old: str, new: str, tmp_path: Path) -> None:
    """Environment, configuration, requirements, run-time: what is woken is the new one, whole."""
    assert version(template_resources(tmp_path)) != version(template_resources(tmp_path, old, new))


@pytest.mark.parametrize(("old", "new"), [("Threshold: 1", "Threshold: 2"), ("State: !Ref ScheduleState", "")])
def test_change_of_anything_else_publishes_none(old: str, new: str, tmp_path: Path) -> None:
    """Lambda refuses a version that is like the one before, and the deployment would end."""
    assert version(template_resources(tmp_path)) == version(template_resources(tmp_path, old, new))
