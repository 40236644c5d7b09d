"""The limiter gives no second more turns than it holds."""

from __future__ import annotations

import threading

import pytest

from trader.adapters.coinbase.limits import RateLimiter, RateLimitGroup, RateLimits, make_rate_limiters
from unit.adapters.coinbase.stub import FakeTime


def turns(limiter: RateLimiter, time: FakeTime, count: int) -> list[float]:
    """When each of some turns came."""
    found = []
    for _ in range(count):
        limiter.wait_turn()
        found.append(time.passed)
    return found


def a_bucket(rate: float, time: FakeTime, burst: int = 1) -> RateLimiter:
    return RateLimiter(rate, burst=burst, monotonic=lambda: time.passed, sleep=time.sleep)


def test_turns_are_spaced_and_no_second_holds_more_than_the_rate(time: FakeTime) -> None:
    """Eight a second: never nine within one second, and not much slower than that."""
    at = turns(a_bucket(8, time), time, 200)

    assert max(sum(start <= each < start + 1 for each in at) for start in at) <= 8
    assert 199 / 8 < at[-1] < 1.1 * 199 / 8


def test_quiet_time_is_not_saved_up(time: FakeTime) -> None:
    """After a minute of silence the next turns are spaced as ever."""
    limiter = a_bucket(8, time)
    time.sleep(60)

    first, second = turns(limiter, time, 2)

    assert second - first > 0.1


def test_burst_may_go_at_once(time: FakeTime) -> None:
    """Three at once, then spaced."""
    at = turns(a_bucket(8, time, burst=3), time, 5)

    assert [0.0, 0.0, 0.0] == at[:3]
    assert at[4] > at[3] > 0


def test_pause_holds_everybody_back(time: FakeTime) -> None:
    """What the venue asks one request to wait, all wait."""
    limiter = a_bucket(8, time, burst=3)
    limiter.pause(5)

    assert 5.0 == turns(limiter, time, 1)[0]


def test_threads_do_not_share_a_turn() -> None:
    """Forty threads reserve forty different turns."""
    lock, waits = threading.Lock(), []

    def sleep(seconds: float) -> None:
        with lock:
            waits.append(round(seconds, 6))

    limiter = RateLimiter(10, monotonic=lambda: 0.0, sleep=sleep)
    threads = [threading.Thread(target=limiter.wait_turn) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 39 == len(set(waits))


def test_fills_count_among_the_private_ones(time: FakeTime) -> None:
    """Five fills a second, and each also takes a private turn."""
    limiters = make_rate_limiters(RateLimits(), time.timing())

    assert 2 == len(limiters[RateLimitGroup.FILLS])
    assert limiters[RateLimitGroup.PRIVATE][0] is limiters[RateLimitGroup.FILLS][1]


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_bucket_that_gives_nothing_is_refused(rate: float, burst: int) -> None:
    """It would wait for ever."""
    with pytest.raises(ValueError, match="must be above 0"):
        RateLimiter(rate, burst=burst)
