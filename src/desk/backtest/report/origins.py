"""What a result rests on: what is assumed, what no backtest can know, and which code, settings and candles it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from desk.backtest.report.markup import Html, build_table, build_tag, join_html
from desk.backtest.report.values import Run

_CONVENTIONS = (
    "Equity is marked at the bid at the end of each UTC day, the first day included; a year has 365 days.",
    "Deviations are those of a sample, the risk-free rate is 0, and what is undefined is a dash, never 0.",
    "Benchmarks pay the taker's fee, half the spread and the impact once, and are never sold.",
)
_UNKNOWN = (
    "Candles know no order book: the spread is the configured one, and depth a share of the volume.",
    "An order never moves what comes after it.",
    "Inside a bar the stop comes before the target; an order that rests fills from the next bar on.",
    "A sale that takes the market at once meets the close that it was decided on, less half the spread and the impact.",
    "What is in no file is missing: coins that died before the files were made. Results on such sets flatter.",
    "Flags and increments of the past are not recorded; a product counts as open to everybody while it has candles.",
    "A bootstrap resamples the days that were: it knows no day worse than the worst of them.",
    "Figures of many runs of which the best is shown say little; nothing here corrects for that.",
)


def build_origins(
    run: Run, name: str, page: Mapping[str, Any], settings: Mapping[str, Any], digests: Mapping[str, str]
) -> Html:
    """Build the last part of the page; *digests* are those of the documents, by fill model."""
    identity = page["identity"]
    return join_html(
        [
            build_tag("h2", "What is assumed", id="assumptions"),
            build_table(["assumption", "value"], _list_rates(run), "Rates of the simulated venue", class_="numbers"),
            build_tag("ul", *(build_tag("li", each) for each in _CONVENTIONS)),
            build_tag("h3", "What a backtest cannot know"),
            build_tag("ul", *(build_tag("li", each) for each in _UNKNOWN)),
            build_tag("h2", "Which backtest this is", id="identity"),
            build_tag(
                "p",
                "The same code, settings, candles and question give the same name, the same documents and this ",
                "page, to the byte.",
            ),
            build_table(["what", "value"], _list_identity(name, identity, digests), "Identity", class_="digests"),
            build_table(["series", "SHA-256"], sorted(identity["data"].items()), "Candles", class_="digests"),
            build_tag(
                "details",
                build_tag("summary", "Every setting"),
                build_table(
                    ["setting", "value"],
                    sorted((each, _write_setting(value)) for each, value in settings.items()),
                    "Settings",
                    class_="digests",
                ),
            ),
        ]
    )


def _list_rates(run: Run) -> Iterator[tuple[object, object]]:
    names = {
        "maker_fee_ratio": "fee of a maker",
        "taker_fee_ratio": "fee of a taker",
        "spread_bps": "spread, in basis points",
        "impact_bps": "impact, in basis points",
    }
    for key, told in names.items():
        yield told, run.show("run", "rates", key)


def _list_identity(
    name: str, identity: Mapping[str, Any], digests: Mapping[str, str]
) -> Iterator[tuple[object, object]]:
    yield "name", name
    yield "code", identity["code"]
    yield "settings", identity["config"]
    for key, value in sorted(identity["asked"].items()):
        yield f"asked: {key.replace('_', ' ')}", _write_setting(value)
    for model, digest in digests.items():
        yield f"result, {model} fills", digest


def _write_setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
