"""What a clumsy operator types of ``trader backtest`` and ``trader data``: rows for ``test_wrong_uses.py``."""

from __future__ import annotations

import gzip

from desk.cli.exit_codes import ExitCode
from unit.desk.wrong_uses import BINARY, DEEP, HALF, Put, WrongUse

_RUN = "trader backtest --candles DIR --from 2025-10-01 --to 2025-10-01T02:00:00Z --granularity 15m --stretch"
_ELSEWHERE = "trader backtest --from 2025-10-01 --to 2025-10-02"
_PAGE = ".trader/backtests/0123456789ab/backtest.json"
_HEADER = "start,open,high,low,close,volume\n"
_SECOND = "DIR/ETH-USD-15m.csv"
_FEES = ("--fee", "a maker's and a taker's rate from 0 to 0.05")


def _wrong(name: str, words: str, *said: str, code: ExitCode = ExitCode.CONFIG, **more: object) -> WrongUse:
    return WrongUse(f"backtest-{name}", words, code, said, **more)  # type: ignore[arg-type]


def _red(name: str, words: str, *said: str, **more: object) -> WrongUse:
    return _wrong(name, words, *said, code=ExitCode.WRONG, **more)


def _usage(name: str, words: str, *said: str) -> WrongUse:
    return _wrong(name, words, *said, code=ExitCode.USAGE)


def _sweep(name: str, text: str | bytes | Put, *said: str, more: str = "") -> WrongUse:
    return _wrong(f"sweep-{name}", f"{_RUN} --sweep sets.yaml {more}", *said, put={"sets.yaml": text})


_OPTIONS = [
    _usage("command-misspelt", "trader backtest lst", "lst", "list"),
    _usage("option-half-typed", f"{_RUN} --resum", "--resum", "--resume"),
    _usage("option-without-value", f"{_RUN} --fee", "--fee"),
    _usage("extra-word", f"{_RUN} now", "now"),
    _usage("fills-in-capitals", f"{_RUN} --fills ALL", "'ALL'", "'all'"),
    _usage("seed-negative", f"{_RUN} --seed -1", "--seed"),
    _usage("seed-a-fraction", f"{_RUN} --seed 1.5", "--seed"),
    _usage("jobs-none", f"{_RUN} -j 0", "--jobs"),
    _usage("jobs-negative", f"{_RUN} -j -1", "--jobs"),
    _usage("jobs-a-thousand", f"{_RUN} -j 1000", "--jobs"),
    _wrong("jobs-without-sweep", f"{_RUN} -j 2", "-j 2 is for --sweep"),
    _wrong("fee-negative", f"{_RUN} --fee=-0.1", "'-0.1'", *_FEES),
    _wrong("fee-nan", f"{_RUN} --fee NaN", "'NaN'", *_FEES),
    _wrong("fee-percent", f"{_RUN} --fee 0.1%", "'0.1%'", *_FEES),
    _wrong("fee-three", f"{_RUN} --fee 0.001,0.002,0.003", "'0.001,0.002,0.003'", *_FEES),
    _wrong("fee-in-percent", f"{_RUN} --fee 0.6", "'0.6'", *_FEES),
    _wrong("fee-with-a-million-digits", f"{_RUN} --fee 1e-999999", "'1e-999999'", "up to nine decimals"),
    _wrong("strategy-unknown", f"{_RUN} --strategy rules-engine", "--strategy 'rules-engine'", "rules_engine"),
    _wrong("strategy-empty", f"{_RUN} --strategy ''", "--strategy: ''", "names with one comma"),
    _wrong("products-empty", f"{_RUN} --products ''", "--products: ''", "names with one comma"),
    _wrong("products-two-commas", f"{_RUN} --products BTC-USD,,", "'BTC-USD,,'", "names with one comma"),
    _wrong("product-not-there", f"{_RUN} --products eth-usd", "--products 'ETH-USD'", "there are BTC-USD"),
    _wrong("product-a-path", f"{_RUN} --products ../DIR/BTC-USD", "--products", "is no product"),
    _wrong("same-instants", f"{_ELSEWHERE} --candles DIR --to 2025-10-01", "must be before --to"),
    _wrong("year-9999", f"{_ELSEWHERE} --candles DIR --to 9999-12-31", "--to: '9999-12-31'", "to 3000"),
    _wrong("ticks-without-end", f"{_RUN} --from 1971-01-01 --to 2999-12-31", "--from and --to", "allowed are 5000000"),
    _wrong(
        "other-length", f"{_RUN} --granularity 1h", "--candles DIR: no ONE_HOUR candles", "there are FIFTEEN_MINUTE"
    ),
    _wrong(
        "after-the-candles",
        f"{_RUN} --from 2026-01-01 --to 2026-01-02",
        "no FIFTEEN_MINUTE candles in USD from 2026-01-01",
        "from 2025-09-17T00:00:00Z to 2025-10-06T00:00:00Z",
    ),
    _wrong("mode-variable-odd", _RUN, "TRADER_MODES: unknown variable", variables={"TRADER_MODES": "LIVE"}),
    _wrong("configuration-broken", _RUN, "policy.yaml", "is not YAML", put={"config/policy.yaml": "a: [1"}),
    _wrong("configuration-missing", f"{_RUN} --config nope", "nope: no configuration is there"),
]
_FOLDERS = [
    _wrong("folder-empty", f"{_ELSEWHERE} --candles empty", "there are no candles quoted in USD"),
    _wrong("folder-a-file", f"{_ELSEWHERE} --candles nothing.txt", "nothing.txt is no folder"),
    _wrong("folder-dangling", f"{_ELSEWHERE} --candles dangling", "dangling is not there"),
    _wrong("home-a-file", f"{_RUN} --home nothing.txt", "--home nothing.txt", "no folder"),
    _red("home-not-writable", f"{_RUN} --home /proc/nowhere", "/proc/nowhere", lines=2),
    _red("backtests-a-file", _RUN, "backtests", "Not a directory", put={".trader/backtests": "mine"}, lines=2),
    _red("second-product-junk", _RUN, _SECOND, "line 1", put={_SECOND: "junk\n"}),
    _red("second-product-half", _RUN, _SECOND, "line 2", put={_SECOND: f"{_HEADER}7200,1,2\n"}),
    _red("second-product-binary", _RUN, _SECOND, "plain text", put={_SECOND: BINARY}),
    _red("second-product-a-folder", _RUN, _SECOND, "is a folder", put={_SECOND: Put.FOLDER}),
    _red("second-product-dangling", _RUN, _SECOND, "No such file", put={_SECOND: Put.DANGLING}),
    _red(
        "second-product-cut-off",
        _RUN,
        f"{_SECOND}.gz",
        "ended before",
        put={f"{_SECOND}.gz": gzip.compress(_HEADER.encode() * 99)[:30]},
    ),
    _wrong("candles-twice", _RUN, "are the same; leave one", put={"DIR/BTC-USD-15m.csv": _HEADER}),
    _red(
        "metadata-empty",
        _RUN,
        "DIR/BTC-USD.product.json",
        "'read_at' is missing",
        put={"DIR/BTC-USD.product.json": "{}"},
    ),
    _red("metadata-deep", _RUN, "DIR/BTC-USD.product.json", put={"DIR/BTC-USD.product.json": DEEP}),
]
_SWEEPS = [
    _sweep("missing", Put.NOTHING, "--sweep sets.yaml", "No such file"),
    _sweep("a-folder", Put.FOLDER, "--sweep sets.yaml", "Is a directory"),
    _sweep("binary", BINARY, "--sweep sets.yaml", "cannot be read"),
    _sweep("empty", "", "sets.yaml", "the file is empty"),
    _sweep("deep", DEEP, "sets.yaml", "nested more than 32"),
    _sweep("wrong-keys", "grids: {}\n", "grids: unknown", "allowed are grid and sets"),
    _sweep("key-unknown", "sets: [{exits.trailng: true}]\n", "set 1", "exits.trailng", "closest: trailing"),
    _sweep("key-without-section", "sets: [{spread_bps: 3}]\n", "set 1", "spread_bps: there is nothing of that kind"),
    _sweep("key-a-number", "sets: [{1: 3}]\n", "set 1", "1: there is nothing of that kind"),
    _sweep("value-a-word", "sets: [{simulation.spread_bps: abc}]\n", "set 1", '"abc" is text', "0 to 10000"),
    _sweep("live", "sets: [{app.mode: LIVE}]\n", "set 1", "app.mode: is PAPER in this backtest"),
    _sweep(
        "fee-beside-fee",
        "sets: [{simulation.taker_fee_ratio: 0.1}]\n",
        "set 1",
        "taker_fee_ratio: is 0",
        more="--fee 0",
    ),
    _sweep("fills-beside-fills", "sets: [{simulation.fills: neutral}]\n", "set 1", "--fills", more="--fills all"),
    _sweep(
        "without-end",
        "grid:\n" + "".join(f"  k{each}: [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" for each in range(15)),
        "sets; allowed are 1 to 10000",
    ),
]
_KEPT = [
    _usage("show-nothing", "trader backtest show", "NAME"),
    _usage("diff-one", "trader backtest diff a", "B"),
    _wrong("show-unknown", "trader backtest show nope", "'nope' is no backtest", "there is none yet"),
    _wrong("show-a-path", "trader backtest show ../../config", "is no backtest"),
    _wrong("diff-unknown", "trader backtest diff a b", "'a' is no backtest"),
    _red("list-page-half", "trader backtest list", _PAGE, put={_PAGE: HALF}),
    _red("list-page-deep", "trader backtest list", _PAGE, put={_PAGE: DEEP}),
    _red("list-page-binary", "trader backtest list", _PAGE, put={_PAGE: BINARY}),
    _red("list-page-a-folder", "trader backtest list", _PAGE, "Is a directory", put={_PAGE: Put.FOLDER}),
    _red("show-page-a-list", "trader backtest show 0123", _PAGE, "holds no object", put={_PAGE: "[]"}),
    _red("diff-page-empty", "trader backtest diff 0123 0123", _PAGE, "is missing", put={_PAGE: "{}"}),
]
BACKTEST_USES = [*_OPTIONS, *_FOLDERS, *_SWEEPS, *_KEPT]
