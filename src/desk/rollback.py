"""Point a stack's function back to the version before: ``python -m desk.rollback paper``, or ``--to 12``.

Schedule and rule wake the alias, and a version holds code, configuration and environment as they were published, so
moving the alias is the whole of it. The stack's parameters, its table and what lies in it stay as they are.
"""

# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trader.errors import ConfigError

ALIAS = "live"
_PROFILES = Path("samconfig.toml")


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: its number and what it says about itself."""

    number: int
    description: str
    published: str

    def __str__(self) -> str:
        return f"{self.number} ({self.published}; {self.description})"


def roll_back(function: str, awslambda: Any, to: int | None = None) -> tuple[Version, Version]:
    """Move the alias to the version before the present one, or to *to*; return both.

    Raises: ConfigError if there is no such version; ClientError.
    """
    versions = _list_versions(function, awslambda)
    current = int(awslambda.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"])
    number = max((each for each in versions if each < current), default=0) if to is None else to
    if number not in versions:
        there = ", ".join(map(str, sorted(versions)))
        raise ConfigError(
            f"rollback: {ALIAS} is at version {current}; no version {number or 'before it'} (has {there})"
        )
    awslambda.update_alias(FunctionName=function, Name=ALIAS, FunctionVersion=str(number))
    return versions[current], versions[number]


def read_stack_name(profile: str, profiles: Path = _PROFILES) -> str:
    """Read the name of a profile's stack. Raises: ConfigError if there is no such profile."""
    try:
        config = tomllib.loads(profiles.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{profiles}: {error.strerror}; this is typed in the folder of the checkout") from None
    except ValueError as error:
        raise ConfigError(f"{profiles}: no TOML: {error}") from None
    deployed = {
        name: each["deploy"]["parameters"] for name, each in config.items() if name != "version" and "deploy" in each
    }
    if profile not in deployed:
        raise ConfigError(f"rollback: {profile!r}: no such profile; allowed are {', '.join(deployed)}")
    return str(deployed[profile]["stack_name"])


def _list_versions(function: str, awslambda: Any) -> dict[int, Version]:
    pages = awslambda.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    return {
        int(each["Version"]): Version(int(each["Version"]), each.get("Description", ""), each["LastModified"])
        for page in pages
        for each in page["Versions"]
        if each["Version"] != "$LATEST"
    }


def read_outputs(stack: str, cloudformation: Any) -> dict[str, str]:
    """Read what a stack says of itself. Raises: ConfigError if it says nothing, as one whose deployment failed."""
    found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    if not found.get("Outputs"):
        raise ConfigError(f"{stack}: it has no outputs; its state is {found['StackStatus']}")
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Move the alias of a profile's stack, and print both versions."""
    import boto3  # noqa: PLC0415 - development only
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="desk.rollback", description="Point a function back to another version.")
    parser.add_argument("profile", help="of samconfig.toml: dev, paper or live")
    parser.add_argument("--to", type=int, help="the version; without it the one before the present one")
    parser.add_argument("--stack", help="the stack, if not the profile's")
    told = parser.parse_args(arguments)
    try:
        stack = told.stack or read_stack_name(told.profile)
        function = read_outputs(stack, boto3.client("cloudformation"))["FunctionName"]
        before, after = roll_back(function, boto3.client("lambda"), told.to)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"rollback: {error}", file=sys.stderr)
        return 1
    print(f"{function}:{ALIAS}\n  from version {before}\n  to version   {after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
