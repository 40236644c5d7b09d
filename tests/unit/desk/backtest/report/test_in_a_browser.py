"""The page in a browser: nothing is fetched, nothing fails, it fits every width, and it can be read in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.backtest.report.page import build_report
from factories_report import a_kept_backtest, a_large_summary, keep_backtest, many_prices
from headless_browser import Browser, find_browser, start_browser

BROWSER = find_browser()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: apt-get install chromium")

WIDTHS = (360, 768, 1280, 1920)
HOSTILE = '</script><script>window.broken = 1</script><img src="http://example.invalid/x" onerror="window.broken = 2">'
#: The lowest contrast of any text that is shown with what is behind it, by the rules of WCAG 2, and where it is.
CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const part = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const color = read(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  let lowest = [21, ""];
  for (const each of document.querySelectorAll("body *")) {
    const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !each.checkVisibility() || ["SCRIPT", "STYLE"].includes(each.tagName)) continue;
    const [a, b] = [light(read(getComputedStyle(each).color)), light(behind(each))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < lowest[0]) lowest = [ratio, each.outerHTML.slice(0, 120)];
  }
  return lowest;
})()"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three fill models, one of whose reasons is no kind one."""
    folder = tmp_path_factory.mktemp("small")
    file = folder / "page.html"
    file.write_text(build_report(a_kept_backtest(folder, HOSTILE)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of five thousand trades."""
    folder = tmp_path_factory.mktemp("large")
    stored = keep_backtest(folder, {"neutral": a_large_summary(5000, days=304)}, many_prices(14, 304))
    file = folder / "page.html"
    file.write_text(build_report(stored), encoding="utf-8")
    return file


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser of its own."""
    with start_browser(str(BROWSER), tmp_path / "profile") as started:
        yield started


def check_quiet(browser: Browser, file: Path) -> None:
    """Make sure that nothing was logged, nothing failed, and nothing was asked for but the page itself."""
    asked = [each["request"]["url"] for each in browser.list_events("Network.requestWillBeSent")]

    assert [file.as_uri()] == asked
    assert [] == browser.list_events("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    assert browser.run("window.broken") is None


@pytest.mark.parametrize("page", ["small", "large"])
def test_page_fits_every_width_in_both_themes(page: str, browser: Browser, request: pytest.FixtureRequest) -> None:
    """Without a horizontal scroll, without a request, and with enough contrast."""
    file: Path = request.getfixturevalue(page)
    browser.open(file.as_uri())
    backs = {}
    for theme in ("light", "dark"):
        for width in WIDTHS:
            browser.show(width, 900, theme)
            wide, inner = browser.run("[document.documentElement.scrollWidth, innerWidth]")
            assert wide <= inner == width
            assert browser.take_picture().startswith(b"\x89PNG")
        backs[theme] = browser.run("getComputedStyle(document.body).backgroundColor")
        # Five thousand rows are of one kind: the small page has all kinds.
        ratio, where = browser.run(CONTRAST) if page == "small" else (21, "")
        assert ratio >= 4.5, where

    assert backs["light"] != backs["dark"]
    check_quiet(browser, file)


def test_reader_chooses_the_theme(small: Path, browser: Browser) -> None:
    """Whatever the system has; paper stays white."""
    browser.open(small.as_uri())
    browser.show(1280, 900, "dark")
    dark = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.run("document.getElementById('theme').click()")
    light = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.run("document.getElementById('theme').click()")

    assert "rgb(255, 255, 255)" == light != dark
    assert dark == browser.run("getComputedStyle(document.body).backgroundColor")
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert "rgb(255, 255, 255)" == browser.run("getComputedStyle(document.body).backgroundColor")
    assert browser.run("getComputedStyle(document.querySelector('.frame')).overflow") == "visible"
    check_quiet(browser, small)


def test_page_is_printed(small: Path, browser: Browser) -> None:
    """To a PDF of several sheets."""
    browser.open(small.as_uri())
    paper = browser.print_page()

    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") > 2
    check_quiet(browser, small)


def test_trades_are_sorted_and_filtered(large: Path, browser: Browser) -> None:
    """By their numbers, not their letters: up, then down; then those of one product."""
    column = "[...document.querySelectorAll('#trips tbody tr')].map((row) => Number(row.cells[2].textContent))"
    button = "document.querySelectorAll('#trips thead button')[2]"
    browser.open(large.as_uri())
    begun = browser.run(column)
    browser.run(f"{button}.click()")
    up = browser.run(column)
    browser.run(f"{button}.click()")
    down = browser.run(column)
    browser.run("filter.value = 'coin3- STOP'; filter.oninput()")
    none = browser.run("document.querySelector('output').textContent")
    browser.run("filter.value = 'COIN3-'; filter.oninput()")

    assert "net" == browser.run(f"{button}.textContent")
    assert begun != up == sorted(begun)
    assert down == up[::-1] != up
    assert "0 of 5000" == none
    assert f"{len(range(3, 5000, 14))} of 5000" == browser.run("document.querySelector('output').textContent")
    shown = "[...document.querySelectorAll('#trips tbody tr:not([hidden])')]"
    assert browser.run(f"{shown}.every((row) => row.cells[1].textContent === 'COIN3-USD')")
    check_quiet(browser, large)


def test_pointer_tells_what_is_under_it(small: Path, browser: Browser) -> None:
    """The day on a curve; the trade, with its reason as text, on a price."""
    browser.open(small.as_uri())
    browser.show(1280, 900, "light")

    def point_at(picture: str, x: str, y: str) -> str:
        """Move the pointer to a part of a picture."""
        script = f"""(() => {{
          const svg = document.querySelector({picture!r});
          svg.scrollIntoView({{ block: "center" }});
          const box = svg.getBoundingClientRect();
          return [box.left + 2 + ({x}) * box.width, box.top + ({y}) * box.height];
        }})()"""
        left, top = browser.run(script)
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=left, y=top)
        assert not browser.run("tip.hidden")
        return str(browser.run("tip.textContent"))

    place = "Number(svg.dataset.{})"
    day = point_at("svg[data-days]", "0.99", "0.4")
    opened = f"(1767225600 - {place.format('start')}) / ({place.format('end')} - {place.format('start')})"
    paid = f"1 - (100 - {place.format('low')}) / ({place.format('high')} - {place.format('low')})"
    trade = point_at("svg[data-product='BTC-USD']", opened, paid)
    nothing = point_at("svg[data-product='BTC-USD']", "0.9", "0.05")

    assert day.startswith("day 2026-01-02\nequity 10,001.82\n")
    assert HOSTILE in trade
    assert "2026-01-01 00:00 at 100" in trade
    assert "pointer at" in nothing
    check_quiet(browser, small)


def test_five_hundred_trades_are_printed(large: Path, browser: Browser) -> None:
    """Of five thousand; paper says so, the screen has all."""
    browser.open(large.as_uri())
    rows = "[...document.querySelectorAll('#trips tbody tr')]"
    count = f"{rows}.filter((row) => getComputedStyle(row).display !== 'none').length"
    note = "getComputedStyle(document.querySelector('.paper')).display"

    assert (5000, "none") == (browser.run(count), browser.run(note))
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert (500, "block") == (browser.run(count), browser.run(note))
    assert "the first 500" in browser.run("document.querySelector('.paper').textContent")
    assert browser.print_page().startswith(b"%PDF")
    check_quiet(browser, large)
