"""What ``--help`` says beside the options: paragraphs that fit any width, and lines to type, each run by a test."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

import typer
from typer.models import CommandInfo

#: Of every command, by its words. The first is the usual one.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "cycle": (
        "trader cycle",
        "trader cycle --mode PAPER --at 2026-01-04T15:00:00Z",
        "trader cycle --mode PAPER --venue https://api.coinbase.com",
    ),
    "run": (
        "trader run --ticks 20 --mode PAPER",
        "trader run --mode PAPER --candles DIR --from 2025-10-01 --to 2025-10-02",
        "trader run --mode PAPER --venue https://api.coinbase.com",
    ),
    "runs list": ("trader runs list",),
    "runs show": ("trader runs show paper-synthetic-7-1",),
    "runs remove": ("trader runs remove paper-synthetic-7-1 --yes",),
    "backtest run": (
        "trader backtest --candles DIR --from 2025-10-01 --to 2025-10-02",
        "trader backtest --candles DIR --from 2025-10-01 --to 2025-10-02 --fee 0.004,0.006 --fills all --json",
        "trader backtest --candles DIR --from 2025-10-01 --to 2025-10-02 --fills all --report backtest.html",
    ),
    "backtest list": ("trader backtest list", "trader backtest list --json"),
    "backtest show": (
        "trader backtest show NAME",
        "trader backtest show NAME --json",
        "trader backtest show NAME --report backtest.html",
    ),
    "backtest diff": ("trader backtest diff NAME NAME",),
    "data download": (
        "trader data download --out CANDLES --products BTC-USD,ETH-USD --from 2025-10-01 --to 2025-10-02",
        "trader data download --out CANDLES --products SOL-USD --granularity 1h --from 2025-10-01 --to 2025-10-12",
    ),
    "data list": ("trader data list DIR", "trader data list DIR --json"),
    "data check": ("trader data check DIR", "trader data check DIR --max-gap 12"),
    "use": ("trader use --home .trader/synthetic-7", "trader use", "trader use --forget"),
    "status": (
        "trader status",
        "trader status --home .trader/synthetic-7 --at 2026-01-04T15:01:00Z",
        "trader status --json",
    ),
    "why": ("trader why SOL-USD", "trader why sol --all", "trader why --summary --since 7d"),
    "trades": ("trader trades", "trader trades --since 30d --csv", "trader trades --product SOL"),
    "fills": ("trader fills", "trader fills --since 7d", "trader fills --limit 10 --json"),
    "lots": ("trader lots", "trader lots --product SOL-USD", "trader lots --json"),
    "parents": ("trader parents", "trader parents --product SOL-USD", "trader parents --json"),
    "cycles": ("trader cycles", "trader cycles --since 1d --csv"),
    "flatten": ("trader flatten --yes", 'trader flatten --yes --reason "the exchange announced a halt" --no-wait'),
    "resume": ('trader resume --reason "all is sold"', 'trader resume --reason "kept on purpose" --abandon'),
    "close": ("trader close LOT --yes",),
    "pause": (
        "trader pause SOL-USD --for 2h",
        "trader pause rules_engine --until 2999-01-01",
        "trader pause SOL-USD --for 0m",
    ),
    "clear-drawdown": ('trader clear-drawdown --reason "looked at; one bad day"',),
    "reconcile": ("trader reconcile", "trader reconcile --timeout 30"),
    "halt": ("trader halt", 'trader halt --reason "an odd fill" --no-wait'),
    "reduce-only": ("trader reduce-only", "trader reduce-only --timeout 30"),
    "config check": ("trader config check", "trader config check --config config"),
    "config show": ("trader config show", "trader config show --json"),
    "key check": ("trader key check key.json",),
    "ledger show": ("trader ledger show", "trader ledger show --json"),
    "ledger rebuild": ("trader ledger rebuild",),
    "ledger adopt": (
        'trader ledger adopt --asset SOL --quantity -0.5 --price 140 --reason "sold by hand"',
        'trader ledger adopt --acknowledge SOL --reason "the difference was mine"',
    ),
    "ledger forget-cycle": ('trader ledger forget-cycle --reason "ran with a wrong clock"',),
    "audit verify": ("trader audit verify",),
    "sandbox venue": ("trader sandbox venue --port 8787", "trader sandbox venue --port 0 --seed 3 --rtt 80"),
    "sandbox up": ("trader sandbox up --mode PAPER",),
}


def complete_help(app: typer.Typer) -> None:
    """Give each command of an application its examples, and its text to whatever width it is read at.

    Raises: KeyError for a command that has no example.
    """
    for words, info in _iterate(app, ""):
        info.epilog = "\n".join(("Examples:", "", "\b", *EXAMPLES[words]))
        text = info.help or inspect.getdoc(info.callback) or ""
        # In the source a paragraph is cut at the source's width, which is no terminal's.
        info.help = "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))


def _iterate(app: typer.Typer, before: str) -> Iterator[tuple[str, CommandInfo]]:
    for info in app.registered_commands:
        yield f"{before}{info.name}", info
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from _iterate(group.typer_instance, f"{before}{group.name} ")
