"""The page as a whole: it is the same for the same backtest, small enough, and no text becomes markup in it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from desk.backtest.archive import Archive, StoredBacktest
from desk.backtest.identity import list_sources
from desk.backtest.report.page import build_report
from desk.backtest.report.trades import choose_rows
from factories_report import a_kept_backtest, a_large_summary, a_summary, keep_backtest, many_prices
from trader.errors import ConfigError, LedgerCorrupt
from trader.model.ids import ProductId, StrategyId

SIZE_MAX = 2_000_000
HOSTILE = '</script><script>window.broken = 1</script><img src="http://example.invalid/x" onerror=alert(1)>\' &amp; "'


def list_elements(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """Every element of a page, with its attributes, as a browser reads it."""
    found: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Reader().feed(text)
    return found


def test_same_backtest_is_the_same_page(tmp_path: Path) -> None:
    """To the byte, wherever it is kept, and nothing in it names the place."""
    one, other = (build_report(a_kept_backtest(tmp_path / name)) for name in ("one", "other"))

    assert one == other
    assert str(tmp_path) not in one


def test_parts_are_in_order_and_linked(tmp_path: Path) -> None:
    """Each link of the page leads to a heading, losses before all."""
    text = build_report(a_kept_backtest(tmp_path))
    links = re.findall(r'<a href="#(\w+)">', text)

    assert links == [each for each in re.findall(r'<h2 id="(\w+)">', text) if each != "open"]
    assert ["result", "equity", "fills"] == links[:3]
    assert text.index("deepest drawdown") < text.index("total return")


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    """Of a reason, a rule, a strategy, a product and an exit: no element and no attribute comes of them."""
    summary = a_summary(reason=HOSTILE)
    share = replace(summary.attribution.by_rule[0], name=HOSTILE)
    trips = tuple(
        replace(each, exit_reason=HOSTILE, strategy=StrategyId(HOSTILE), product=ProductId(HOSTILE))
        for each in summary.round_trips
    )
    product = replace(summary.attribution.by_product[0], name=HOSTILE)
    hostile = replace(
        summary,
        round_trips=trips,
        refusals={HOSTILE: 3},
        attribution=replace(summary.attribution, by_rule=(share,), by_product=(product,)),
    )
    prices = {HOSTILE: {"start": 1_767_225_600, "step": 3600, "low": [90.0], "high": [110.0], "close": [100.0]}}
    stored = keep_backtest(tmp_path, {"neutral": hostile}, prices, products=[HOSTILE])
    plain = build_report(a_kept_backtest(tmp_path / "plain"))
    text = build_report(stored)

    elements = list_elements(text)
    names = {name for _, attributes in elements for name in attributes}

    assert text.count("&lt;/script&gt;") > 8
    assert "<img" not in text
    assert ["script"] == [tag for tag, _ in elements if tag == "script"]
    assert {tag for tag, _ in elements} == {tag for tag, _ in list_elements(plain)}
    assert names == {name for _, attributes in list_elements(plain) for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "src"]


def test_policy_lets_only_its_own_script_run(tmp_path: Path) -> None:
    """The digest in the head is that of what stands between the tags; nothing may be fetched."""
    text = build_report(a_kept_backtest(tmp_path))
    script = text.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)

    assert f"script-src &#x27;sha256-{digest}&#x27;" in policy
    assert policy.startswith("default-src &#x27;none&#x27;")
    assert not re.findall(r"https?://|@import|url\(", text)


def test_largest_case_is_below_two_megabytes(tmp_path: Path) -> None:
    """Five thousand trades of fourteen products in ten months, three fill models: all trades are there."""
    summary = a_large_summary(5000, days=304)
    stored = keep_backtest(
        tmp_path, dict.fromkeys(("neutral", "optimistic", "pessimistic"), summary), many_prices(14, 304)
    )
    text = build_report(stored)

    assert len(text.encode()) < SIZE_MAX
    assert text.split('id="trips"')[1].split("</table>")[0].count("<tr><td>") == 5000
    assert text.count("data-product=") == 14


def test_more_trades_than_fit_leave_the_smallest_out(tmp_path: Path) -> None:
    """The page says how many, and stays below its limit."""
    stored = keep_backtest(tmp_path, {"neutral": a_large_summary(9000)}, many_prices())
    text = build_report(stored)
    kept = text.split('id="trips"')[1].split("</table>")[0].count("<tr><td>")

    assert len(text.encode()) < SIZE_MAX
    assert f"9000 trades; {9000 - kept} with the smallest gains and losses are only in the JSON" in text
    drawn = sum(d.count("h0") for d in re.findall('d="([^"]*)" class="dot entry"', text))
    # And the lot that is held.
    assert kept + 1 == drawn
    assert 4000 < kept < 9000


def test_rows_are_chosen_by_how_much_they_gained_or_lost() -> None:
    """And stay in their order."""
    trips = [{"net": each} for each in ("1", "-9", None, "0.5", "7", "-2")]
    rows = dict.fromkeys(range(len(trips)), "four")

    assert [1, 4, 5] == choose_rows(trips, rows, bytes_max=3 * 52)
    assert [*range(6)] == choose_rows(trips, rows, bytes_max=6 * 52)


def test_more_products_than_are_drawn_are_named(tmp_path: Path) -> None:
    """Those with the greatest losses are drawn."""
    stored = keep_backtest(tmp_path, {"neutral": a_large_summary(200, days=40, products=23)}, many_prices(23, 40))
    text = build_report(stored)
    losers = [each["name"] for each in stored.documents["neutral"]["content"]["attribution"]["by_product"]]

    assert losers[:20] == re.findall(r'data-product="([^"]+)"', text)
    assert f"Not drawn: {', '.join(losers[20:])}." in text


def test_interrupted_backtest_says_so(tmp_path: Path) -> None:
    """A fill model that ended earlier has a shorter line."""
    long, short = a_large_summary(30, days=40, products=2), a_large_summary(30, days=20, products=2)
    stored = keep_backtest(tmp_path, {"neutral": long, "pessimistic": short}, done=40)
    text = build_report(stored)
    lines = dict(re.findall(r'<path d="M([^"]+)" class="line (run-\d)"/>', text.split("Drawdown</h3>")[0]))
    ends = {name: int(d.split()[-2]) for d, name in lines.items()}

    assert "Interrupted: neutral 40, pessimistic 40 of 100 ticks are in it." in text
    assert {"run-0": 2000, "run-1": 1000} == ends


@pytest.mark.parametrize(
    ("models", "first"),
    [
        (("optimistic",), "optimistic"),
        (("optimistic", "pessimistic"), "pessimistic"),
        (("optimistic", "pessimistic", "neutral"), "neutral"),
    ],
)
def test_run_that_is_shown_in_full(tmp_path: Path, models: tuple[str, ...], first: str) -> None:
    """Neutral, or the less kind of the others."""
    text = build_report(keep_backtest(tmp_path, dict.fromkeys(models, a_summary())))

    assert f"What follows below this table is of {first} fills." in text


def test_backtest_without_a_result_has_no_page(tmp_path: Path) -> None:
    """It was interrupted before its first fill model."""
    kept = a_kept_backtest(tmp_path)

    with pytest.raises(ConfigError, match="has no result yet"):
        build_report(StoredBacktest(kept.path, kept.page, {}))


def test_prices_that_are_not_what_was_kept_are_refused(tmp_path: Path) -> None:
    """As a document is."""
    kept = a_kept_backtest(tmp_path)
    file = kept.path / "prices.json"
    file.write_text(file.read_text(encoding="utf-8").replace("104.0", "105.0", 1), encoding="utf-8")

    with pytest.raises(LedgerCorrupt, match=r"prices\.json"):
        build_report(Archive(tmp_path).find(kept.name))


def test_how_a_result_is_shown_names_no_backtest() -> None:
    """Its name follows from what its result can depend on."""
    paths = {each.as_posix().split("/src/")[1] for each in list_sources()}

    assert "desk/backtest/archive.py" in paths
    assert "trader/cycle/run.py" in paths
    assert not [each for each in paths if each.startswith("desk/backtest/report/")]
