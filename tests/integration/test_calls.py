"""What a cycle costs in calls to AWS, counted by botocore's own events."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from desk.cost.aws_calls import Recording, record_calls
from integration.conftest import World, a_tick
from integration.proof import MODES
from trader.entry.runtime import Runtime

WRITES = {"dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:TransactWriteItems"}
QUIET = {"s3:PutObject", "ssm:GetParameter"}


@pytest.fixture
def recording() -> Iterator[Recording]:
    """Stands before the world does, so that its clients are heard."""
    with record_calls() as made:
        yield made


def cheap(world: World) -> None:
    """Few products: what is counted does not depend on how many there are."""
    path = world.config / "universe.yaml"
    text = re.sub(r"bases: \[DOGE[^]]*\]", "bases: [DOGE]", path.read_text(encoding="utf-8"))
    path.write_text(text.replace("discover_max: 10", "discover_max: 1"), encoding="utf-8")


def test_quiet_cycle_stays_within_its_budget_in_every_mode(recording: Recording, world: World) -> None:
    """Two writes to the table at most, one object, one look at the switch; a warm process reads no secret."""
    cheap(world)
    world.switch("REDUCE_ONLY")
    for mode in MODES:
        world.mode(mode, confirmed="yes")
        world.invoke(a_tick(seconds_ago=2))
        with recording.listening() as calls:
            summary = world.invoke(a_tick())

        counted = Counter(call.name for call in calls)
        writes = [call.name for call in calls if call.name in WRITES]
        assert ("COMPLETED", 0) == (summary["outcome"], summary["orders_sent"])
        assert (1, 1) == (counted["s3:PutObject"], counted["ssm:GetParameter"]), mode
        assert 0 == counted["secretsmanager:GetSecretValue"], mode
        assert len(writes) <= 2, (mode, writes)
        assert {"dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:GetItem"} >= set(counted) - QUIET, mode


def test_look_at_the_simulated_venue_writes_nothing(recording: Recording, world: World) -> None:
    """The ports and the venue of the function share one budget; the run with the lease opens the account."""
    world.mode("PAPER")
    ports = Runtime.build(os.environ).ports
    assert ports.exchange is not None
    names = []
    for only_looks in (True, False):
        ports.budget.begin(math.inf, only_looks=only_looks)
        with recording.listening() as calls:
            ports.exchange.balances()
        names.append([call.name for call in calls])

    assert [["dynamodb:GetItem"], ["dynamodb:GetItem", "dynamodb:PutItem"]] == names


@pytest.mark.parametrize("mode", ["DRY_RUN", "LIVE"])
def test_quiet_cycle_at_run_reads_the_market_and_writes_the_ledger_twice(
    recording: Recording, world: World, mode: str
) -> None:
    """Two plain updates, of which the first also reads: no further read, no transaction, whatever was traded before."""
    cheap(world)
    world.mode(mode, confirmed="yes")
    world.invoke(a_tick(seconds_ago=2))
    asked = len(world.venue.venue.traffic.log())

    with recording.listening() as calls:
        summary = world.invoke(a_tick())

    market = [seen.path for seen in world.venue.venue.traffic.log()[asked:] if "/candles" in seen.path]
    assert ("COMPLETED", 0, True) == (summary["outcome"], summary["orders_sent"], bool(market))
    assert {"dynamodb:UpdateItem": 2, "s3:PutObject": 1, "ssm:GetParameter": 1} == Counter(each.name for each in calls)


def test_secret_is_read_once_a_process_and_by_live_alone(recording: Recording, world: World) -> None:
    """A warm process keeps the key; the other modes never ask for it."""
    cheap(world)
    for mode in MODES:
        world.mode(mode, confirmed="yes")
        with recording.listening() as calls:
            world.invoke(a_tick(seconds_ago=2))
            world.invoke(a_tick())

        read = Counter(call.name for call in calls)["secretsmanager:GetSecretValue"]
        assert int(mode == "LIVE") == read, mode
