"""How the function's world is opened."""

from __future__ import annotations

from typing import Any, cast

import pytest

from trader.adapters.aws.secrets import StoredKey
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.limits import RateLimits
from trader.cycle import CycleOutcome, CycleReport
from trader.entry import runtime
from trader.entry.events import RunTick
from trader.errors import ConfigError, TraderError, VenueAuth, VenueProtocol, VenueThrottled, VenueUnavailable
from trader.model.ids import CycleId, Instant
from trader.model.inputs import Tick
from trader.ports import TimeBudget

TICK = Tick(CycleId("20261130T120000Z"), Instant(1_796_040_000), Instant(1_796_040_060))


class _Untested:
    """An exchange whose test of itself ends with an error."""

    def __init__(self, error: TraderError) -> None:
        self.error = error
        self.asked = 0

    def self_test(self) -> None:
        """Raise what it was told to."""
        self.asked += 1
        raise self.error


class _Given(StoredKey):
    """A key that is stored nowhere."""

    def read(self) -> Credentials:
        return Credentials("name", "key")


def open_live(exchange: _Untested, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open the LIVE venue over *exchange*, with a key that nothing reads."""
    monkeypatch.setattr("trader.adapters.coinbase.adapter.open_exchange", lambda *_, **__: exchange)
    return runtime._open_live("https://venue.invalid", _Given(), RateLimits(), TimeBudget())


@pytest.mark.parametrize("error", [VenueUnavailable, VenueThrottled, VenueAuth, VenueProtocol])
def test_venue_that_fails_its_self_test_still_opens(error: type[TraderError], monkeypatch: pytest.MonkeyPatch) -> None:
    """A position must be left although the venue would not say what the key may do."""
    exchange = _Untested(error("just now"))

    assert exchange is open_live(exchange, monkeypatch)
    assert exchange.asked == 1


def test_key_that_may_too_much_opens_no_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no answer of a bad moment: it is the operator's to mend."""
    with pytest.raises(ConfigError, match="transfer"):
        open_live(_Untested(ConfigError("the key may transfer")), monkeypatch)


@pytest.mark.parametrize(
    ("outcome", "reason", "expected"),
    [
        (CycleOutcome.COMPLETED, "", ("", False)),
        (CycleOutcome.SKIPPED, "nothing is due", ("nothing is due", False)),
        (CycleOutcome.ABORTED, "BTC-USD: no quote", ("BTC-USD: no quote; the venue refused our key: told", True)),
        (CycleOutcome.ABSTAINED, "HTTP 401; told", ("HTTP 401; told", True)),
    ],
)
def test_run_that_failed_while_its_key_was_refused_says_so(
    outcome: CycleOutcome, reason: str, expected: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lacked for it may be named by something else; one that had all it needed does not ring."""
    key = _Given()

    def perform(*_: Any) -> CycleReport:
        key.trouble = "told"
        return CycleReport(TICK, outcome, reason)

    monkeypatch.setattr(runtime, "perform", perform)
    report = runtime.Runtime(cast("Any", None), cast("Any", None), key).run(RunTick(TICK.scheduled_at), 60)

    assert expected == (report.reason, report.is_key_refused)


def test_trouble_of_one_run_is_none_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is forgotten when a run begins, which may read the key once more."""
    key = _Given()
    key.trouble = "of before"
    monkeypatch.setattr(runtime, "perform", lambda *_: CycleReport(TICK, CycleOutcome.ABORTED, "another reason"))

    report = runtime.Runtime(cast("Any", None), cast("Any", None), key).run(RunTick(TICK.scheduled_at), 60)

    assert ("another reason", False, "") == (report.reason, report.is_key_refused, key.trouble)
