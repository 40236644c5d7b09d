"""What rings when, over hours: the template's alarms on what the handler prints, by CloudWatch's own rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from accidents.hostile_venue import holding_due, is_covered, show
from accidents.one_account import BTC, ETH, SOL, Bar, a_path, a_world, down
from architecture.test_template import parsed
from factories import SCOPE, scripted
from integration.alarm_world import MINUTE, PERIOD, Deployment, deploy
from integration.cloudwatch import ALARM, INSUFFICIENT, OK, evaluate
from trader.errors import AuditError, StoreUnavailable, VenueAuth
from trader.model.ids import Instant
from trader.model.trading_state import TradingState

TWICE = [ALARM, OK, ALARM, OK]
each_way = pytest.mark.parametrize("aligned", [False, True], ids=["rolling", "aligned"])
Story = Callable[[Deployment], None]


# --- the model of CloudWatch is that of its documentation

RETAIN = "the state before"
#: Points, and the state where what is missing is ignored, breaching, or not.
THREE_OF_THREE = {
    "0 - X - X": (OK, OK, OK),
    "0 - - - -": (OK, OK, OK),
    "- - - - -": (RETAIN, ALARM, OK),
    "0 X X - X": (ALARM, ALARM, ALARM),
    "- - X - -": (RETAIN, ALARM, OK),
}
TWO_OF_THREE = {
    "0 - X - X": (ALARM, ALARM, ALARM),
    "0 0 X 0 X": (ALARM, ALARM, ALARM),
    "0 - X - -": (OK, ALARM, OK),
    "- - - - 0": (OK, ALARM, OK),
    "- - - X -": (RETAIN, ALARM, OK),
}


@pytest.mark.parametrize("before", [OK, ALARM, INSUFFICIENT])
@pytest.mark.parametrize(("table", "to_alarm"), [(THREE_OF_THREE, 3), (TWO_OF_THREE, 2)])
def test_model_evaluates_as_the_tables_of_its_documentation(
    table: dict[str, tuple[str, str, str]], to_alarm: int, before: str
) -> None:
    """Ten rows of five points, three ways to treat what is missing."""
    for text, expected in table.items():
        points = [{"0": False, "X": True, "-": None}[each] for each in text.split()]
        found = tuple(
            evaluate(points, before, of=3, to_alarm=to_alarm, missing=missing)
            for missing in ("ignore", "breaching", "notBreaching")
        )

        assert tuple(before if each == RETAIN else each for each in expected) == found, text


# --- nothing rings that is well


def test_nothing_rings_in_a_quiet_week(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,016 ticks with a look after each: a heartbeat each, the size on each day, zero of the others said once."""
    world = a_world(strategy=scripted(), paths=dict.fromkeys((BTC, ETH, SOL), a_path(*[Bar()] * 2100)))
    deployment = deploy(world, monkeypatch)
    deployment.watches = False

    for _ in range(7 * 288):
        deployment.wake()
        world.clock.advance(MINUTE)
        deployment.wake(watch=True)
        world.clock.advance(PERIOD - MINUTE)
        deployment.cloudwatch.look(world.clock.now())

    assert [] == deployment.raised
    assert [] == deployment.told()
    assert 7 * 288 == sum(deployment.values("Heartbeat"))
    assert ([0.0], [0.0]) == (deployment.values("Exposed"), deployment.values("Attention"))
    assert {"Heartbeat", "LedgerBytes", "Exposed", "Attention"} >= {
        each["Name"] for _, line in deployment.printed for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


def test_halt_by_the_operator_rings_nothing_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever said HALT knows; the schedule is alive, and is watched on."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.pass_periods(2)
    deployment.world.kill_switch.word = TradingState.HALT
    deployment.pass_periods(100)
    halted = deployment.told()
    deployment.ticks = False
    deployment.pass_periods(6)

    assert [] == halted
    assert [("HeartbeatAlarm", ALARM)] == deployment.told()


# --- each condition rings, is over by itself, and rings again


def exposed(deployment: Deployment) -> None:
    """The venue takes no order for what is held, and its bracket is gone."""
    world = deployment.world
    if is_covered(world):
        (bracket,) = world.stored.active.values()
        # Somebody at the venue, and no look of ours.
        world.budget.begin(math.inf)
        world.venue.cancel([bracket.venue_order_id])
    show(world, cancel_only=True)


def covered(deployment: Deployment) -> None:
    show(deployment.world, cancel_only=False)


def unreadable(deployment: Deployment) -> None:
    deployment.world.kill_switch.word = None


def readable(deployment: Deployment) -> None:
    deployment.world.kill_switch.word = TradingState.RUN


def bucket_refuses(deployment: Deployment) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise AuditError("the bucket says AccessDenied")

    deployment.world.meddlers["audit.write"] = refuse


def key_is_refused(deployment: Deployment) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise VenueAuth("GET /accounts: HTTP 401: Unauthorized")

    deployment.world.meddlers["exchange.balances"] = refuse


def strategy_fails(deployment: Deployment) -> None:
    def fail(_: Any) -> Any:
        raise KeyError("SOL-USD")

    (strategy,) = deployment.world.pipeline.strategies.values()
    strategy.answers = fail  # type: ignore[attr-defined]


def strategy_works(deployment: Deployment) -> None:
    (strategy,) = deployment.world.pipeline.strategies.values()
    strategy.answers = lambda _: ()  # type: ignore[attr-defined]


def lease_is_held(deployment: Deployment) -> None:
    world = deployment.world
    world.store.acquire(SCOPE, "somebody", world.clock.now(), 3 * PERIOD)


def slow(deployment: Deployment) -> None:
    world = deployment.world

    def take_long(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if world.clock.now() % PERIOD == 0:
            world.clock.advance(170)
        return original(*args, **named)

    world.meddlers["audit.write"] = take_long


def mended(deployment: Deployment) -> None:
    deployment.world.meddlers.clear()


def schedule_is_dead(deployment: Deployment) -> None:
    deployment.ticks = False


def schedule_lives(deployment: Deployment) -> None:
    deployment.ticks = True


def table_is_away(deployment: Deployment) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the table does not answer")

    deployment.world.meddlers |= {"store.acquire": away, "store.look": away}


def event_is_lost(deployment: Deployment) -> None:
    deployment.lose()


def nothing(deployment: Deployment) -> None:
    pass


#: Which alarm, what begins it and what ends it.
CONDITIONS: dict[str, tuple[str, Story, Story]] = {
    "a lot lies open": ("Exposed", exposed, covered),
    "the switch cannot be read": ("Attention", unreadable, readable),
    "the bucket takes no records": ("Attention", bucket_refuses, mended),
    "the key is refused": ("Attention", key_is_refused, mended),
    "a strategy fails": ("Attention", strategy_fails, strategy_works),
    "the lease is not given back": ("Attention", lease_is_held, nothing),
    "a cycle is slow": ("Attention", slow, mended),
    "the schedule is dead": ("Heartbeat", schedule_is_dead, schedule_lives),
    "the venue is away": ("Heartbeat", lambda each: each.world.meddlers.update({"exchange.balances": down}), mended),
    "the table is away": ("Errors", table_is_away, mended),
    "an event is lost": ("Errors", event_is_lost, nothing),
}


@each_way
@pytest.mark.parametrize("condition", CONDITIONS)
def test_condition_rings_is_over_by_itself_and_rings_again(
    condition: str, aligned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice half an hour of it, each followed by an hour without; watch runs go on beside it."""
    alarm, begin, end = CONDITIONS[condition]
    deployment = deploy(holding_due(hours=99), monkeypatch, aligned=aligned)
    deployment.pass_periods(3)
    # A new stack rings until its first period is over.
    deployment.cloudwatch.told.clear()

    changes = []
    for _ in range(2):
        begin(deployment)
        deployment.pass_periods(6)
        changes += [deployment.rang(alarm)]
        end(deployment)
        deployment.pass_periods(12)
        changes += [deployment.rang(alarm)]

    first, over, second, done = changes
    assert ALARM == first[-1] or condition in SHORT
    assert (OK, OK) == (over[-1], done[-1])
    assert first[0] == second[len(over)] == ALARM
    assert TWICE == done


#: What is over before half an hour is.
SHORT = {"the lease is not given back", "an event is lost"}


# --- what must not look like an all-clear


def test_lot_that_stays_exposed_over_runs_that_know_nothing_goes_on_ringing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick that is skipped, a venue that cannot be read, a watch run that finds nothing due: none of them is told."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.pass_periods(2)
    exposed(deployment)
    deployment.pass_periods(2)
    world, since = deployment.world, deployment.world.clock.now()
    world.store.acquire(SCOPE, "somebody", since, 2 * PERIOD)
    deployment.pass_periods(2)
    world.meddlers["exchange.balances"] = down
    deployment.pass_periods(20)

    assert [] == deployment.values("Exposed", since)
    assert [ALARM] == deployment.rang("Exposed")


@pytest.mark.parametrize("outcome", ["SKIPPED", "ABSTAINED"])
def test_run_that_was_skipped_or_abstained_says_nothing(outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even how large the ledger is, unless it has seen it."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.pass_periods(1)
    world, since = deployment.world, deployment.world.clock.now()
    if outcome == "ABSTAINED":
        world.meddlers["exchange.balances"] = down
    deployment.wake()
    if outcome == "SKIPPED":
        world.clock.set(Instant(since + 1))
        deployment.printed.clear()
        deployment.invoke({"scheduled_time": "2026-11-22T12:00:00Z"})

    assert [] == [line for at, line in deployment.printed if at >= since]


@each_way
def test_zero_in_the_minute_of_what_it_ends_is_said_again(aligned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch run mends what the tick of its minute told: the highest of that minute is not zero."""
    deployment = deploy(holding_due(hours=99), monkeypatch, aligned=aligned)
    deployment.pass_periods(2)
    exposed(deployment)
    deployment.wake()
    covered(deployment)
    deployment.world.clock.advance(20)
    deployment.wake(watch=True)
    deployment.world.clock.advance(MINUTE - 20)
    deployment.cloudwatch.look(deployment.world.clock.now())
    rang = deployment.rang("Exposed")
    deployment.pass_minutes(20)

    assert is_covered(deployment.world)
    assert ([ALARM], [ALARM, OK]) == (rang, deployment.rang("Exposed"))


@pytest.mark.parametrize("dies", ["before the commit", "after the commit"])
def test_process_that_dies_around_its_last_commit_keeps_no_alarm_ringing(
    dies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zero is said before it is forgotten that it was not, and what is not zero is remembered before it is said."""

    class Dies(BaseException):
        pass

    def commit(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if not named.get("release"):
            return original(*args, **named)
        if dies == "after the commit":
            original(*args, **named)
        raise Dies

    for part in ("what begins it", "what ends it"):
        deployment = deploy(holding_due(hours=99), monkeypatch)
        deployment.pass_periods(2)
        exposed(deployment)
        if part == "what ends it":
            deployment.pass_periods(2)
            covered(deployment)
        deployment.world.meddlers["store.commit"] = commit
        with pytest.raises(Dies):
            deployment.wake()
        deployment.world.meddlers.clear()
        deployment.pass_periods(2)
        covered(deployment)
        deployment.pass_periods(4)

        assert OK == deployment.cloudwatch.states["ExposedAlarm"], part


def test_failure_that_the_second_attempt_makes_good_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost by it; Lambda's own metric counts it."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.watches = False
    deployment.pass_periods(2)
    deployment.cloudwatch.told.clear()
    failures = iter([StoreUnavailable("the table does not answer")])

    def fail_once(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        for failure in failures:
            raise failure
        return original(*args, **named)

    deployment.world.meddlers["store.acquire"] = fail_once
    deployment.pass_periods(3)

    assert 1 == len(deployment.raised)
    assert [] == deployment.told()


def test_switch_that_could_not_be_read_once_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run in a row rings."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.watches = False
    deployment.pass_periods(2)
    deployment.world.kill_switch.word = None
    deployment.pass_periods(1)
    once = deployment.rang("Attention")
    deployment.pass_periods(1)

    assert ([], [ALARM]) == (once, deployment.rang("Attention"))


def test_dead_schedule_is_not_hidden_by_what_else_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch runs and commands each minute; it rings within five periods."""
    deployment = deploy(holding_due(hours=99), monkeypatch)
    deployment.pass_periods(6)
    deployment.ticks = False
    deployment.pass_minutes(25, lambda: deployment.wake(command="reconcile") and None)

    assert [ALARM] == deployment.rang("Heartbeat")


def test_alarms_with_another_treatment_of_silence_would_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above finds what it is for: with ``notBreaching`` a venue that goes away ends an alarm."""
    template = parsed()
    template["Resources"]["ExposedAlarm"]["Properties"]["TreatMissingData"] = "notBreaching"
    deployment = deploy(holding_due(hours=99), monkeypatch, template=template)
    deployment.pass_periods(2)
    exposed(deployment)
    deployment.pass_periods(2)
    deployment.world.meddlers["exchange.balances"] = down
    deployment.pass_periods(4)

    assert OK == deployment.rang("Exposed")[-1]
