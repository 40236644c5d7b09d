"""Evidence files: what is read, what cannot be used, and that neither stops anything else."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trader.adapters.config.evidence import read_evidence
from trader.adapters.config.files import load_settings
from trader.model.edges import Edge, EdgeSource
from trader.model.ids import StrategyId
from trader.settings.evidence import NO_EVIDENCE, EvidenceKind

CONFIG = Path(__file__).parents[4] / "config"
RULES = StrategyId("rules_engine")
MEASURED: dict[str, Any] = {
    "schema": 1,
    "strategy": "rules_engine",
    "kind": "measured",
    "measured_on": "2026-11-30",
    "since": "2025-01-01",
    "until": "2025-10-27",
    "data_digest": "0123456789abcdef" * 4,
    "rules": [
        {
            "rule": "price_move up",
            "trades": 324,
            "gross_mean_pct": 0.1,
            "gross_low_pct": -0.3,
            "gross_high_pct": 0.5,
        }
    ],
}
ASSUMED = {**MEASURED, "kind": "assumed", "rules": [{"rule": "price_move up", "hit_ratio": 0.5}]}


def write(folder: Path, content: object, name: str = "rules_engine") -> Path:
    """One file of evidence in a configuration that has nothing else."""
    (folder / "evidence").mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "evidence" / f"{name}.json").write_text(text, encoding="utf-8")
    return folder


def fault(folder: Path, content: object) -> str:
    """What is wrong with a file."""
    evidence = read_evidence(write(folder, content))

    assert {} == evidence.by_strategy
    return evidence.faults[RULES]


def test_example_of_the_page_is_one(tmp_path: Path) -> None:
    """docs/evidence.md shows a file that is read."""
    page = (CONFIG.parent / "docs/evidence.md").read_text(encoding="utf-8")
    example = page.partition("```json\n")[2].partition("```")[0]

    evidence = read_evidence(write(tmp_path, example))

    assert {} == evidence.faults
    assert 324 == evidence.find_edge(RULES, "breakout up", Decimal(6), Decimal(20)).trades


def test_nothing_is_known_where_there_is_no_file(tmp_path: Path) -> None:
    """Nor where the folder is empty."""
    assert NO_EVIDENCE is read_evidence(tmp_path)
    (tmp_path / "evidence").mkdir()
    assert NO_EVIDENCE is read_evidence(tmp_path)


def test_measured_number_is_read_to_the_digit(tmp_path: Path) -> None:
    """A number with a point is a Decimal of its own text."""
    evidence = read_evidence(write(tmp_path, MEASURED))

    edge = evidence.find_edge(RULES, "price_move up", Decimal(6), Decimal(12))
    assert Edge(EdgeSource.MEASURED, Decimal("-0.3"), 324, "2025-10-27") == edge
    assert 64 == len(evidence.digest)


def test_digest_is_of_every_file_to_the_byte(tmp_path: Path) -> None:
    """A space is another file; so is another name."""
    digests = {read_evidence(write(tmp_path, text)).digest for text in ("{}", "{ }")}
    digests.add(read_evidence(write(tmp_path, "{}", "hold")).digest)

    assert 3 == len(digests)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is a list"),
        ({**MEASURED, "schema": 2}, "schema: 2 is out of range; allowed is 1 to 1"),
        ({**MEASURED, "strategy": "hold"}, "strategy: hold is not what the file is named after"),
        ({**MEASURED, "kind": "guessed"}, "allowed is one of measured, assumed"),
        ({**MEASURED, "more": 1}, "more: unknown key"),
        ({**MEASURED, "data_digest": None}, "data_digest: what is measured was measured on candles"),
        ({**MEASURED, "data_digest": "abc"}, "64 hexadecimal digits"),
        ({**MEASURED, "since": "01/01/2025"}, "a day as YYYY-MM-DD"),
        ({**MEASURED, "rules": [{"rule": "price_move up", "hit_ratio": 0.5}]}, "has trades, gross_mean_pct and"),
        ({**MEASURED, "rules": MEASURED["rules"] * 2}, "price_move up stands there twice"),
        ({**MEASURED, "rules": [{**MEASURED["rules"][0], "gross_low_pct": 0.2}]}, "0.1 is not between 0.2 and 0.5"),
        ({**MEASURED, "rules": [{**MEASURED["rules"][0], "gross_low_pct": float("nan")}]}, "allowed is a number"),
        ({**ASSUMED, "rules": MEASURED["rules"]}, "what is assumed has a hit_ratio"),
    ],
)
def test_file_that_cannot_be_used_says_why(tmp_path: Path, content: object, said: str) -> None:
    """It counts as none, and the line has the key."""
    assert said in fault(tmp_path, content)


def test_unreadable_file_is_one_that_cannot_be_used(tmp_path: Path) -> None:
    """A folder in its place."""
    (tmp_path / "evidence" / "rules_engine.json").mkdir(parents=True)

    assert "cannot be read" in read_evidence(tmp_path).faults[RULES]


def test_huge_file_is_not_parsed(tmp_path: Path) -> None:
    """Its size is said instead."""
    assert "is larger than 1000000 bytes" in fault(tmp_path, " " * 1_000_001)


def test_evidence_is_no_part_of_the_digest_and_a_bad_file_stops_nothing(tmp_path: Path) -> None:
    """The configuration is the same one, with it and without: what is held must be sold whatever the file says."""
    for file in CONFIG.glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    plain = load_settings(tmp_path, {})
    write(tmp_path, "not JSON", "mean_reversion")

    loaded = load_settings(write(tmp_path, ASSUMED), {})

    assert plain.digest == loaded.digest == load_settings(CONFIG, {}).digest
    assert plain.sources == loaded.sources
    assert {"mean_reversion"} == set(loaded.settings.evidence.faults)
    assert EvidenceKind.ASSUMED is loaded.settings.evidence.by_strategy[RULES].kind
