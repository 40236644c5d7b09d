"""The page of one kept backtest: one file, made of its documents, its page and its thinned prices, and of nothing else.

There is no instant of the machine in it and nothing is drawn by chance: the same backtest gives the same bytes. The
script inside sorts, filters and tells values under the pointer; the page is whole without it, and a policy in its head
lets it run no other script and reach no network.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from desk.backtest.archive import FINISHED, StoredBacktest
from desk.backtest.report.comparison import build_comparison
from desk.backtest.report.costs import build_costs
from desk.backtest.report.curves import build_curves, build_exposure
from desk.backtest.report.markup import Html, build_tag, join_html
from desk.backtest.report.months import build_months
from desk.backtest.report.opening import build_opening
from desk.backtest.report.origins import build_origins
from desk.backtest.report.products import build_products
from desk.backtest.report.tables import build_attribution, build_refusals
from desk.backtest.report.trades import build_rows, build_trades, choose_rows
from desk.backtest.report.values import Run
from desk.counting import write_count
from trader.errors import ConfigError
from trader.model.market import Granularity

#: For everything but the style, the script and the head, of which there are some 20 kB.
BYTES_MAX = 1_950_000
#: The run that is shown in full is the first of these that there is.
_ORDER = ("neutral", "pessimistic", "optimistic")
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline';"
_PARTS = {
    "result": "result",
    "equity": "equity",
    "fills": "fill models",
    "months": "months",
    "exposure": "exposure",
    "costs": "costs",
    "products": "prices",
    "attribution": "attribution",
    "trades": "trades",
    "refusals": "refusals",
    "assumptions": "assumptions",
    "identity": "identity",
}


def build_report(stored: StoredBacktest) -> str:
    """Build the page. Raises: ConfigError for a backtest without a result; LedgerCorrupt, StoreUnavailable."""
    order = [*_ORDER, *sorted(stored.documents.keys() - {*_ORDER})]
    runs = [Run(model, stored.documents[model]["content"]) for model in order if model in stored.documents]
    if not runs:
        raise ConfigError(f"{stored.name} has no result yet; the same command with --resume makes it")
    run = runs[0]
    digests = {each.model: stored.documents[each.model]["digest"] for each in runs}
    before = [
        _build_head(stored, run),
        build_opening(run),
        build_curves(runs),
        build_comparison(runs),
        build_months(run),
        build_exposure(run),
        build_costs(runs),
    ]
    after = [
        build_refusals(run),
        build_origins(run, stored.name, stored.page, stored.read_settings(), digests),
    ]
    parts = [*before, *_build_trading(run, stored.read_prices(), _measure_room([*before, *after])), *after]
    return _build_document(f"Backtest {stored.name}", build_tag("main", *parts))


def _build_trading(run: Run, prices: Mapping[str, Any], room: int) -> list[Html]:
    """Build what grows with the trades: as many of them as there is room for beside the rest of the page."""
    rows, attribution = build_rows(run), build_attribution(run)
    bare = [build_products(run, prices, ()), attribution, build_trades(run, rows, ())]
    kept = choose_rows(run.read("round_trips", "rows"), rows, room - BYTES_MAX + _measure_room(bare))
    return [build_products(run, prices, kept), attribution, build_trades(run, rows, kept)]


def _measure_room(parts: Iterable[Html]) -> int:
    return BYTES_MAX - sum(len(each.encode()) for each in parts)


def _build_head(stored: StoredBacktest, run: Run) -> Html:
    page = stored.page
    told = (
        f"{_write_day(page['from'])} to {_write_day(page['to'])}, {write_count(page['ticks'], 'tick')}, bars of "
        f"{_write_length(Granularity(page['granularity']))}: "
        f"{', '.join(page['strategies']) or 'no strategy'} on {write_count(len(page['products']), 'product')}, "
        f"in PAPER, counted in {run.read('run', 'accounting_asset')}."
    )
    parts: list[object] = [build_tag("h1", f"Backtest {stored.name}"), build_tag("p", told)]
    if stored.state != FINISHED:
        done = ", ".join(f"{model} {count}" for model, count in sorted(page["done"].items()))
        parts.append(build_tag("p", f"Interrupted: {done} of {page['ticks']} ticks are in it.", class_="warning"))
    links = (build_tag("a", told, href=f"#{name}") for name, told in _PARTS.items())
    return join_html(
        [
            build_tag("header", *parts, build_tag("button", "Dark or light", type="button", id="theme", hidden=True)),
            build_tag("nav", join_html(links, " "), aria_label="Parts of this page"),
        ]
    )


def _write_length(bar: Granularity) -> str:
    minutes = bar.seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 1440 else "a day"


def _write_day(instant: str) -> str:
    return instant.removesuffix("T00:00:00Z")


def _build_document(title: str, body: Html) -> str:
    style, script = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"{_POLICY} script-src 'sha256-{seal}'"
    head = join_html(
        [
            build_tag("meta", charset="utf-8"),
            build_tag("meta", http_equiv="Content-Security-Policy", content=policy),
            build_tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            build_tag("title", title),
            # Both files are ours and hold no end of their element.
            build_tag("style", Html(style)),
        ]
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>{body}\n'
        f"{build_tag('div', id='tip', hidden=True, role='status')}<script>{script}</script></body>\n</html>\n"
    )
