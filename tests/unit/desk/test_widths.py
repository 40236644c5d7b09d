"""Nothing that matters is cut at 60, 80 and 140 columns, nor in a pipe, by a screen that no other test measures.

``test_cli_status_screen.py``, ``test_layout.py`` and those in ``journal`` look at the others one by one; here each
command is typed, over a run, over books with a lot that is held, and over books of an older release.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from architecture.tree import ROOT
from trader.model.money import plain
from unit.desk.operated_folder import LOT, look, make_folder, run

WIDTHS = ["60", "80", "140", ""]
#: Piped, a line is as long as this at most, unless a word in it is longer.
_PIPED = 200
_RUN = ".trader/runs/paper-synthetic-7-1"
_OLD = "old"
#: Screens over each of the homes, and what ends them.
_SCREENS = {
    "status --at 2025-12-31T23:57:00Z": {0, 1},
    "why --summary": {0, 1},
    "trades": {0},
    "fills": {0},
    "lots": {0},
    "parents": {0},
    "cycles": {0, 1},
    "ledger show": {0},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration, a run with entries, books with a lot, and books as an older release has left them."""
    folder = tmp_path_factory.mktemp("widths")
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "tests/fixtures/schema_1/paper", folder / _OLD)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TRADER_HOME", raising=False)
        assert 0 == run("run", "--ticks", "30", "--mode", "PAPER")
    make_folder(folder / "held")
    return folder


@pytest.fixture(params=WIDTHS, ids=lambda width: width or "piped")
def width(request: pytest.FixtureRequest, made: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Type in that folder, on a screen of this width."""
    monkeypatch.chdir(made)
    monkeypatch.delenv("TRADER_HOME")
    monkeypatch.delenv("COLUMNS", raising=False)
    if request.param:
        monkeypatch.setenv("COLUMNS", request.param)
    return int(request.param or _PIPED)


def type_words(words: str, capsys: pytest.CaptureFixture[str], codes: set[int]) -> str:
    """What a command prints, and nothing that it only notes."""
    capsys.readouterr()
    code = run(*words.split())
    told = capsys.readouterr()
    assert code in codes, (words, told)
    return told.out


def check_screen(text: str, width: int) -> None:
    """Make sure that no line is wider than the screen, but for a word that is, and that nothing was cut."""
    too_wide = [
        line
        for line in text.splitlines()
        if cell_len(line) > width and max(map(cell_len, line.split())) <= width - 4 and "trader " not in line
    ]
    assert [] == too_wide
    assert "…" not in text


def flatten(text: str) -> str:
    """The words of a screen, whatever lines and frames they stand in."""
    return " ".join(re.sub(r"[│┃]", " ", text).split())


@pytest.mark.parametrize("home", [_RUN, "held", _OLD])
@pytest.mark.parametrize("screen", _SCREENS)
def test_screens_cut_nothing(screen: str, home: str, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Over every shape of books; what has no records says so."""
    codes = {0, 1} if home != _RUN else _SCREENS[screen]

    check_screen(type_words(f"{screen} --home {home} --mode PAPER", capsys, codes), width)


def test_ledger_show_has_every_number_of_a_lot_and_its_orders(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Quantity, cost, price, stop and target to the last digit, product, lot and orders by their whole names."""
    ledger = look(Path("held")).ledger
    assert ledger is not None
    (lot,) = ledger.lots.values()
    text = flatten(type_words("ledger show --home held --mode PAPER", capsys, {0}))

    bracket = lot.bracket
    assert bracket.target_price is not None
    numbers = (lot.quantity, lot.cost, lot.entry_price, bracket.stop_price, bracket.target_price)
    assert [] == [plain(each) for each in numbers if plain(each) not in text]
    assert [] == [name for name in (LOT, lot.product_id, lot.strategy) if name not in text]
    orders = [each.intent.client_order_id for each in ledger.active_orders]
    assert [] == [name for name in orders if name not in text]
    assert [] == [plain(amount) for amount in ledger.cash.values() if plain(amount) not in text]


def test_config_show_has_every_key_and_value(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """As --json has them, and where each comes from."""
    told: Mapping[str, Any] = json.loads(type_words("config show --json", capsys, {0}))
    text = type_words("config show", capsys, {0})

    check_screen(text, width)
    flat = flatten(text)
    assert told["digest"] in flat
    assert [] == [key for key in told["settings"] if key not in flat]
    values = [each["value"] for each in told["settings"].values()]
    words = {word for each in values for word in (each if isinstance(each, str) else json.dumps(each)).split()}
    assert [] == sorted(word for word in words if word not in flat)


def test_run_and_cycle_show_what_is_held(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Product, quantity, stop and target of every lot, and the figures of the run; so does ``runs show``."""
    shutil.rmtree("fresh", ignore_errors=True)
    at = "2025-12-31T23:55:00Z"
    told = json.loads(type_words(f"runs show paper-synthetic-7-1 --home {_RUN[:7]} --json", capsys, {0}))
    screens = [
        type_words("runs show paper-synthetic-7-1", capsys, {0}),
        type_words("run --ticks 30 --mode PAPER --home fresh", capsys, {0}),
    ]
    lots = told["totals"]["lots"]

    assert lots
    for text in screens:
        check_screen(text, width)
        for lot in lots:
            shown = ("product_id", "quantity", "stop_price", "target_price")
            assert [] == [name for name in shown if lot[name] is not None and lot[name] not in flatten(text)], text
        assert told["totals"]["cash_check"]["difference"] in text
    check_screen(type_words(f"cycle --mode PAPER --at {at} --home fresh", capsys, {0}), width)


def test_runs_list_names_every_run_whole(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """So that the name can be typed."""
    text = type_words("runs list", capsys, {0})

    check_screen(text, width)
    assert "paper-synthetic-7-1" in text
    assert "30 of 30" in text


def test_why_has_verdict_and_what_to_type_next(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Of every product of the newest cycle."""
    told = json.loads(type_words("cycles --limit 1 --json", capsys, {0}))

    assert told["cycles"]
    for product in ("BTC-USD", "LINK-USD", "XLM-USD"):
        text = type_words(f"why {product}", capsys, {0})
        check_screen(text, width)
        assert product in text
        assert "trader " in text


def test_red_lines_keep_the_command_that_mends_them(width: int, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A word that the switch has not, and a ledger that is none: line and command are whole."""
    bare = made / "bare"
    shutil.rmtree(bare, ignore_errors=True)
    shutil.copytree(made / "held", bare)
    (bare / "kill-switch").write_text("BUY\n", encoding="utf-8")
    (bare / "scope=PAPER#main/ledger.json").write_text('{"half', encoding="utf-8")
    text = type_words("status --home bare", capsys, {1})

    check_screen(text, width)
    flat = flatten(text)
    assert "'BUY'" in flat
    assert "trader ledger rebuild --home bare" in flat
