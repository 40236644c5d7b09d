"""What an alarm may be called over by: a run that has looked at what it is about, and at all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accidents.hostile_venue import holding_due, show
from accidents.one_account import SOL, down
from factories import SCOPE
from integration.alarm_world import MINUTE, PERIOD, Deployment, deploy
from integration.cloudwatch import ALARM, OK
from integration.test_alarms_in_time import exposed, strategy_fails, strategy_works
from trader.errors import AuditError, DataError
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.ids import Instant, cycle_id_at, rfc3339
from trader.model.trading_state import TradingState


class Dies(BaseException):
    """The process was killed."""


def no_quote(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """A meddler: SOL has no quote."""
    return {name: DataError("no bids") if name == SOL else quote for name, quote in original(*args, **named).items()}


def die_at_commit(deployment: Deployment, number: int) -> None:
    """Have a process die right after its commit of this number."""
    seen = [0]

    def commit(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        seen[0] += 1
        done = original(*args, **named)
        if seen[0] == number:
            raise Dies
        return done

    deployment.world.meddlers["store.commit"] = commit
    with pytest.raises(Dies):
        deployment.wake()
    del deployment.world.meddlers["store.commit"]


def selling_blind(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """SOL is covered and due to be sold, and has no quote, which rings."""
    world = holding_due(hours=2)
    deployment = deploy(world, monkeypatch)
    deployment.watches = False
    deployment.pass_periods(11)
    world.meddlers["exchange.quotes"] = world.meddlers["market.quotes"] = no_quote
    deployment.pass_periods(1)
    assert [ALARM] == deployment.rang("Exposed")
    return deployment


def test_tick_that_resumes_does_not_call_over_what_it_did_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick was killed between its two commits, and its second attempt decides nothing."""
    deployment = selling_blind(monkeypatch)
    world, since = deployment.world, deployment.world.clock.now()
    grant = world.store.acquire(SCOPE, "killed", since, MINUTE)
    mark = CycleMark(cycle_id_at(since), CyclePhase.COMMITTED)
    world.store.commit(grant, replace(world.ledger, last_cycle=mark), fills=[], finished=[], release=True)
    deployment.wake()

    assert CycleMark(mark.cycle_id, CyclePhase.FINISHED) == world.ledger.last_cycle
    assert [] == deployment.values("Exposed", since)


@pytest.mark.parametrize("then", ["abstains", "is killed in the middle"])
def test_alarm_of_a_wait_for_the_lease_ends_whatever_the_next_tick_comes_to(
    then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only who waited told it; the first tick that has the lease remembers that something may ring."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.pass_periods(2)
    world = deployment.world
    world.store.acquire(SCOPE, "somebody", world.clock.now(), PERIOD - MINUTE)
    deployment.pass_periods(1)
    rang = deployment.rang("Attention")
    if then == "abstains":
        world.meddlers["exchange.balances"] = down
        deployment.wake()
        world.meddlers.clear()
    else:
        exposed(deployment)
        die_at_commit(deployment, 1)
        show(world, cancel_only=False)
        world.clock.set(Instant(world.clock.now() // PERIOD * PERIOD + PERIOD))
    deployment.pass_minutes(1)
    deployment.pass_periods(4)

    assert [ALARM] == rang
    assert [ALARM, OK] == deployment.rang("Attention")


def test_strategy_that_fails_rings_once_while_looks_run_between_the_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lot lies open, so each look becomes a run; it asks no strategy, and knows nothing of one."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.pass_periods(2)
    exposed(deployment)
    strategy_fails(deployment)
    deployment.pass_periods(4)
    rang = deployment.rang("Attention")
    strategy_works(deployment)
    deployment.pass_periods(2)

    assert [ALARM] == rang
    assert [ALARM, OK] == deployment.rang("Attention")


def test_switch_that_cannot_be_read_once_calls_no_due_sale_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as HALT, under which no sale is due; but nobody said HALT."""
    deployment = selling_blind(monkeypatch)
    world, since = deployment.world, deployment.world.clock.now()
    world.kill_switch.word = None
    deployment.pass_periods(1)
    world.kill_switch.word = TradingState.RUN
    deployment.pass_periods(1)

    assert [1.0] == deployment.values("Exposed", since)


def test_attention_is_told_by_a_run_that_abstains_for_want_of_market_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it found is there, whatever it did not see."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.pass_periods(2)
    world = deployment.world
    world.meddlers["exchange.bars"] = world.meddlers["market.bars"] = down
    since = world.clock.now()

    def refuse_record(*_: Any, **__: Any) -> Any:
        raise AuditError("the bucket says AccessDenied")

    world.meddlers["audit.write"] = refuse_record
    deployment.pass_periods(3)

    assert [ALARM] == deployment.rang("Attention"), deployment.values("Attention", since)


def test_run_that_outlived_its_lease_calls_nothing_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another has the books meanwhile, and may have found what this one did not see."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.watches = False
    deployment.pass_periods(2)
    exposed(deployment)
    deployment.pass_periods(2)
    world, since = deployment.world, deployment.world.clock.now()
    show(world, cancel_only=False)

    def stall(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if world.sent("submit") > sent:
            world.clock.set(Instant(since + PERIOD - MINUTE))
            world.store.acquire(SCOPE, "another", world.clock.now(), 1)
        return original(*args, **named)

    sent = world.sent("submit")
    world.meddlers["audit.write"] = stall
    deployment.invoke({"scheduled_time": rfc3339(since)})

    assert "VersionConflict" in deployment.raised[-1]
    assert [] == deployment.values("Exposed", since)
