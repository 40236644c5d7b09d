"""The figures of ``make cost`` as a page: calls of each run, write units of ledgers, and a month in US dollars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal

from desk.cost import prices
from desk.cost.cycles import Measured, Runs
from desk.cost.footprint import CORE_MEGABYTES, LATENCY_SECONDS, Footprint
from desk.cost.ledger_writes import LedgerWrites, write_rows
from desk.cost.month import (
    LIMITS,
    PERIODS,
    SECONDS_PER_CYCLE,
    SECONDS_PER_LOOK,
    SELDOM_HOURS,
    SIZES,
    TRADING_CYCLES_PER_DAY,
    Usage,
    add_up,
    price_looks,
    price_month,
    price_small_items,
)
from trader.adapters.aws.stored_text import PART_BYTES_MAX

_RUNS = {"cold": "cold", "quiet": "quiet", "trading": "trading", "idle_look": "look, nothing held",
         "held_look": "look, something held"}  # fmt: skip


def write_page(
    usage: Usage, paper: Usage, ledgers: Sequence[LedgerWrites], footprints: tuple[Footprint, Footprint, Footprint]
) -> str:
    """Write the figures as a page."""
    return "\n".join(
        [
            *_write_calls(usage.runs, paper.runs),
            *_write_sizes(ledgers),
            *_write_month(usage, ledgers[0]),
            *_write_choices(usage, paper),
            *_write_footprint(usage, *footprints),
            *_write_prices(),
        ]
    )


def _write_calls(live: Runs, paper: Runs) -> Iterator[str]:
    yield from (
        "# Calls and cost",
        "",
        "Written by `make cost`: the function in LIVE with the shipped configuration, against AWS by moto and the",
        "simulated venue; calls are counted by botocore's own events. The cold cycle is a process's first one,",
        "under REDUCE_ONLY, so that it does not trade yet. The quiet one is at RUN, reads the market and sends",
        "nothing. A look is a watch run between two ticks that finds nothing due: with nothing held or worked it",
        "reads the ledger and no more, else the account, quotes and flags of what it is about, and the switch.",
    )
    for title, runs in {"per run, LIVE": live, "per run, PAPER": paper}.items():
        measured = [getattr(runs, each.name) for each in fields(runs)]
        yield from ("", f"| {title} | " + " | ".join(_RUNS.values()) + " |", "|---|" + "--:|" * len(measured))
        yield from _write_run_rows(measured)
    yield from (
        "",
        "PAPER's simulated venue keeps its own account in the same table: its reads and writes are in there.",
    )


def _write_run_rows(runs: Sequence[Measured]) -> Iterator[str]:
    for name in sorted({name for each in runs for name in each.calls}):
        yield f"| {name} | " + " | ".join(str(each.calls.get(name, 0)) for each in runs) + " |"
    for title, of in {
        "DynamoDB write units": "write_units",
        "ledger item, bytes": "item_bytes",
        "audit records, bytes": "audit_bytes",
        "log, bytes": "log_bytes",
        "orders": "orders",
        "requests for market data": "market_requests",
    }.items():
        yield f"| {title} | " + " | ".join(f"{getattr(each, of):,}" for each in runs) + " |"


def _write_sizes(ledgers: Sequence[LedgerWrites]) -> Iterator[str]:
    yield from (
        "",
        "## What a quiet cycle writes",
        "",
        "One update takes the lease and reads the ledger, another commits it; each is priced by the size of its",
        f"item. Before, the ledger was plain text; now it is packed. Beyond {PART_BYTES_MAX:,} bytes it takes",
        "more than one item, and its commit a transaction, which costs twice.",
        "",
        *write_rows(ledgers),
    )


def _write_month(usage: Usage, ledger: LedgerWrites) -> Iterator[str]:
    costs = [price_month(replace(usage, minutes=each)) for each in PERIODS]
    yield from (
        "",
        f"## A month in US dollars, list prices of {prices.REGION}, no free tier",
        "",
        "| | " + " | ".join(f"every {each} min" for each in PERIODS) + " |",
        "|---|" + "--:|" * len(PERIODS),
    )
    yield from _write_lines(costs)
    per_thousand = [
        add_up(cost) * 1000 / replace(usage, minutes=each).cycles for each, cost in zip(PERIODS, costs, strict=True)
    ]
    yield "| per 1,000 cycles, all in | " + " | ".join(f"{each:.2f}" for each in per_thousand) + " |"
    looks = [price_looks(usage, each) for each in (usage.runs.idle_look, usage.runs.held_look)]
    yield from (
        "",
        f"The ledger is that of {ledger.business}. Looks between the ticks come on top; at a tick every 5 minutes:",
        "",
        "| looks on the other minutes add | nothing held | lots held, nothing due |",
        "|---|--:|--:|",
    )
    yield from _write_lines(looks)
    yield from (
        "",
        f"Assumed, not measured: {SECONDS_PER_CYCLE} s a cycle and {SECONDS_PER_LOOK} s a look at",
        f"{usage.stack.memory_mb} MB on arm64, {TRADING_CYCLES_PER_DAY} trading cycles a day, and that something rings",
        f"in {SELDOM_HOURS} hours of a month: a metric is paid for by the hour in which it is published, the heartbeat",
        "in each, the ledger's size in one of a day. Alarms are paid for by the metrics that they look at:",
        f"{', '.join(f'{name} {count}' for name, count in usage.stack.alarm_metrics.items())}. Small items are",
        f"{', '.join(price_small_items())}.",
        "Records are kept for years: each further month kept adds its S3 line once more. The first ten alarms and ten",
        "metrics of an account are free. Requests to the venue are not priced: the first 100 GB a month that leave AWS",
        "cost nothing.",
    )


def _write_lines(costs: Sequence[Mapping[str, Decimal]]) -> Iterator[str]:
    for name in costs[0]:
        yield f"| {name} | " + " | ".join(f"{cost[name]:.2f}" for cost in costs) + " |"
    yield "| **together** | " + " | ".join(f"**{add_up(cost):.2f}**" for cost in costs) + " |"


def _write_choices(usage: Usage, paper: Usage) -> Iterator[str]:
    def row(what: str, chosen: Usage) -> str:
        with_looks = add_up(price_month(chosen)) + add_up(price_looks(chosen, chosen.runs.held_look))
        return f"| {what} | {add_up(price_month(chosen)):.2f} | {with_looks:.2f} |"

    yield from (
        "",
        "## What is chosen, and how large the ledger is",
        "",
        "Every 5 minutes; the second column is with looks on the other minutes, lots held.",
        "",
        "| a month | without looks | with looks |",
        "|---|--:|--:|",
        row("as deployed by default in LIVE, the key in Secrets Manager", usage),
        row("the key in an SSM SecureString of the standard tier", replace(usage, has_secret=False)),
        row("with the dashboard", replace(usage, shows_dashboard=True)),
        row("PAPER, its venue's account included; it has no key", paper),
    )
    for size in SIZES:
        yield row(f"LIVE with a packed ledger of {size // 1024} KB", replace(usage, ledger_bytes=size))
    yield from ("", "What domain events cost, if they are turned on, stands in [domain-events.md](domain-events.md).")


def _write_footprint(usage: Usage, cycle: Footprint, look: Footprint, seeded: Footprint) -> Iterator[str]:
    memory = usage.stack.memory_mb
    yield from (
        "",
        "## Memory and time",
        "",
        "A fresh interpreter runs the handler and nothing else, against a venue of thirty products that takes",
        f"{LATENCY_SECONDS} s for each answer and holds the published rates.",
        f"{memory} MB are {memory / CORE_MEGABYTES:.2f} of a core, so that processor time counts so much longer there;",
        "the estimate is what is waited for here, and that.",
        "",
        f"| | peak, MB | processor, s | here, s | estimate at {memory} MB, s |",
        "|---|--:|--:|--:|--:|",
    )
    for what, each in {
        "a warm cycle in LIVE": cycle,
        "a look in LIVE, after cycles": look,
        "a warm cycle in DRY_RUN on the realistic ledger": seeded,
    }.items():
        estimate = each.estimate_seconds(memory)
        yield f"| {what} | {each.peak_mb:.0f} | {each.cpu_seconds:.2f} | {each.wall_seconds:.1f} | {estimate:.1f} |"
    limits = ", ".join(f"{name} {limit}" for name, limit in LIMITS.items())
    yield from ("", f"`make cost` fails above these: {limits}; and if a cycle or a look takes longer than is assumed.")


def _write_prices() -> Iterator[str]:
    yield from (
        "",
        "## Prices",
        "",
        f"Prices were looked up on {prices.LOOKED_UP} and stand in `src/desk/cost/prices.py`. AWS's pages show",
        "theirs by script and could not be read, so most sources quote its list; none was compared with a bill.",
        "",
        *prices.write_rows(),
        "",
    )
