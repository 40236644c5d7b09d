"""How long it takes to read 200 products from a venue 50 ms away, and whether the budget was kept on the way.

The budget is judged where requests leave, on the transport's own clock: no second, however it lies, holds more turns
than its group's rate, and no request leaves before its turn. That much the rate limiters promise on any machine. They
cannot promise when a waiting thread is woken or how long the way takes: requests that leave late leave closer to those
behind them, so on a busy machine a second may see one or two more depart or arrive than had their turn in it. Those
counts and the seconds taken are printed, not judged.

The venue is a process of its own and counts what arrives. ccxt's coinbase class then fetches the same candles the way
it does by default, for comparison.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import requests

from trader.adapters.coinbase.adapter import CoinbaseExchange
from trader.adapters.coinbase.auth import Credentials, choose_signer
from trader.adapters.coinbase.http import Call, Transport
from trader.adapters.coinbase.limits import RateLimitGroup, RateLimits, ServerClock
from trader.model.ids import Instant, ProductId
from trader.model.market import Bars, Granularity, split_answers

_BARS = 300
_BENCHMARK_HOURS = 168
_FIVE = Granularity.FIVE_MINUTE
_WINDOW = 1.0
# A sleep ends no earlier than asked; adding its length to an instant rounds by far less than this.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Departure:
    """One attempt: the instant its turn came, and the instant it left, both on the transport's monotonic clock."""

    group: RateLimitGroup
    due: float
    left: float


class WatchedTransport(Transport):
    """The transport as it is, and a note of every request that left: when its turn came, and when it left."""

    def __init__(self, url: str, credentials: Credentials, clock: ServerClock, limits: RateLimits) -> None:
        self.departures: list[Departure] = []
        super().__init__(url, choose_signer(credentials, clock.now), limits=limits)

    def take_turn(self, call: Call) -> float | None:
        due = super().take_turn(call)
        if due is not None:
            self.departures.append(Departure(call.group, due, self.timing.monotonic()))
        return due


def count_most_in_a_second(instants: Iterable[float]) -> int:
    """Return the most instants that any window of one second holds, its end left out."""
    window: deque[float] = deque()
    most = 0
    for instant in sorted(instants):
        window.append(instant)
        while window[0] <= instant - _WINDOW:
            window.popleft()
        most = max(most, len(window))
    return most


@dataclass(frozen=True)
class Gathered:
    """What one gather gave, and what it cost."""

    seconds: float
    round_trips: int
    products: tuple[ProductId, ...]
    bars: dict[ProductId, Bars]
    requests: dict[str, int]
    highest: dict[str, int]
    throttled: int


@contextlib.contextmanager
def run_venue(products: int, rtt_ms: float) -> Iterator[tuple[str, Credentials]]:
    """Run the simulated venue on a free port; gives its address and a key for it."""
    command = [str(Path(sys.executable).with_name("trader")), "sandbox", "venue", "--port", "0"]
    options = ["--products", str(products), "--rtt", str(rtt_ms)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            yield said["url"], Credentials.from_json(json.dumps(said["key"]))
        finally:
            process.terminate()


def gather(exchange: CoinbaseExchange, url: str) -> Gathered:
    """Read what a cycle reads: products, quotes, candles of every product, the benchmark's, account and fees."""
    requests.delete(f"{url}/__sandbox/requests", timeout=10)
    begun = time.perf_counter()
    products = tuple(split_answers(exchange.products())[0])
    quotes, _ = split_answers(exchange.quotes(products))
    now = Instant(int(time.time()))
    bars = exchange.bars(tuple(quotes), _FIVE, _BARS, now)
    exchange.bars(products[:1], Granularity.ONE_HOUR, _BENCHMARK_HOURS, now)
    exchange.balances()
    exchange.fee_rates()
    seconds = time.perf_counter() - begun
    counted, throttled = _counts(url)
    # Products take two pages, the second of which is empty; the candles of all products count as one.
    sound = {product_id: each for product_id, each in bars.items() if isinstance(each, Bars)}
    return Gathered(seconds, 7, products, sound, counted["totals"], counted["highest_per_second"], throttled)


def gather_with_ccxt(url: str, products: tuple[ProductId, ...]) -> tuple[float, int, int, dict[str, int]]:
    """Fetch the same candles with ccxt: seconds, products that came, 429 answers, most requests in a second."""
    client = import_module("ccxt").coinbase()
    client.urls["api"]["rest"] = url
    client.load_markets()
    symbols = {market["id"]: symbol for symbol, market in client.markets.items()}
    requests.delete(f"{url}/__sandbox/requests", timeout=10)
    since = (int(time.time()) // _FIVE.seconds - _BARS) * _FIVE.seconds * 1000
    begun = time.perf_counter()
    came = sum(_fetched(partial(client.fetch_ohlcv, symbols[name], "5m", since, _BARS)) for name in products)
    seconds = time.perf_counter() - begun
    counted, throttled = _counts(url)
    return seconds, came, throttled, counted["highest_per_second"]


def _fetched(fetch: Callable[[], Any]) -> bool:
    kinds = import_module("ccxt")
    try:
        return bool(fetch())
    except (kinds.NetworkError, kinds.ExchangeError):
        return False


def _counts(url: str) -> tuple[dict[str, dict[str, int]], int]:
    state = requests.get(f"{url}/__sandbox/state", timeout=10).json()
    return state["requests"], sum(seen["status"] == 429 for seen in state["log"])


def is_budget_kept(departures: Iterable[Departure], arrived: dict[str, int], limits: RateLimits) -> bool:
    """Tell whether every request had a turn, none left before it, and no second holds more turns than allowed.

    A limiter lets one go every 1/(0.92 × rate) seconds and none at once, so a second holds 8 turns of the public
    group's 8 and 14 of the private group's 15.
    """
    seen = tuple(departures)
    for group, rate in (
        (RateLimitGroup.PUBLIC, limits.public_per_second),
        (RateLimitGroup.PRIVATE, limits.private_per_second),
    ):
        turns = [each.due for each in seen if each.group is group]
        if arrived[group] > len(turns) or count_most_in_a_second(turns) > rate:
            return False
    return all(each.left >= each.due - _ROUNDING for each in seen)


def _departed(departures: Iterable[Departure]) -> str:
    seen = tuple(departures)
    groups = (RateLimitGroup.PUBLIC, RateLimitGroup.PRIVATE)
    turns = {group.value: count_most_in_a_second(each.due for each in seen if each.group is group) for group in groups}
    left = {group.value: count_most_in_a_second(each.left for each in seen if each.group is group) for group in groups}
    late = max((each.left - each.due for each in seen), default=0.0)
    return f"turns {turns}, departures {left}; latest departure {late * 1000:.1f} ms after its turn"


def main() -> None:
    """Print a line for each, and the line for machines last; exit with 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=200)
    parser.add_argument("--rtt-ms", type=float, default=50.0)
    parser.add_argument("--ccxt", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    limits = RateLimits()
    with run_venue(given.products, given.rtt_ms) as (url, credentials):
        clock = ServerClock()
        transport = WatchedTransport(url, credentials, clock, limits)
        exchange = CoinbaseExchange(transport, clock)
        exchange.self_test()
        # The venue forgets what came until now as well.
        transport.departures.clear()
        done = gather(exchange, url)
        departures = tuple(transport.departures)
        other = gather_with_ccxt(url, done.products) if given.ccxt else None
    budget = max(
        done.requests["public"] / limits.public_per_second, done.requests["private"] / limits.private_per_second
    )
    bound = max(done.round_trips * given.rtt_ms / 1000, budget)
    print(
        f"ours: {len(done.products)} products, {len(done.bars)} with {_BARS} bars, in {done.seconds:.1f} s; "
        f"requests {done.requests}, 429: {done.throttled}"
    )
    print(f"ours, most in a second: {_departed(departures)}; arrivals {done.highest}")
    if other is not None:
        seconds, came, throttled, highest = other
        print(f"ccxt: {came} of them in {seconds:.1f} s; most in a second {highest}, 429: {throttled}")
    is_kept = is_budget_kept(departures, done.requests, limits)
    is_whole = len(done.products) == len(done.bars) == given.products
    print(
        f"gather_s={done.seconds:.2f} bound_s={bound:.2f} ratio={done.seconds / bound:.3f} "
        f"budget_kept={'yes' if is_kept else 'no'} throttled={done.throttled}"
    )
    sys.exit(0 if is_kept and is_whole and not done.throttled else 1)


if __name__ == "__main__":
    main()
