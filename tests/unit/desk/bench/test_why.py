"""The records that ``make bench-why`` writes are such as the code writes, and a question reads few of them."""

from __future__ import annotations

from pathlib import Path

from desk.bench.why import record_day, write_folder
from desk.cli.journal_options import open_journal
from desk.cli.located import choose_system
from desk.journal.decisions import iterate_decisions
from desk.journal.runs import Standing
from desk.journal.why import Question, describe_decision
from desk.recovery.chain import FolderAuditReader, read_chain
from factories_settings import CONFIG
from simulation.world import SCOPE
from trader.adapters.config.files import load_settings
from trader.model.ids import Instant

SETTINGS = load_settings(CONFIG, {"TRADER_MODE": "PAPER"}).settings
#: Twelve cycles are looked through, in goes of eight and sixteen; some have an outcome beside their decision.
READ_MAX = 40


def test_days_of_records_are_one_sound_chain_and_few_are_read(tmp_path: Path) -> None:
    """Whatever there is: the count of what is read stays."""
    day = record_day(SETTINGS, 24)
    write_folder(tmp_path, SETTINGS, day, 96)
    chosen = {"home": tmp_path, "stack": None, "sandbox": False, "mode": None, "config": CONFIG}
    journal = open_journal(choose_system(chosen, ()), SETTINGS)

    told = describe_decision(journal, Question("sol-usd"), SETTINGS, Instant(0))
    chain = read_chain(FolderAuditReader(tmp_path / "audit").texts(SCOPE))

    assert () == chain.problems
    assert () == chain.orphaned
    assert "20251231T235500Z" == told["cycle"]
    assert journal.objects_read <= READ_MAX < len(chain.objects)
    assert 96 == len({each.run.cycle_id for each in iterate_decisions(journal.iterate_runs())})
    assert {Standing.COMMITTED} == {each.standing for each in journal.iterate_runs()}
