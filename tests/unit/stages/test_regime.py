"""The regime: its thresholds, its damping, and what an outage does to it."""

import pytest

from factories_market import regime_settings, some_bars
from trader.errors import DataError, MissingData, StaleData
from trader.model.cycle_state import Regime, RegimeState
from trader.model.market import Bars, Granularity
from trader.stages.regime import assess, classify

CHOP, BULL, BEAR, CRASH, UNKNOWN = Regime.CHOP, Regime.BULL, Regime.BEAR, Regime.CRASH, Regime.UNKNOWN


def hours(trend_pct: float) -> Bars:
    """A week of hours that drifts evenly, so that volatility is next to nothing."""
    growth = (1 + trend_pct / 100) ** (1 / 167)
    return some_bars([50_000 * growth**n for n in range(168)], granularity=Granularity.ONE_HOUR)


NOTHING = RegimeState()

DRIFT: dict[Regime, float] = {BULL: 12.0, CHOP: 1.0, BEAR: -7.0, CRASH: -11.0}


def run(*readings: Regime | DataError, state: RegimeState = NOTHING, confirm: int = 3) -> list[Regime]:
    """The regime in force after each reading."""
    settings, in_force = regime_settings(confirm_cycles=confirm), []
    for each in readings:
        reading = assess(each if isinstance(each, DataError) else hours(DRIFT[each]), state, settings)
        state = reading.state
        in_force.append(state.current)
    return in_force


@pytest.mark.parametrize(
    ("trend_pct", "volatility_pct", "expected"),
    [
        (0.0, 30.0, CHOP),
        (10.0, 59.9, BULL),
        (9.99, 30.0, CHOP),
        (10.0, 60.0, CHOP),
        (25.0, 99.0, CHOP),
        (-4.99, 30.0, CHOP),
        (-5.0, 30.0, BEAR),
        (-10.0, 30.0, BEAR),
        (-10.01, 30.0, CRASH),
        (0.0, 100.0, CHOP),
        (0.0, 100.1, CRASH),
        (25.0, 100.1, CRASH),
        (-7.0, 100.0, BEAR),
    ],
)
def test_thresholds(trend_pct: float, volatility_pct: float, expected: Regime) -> None:
    """Crash strictly beyond its limits; bull and bear from theirs on, bull only in a calm market."""
    assert expected is classify(trend_pct, volatility_pct, regime_settings())


def test_reading_carries_its_numbers() -> None:
    """The trend is last close against first; the volatility of an even drift is nothing."""
    reading = assess(hours(12.0), RegimeState(), regime_settings())

    assert reading.raw is BULL
    assert pytest.approx(12.0) == reading.trend_pct
    assert pytest.approx(0.0, abs=1e-6) == reading.volatility_pct


def test_wild_hours_are_a_crash_without_any_trend() -> None:
    """Two percent up and down every hour is about 187 % a year."""
    bars = some_bars([50_000 * (1.02 if n % 2 else 1.0) for n in range(168)], granularity=Granularity.ONE_HOUR)

    reading = assess(bars, RegimeState(CHOP), regime_settings())

    assert (reading.raw, reading.state.current) == (CRASH, CRASH)
    assert pytest.approx(186, abs=1) == reading.volatility_pct


def test_first_reading_is_taken_at_once() -> None:
    """A state that knows nothing has nothing to damp."""
    for regime in DRIFT:
        assert run(regime) == [regime]


def test_change_must_hold() -> None:
    """The third reading in a row takes over."""
    assert run(BEAR, BEAR, BEAR, BEAR, state=RegimeState(CHOP)) == [CHOP, CHOP, BEAR, BEAR]


def test_interrupted_change_starts_again() -> None:
    """Two of three, one of the old, and the count is back at nothing."""
    assert run(BEAR, BEAR, CHOP, BEAR, BEAR, BEAR, state=RegimeState(CHOP)) == [CHOP] * 5 + [BEAR]


def test_another_challenger_starts_its_own_count() -> None:
    """Two of bear are no evidence for bull."""
    assert run(BEAR, BEAR, BULL, BULL, BULL, state=RegimeState(CHOP)) == [CHOP] * 4 + [BULL]


def test_crash_is_in_force_at_once_and_left_slowly() -> None:
    """Into it with one reading, out of it with three."""
    assert run(CRASH, CHOP, CHOP, CHOP, state=RegimeState(BULL)) == [CRASH, CRASH, CRASH, CHOP]


def test_one_cycle_of_confirmation_is_no_damping() -> None:
    """Every reading is in force at once."""
    assert run(BEAR, BULL, CHOP, state=RegimeState(CHOP), confirm=1) == [BEAR, BULL, CHOP]


@pytest.mark.parametrize("error", [MissingData("none"), StaleData("old")])
def test_unreadable_benchmark_is_unknown(error: DataError) -> None:
    """No numbers, no regime, no entries."""
    reading = assess(error, RegimeState(BULL), regime_settings())

    assert (reading.raw, reading.trend_pct, reading.volatility_pct) == (UNKNOWN, None, None)
    assert reading.state.current is UNKNOWN


def test_too_few_hours_are_unreadable() -> None:
    """Two closes have no standard deviation."""
    bars = some_bars([100.0, 101.0], granularity=Granularity.ONE_HOUR)

    assert assess(bars, RegimeState(), regime_settings()).raw is UNKNOWN


def test_outage_resumes_the_regime_before_it() -> None:
    """However long it lasted: crash before, crash after, until three readings say otherwise."""
    gone = MissingData("none")

    assert run(CRASH, gone, gone, CHOP, CHOP, CHOP) == [CRASH, UNKNOWN, UNKNOWN, CRASH, CRASH, CHOP]


def test_outage_is_no_evidence_for_a_change() -> None:
    """Two of three before it do not count after it."""
    assert run(CHOP, BEAR, BEAR, MissingData("none"), BEAR, BEAR, BEAR) == [CHOP] * 3 + [UNKNOWN, CHOP, CHOP, BEAR]


def test_outage_from_the_start_knows_nothing() -> None:
    """The first reading after it is the first there is."""
    assert run(MissingData("none"), MissingData("none"), BULL) == [UNKNOWN, UNKNOWN, BULL]


def test_crash_after_an_outage_is_in_force_at_once() -> None:
    """No confirmation is ever asked for on the way in."""
    assert run(BULL, MissingData("none"), CRASH) == [BULL, UNKNOWN, CRASH]
