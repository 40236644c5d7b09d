"""The drill that forges an audit, and what it would say of a verification that lacks a witness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from desk.drill.growth import make_settings
from desk.drill.tamper import run_drill
from desk.drill.tamper_world import Written, write_history


@pytest.fixture(scope="module")
def written() -> Written:
    """An audit as production writes it, with runs that died and an hour of which all was owed."""
    return write_history(make_settings())


@pytest.fixture
def s3() -> Iterator[Any]:
    """A service without buckets."""
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


def test_forgeries_are_found_where_they_are(written: Written, s3: Any) -> None:
    """Every ninth of those of `make tamper-drill`, and all of a checkpoint; what is honest is explained."""
    told = run_drill(written, s3, step=9)

    assert ([], 13, 13, 0) == (told.faults, told.found, told.of, told.mistaken)
    assert told.is_sound
    assert 0 < told.explained <= len(written.odd)


def test_without_what_was_written_down_a_history_chained_anew_is_not_found(written: Written, s3: Any) -> None:
    """The versions are gone and the ledger has the new head: only the anchors are left, and they are needed."""
    told = run_drill(written, s3, step=9, is_anchored=False)

    assert not told.is_sound
    assert told.found < told.of
    assert all("no versions left" in fault for fault in told.faults)
