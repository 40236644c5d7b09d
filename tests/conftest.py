"""For all tests: an environment without AWS, Hypothesis profiles, and the judge of what integration/ asked of AWS."""

import gc
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings
from moto import mock_aws

from integration.proof import Proof

# What a shell exports for a stack or a sandbox is no part of any test. It goes first: some of it is read on importing.
for _name in [name for name in os.environ if name.startswith(("AWS_", "TRADER_", "POWERTOOLS_", "COINBASE_"))]:
    if _name != "TRADER_E2E":
        del os.environ[_name]

# Derandomised, so that a red run can be repeated by anyone and an unrelated change is never stopped by bad luck.
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, database=None)
# What this one finds is printed as a blob and becomes an @example in the test.
settings.register_profile("nightly", max_examples=10_000, deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def own_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS of this test's own, played by moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Register the proof in the one process that sees every report; it has to be known before anything is collected."""
    if not hasattr(config, "workerinput"):
        proof = Proof(config.rootpath, Path(__file__).parent / "integration", _grants_of)
        config.pluginmanager.register(proof, "grants")


def pytest_collection_finish() -> None:
    """Let no search for garbage look through what every test needs again and again."""
    gc.collect()
    gc.freeze()
    # Seldom: looking as often as usual costs a fifth of the time and saves a fifth of a gigabyte.
    gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Turn the collector of garbage on.

    Importing the function's module leaves it off, to collect tests or in one of them: each process kept the garbage of
    all its tests, gigabytes of it.
    """
    gc.enable()


def _grants_of(mode: str) -> set[tuple[str, str]]:
    # Imported when asked for: reading the template takes a second, which other tests need not spend.
    return set(import_module("integration.grants").of_its_own(mode))
