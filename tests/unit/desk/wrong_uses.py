"""What a clumsy operator types, where, and how it must end: the table of ``test_wrong_uses.py``."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pytest

from architecture.tree import ROOT
from desk.cli.exit_codes import ExitCode
from unit.desk.operated_folder import LOT, make_folder, run

#: The finished run of a world: books and records, and the only folder below its homes.
RUN = ".trader/runs/paper-synthetic-7-1"
_BOOKS, _RECORDS = f"{RUN}/scope=PAPER#main", ".trader/runs/*/audit/*/*/*"
#: Of the folder with a lot that is held.
_LEDGER = "held/scope=PAPER#main/ledger.json"


class Put(Enum):
    """What is put where something else belongs; text and bytes are put as a file."""

    NOTHING = "nothing"
    FOLDER = "a folder"
    DANGLING = "a link that leads nowhere"


HALF, BINARY, DEEP = '{"half": ', bytes(range(128, 256)) * 40, "[" * 100_000
What = Put | str | bytes


@dataclass(frozen=True, slots=True)
class WrongUse:
    """Words, the world they are typed in, the exit code, and what the line must contain.

    ``put`` changes the world first, each path a pattern; ``variables`` are exported; ``busy`` is a folder in which
    another process works. ``on_screen`` says that the answer is on stdout;
    ``lines`` is how many lines it is, as of several problems.
    """

    name: str
    words: str
    code: ExitCode
    said: tuple[str, ...]
    put: Mapping[str, What] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    busy: str = ""
    on_screen: bool = False
    lines: int = 1


def _wrong(name: str, words: str, *said: str, code: ExitCode = ExitCode.CONFIG, **more: object) -> WrongUse:
    return WrongUse(name, words, code, said, **more)  # type: ignore[arg-type]


def _red(name: str, words: str, *said: str, **more: object) -> WrongUse:
    return _wrong(name, words, *said, code=ExitCode.WRONG, **more)


def _usage(name: str, words: str, *said: str, **more: object) -> WrongUse:
    return _wrong(name, words, *said, code=ExitCode.USAGE, **more)


#: Nobody answers there.
_DEAD = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_NOWHERE = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
_INSTANT = ("not an instant", "or a day")

_WORDS = [
    _usage("command-misspelt", "trader statsu", "statsu", "status"),
    _usage("option-before-command", "trader --mode PAPER", "--mode"),
    _usage("subcommand-misspelt", "trader runs lst", "lst", "list"),
    _usage("extra-argument", "trader cycle extra", "extra"),
    _usage("option-without-value", "trader cycle --event", "--event"),
    _usage("mode-unknown", "trader cycle --mode LIFE", "'LIFE'", "DRY_RUN", "PAPER"),
    _usage("mode-in-lower-case", "trader cycle --mode paper", "'paper'", "'PAPER'"),
    _usage("seed-is-a-word", "trader cycle --seed x", "--seed"),
    _usage("reason-without-text", "trader flatten --home held --yes --reason", "--reason"),
    _usage("two-products", "trader why SOL-USD BTC-USD", "BTC-USD"),
    _usage("use-without-option", "trader use held", "held"),
    _usage("option-of-another-command", "trader config show --mode PAPER", "--mode"),
    _usage("json-where-there-is-none", "trader config check --json", "--json"),
]
_EVENTS = [
    _wrong("event-missing", "trader cycle --event missing.json", "--event missing.json", "No such file"),
    _wrong("event-is-folder", "trader cycle --event events", "--event events", "Is a directory"),
    _wrong("event-is-dangling", "trader cycle --event dangling", "--event dangling", "No such file"),
    _wrong("event-is-empty", "trader cycle --event nothing.txt", "--event nothing.txt", "no JSON"),
    _wrong("event-is-half", "trader cycle --event half.json", "--event half.json", "no JSON"),
    _wrong("event-is-binary", "trader cycle --event binary.json", "--event binary.json", "no JSON"),
    _wrong("event-is-deep", "trader cycle --event deep.json", "--event deep.json", "no JSON"),
    _wrong("event-is-a-list", "trader cycle --event list.json", "--event list.json", "found list"),
    _wrong("event-is-a-command", "trader cycle --event events/flatten.json", "events/flatten.json", "only a tick"),
    _wrong(
        "event-and-instant",
        "trader cycle --event events/scheduled-cycle.json --at 2026-01-01",
        "--at 2026-01-01 and --event",
        "allowed is one of them",
    ),
]
_INSTANTS = [
    _wrong("at-is-a-word", "trader cycle --at yesterday", "--at", "'yesterday'", *_INSTANT),
    _wrong("at-is-empty", "trader cycle --at ''", "--at", "''", *_INSTANT),
    _wrong("at-is-seconds", "trader cycle --at 1767225600", "--at", "allowed is 2026-01-01T00:00:00Z"),
    _wrong("at-is-local", "trader cycle --at '4.1.2026 15:00'", "--at", "'4.1.2026 15:00'", *_INSTANT),
    _wrong("at-in-year-1", "trader cycle --at 0001-01-01", "'0001-01-01'", "from 1971"),
    _wrong("at-in-year-9999", "trader cycle --at 9999-12-31T23:59:59Z", "9999", "to 3000"),
    _wrong("month-13", "trader run --from 2026-13-01", "--from", "'2026-13-01'", *_INSTANT),
    _wrong("american-date", "trader run --from 01/02/2026", "--from", "'01/02/2026'", *_INSTANT),
    _wrong("run-before-time", "trader run --from 1960-01-01 --ticks 2", "--from", "'1960-01-01'", "from 1971"),
    _wrong("run-from-seconds", "trader run --from 1767225600", "--from", "allowed is 2026-01-01T00:00:00Z"),
    _wrong("status-at-seconds", "trader status --home held --at 1795349520", "allowed is 2026-11-22T12:12:00Z"),
    _wrong("why-at-a-word", "trader why SOL-USD --at soon", "--at", "'soon'", *_INSTANT),
    _red("why-before-all", "trader why SOL-USD --at 1980-01-01", "PAPER#main", "1980-01-01T00:00:00Z", "on record"),
    _wrong("since-unknown-unit", "trader why --summary --since 7x", "--since", "'7x'", "7d"),
    _wrong("since-negative", "trader why --summary --since=-7d", "--since", "'-7d'", "7d"),
    _wrong("since-too-long", "trader trades --since 99999999d", "--since", "'99999999d'", "7d"),
    _red("since-the-future", "trader why --summary --since 2990-01-01", "2990-01-01T00:00:00Z", "on record"),
    _wrong("cycles-since-a-word", "trader cycles --since soon", "--since", "'soon'"),
    _wrong("flatten-at-a-word", "trader flatten --home held --yes --at soon", "--at", "'soon'"),
    _wrong("flatten-in-the-future", "trader flatten --home held --yes --at 2990-01-01", "--at", "2990", "has not come"),
    _wrong("resume-in-the-future", "trader resume --home held --reason x --at 2999-01-01", "2999", "has not come"),
    _wrong("pause-until-seconds", "trader pause SOL-USD --home held --until 1767225600", "2026-01-01T00:00:00Z"),
    _red("pause-until-the-past", "trader pause SOL-USD --home held --until 1999-01-01", "1999", "in the past"),
    _wrong("venue-at-a-word", "trader sandbox venue --port 0 --at soon", "--at", "'soon'"),
    _wrong("venue-at-no-zone", "trader sandbox venue --port 0 --at 2026-01-01", "allowed is 2026-01-01T00:00:00Z"),
    _wrong("rebuild-since-a-word", "trader ledger rebuild --since soon", "--since", "'soon'"),
]
_MARKETS = [
    _wrong("candles-and-seed", "trader cycle --candles DIR --seed 3", "--candles DIR and --seed 3", "one of them"),
    _wrong("candles-and-venue", "trader cycle --candles DIR --venue http://127.0.0.1:1", "--candles DIR and --venue"),
    _wrong("candles-missing", "trader cycle --candles missing", "missing is not there", "allowed is a folder"),
    _wrong("candles-is-a-file", "trader cycle --candles nothing.txt", "nothing.txt is no folder", "allowed"),
    _wrong("candles-empty", "trader cycle --candles empty --at 2025-10-03", "empty: no candles"),
    _wrong("candles-elsewhen", "trader cycle --candles DIR --at 2020-01-01", "DIR: no candles from 2020-01-01"),
    _red("candles-no-gzip", "trader cycle --candles DIR", "BTC-USD-15m.csv.gz", put={"DIR/BTC-*": "junk"}),
    _red(
        "candles-half",
        "trader cycle --candles DIR",
        "BTC-USD-15m.csv.gz",
        "ended",
        put={"DIR/BTC-*": gzip.compress(b"start,open" * 99)[:30]},
    ),
    _red(
        "candles-no-rows",
        "trader cycle --candles DIR",
        "BTC-USD-15m.csv.gz",
        "no candles",
        put={"DIR/BTC-*": gzip.compress(b"start,open,high,low,close,volume\n")},
    ),
    _red(
        "candles-of-words",
        "trader cycle --candles DIR",
        "line 2",
        "'a' is not a number",
        put={"DIR/BTC-*": gzip.compress(b"start,open,high,low,close,volume\n2025-10-01,a,b,c,d,e\n")},
    ),
    _red(
        "candles-file-is-folder",
        "trader cycle --candles DIR",
        "BTC-USD-15m.csv.gz",
        "is a folder",
        put={"DIR/BTC-*": Put.FOLDER},
    ),
    _red(
        "candles-file-dangling",
        "trader cycle --candles DIR",
        "BTC-USD-15m.csv.gz",
        "No such file",
        put={"DIR/BTC-*": Put.DANGLING},
    ),
    _wrong(
        "venue-without-scheme", "trader cycle --venue api.coinbase.com", "--venue", "'api.coinbase.com'", "https://"
    ),
    _wrong("venue-without-host", "trader cycle --venue http://", "--venue", "'http://'"),
    _wrong("venue-port-out-of-range", "trader cycle --venue http://127.0.0.1:99999", "--venue", "99999"),
    _wrong("venue-by-ftp", "trader cycle --venue ftp://127.0.0.1", "--venue", "ftp"),
    _wrong("venue-with-blank", "trader cycle --venue 'http://a b'", "--venue", "'http://a b'"),
    _wrong("venue-with-newline", "trader cycle --venue 'http://a\nb'", "--venue", r"'http://a\nb'"),
    _wrong(
        "venue-with-path", "trader cycle --venue http://127.0.0.1:1/api/v3", "--venue", "allowed is http://127.0.0.1:1"
    ),
    _wrong("venue-with-query", "trader run --venue http://127.0.0.1:1?x=1", "--venue", "allowed is http://127.0.0.1:1"),
    _wrong("venue-with-password", "trader cycle --venue http://me:secret@127.0.0.1:1", "--venue", "a user in it"),
    _wrong("rebuild-venue-no-address", "trader ledger rebuild --venue nowhere", "--venue", "'nowhere'"),
    _wrong("key-venue-no-address", "trader key check half.json --venue nowhere", "--venue", "'nowhere'"),
    _wrong(
        "key-venue-exported",
        "trader key check half.json",
        "TRADER_VENUE_URL",
        "'nowhere'",
        variables={"TRADER_VENUE_URL": "nowhere"},
    ),
    _red(
        "venue-unreachable",
        "trader cycle --venue http://127.0.0.1:1",
        "http://127.0.0.1:1 cannot be reached",
        on_screen=True,
    ),
    _red("venue-answers-html", "trader cycle --venue {html}", "ABSTAINED", "products", on_screen=True),
    _red("venue-forbids", "trader cycle --venue {forbidden}", "ABSTAINED", "products", "403", on_screen=True),
    _red("venue-hangs-up", "trader cycle --venue {silent}", "ABSTAINED", "products", on_screen=True),
]
_RUNS = [
    _usage("backtest-without-candles", "trader backtest --from 2025-10-01 --to 2025-10-02", "--candles"),
    _usage("backtest-without-end", "trader backtest --candles DIR --from 2025-10-01", "--to"),
    _usage(
        "backtest-odd-fills", "trader backtest --candles DIR --from 2025-10-01 --to 2025-10-02 --fills kind", "--fills"
    ),
    _usage(
        "backtest-odd-engine", "trader backtest --candles DIR --from 2025-10-01 --to 2025-10-02 --engine v8", "--engine"
    ),
    _wrong(
        "backtest-backwards", "trader backtest --candles DIR --from 2025-10-02 --to 2025-10-01", "must be before --to"
    ),
    _wrong("backtest-odd-day", "trader backtest --candles DIR --from 2025-13-02 --to 2025-10-01", "--from", *_INSTANT),
    _wrong(
        "backtest-no-folder", "trader backtest --candles nope --from 2025-10-01 --to 2025-10-02", "nope is not there"
    ),
    _wrong(
        "backtest-odd-length",
        "trader backtest --candles DIR --from 2025-10-01 --to 2025-10-02 --granularity 7m",
        "--granularity: '7m'",
        "allowed is one of 1m",
    ),
    _wrong(
        "backtest-before-the-candles",
        "trader backtest --candles DIR --from 2001-10-01 --to 2001-10-02",
        "no ",
        "2001-10-01T00:00:00Z",
    ),
    _usage("no-ticks", "trader run --ticks 0", "--ticks"),
    _usage("negative-ticks", "trader run --ticks -5", "--ticks"),
    _usage("float-ticks", "trader run --ticks 1e3", "--ticks"),
    _usage("too-many-ticks", "trader run --ticks 999999999", "--ticks", "250000"),
    _wrong("three-of-two", "trader run --ticks 3 --from 2026-01-01 --to 2026-01-02", "--ticks 3", "allowed are two"),
    _wrong("end-before-start", "trader run --from 2026-01-02 --to 2026-01-01", "--from", "must be before --to"),
    _wrong("end-is-start", "trader run --from 2026-01-01 --to 2026-01-01", "must be before --to"),
    _wrong("too-long-a-run", "trader run --from 2000-01-01 --to 2026-01-01", "cycles", "250000", "--from and --to"),
    _wrong("candles-without-start", "trader run --candles DIR", "--from", "--to or --ticks"),
    _wrong("candles-without-end", "trader run --candles DIR --from 2025-10-01", "--to or --ticks"),
    _wrong(
        "run-candles-and-seed", "trader run --candles DIR --seed 3 --from 2025-10-01 --ticks 3", "exclude one another"
    ),
    _wrong("run-live", "trader run --mode LIVE", "--mode", "LIVE contradicts exchange.read_only"),
    _wrong("key-without-venue", "trader run --key key.json", "--key key.json", "--venue"),
    _wrong("name-leads-out", "trader run --name ../x --ticks 3", "'../x'", "allowed are 64 letters"),
    _wrong("name-is-a-path", "trader run --name a/b --ticks 3", "'a/b'", "allowed are 64 letters"),
    _wrong("name-is-dots", "trader run --name .. --ticks 3", "'..'"),
    _wrong("name-is-empty", "trader run --name '' --ticks 3", "''"),
    _wrong("name-in-unicode", "trader run --name 'ein läufer' --ticks 3", "'ein läufer'"),
    _wrong("name-with-newline", "trader run --name 'a\nb' --ticks 3", r"'a\nb'"),
    _wrong("name-is-long", f"trader run --name {'a' * 300} --ticks 3", "allowed are 64 letters"),
    _wrong("name-is-another-run", "trader run --name paper-synthetic-7-1 --ticks 3", "is another run", "another name"),
    _wrong(
        "name-is-finished",
        "trader run --name paper-synthetic-7-1 --ticks 20 --mode PAPER",
        "is finished",
        "another name",
    ),
    _wrong(
        "name-is-somebody-else's",
        "trader run --name x --ticks 2",
        "--name x",
        "something else",
        put={".trader/runs/x/mine.txt": "mine"},
    ),
    _red("name-is-a-file", "trader run --name x --ticks 2", ".trader/runs/x", put={".trader/runs/x": "mine"}),
    _red("runs-is-a-file", "trader run --ticks 2", ".trader/runs", put={".trader/runs": "mine"}),
    _red(
        "run-page-half",
        "trader run --ticks 20 --mode PAPER --name paper-synthetic-7-1",
        "run.json",
        put={f"{RUN}/run.json": HALF},
    ),
    _wrong("run-home-is-a-file", "trader run --home nothing.txt --ticks 2", "--home nothing.txt", "no folder"),
    _wrong("run-home-dangles", "trader run --home dangling --ticks 2", "--home dangling", "leads nowhere"),
    _wrong(
        "loop-with-ticks-and-name",
        "trader run --venue http://127.0.0.1:1 --ticks 3 --name x",
        "--ticks 3, --name x",
        "not with --venue",
    ),
    _wrong("loop-with-seed", "trader run --venue http://127.0.0.1:1 --seed 3", "--seed 3", "not with --venue"),
    _wrong(
        "loop-live-unconfirmed",
        "trader run --venue http://127.0.0.1:1 --mode LIVE --key missing",
        "--mode",
        "LiveTradingConfirmed",
        lines=2,
    ),
    _wrong(
        "loop-home-is-a-file",
        "trader run --venue http://127.0.0.1:1 --home nothing.txt",
        "--home nothing.txt",
        "no folder",
    ),
    _wrong(
        "two-at-once",
        "trader run --ticks 2 --name x",
        "works there already",
        code=ExitCode.NOT_NOW,
        busy=".trader/runs/x",
    ),
    _wrong(
        "two-loops-at-once",
        "trader run --venue http://127.0.0.1:1",
        "works there already",
        code=ExitCode.NOT_NOW,
        busy=".trader/venue-127.0.0.1-1",
    ),
    _wrong("list-home-is-a-file", "trader runs list --home nothing.txt", "--home nothing.txt", "no folder"),
    _wrong(
        "homes-exported-is-a-file",
        "trader runs list",
        "TRADER_HOME nothing.txt",
        "no folder",
        variables={"TRADER_HOME": "nothing.txt"},
    ),
    _red("list-runs-is-a-file", "trader runs list", ".trader/runs", "Not a directory", put={".trader/runs": "mine"}),
    _red("list-page-half", "trader runs list", "run.json", put={f"{RUN}/run.json": HALF}),
    _red(
        "list-page-empty-object", "trader runs list", "run.json", "'totals' is missing", put={f"{RUN}/run.json": "{}"}
    ),
    _red("list-page-binary", "trader runs list", "run.json", put={f"{RUN}/run.json": BINARY}),
    _red("list-page-is-folder", "trader runs list", "run.json", "Is a directory", put={f"{RUN}/run.json": Put.FOLDER}),
    _wrong("show-unknown", "trader runs show nope", "nope is no run", "paper-synthetic-7-1"),
    _wrong("show-wrong-case", "trader runs show PAPER-SYNTHETIC-7-1", "is no run", "there are paper-synthetic-7-1"),
    _wrong("show-leads-out", "trader runs show ../runs/paper-synthetic-7-1", "is no name of a run"),
    _usage("show-nothing", "trader runs show", "NAME"),
    _red("show-page-half", "trader runs show paper-synthetic-7-1", "run.json", put={f"{RUN}/run.json": HALF}),
    _red(
        "show-page-a-list",
        "trader runs show paper-synthetic-7-1",
        "run.json",
        "another shape",
        put={f"{RUN}/run.json": "[]"},
    ),
    _wrong("remove-unknown", "trader runs remove nope --yes", "nope is no run"),
    _wrong("remove-unasked", "trader runs remove paper-synthetic-7-1", "not removed without a yes", "--yes"),
    _wrong("remove-leads-out", "trader runs remove ../../config --yes", "is no name of a run"),
    _wrong("remove-nothing", "trader runs remove '' --yes", "is no name of a run"),
    _wrong(
        "remove-busy", "trader runs remove paper-synthetic-7-1 --yes", "works there", code=ExitCode.NOT_NOW, busy=RUN
    ),
]
_DATA = [
    _usage("data-without-word", "trader data lst", "lst", "list"),
    _usage("download-without-folder", "trader data download --from 2026-01-01", "--out"),
    _usage("download-without-start", "trader data download --out new", "--from"),
    _usage("data-list-without-folder", "trader data list", "FOLDER"),
    _usage("data-check-odd-gap", "trader data check DIR --max-gap -1", "--max-gap"),
    _wrong("download-odd-day", "trader data download --out new --from 2026-13-01", "--from", "'2026-13-01'", *_INSTANT),
    _wrong(
        "download-backwards",
        "trader data download --out new --from 2026-01-02 --to 2026-01-01",
        "--from 2026-01-02 must be before --to 2026-01-01",
    ),
    _wrong("download-the-future", "trader data download --out new --from 2990-01-01", "must be before --to"),
    _wrong(
        "download-odd-product",
        "trader data download --out new --from 2026-01-01 --products 'BTC-USD,bitcoin'",
        "--products: 'BITCOIN' is no product",
        "BTC-USD,ETH-USD",
    ),
    _wrong(
        "download-other-quote",
        "trader data download --out new --from 2026-01-01 --products BTC-EUR",
        "'BTC-EUR'",
        "quoted in USD, USDC, USDT",
    ),
    _wrong("download-no-product", "trader data download --out new --from 2026-01-01 --products ''", "--products: ''"),
    _wrong(
        "download-odd-length",
        "trader data download --out new --from 2026-01-01 --granularity 7m",
        "--granularity: '7m'",
        "allowed is one of 1m",
    ),
    _wrong(
        "download-into-a-file",
        "trader data download --out nothing.txt --from 2026-01-01",
        "--out nothing.txt",
        "no folder",
    ),
    _wrong(
        "download-into-nowhere", "trader data download --out dangling --from 2026-01-01", "dangling", "leads nowhere"
    ),
    _wrong(
        "download-venue-no-address",
        "trader data download --out new --from 2026-01-01 --venue nowhere",
        "--venue",
        "'nowhere'",
    ),
    _wrong(
        "download-without-configuration",
        "trader data download --out new --from 2026-01-01 --config missing",
        "missing: no configuration is there",
    ),
    _red(
        "download-venue-dead",
        "trader data download --out new --from 2026-01-01 --products BTC-USD --granularity 1d --venue http://127.0.0.1:1",
        "http://127.0.0.1:1 cannot be reached",
        "the same command goes on: trader data download --out new",
    ),
    _red(
        "download-venue-answers-html",
        "trader data download --out new --from 2026-01-01 --products BTC-USD --granularity 1d --venue {html}",
        "GET /time",
    ),
    _wrong(
        "download-while-another-works",
        "trader data download --out DIR --from 2026-01-01 --products BTC-USD --granularity 1d --venue http://127.0.0.1:1",
        "DIR: process",
        "works there already",
        code=ExitCode.NOT_NOW,
        busy="DIR",
    ),
    _wrong("data-list-missing", "trader data list missing", "missing is not there", "allowed is a folder"),
    _wrong("data-list-a-file", "trader data list nothing.txt", "nothing.txt is no folder"),
    _wrong("data-list-empty", "trader data list empty", "empty: no files of candles"),
    _red("data-list-junk", "trader data list DIR", "BTC-USD-15m.csv.gz", "Not a gzip", put={"DIR/BTC-*": "junk"}),
    _wrong("data-check-missing", "trader data check missing", "missing is not there"),
    _wrong("data-check-empty", "trader data check empty", "empty: no files of candles"),
    _red(
        "data-check-junk",
        "trader data check DIR",
        "DIR/BTC-USD-15m.csv.gz: Not a gzip",
        put={"DIR/BTC-*": "junk"},
        on_screen=True,
    ),
    _red(
        "data-check-milliseconds",
        "trader data check DIR",
        "DIR/BTC-USD-1h.csv, line 2: start 1767225600000 is no instant in seconds",
        "2026-01-01T00:00:00Z",
        put={"DIR/BTC-USD-1h.csv": "start,open,high,low,close,volume\n1767225600000,10,12,9,11,5\n"},
        on_screen=True,
    ),
    _red(
        "backtest-milliseconds",
        "trader backtest --candles DIR --from 2025-10-01 --to 2025-10-02 --granularity 1h",
        "DIR/BTC-USD-1h.csv, line 2: start 1767225600000 is no instant in seconds",
        put={"DIR/BTC-USD-1h.csv": "start,open,high,low,close,volume\n1767225600000,10,12,9,11,5\n"},
    ),
]
_CONFIGURATIONS = [
    _wrong(
        "config-missing",
        "trader cycle --config missing",
        "missing: no configuration is there; allowed is a folder that holds app.yaml",
    ),
    _wrong("config-is-a-file", "trader cycle --config nothing.txt", "nothing.txt: no configuration is there"),
    _wrong("config-empty", "trader config check --config empty", "empty: no configuration is there"),
    _wrong("config-dangles", "trader config show --config dangling", "dangling: no configuration is there"),
    _wrong(
        "config-exported",
        "trader cycle",
        "missing: no configuration is there; allowed is a folder that holds app.yaml",
        variables={"TRADER_CONFIG_DIR": "missing"},
    ),
    _wrong("app-empty", "trader cycle", "app.yaml", "empty", put={"config/app.yaml": ""}),
    _wrong("app-is-folder", "trader cycle", "app.yaml", "Is a directory", put={"config/app.yaml": Put.FOLDER}),
    _wrong("app-dangles", "trader cycle", "app.yaml", "not found", put={"config/app.yaml": Put.DANGLING}),
    _wrong("app-deep", "trader cycle", "app.yaml", "line 1", "levels deep", put={"config/app.yaml": DEEP}),
    _wrong("policy-binary", "trader cycle", "policy.yaml", put={"config/policy.yaml": BINARY}),
    _wrong("policy-half", "trader cycle", "policy.yaml", "not YAML", put={"config/policy.yaml": "a: [1"}),
    _wrong(
        "policy-tabs",
        "trader cycle",
        "policy.yaml",
        "line 2",
        "not YAML",
        put={"config/policy.yaml": "risk:\n\tx: 1\n"},
    ),
    _wrong("universe-missing", "trader cycle", "universe.yaml", "not found", put={"config/universe.yaml": Put.NOTHING}),
    _wrong("mode-exported", "trader cycle", "TRADER_MODE", '"LIFE"', "DRY_RUN", variables={"TRADER_MODE": "LIFE"}),
    _wrong("mode-exported-empty", "trader cycle", "TRADER_MODE", '""', "DRY_RUN", variables={"TRADER_MODE": ""}),
    _wrong("variable-misspelt", "trader cycle", "TRADER_MOOD", "unknown", variables={"TRADER_MOOD": "PAPER"}),
    _wrong("log-level", "trader cycle", "TRADER_LOG_LEVEL", "loud", "INFO", variables={"TRADER_LOG_LEVEL": "loud"}),
    _wrong("cycle-live", "trader cycle --mode LIVE", "--mode", "LIVE contradicts", "read_only"),
    _wrong("cycle-home-is-a-file", "trader cycle --home nothing.txt --json", "--home nothing.txt", "no folder"),
    _wrong("cycle-home-dangles", "trader cycle --home dangling", "--home dangling", "leads nowhere"),
]
_SYNTHETIC = ".trader/synthetic-7"
_BROKEN_HOMES = [
    _red(
        "switch-is-folder",
        "trader cycle",
        "HALTED",
        "Is a directory",
        on_screen=True,
        put={f"{_SYNTHETIC}/kill-switch": Put.FOLDER},
    ),
    _red(
        "switch-unknown-word",
        "trader cycle",
        "HALTED",
        "'GO'",
        "RUN, REDUCE_ONLY, HALT, FLATTEN",
        on_screen=True,
        put={f"{_SYNTHETIC}/kill-switch": "GO"},
    ),
    _red(
        "switch-empty",
        "trader cycle",
        "HALTED",
        "says ''",
        "REDUCE_ONLY",
        on_screen=True,
        put={f"{_SYNTHETIC}/kill-switch": ""},
    ),
    _red(
        "switch-binary",
        "trader cycle",
        "HALTED",
        "cannot be read",
        on_screen=True,
        put={f"{_SYNTHETIC}/kill-switch": BINARY},
    ),
    _red(
        "ledger-half",
        "trader cycle --mode PAPER",
        "LedgerCorrupt",
        "ledger.json",
        put={f"{_SYNTHETIC}/scope=PAPER#main/ledger.json": HALF},
    ),
    _red(
        "ledger-deep",
        "trader cycle --mode PAPER",
        "LedgerCorrupt",
        "ledger.json",
        put={f"{_SYNTHETIC}/scope=PAPER#main/ledger.json": DEEP},
    ),
    _red(
        "ledger-is-folder",
        "trader cycle --mode PAPER",
        "ledger.json",
        "Is a directory",
        put={f"{_SYNTHETIC}/scope=PAPER#main/ledger.json": Put.FOLDER},
    ),
    _red(
        "scope-is-file", "trader cycle --mode PAPER", "scope=PAPER#main", put={f"{_SYNTHETIC}/scope=PAPER#main": "mine"}
    ),
    _red(
        "audit-is-file",
        "trader cycle --mode PAPER",
        "ABORTED",
        "AuditError",
        on_screen=True,
        put={f"{_SYNTHETIC}/audit": "mine"},
    ),
    _red(
        "account-half",
        "trader cycle --mode PAPER",
        "ABSTAINED",
        "simulated account",
        on_screen=True,
        put={f"{_SYNTHETIC}/venue-main.json": HALF},
    ),
    _red(
        "account-is-folder",
        "trader cycle --mode PAPER",
        "ABSTAINED",
        "simulated account",
        on_screen=True,
        put={f"{_SYNTHETIC}/venue-main.json": Put.FOLDER},
    ),
]
_SYSTEMS = [
    _wrong("home-missing", "trader status --home missing", "--home missing", "no such folder"),
    _wrong("home-is-a-file", "trader status --home nothing.txt", "--home nothing.txt", "no folder"),
    _wrong("home-dangles", "trader halt --home dangling", "--home dangling", "leads nowhere"),
    _wrong("home-empty", "trader status --home empty", "--home empty", "nothing of"),
    _wrong(
        "home-of-another-mode",
        "trader status --home held --mode DRY_RUN",
        "DRY_RUN#main",
        "there is PAPER#main",
        "--mode",
    ),
    _wrong("home-and-sandbox", "trader status --home held --sandbox", "--home held and --sandbox", "one of them"),
    _wrong("home-and-table", "trader status --home held --table T", "--home held and --table T", "one of them"),
    _wrong("home-and-switch", "trader halt --home held --switch S", "--home held and --switch S", "one of them"),
    _wrong(
        "several-homes",
        "trader status",
        "which system?",
        ".trader/other",
        RUN,
        put={".trader/other/scope=PAPER#main/x": ""},
    ),
    _wrong("no-home", "trader status", "which system?", "nothing has run yet", put={".trader": Put.NOTHING}),
    _wrong(
        "two-modes-in-a-home",
        "trader status --home held",
        "LIVE#main, PAPER#main",
        "--mode",
        put={"held/scope=LIVE#main": Put.FOLDER},
    ),
    _wrong("remembered-is-junk", "trader status", ".trader/use.json", "--forget", put={".trader/use.json": "x"}),
    _wrong("remembered-is-binary", "trader use", ".trader/use.json", "--forget", put={".trader/use.json": BINARY}),
    _wrong("remembered-is-deep", "trader use", ".trader/use.json", "--forget", put={".trader/use.json": DEEP}),
    _wrong(
        "remembered-is-a-number", "trader use", ".trader/use.json", "--forget", put={".trader/use.json": '{"home": 3}'}
    ),
    _wrong(
        "remembered-is-gone",
        "trader status",
        "/nonexistent/x",
        "trader use",
        put={".trader/use.json": '{"home": "/nonexistent/x"}'},
    ),
    _red("forget-a-folder", "trader use --forget", ".trader/use.json", put={".trader/use.json": Put.FOLDER}),
    _red("remember-over-a-folder", "trader use --home held", ".trader/use.json", put={".trader/use.json": Put.FOLDER}),
    _red("homes-is-a-file", "trader use --home held", ".trader", put={".trader": "mine"}),
    _wrong("use-missing", "trader use --home missing", "--home missing", "no such folder"),
    _wrong("use-no-books", "trader use --home config", "--home config", "no books lie there"),
    _wrong("use-two", "trader use --home held --sandbox", "allowed is one of"),
    _wrong("no-sandbox", "trader use --sandbox", "--sandbox", "none is up"),
    _wrong(
        "half-a-sandbox",
        "trader status --sandbox",
        "--sandbox",
        "none is up",
        put={"var/sandbox/env.sh": "export 'A", "var/sandbox/env.json": "{}"},
    ),
    _wrong("stack-without-name", "trader status --stack ''", "--stack ''", "letters"),
    _wrong("stack-with-path", "trader status --stack '../a b'", "--stack '../a b'", "letters"),
    _red(
        "stack-unreachable",
        "trader use --stack trader-paper",
        "stack trader-paper",
        "http://127.0.0.1:1",
        variables=_DEAD,
    ),
    _red(
        "stack-without-credentials",
        "trader use --stack trader-paper",
        "stack trader-paper",
        "Credentials",
        variables={**_NOWHERE, "AWS_DEFAULT_REGION": "us-east-1"},
    ),
    _wrong("no-region", "trader use --stack trader-paper", "no region", "allowed is AWS_REGION", variables=_NOWHERE),
    _wrong("unknown-profile", "trader status --stack S", "nobody", variables={"AWS_PROFILE": "nobody"}),
    _red("table-unreachable", "trader ledger show --table T --bucket B", "http://127.0.0.1:1", variables=_DEAD),
    _red("switch-unreachable", "trader halt --switch S", "parameter S", "http://127.0.0.1:1", variables=_DEAD),
    _red("bus-unreachable", "trader flatten --yes --table T --bus B", "bus B", variables=_DEAD),
    _wrong("table-without-bucket", "trader why SOL-USD --table T", "--table and --bucket go together"),
    _wrong("watch-and-json", "trader status --home held --watch --json", "--watch and --json", "one of them"),
    _usage("watch-too-often", "trader status --home held --watch --every 0", "--every"),
    _red(
        "status-ledger-half",
        "trader status --home held",
        "ledger.json",
        "trader ledger rebuild",
        on_screen=True,
        put={_LEDGER: HALF},
    ),
    _red("status-ledger-deep", "trader status --home held", "ledger.json", on_screen=True, put={_LEDGER: DEEP}),
    _red("status-switch-word", "trader status --home held", "'BUY'", on_screen=True, put={"held/kill-switch": "BUY"}),
    _red("halt-switch-is-folder", "trader halt --home held", "held/kill-switch", put={"held/kill-switch": Put.FOLDER}),
    _red(
        "reduce-only-from-halt",
        "trader reduce-only --home held",
        "says HALT",
        "echo REDUCE_ONLY",
        put={"held/kill-switch": "HALT\n"},
    ),
    _red(
        "reduce-only-from-nonsense",
        "trader reduce-only --home held",
        "'GO'",
        "echo REDUCE_ONLY",
        put={"held/kill-switch": "GO"},
    ),
    _red(
        "reduce-only-from-nothing",
        "trader reduce-only --home held",
        "cannot be read",
        put={"held/kill-switch": Put.DANGLING},
    ),
    _wrong("halt-nothing-there", "trader halt --home empty", "--home empty", "nothing that trades"),
]
_ORDERS = [
    _wrong("flatten-unasked", "trader flatten --home held", "no terminal", "--yes"),
    _wrong("flatten-contradicts", "trader flatten --home held --yes --no-wait --timeout 3", "--no-wait and --timeout"),
    _usage("flatten-waits-never", "trader flatten --home held --yes --timeout 0", "--timeout"),
    _usage("flatten-waits-negative", "trader flatten --home held --yes --timeout -3", "--timeout"),
    _wrong("flatten-other-mode", "trader flatten --home held --mode LIVE --yes", "LIVE#main", "PAPER#main"),
    _wrong("flatten-twice-why", "trader flatten --home held --yes --reason a --why b", "--why is --reason"),
    _red("flatten-ledger-half", "trader flatten --home held --yes", "ledger.json", put={_LEDGER: HALF}),
    _usage("close-nothing", "trader close --home held", "lot"),
    _red("close-unknown", "trader close nope --home held --yes", "'nope'", LOT),
    _red("close-another-product", "trader close ADA-USD --home held --yes", "'ADA-USD'", LOT),
    _red("close-wrong-case", f"trader close {LOT.upper()} --home held --yes", "is not held", LOT),
    _red("close-a-path", "trader close ../x --home held --yes", "'../x'", LOT),
    _wrong("close-unasked", f"trader close {LOT} --home held", "no terminal", "--yes"),
    _wrong("resume-without-reason", "trader resume --home held", "--reason is missing"),
    _wrong("resume-reason-empty", "trader resume --home held --reason ''", "--reason is missing"),
    _wrong("clear-without-reason", "trader clear-drawdown --home held", "--reason is missing"),
    _wrong("reason-too-long", f"trader reconcile --home held --reason {'a' * 500}", "--reason", "120"),
    _wrong("pause-neither", "trader pause SOL-USD --home held", "neither is given", "--for 2h"),
    _wrong("pause-both", "trader pause SOL-USD --home held --for 2h --until 2999-01-01", "both are given"),
    _wrong("pause-no-unit", "trader pause SOL-USD --home held --for 2", "--for", "'2'", "2h"),
    _wrong("pause-negative", "trader pause SOL-USD --home held --for=-2h", "--for", "'-2h'"),
    _wrong("pause-too-long", "trader pause SOL-USD --home held --for 99999d", "--for", "'99999d'"),
    _wrong("pause-with-slash", "trader pause sol/usd --home held --for 2h", "'sol/usd'", "SOL-USD"),
    _wrong("pause-empty", "trader pause '' --home held --for 2h", "''", "SOL-USD"),
    _wrong("pause-newline", "trader pause 'SOL-USD\n' --home held --for 2h", r"'SOL-USD\n'", "SOL-USD"),
    _wrong("pause-unknown", "trader pause nope --home held --for 2h", "'nope'", "rules_engine"),
    _usage("adopt-without-reason", "trader ledger adopt", "--reason"),
    _wrong("adopt-nothing", "trader ledger adopt --reason x", "--asset, --order, --acknowledge", "none"),
    _wrong("adopt-two", "trader ledger adopt --reason x --acknowledge SOL --order nope", "order, acknowledge"),
    _wrong("adopt-half", "trader ledger adopt --reason x --asset SOL", "--quantity and --price"),
    _wrong(
        "adopt-a-word", "trader ledger adopt --reason x --asset SOL --quantity many --price 1", "--quantity", "'many'"
    ),
    _wrong("adopt-nan", "trader ledger adopt --reason x --asset SOL --quantity nan --price 1", "--quantity", "'nan'"),
    _red(
        "adopt-negative-price",
        "trader ledger adopt --reason x --asset SOL --quantity 1 --price -1",
        "price -1",
        "from zero up",
    ),
    _red(
        "adopt-zero",
        "trader ledger adopt --reason x --asset SOL --quantity 0 --price 1",
        "quantity 0",
        "other than zero",
    ),
    _red(
        "adopt-negative-fee", "trader ledger adopt --reason x --asset LINK --quantity 1 --price 20 --fee -3", "fee -3"
    ),
    _red(
        "adopt-unknown-asset",
        "trader ledger adopt --reason x --asset NOPE --quantity 1 --price 1",
        "NOPE",
        "--strategy",
    ),
    _red(
        "adopt-what-is-not-held",
        "trader ledger adopt --reason x --asset SOL --quantity -9 --price 1 --write",
        "lots of SOL",
        "none",
    ),
    _red("adopt-unknown-order", "trader ledger adopt --reason x --order nope", "order nope", "since 2025-12-31T"),
    _red("acknowledge-unknown", "trader ledger adopt --reason x --acknowledge nope --write", "nope is not reduce-only"),
    _red("forget-without-reason", "trader ledger forget-cycle --reason '' --write", "needs a reason"),
    _wrong("conversion-half", "trader ledger rebuild --conversion x", "--conversion 'x'", "ID=VENUE_ID"),
    _red("rebuild-from-nothing", "trader ledger rebuild --home held", "no audit object"),
    _red("rebuild-from-half", "trader ledger rebuild --write", "chain is broken", put={_RECORDS: HALF}),
]
_BOOKS_READ = [
    _wrong("why-nothing", "trader why", "allowed is a product"),
    _wrong("why-empty", "trader why ''", "allowed is a product"),
    _wrong("why-both", "trader why SOL-USD --summary", "allowed is a product"),
    _wrong("why-slash", "trader why sol/usd", "sol/usd was not considered", "SOL-USD"),
    _wrong("why-unknown", "trader why NOPE-USD", "NOPE-USD was not considered", "BTC-USD"),
    _wrong("why-since", "trader why SOL-USD --since 7d", "--since goes with --summary"),
    _wrong("why-all-summary", "trader why --all --summary", "--at and --all"),
    _wrong("why-home-is-a-file", "trader why SOL-USD --home nothing.txt", "--home nothing.txt", "no folder"),
    _red("why-no-records", "trader why SOL-USD --home held", "PAPER#main", "trader cycle"),
    _red("why-other-mode", "trader why SOL-USD --mode LIVE", "LIVE#main"),
    _red("why-records-half", "trader why LINK-USD", "cannot be read", "trader audit verify", put={_RECORDS: HALF}),
    _red("why-records-binary", "trader why LINK-USD", "cannot be read", "trader audit verify", put={_RECORDS: BINARY}),
    _red("why-records-deep", "trader why LINK-USD", "cannot be read", "trader audit verify", put={_RECORDS: DEEP}),
    _red("why-records-folders", "trader why LINK-USD", "Is a directory", put={_RECORDS: Put.FOLDER}),
    _red("why-records-dangle", "trader why LINK-USD", "No such file", put={_RECORDS: Put.DANGLING}),
    _red("summary-records-half", "trader why --summary", "cannot be read", put={_RECORDS: HALF}),
    _red("why-audit-is-a-file", "trader why LINK-USD", "audit", "no folder of records", put={f"{RUN}/audit": "mine"}),
    _red("cycles-records-half", "trader cycles", "BROKEN", "trader audit verify", on_screen=True, put={_RECORDS: HALF}),
    _usage("no-cycles", "trader cycles --limit 0", "--limit"),
    _usage("negative-limit", "trader fills --limit -1", "--limit"),
    _wrong("two-forms", "trader cycles --csv --json", "--csv and --json", "one of them"),
    _wrong("trades-home-missing", "trader trades --home missing", "--home missing", "no such folder"),
    _red("trades-home-empty", "trader trades --home empty", "nothing of DRY_RUN#main"),
    _red(
        "trades-fills-gone",
        "trader trades",
        "do not explain the cash",
        on_screen=True,
        put={f"{_BOOKS}/fills.jsonl": Put.NOTHING},
    ),
    _red("fills-half-line", "trader fills", "fills.jsonl line 1", put={f"{_BOOKS}/fills.jsonl": "{\n"}),
    _red("fills-a-list", "trader fills", "fills.jsonl line 1", "another shape", put={f"{_BOOKS}/fills.jsonl": "[]\n"}),
    _red("fills-binary", "trader fills", "fills.jsonl line", put={f"{_BOOKS}/fills.jsonl": BINARY + b"\n"}),
    _red("fills-deep", "trader fills", "fills.jsonl line 1", put={f"{_BOOKS}/fills.jsonl": DEEP + "\n"}),
    _red("fills-is-folder", "trader fills", "fills.jsonl", "Is a directory", put={f"{_BOOKS}/fills.jsonl": Put.FOLDER}),
    _red("lots-ledger-a-number", "trader lots", "ledger.json", put={f"{_BOOKS}/ledger.json": "3"}),
    _red("lots-ledger-deep", "trader lots", "ledger.json", put={f"{_BOOKS}/ledger.json": DEEP}),
    _red("lots-other-mode", "trader lots --home held --mode DRY_RUN", "DRY_RUN#main"),
    _red("parents-ledger-half", "trader parents", "ledger.json", put={f"{_BOOKS}/ledger.json": HALF}),
    _red("parents-other-mode", "trader parents --home held --mode LIVE", "LIVE#main"),
    _wrong("parents-since-a-word", "trader parents --since soon", "--since", "'soon'"),
    _wrong("parents-two-forms", "trader parents --csv --json", "--csv and --json", "one of them"),
    _usage("parents-no-limit", "trader parents --limit 0", "--limit"),
    _red(
        "show-ledger-half",
        "trader ledger show --home held",
        "ledger.json",
        "trader ledger rebuild",
        put={_LEDGER: HALF},
    ),
    _red("show-ledger-deep", "trader ledger show --home held --json", "ledger.json", put={_LEDGER: DEEP}),
    _red("show-ledger-is-folder", "trader ledger show --home held", "Is a directory", put={_LEDGER: Put.FOLDER}),
    _wrong("show-ledger-empty", "trader ledger show --home empty", "there is no ledger", "rebuild"),
    _red("verify-nothing", "trader audit verify --home held", "no audit object of PAPER#main"),
    _usage("verify-retention", "trader audit verify --retention-days 0", "--retention-days"),
    _red("verify-half", "trader audit verify", "not as they were written", put={_RECORDS: HALF}),
    _red("verify-ledger-half", "trader audit verify", "not as it was written", put={f"{_BOOKS}/ledger.json": HALF}),
    _red("verify-audit-is-file", "trader audit verify", "no folder of records", put={f"{RUN}/audit": "mine"}),
]
_KEYS = [
    _wrong("key-none", "trader key check", "FILE, --secret and --parameter"),
    _wrong("key-two", "trader key check half.json --secret s", "FILE, --secret and --parameter"),
    _wrong("key-missing", "trader key check missing", "missing: No such file"),
    _wrong("key-is-folder", "trader key check events", "events: Is a directory"),
    _wrong("key-dangles", "trader key check dangling", "dangling: No such file"),
    _wrong("key-empty", "trader key check nothing.txt", "nothing.txt", "privateKey"),
    _wrong("key-half", "trader key check half.json", "half.json", "privateKey"),
    _wrong("key-binary", "trader key check binary.json", "binary.json", "privateKey"),
    _wrong("key-deep", "trader key check deep.json", "deep.json", "privateKey"),
    _wrong(
        "key-of-words",
        "trader key check k.json",
        "k.json",
        "private key",
        put={"k.json": '{"name": "a", "privateKey": "b"}'},
    ),
    _red("secret-unreachable", "trader key check --secret s", "secret s", "http://127.0.0.1:1", variables=_DEAD),
]
_SANDBOXES = [
    _wrong("port-too-high", "trader sandbox venue --port 99999", "--port 99999", "65535"),
    _wrong("port-negative", "trader sandbox venue --port -1", "--port -1", "65535"),
    _usage("port-a-word", "trader sandbox venue --port eighty", "--port"),
    _wrong("port-in-use", "trader sandbox venue --port {port}", "--port {port}", "in use", "allowed is 0"),
    _wrong("bind-everywhere", "trader sandbox venue --port 0 --bind 0.0.0.0", "--bind 0.0.0.0", "127.0.0.1"),
    _wrong("bind-a-name", "trader sandbox venue --port 0 --bind nowhere", "--bind nowhere", "127.0.0.1"),
    _wrong("bind-version-6", "trader sandbox venue --port 0 --bind ::1", "--bind ::1", "127.0.0.1"),
    _usage("clock-unknown", "trader sandbox venue --port 0 --clock sundial", "'sundial'", "'virtual'"),
    _wrong("venue-candles-missing", "trader sandbox venue --port 0 --candles missing", "missing is not there"),
    _wrong("venue-candles-and-seed", "trader sandbox venue --port 0 --candles DIR --seed 3", "exclude one another"),
    _wrong(
        "venue-candles-elsewhen",
        "trader sandbox venue --port 0 --candles DIR --at 2030-01-01T00:00:00Z",
        "no candles around 2030-01-01",
    ),
    _wrong("cash-half", "trader sandbox venue --port 0 --cash USD", "--cash", "'USD'", "USD=10000"),
    _wrong("cash-a-word", "trader sandbox venue --port 0 --cash USD=much", "'USD=much'", "USD=10000"),
    _wrong("cash-negative", "trader sandbox venue --port 0 --cash USD=-5", "'USD=-5'", "USD=10000"),
    _wrong("cash-of-nothing", "trader sandbox venue --port 0 --cash =5", "'=5'", "USD=10000"),
    _wrong("cash-nan", "trader sandbox venue --port 0 --cash USD=nan", "'USD=nan'", "USD=10000"),
    _usage("rtt-negative", "trader sandbox venue --port 0 --rtt -5", "--rtt"),
    _usage("rtt-nan", "trader sandbox venue --port 0 --rtt nan", "--rtt"),
    _usage("products-negative", "trader sandbox venue --port 0 --products -3", "--products"),
    _usage("products-too-many", "trader sandbox venue --port 0 --products 99999999", "--products", "1000"),
    _wrong("script-missing", "trader sandbox venue --port 0 --script missing", "missing: No such file"),
    _wrong("script-half", "trader sandbox venue --port 0 --script half.json", "half.json, line 1"),
    _wrong("script-binary", "trader sandbox venue --port 0 --script binary.json", "binary.json", "no text"),
    _wrong("key-file-is-folder", "trader sandbox venue --port 0 --key-file events", "--key-file events"),
    _usage("stack-live", "trader sandbox up --mode LIVE", "'LIVE'", "'PAPER'"),
    _wrong("template-missing", "trader sandbox up --template missing.yaml", "--template missing.yaml", "no such file"),
    _wrong("template-is-folder", "trader sandbox up --template events", "--template events", "no such file"),
    _wrong("stack-name", "trader sandbox up --name 'a b'", "--name 'a b'", "letters"),
    _wrong("sandbox-folder-is-file", "trader sandbox up --folder nothing.txt", "--folder nothing.txt", "no folder"),
    _wrong("one-port-for-two", "trader sandbox up --template half.json --aws-port 8799 --venue-port 8799", "8799"),
    _wrong("aws-port-too-high", "trader sandbox up --template half.json --aws-port 70000", "--aws-port 70000", "65535"),
]
_MODULES = [
    _usage("invoke-nothing", "desk.invoke", "event"),
    _red("invoke-missing", "desk.invoke missing.json", "EVENT=missing.json", "No such file"),
    _red("invoke-folder", "desk.invoke events", "EVENT=events", "Is a directory"),
    _red("invoke-empty", "desk.invoke nothing.txt", "EVENT=nothing.txt", "no JSON"),
    _red("invoke-half-now", "desk.invoke half.json --now", "EVENT=half.json", "no JSON"),
    _red("invoke-binary", "desk.invoke binary.json", "EVENT=binary.json", "no JSON"),
    _red("invoke-deep", "desk.invoke deep.json", "EVENT=deep.json", "no JSON"),
    _red("invoke-check-missing", "desk.invoke --check missing.json", "EVENT=missing.json"),
    _red(
        "invoke-no-sandbox",
        "desk.invoke events/status.json --now --env-vars missing",
        "no sandbox is up",
        "make sandbox",
    ),
    _red("invoke-variables-half", "desk.invoke events/status.json --env-vars half.json", "half.json", "make sandbox"),
    _red(
        "invoke-variables-binary",
        "desk.invoke events/status.json --env-vars binary.json",
        "binary.json",
        "make sandbox",
    ),
    _red("invoke-variables-a-list", "desk.invoke events/status.json --env-vars list.json", "list.json", "make sandbox"),
    _red(
        "invoke-variables-numbers",
        "desk.invoke events/status.json --env-vars e.json",
        "e.json",
        "make sandbox",
        put={"e.json": '{"TradingFunction": {"A": 3}}'},
    ),
    _red(
        "invoke-variables-none",
        "desk.invoke events/status.json --env-vars e.json",
        "e.json",
        "TradingFunction",
        put={"e.json": "{}"},
    ),
    _red("rollback-elsewhere", "desk.rollback paper", "samconfig.toml", "checkout"),
    _usage("rollback-version-a-word", "desk.rollback paper --to x", "--to", "'x'"),
    _red("alarms-elsewhere", "desk.alarms hearers paper", "samconfig.toml", "checkout"),
    _usage("alarms-unknown", "desk.alarms test paper --alarm fire", "'fire'", "heartbeat"),
    _red("audit-lock-missing", "desk.supply.audit missing.txt", "missing.txt", "No such file"),
    _red("audit-lock-binary", "desk.supply.audit binary.json", "binary.json", "no text"),
    _red("sbom-over-a-folder", "desk.supply.sbom events", "events", "Is a directory"),
    _red("docs-missing", "desk.docs_tables missing", "missing", "no such folder"),
    _usage("drill-no-tries", "desk.drill.commands --tries 0", "--tries 0", "1 and more"),
    _usage("drill-negative-tries", "desk.drill.rotation --tries -3", "--tries -3", "1 and more"),
]
WRONG_USES = (
    *_WORDS, *_EVENTS, *_INSTANTS, *_MARKETS, *_RUNS, *_DATA, *_CONFIGURATIONS, *_BROKEN_HOMES, *_SYSTEMS, *_ORDERS,
    *_BOOKS_READ, *_KEYS, *_SANDBOXES, *_MODULES,
)  # fmt: skip


def make_world(folder: Path) -> Path:
    """Make a folder as a person has it: configuration, events, a run, books with a lot, candles, and odd files."""
    for name in ("config", "events"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "DIR").mkdir()
    rows = [f"{at},100,{101 + at % 7},99,{100 + at % 5},1000" for at in range(1_758_067_200, 1_759_708_800, 900)]
    text = "start,open,high,low,close,volume\n" + "\n".join(rows) + "\n"
    (folder / "DIR/BTC-USD-15m.csv.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TRADER_HOME", raising=False)
        assert 0 == run("run", "--ticks", "20", "--mode", "PAPER")
    make_folder(folder / "held")
    (folder / "empty").mkdir()
    (folder / "dangling").symlink_to("nowhere")
    odd: Mapping[str, What] = {
        "nothing.txt": "", "half.json": HALF, "binary.json": BINARY, "list.json": "[1, 2]", "deep.json": DEEP,
    }  # fmt: skip
    change_world(folder, odd)
    return folder


def change_world(folder: Path, put: Mapping[str, What]) -> None:
    """Put something else where it does not belong; a pattern means all that it matches."""
    for pattern, what in put.items():
        for path in sorted(folder.glob(pattern)) or [folder / pattern]:
            _put(path, what)


def _put(path: Path, what: What) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if what is Put.FOLDER:
        path.mkdir()
    elif what is Put.DANGLING:
        path.symlink_to("nowhere-at-all")
    elif what is not Put.NOTHING:
        assert isinstance(what, str | bytes)
        path.write_bytes(what.encode() if isinstance(what, str) else what)
