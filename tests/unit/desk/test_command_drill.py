"""The drill of commands passes, and would not if a command were dropped, forgotten or acted on again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from desk.drill.commands import Meeting, Perform, Try, run_tries
from desk.drill.growth import make_settings
from desk.drill.virtual_time import VirtualTime
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.perform import perform
from trader.errors import LeaseHeld
from trader.model.commands import Command, CommandKind
from trader.model.inputs import Tick

TRIES = 32


def tries_of(faulty: Perform = perform) -> list[Try]:
    return run_tries(TRIES, 1, make_settings(), faulty)


def skipped(request: Any, ports: Any) -> CycleReport:
    """What the accident said: nothing was done, and all is well."""
    now = ports.clock.now()
    return CycleReport(Tick(request.command_id, now, now), CycleOutcome.SKIPPED, "busy")


def test_every_command_is_acted_on_once_and_none_is_called_done_before() -> None:
    """Whatever it meets, of every kind; some had to come again."""
    done = tries_of()

    assert [] == [str(each) for each in done if each.lost or each.twice or each.early]
    assert {(meeting, kind) for meeting in Meeting for kind in _kinds(done)} == {(e.meeting, e.kind) for e in done}
    assert any(len(each.said) > 2 for each in done)


def _kinds(done: Sequence[Try]) -> set[CommandKind]:
    return {each.kind for each in done}


def test_command_that_is_dropped_because_another_is_busy_is_seen() -> None:
    """The accident: no slot, and a success."""

    def drop(request: Any, pipeline: Any, ports: Any, seconds: int) -> CycleReport:
        if not isinstance(request, Command):
            return perform(request, pipeline, ports, seconds)
        reading = ports.store.look(ports.identity.scope)
        return (
            skipped(request, ports)
            if reading.is_held(ports.clock.now())
            else perform(request, pipeline, ports, seconds)
        )

    assert any(each.lost and each.early for each in tries_of(drop))


def test_command_that_is_called_done_while_it_waits_is_seen() -> None:
    """It stands, and is acted on; but who sent it was told so too soon."""

    def soothe(request: Any, pipeline: Any, ports: Any, seconds: int) -> CycleReport:
        try:
            return perform(request, pipeline, ports, seconds)
        except LeaseHeld:
            return skipped(request, ports)

    assert any(each.early and not each.lost for each in tries_of(soothe))


def test_delivery_that_counts_as_a_new_command_is_seen() -> None:
    """The second delivery of an event is the first one again."""

    def renew(request: Any, pipeline: Any, ports: Any, seconds: int) -> CycleReport:
        if isinstance(request, Command):
            request = replace(request, issued_at=ports.clock.now())
        return perform(request, pipeline, ports, seconds)

    assert any(each.twice for each in tries_of(renew))


def test_actors_take_turns_in_the_order_of_their_time() -> None:
    """One second of one is over before the second second of the other."""
    time, seen = VirtualTime(100.0), []

    def act(name: str, step: float) -> None:
        for _ in range(3):
            time.wait(step)
            seen.append((name, time.at))

    time.start(100.0, lambda: act("slow", 2.0))
    time.start(100.5, lambda: act("quick", 1.0))
    time.run(lambda _: None)

    assert sorted(seen, key=lambda each: each[1]) == seen
    assert [102.0, 104.0, 106.0] == [at for name, at in seen if name == "slow"]
