"""How long it takes to read 200 products from a venue 50 ms away, and whether the budget was kept on the way.

The venue is a process of its own; the requests are counted there, not here. ccxt's coinbase class then fetches the
same candles the way it does by default, for comparison.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import requests

from trader.adapters.coinbase.adapter import CoinbaseExchange, open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.budget import Limits
from trader.model.ids import Instant, ProductId
from trader.model.market import Bars, Granularity

_BARS = 300
_BENCHMARK_HOURS = 168
_FIVE = Granularity.FIVE_MINUTE
_HEADROOM = 1.25


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
def venue_process(products: int, rtt_ms: float) -> Iterator[tuple[str, Credentials]]:
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
    products = tuple(product.product_id for product in exchange.products())
    quotes = exchange.quotes(products)
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


def with_ccxt(url: str, products: tuple[ProductId, ...]) -> tuple[float, int, int, dict[str, int]]:
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


def main() -> None:
    """Print a line for each, and the line for machines last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=200)
    parser.add_argument("--rtt-ms", type=float, default=50.0)
    parser.add_argument("--ccxt", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    limits = Limits()
    with venue_process(given.products, given.rtt_ms) as (url, credentials):
        exchange = open_exchange(credentials, "bench-", url)
        exchange.self_test()
        done = gather(exchange, url)
        other = with_ccxt(url, done.products) if given.ccxt else None
    budget = max(
        done.requests["public"] / limits.public_per_second, done.requests["private"] / limits.private_per_second
    )
    bound = max(done.round_trips * given.rtt_ms / 1000, budget)
    print(
        f"ours: {len(done.products)} products, {len(done.bars)} with {_BARS} bars, in {done.seconds:.1f} s; "
        f"requests {done.requests}, most in a second {done.highest}, 429: {done.throttled}"
    )
    if other is not None:
        seconds, came, throttled, highest = other
        print(f"ccxt: {came} of them in {seconds:.1f} s; most in a second {highest}, 429: {throttled}")
    is_kept = (
        done.highest["public"] <= limits.public_per_second and done.highest["private"] <= limits.private_per_second
    )
    print(
        f"gather_s={done.seconds:.2f} bound_s={bound:.2f} ratio={done.seconds / bound:.3f} "
        f"budget_kept={'yes' if is_kept else 'no'} throttled={done.throttled}"
    )
    sys.exit(0 if is_kept and not done.throttled and done.seconds <= _HEADROOM * bound else 1)


if __name__ == "__main__":
    main()
