"""What ``trader ledger`` prints, what it writes, and that without ``--write`` it writes nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from factories_settings import CONFIG
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY
from simulation.world import SCOPE
from trader.adapters.local.atomic_files import replace_text
from trader.adapters.local.files import FileStateStore
from trader.model.codec import canonical_json
from trader.model.ids import Instant
from unit.desk.visiting import visits


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests."""
    for name in ("TRADER_CONFIG_DIR", "TRADER_MODE", "TRADER_TABLE", "TRADER_AUDIT_BUCKET", "TRADER_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder in which three SOL were bought, as the stores for one machine write it."""
    world = after_tick(ENTRY, 2)
    replace_text(ledger_in(tmp_path), world.store.texts[SCOPE])
    for key, text in world.audit_texts().items():
        replace_text(tmp_path / "audit" / key, text)
    replace_text(tmp_path / "venue-main.json", canonical_json(world.book()))
    return tmp_path


def ledger_in(home: Path) -> Path:
    return FileStateStore(home).folder(SCOPE) / "ledger.json"


def run(*arguments: str) -> int:
    """The code a command leaves the process with."""
    with pytest.raises(SystemExit) as left:
        run_command(build(), ["ledger", *arguments, "--config", str(CONFIG), "--mode", "PAPER"])
    return int(left.value.code or 0)


def everything_in(folder: Path) -> dict[str, str]:
    """Every file but that of a lock, and the digest of its content."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".visited")
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# --- show


def test_show_says_what_is_held_and_what_protects_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lot, cost, stop, target, the bracket at the venue; the last cycle and the lease."""
    before = everything_in(home)

    code = run("show", "--home", str(home))

    output = capsys.readouterr().out
    assert 0 == code
    for told in ("lease free", "20261122T121010Z FINISHED", "SOL-USD", "299.31", "91.98", "114.97", "2.994 by OPEN"):
        assert told in output
    assert before == everything_in(home)


def test_show_as_json_is_one_object(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For machines."""
    run("show", "--home", str(home), "--json")

    told = json.loads(capsys.readouterr().out)
    assert ("", "") == (told["problem"], told["lease"]["owner"])
    assert ["2.994"] == [lot["quantity"] for lot in told["ledger"]["lots"].values()]


@pytest.mark.parametrize(
    ("taken_at", "until"), [(1_795_350_000, "2026-11-22T12:22:00Z"), (10**15, f"{10**15 + 120} s after 1970")]
)
def test_show_says_who_holds_the_lease(
    home: Path, capsys: pytest.CaptureFixture[str], taken_at: int, until: str
) -> None:
    """And until when, also where a wrong clock has taken it for longer than dates go."""
    FileStateStore(home).acquire(SCOPE, "pid-7-abc", Instant(taken_at), 120)

    run("show", "--home", str(home), "--at", "2026-11-22T12:20:30Z")

    assert f"lease held: pid-7-abc until {until}" in capsys.readouterr().out


def test_show_of_a_damaged_ledger_says_what_is_wrong(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not repaired by looking at it."""
    ledger_in(home).write_text('{"broken', encoding="utf-8")

    code = run("show", "--home", str(home))

    told = capsys.readouterr()
    assert (1, True) == (code, "no ledger: " in told.out)
    assert "trader ledger rebuild --home" in told.err


def test_show_without_a_ledger_names_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And leaves no folder behind."""
    code = run("show", "--home", str(tmp_path))

    assert (78, "trader ledger rebuild" in capsys.readouterr().err) == (code, True)
    assert [] == list(tmp_path.iterdir())


# --- rebuild


def test_rebuild_of_a_sound_ledger_finds_no_difference(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And writes nothing."""
    before = everything_in(home)

    code = run("rebuild", "--home", str(home))

    output = capsys.readouterr().out
    assert 0 == code
    assert "no difference" in output
    assert "nothing was written; --write writes it" in output
    assert before == everything_in(home)


def test_rebuild_of_a_lost_ledger_shows_it_and_writes_nothing_unless_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then it is there again, in every field but the caches and the head of the audit."""
    lost = FileStateStore(home).ledger(SCOPE)
    ledger_in(home).unlink()
    before = everything_in(home)

    dry, shown = run("rebuild", "--home", str(home)), capsys.readouterr().out
    unchanged = before == everything_in(home)
    wet, written = run("rebuild", "--home", str(home), "--write"), capsys.readouterr().out

    ledger = FileStateStore(home).ledger(SCOPE)
    assert lost is not None
    assert ledger is not None
    assert (0, 0, True) == (dry, wet, unchanged)
    assert "2.994 SOL for" in shown
    assert "nothing was written" in shown
    assert written.rstrip().endswith("written")
    assert (lost.cash, lost.lots, lost.orders, lost.last_cycle, lost.equity_marks) == (
        ledger.cash,
        ledger.lots,
        ledger.orders,
        ledger.last_cycle,
        ledger.equity_marks,
    )


def test_rebuild_of_a_damaged_ledger_says_where_the_old_text_lies(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost."""
    ledger_in(home).write_text('{"broken', encoding="utf-8")

    code = run("rebuild", "--home", str(home), "--write")

    output = capsys.readouterr().out
    kept = next(line for line in output.splitlines() if line.startswith("the old text lies in "))
    assert 0 == code
    assert "stored is no ledger: " in output
    assert '{"broken' == Path(kept.removeprefix("the old text lies in ")).read_text(encoding="utf-8")


def test_rebuild_refuses_while_a_cycle_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with an instant a person can read, another exit code than a failure's, and not a byte changed."""
    FileStateStore(home).acquire(SCOPE, "pid-7-abc", Instant(1_795_349_400), 120)
    before = everything_in(home)

    code = run("rebuild", "--home", str(home), "--write")

    assert (75, "LeaseHeld: lease held by pid-7-abc until 2026-11-22T12:12:00Z\n") == (code, capsys.readouterr().err)
    assert before == everything_in(home)


def test_rebuild_refuses_a_broken_chain_unless_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With one clear line; told to go on, it names every break."""
    sorted((home / "audit").rglob("*.jsonl"))[1].unlink()
    before = everything_in(home)

    refused, said = run("rebuild", "--home", str(home), "--write"), capsys.readouterr()
    unchanged = before == everything_in(home)
    accepted, told = run("rebuild", "--home", str(home), "--audit-broken-ok"), capsys.readouterr().out

    assert (1, True, 0) == (refused, unchanged, accepted)
    assert said.err.startswith("AuditError: the audit chain is broken: scope=PAPER#main/")
    assert 1 == said.err.count("\n")
    assert "not known: scope=PAPER#main/" in told


def test_rebuild_refuses_a_record_that_has_lost_its_beginning(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a checkpoint that helps: one line, which says that too, and nothing is touched."""
    min((home / "audit").rglob("*.jsonl")).unlink()
    before = everything_in(home)

    refused, said = run("rebuild", "--home", str(home), "--write"), capsys.readouterr()

    assert (1, True) == (refused, before == everything_in(home))
    assert said.err.startswith("AuditError: the audit chain is broken: scope=PAPER#main/")
    assert said.err.endswith("; there is no checkpoint from which it is sound\n")
    assert 1 == said.err.count("\n")


@pytest.mark.parametrize("command", ["show", "rebuild"])
def test_folder_that_is_typed_counts_more_than_variables(
    command: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were exported for a stack. A stack that is typed as well is refused: it is one or the other."""
    for name in ("TRADER_TABLE", "TRADER_AUDIT_BUCKET"):
        monkeypatch.setenv(name, "trader-live")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    codes = [run(command, "--home", str(home)), run(command, "--home", str(home), "--table", "one", "--bucket", "two")]

    assert [0, 78] == codes
    assert "--table one, --bucket two are two systems; allowed is one of them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rebuild",), "which system? allowed is --home FOLDER"),
        (("rebuild", "--table", "trader"), "--table and --bucket go together"),
        (("rebuild", "--home", "nowhere"), "--home nowhere: there is no such folder"),
        (("rebuild", "--home", "HOME", "--conversion", "x"), "must look like ID=VENUE_ID"),
        (("rebuild", "--home", "HOME", "--since", "noon"), "--since: 'noon' is not an instant"),
        (("adopt", "--home", "HOME", "--reason", "x"), "one of --asset, --order, --acknowledge is needed"),
        (("adopt", "--home", "HOME", "--reason", "x", "--asset", "SOL"), "--asset needs --quantity and --price"),
        (
            ("adopt", "--home", "HOME", "--reason", "x", "--asset", "SOL", "--quantity", "NaN", "--price", "1"),
            "--quantity: 'NaN' is no number",
        ),
    ],
)
def test_what_makes_no_sense_ends_with_78(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    """The option, what was given, and what is allowed."""
    code = run(*(str(home) if each == "HOME" else each for each in arguments))

    assert (78, True) == (code, said in capsys.readouterr().err)


# --- adopt


def test_adopt_shows_what_would_change_and_writes_nothing_unless_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a SOL sold by hand: the lot, the cash, and the bracket that now covers too much."""
    options = ("--asset", "SOL", "--quantity", "-0.5", "--price", "140", "--reason", "sold by hand")
    before = everything_in(home)

    dry, shown = run("adopt", "--home", str(home), *options), capsys.readouterr().out
    unchanged = before == everything_in(home)
    wet = run("adopt", "--home", str(home), *options, "--write")

    ledger = FileStateStore(home).ledger(SCOPE)
    assert ledger is not None
    assert (0, 0, True) == (dry, wet, unchanged)
    assert "2.494 SOL for" in shown
    assert "look: order t247-" in shown
    assert ["2.494"] == [str(lot.quantity) for lot in ledger.lots.values()]
    assert ["adopted-"] == [fill.trade_id[:8] for fill in FileStateStore(home).fills(SCOPE)]


def test_adopt_into_no_ledger_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """First it has to be rebuilt."""
    ledger_in(home).unlink()

    code = run("adopt", "--home", str(home), "--acknowledge", "SOL", "--reason", "x")

    assert (78, True) == (code, "there is no ledger to adopt into" in capsys.readouterr().err)


@pytest.mark.parametrize(
    "words",
    [
        ("rebuild",),
        ("adopt", "--asset", "SOL", "--quantity", "-0.5", "--price", "140", "--reason", "sold by hand"),
    ],
)
def test_command_that_writes_is_a_visitor_of_the_folder(words: tuple[str, ...], home: Path) -> None:
    """A loop that begins there meanwhile does not take its lease for that of a dead process."""
    assert visits(home, lambda: run(*words, "--home", str(home), "--write")) == (True, 0)
