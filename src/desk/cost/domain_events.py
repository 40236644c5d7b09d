"""What a month of domain events costs: the lines of a quiet and of a trading cycle, counted, at list prices.

``make cost`` prints it: the table of docs/domain-events.md, and a line for machines.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import boto3

from desk.cost.cycles import CONFIG, Bench, open_bench
from desk.cost.prices import LAMBDA_ARM_GB_SECOND, LAMBDA_REQUEST, S3_GET, Price
from trader.model.domain_events import DomainEvent, read_domain_events
from trader.model.events import EventKind

#: Sources differ on what S3 says to EventBridge: some call it free, others a custom event. The dearer one is taken.
CUSTOM_EVENT = Price(
    "EventBridge, custom events",
    Decimal("1.00"),
    1_000_000,
    "1M events",
    "cloudburn.io/blog/amazon-eventbridge-pricing",
)
#: An event of more bytes is paid for as several.
BILLED_BYTES = 64 * 1024
#: Assumed, since only Lambda itself could tell: how long the publisher takes for an object, on how much memory.
SECONDS_PER_OBJECT, MEMORY_GB = Decimal(1), Decimal("0.25")
DAYS, TRADING_CYCLES_PER_DAY, PERIODS = Decimal("30.4"), 20, (5, 15)


@dataclass(frozen=True, slots=True)
class Told:
    """What one cycle has to tell: its objects, and its events as they are billed, those of bars apart.

    Cycles are counted here seconds apart; in earnest each finds new bars in every series.
    """

    objects: int
    events: int
    series: int


def count_billed(event: DomainEvent) -> int:
    """Count an event as it is billed: one for each 64 KB begun."""
    return -(-event.size // BILLED_BYTES)


def measure_told() -> tuple[Told, Told]:
    """Run a trading and then a quiet cycle in LIVE, and count what each of them wrote down; the quiet one first."""
    with open_bench(CONFIG) as bench:
        bench.put("REDUCE_ONLY")
        bench.cycle(3)
        bench.put("RUN")
        trading, quiet = _told_by(bench, 2), _told_by(bench, 1)
    return quiet, trading


def _told_by(bench: Bench, seconds_ago: int) -> Told:
    before = _read_texts()
    bench.cycle(seconds_ago)
    texts = {key: text for key, text in _read_texts().items() if key not in before}
    events = [event for key, text in texts.items() for event in read_domain_events("audit", key, text)]
    bars = sum(event.kind == EventKind.BARS_READ for event in events)
    return Told(len(texts), sum(count_billed(event) for event in events if event.kind != EventKind.BARS_READ), bars)


def _read_texts() -> dict[str, str]:
    s3: Any = boto3.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="audit").get("Contents", [])]
    return {key: s3.get_object(Bucket="audit", Key=key)["Body"].read().decode() for key in keys}


def price_told(minutes: int, quiet: Told, trading: Told) -> dict[str, Decimal]:
    """Return what a month costs at a period, by what is paid for; each cycle has the trading one's bars.

    Units: US dollars.
    """
    cycles = DAYS * 24 * 60 / minutes
    trades = min(DAYS * TRADING_CYCLES_PER_DAY, cycles)
    events = (cycles - trades) * quiet.events + trades * trading.events
    objects = (cycles - trades) * quiet.objects + trades * trading.objects
    each = LAMBDA_REQUEST.each + SECONDS_PER_OBJECT * MEMORY_GB * LAMBDA_ARM_GB_SECOND.each
    return {
        "Events on the bus": events * CUSTOM_EVENT.each,
        "Bars on the bus": cycles * trading.series * CUSTOM_EVENT.each,
        "What S3 says": objects * CUSTOM_EVENT.each,
        "Lambda": objects * each,
        "S3 reads": objects * S3_GET.each,
    }


def write_rows(quiet: Told, trading: Told) -> Iterator[str]:
    """Write the table of the page."""
    costs = [price_told(minutes, quiet, trading) for minutes in PERIODS]
    yield "| a month in US dollars | " + " | ".join(f"every {minutes} min" for minutes in PERIODS) + " |"
    yield "|---|" + "--:|" * len(PERIODS)
    for name in costs[0]:
        yield f"| {name} | " + " | ".join(f"{cost[name]:.2f}" for cost in costs) + " |"
    yield "| **together** | " + " | ".join(f"**{sum(cost.values()):.2f}**" for cost in costs) + " |"


def main() -> None:
    """Measure, print the table, and the line for machines last."""
    logging.disable(logging.WARNING)
    quiet, trading = measure_told()
    print("\n".join(write_rows(quiet, trading)))
    costs = " ".join(f"usd_{each}min={sum(price_told(each, quiet, trading).values()):.2f}" for each in PERIODS)
    told = f"trading_objects={trading.objects} series={trading.series}"
    print(f"quiet_events={quiet.events} trading_events={trading.events} {told} {costs}")


if __name__ == "__main__":
    main()
