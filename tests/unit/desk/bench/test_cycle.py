"""The comparison of a cycle with an older commit: what it makes of its figures, and what it leaves behind."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from desk.bench.cycle import Comparison, check_out, compute_shares, why_not_comparable, write_config
from trader.adapters.config.files import load_settings
from trader.cycle import run_cycle
from trader.cycle.gather import add_depth, gather_inputs
from trader.stages.pipeline import Pipeline
from trader.stages.reconcile.account import reconcile

CONFIG = Path("config")


def a_comparison(
    base_ms: Sequence[float] = (5.0, 4.0, 90.0), tree_ms: Sequence[float] = (1.0, 6.0, 6.5), tree_ledger: str = "aa"
) -> Comparison:
    return Comparison("abc1234", base_ms, tree_ms, base_ledger="aa", tree_ledger=tree_ledger, ratio_max=1.2)


def test_line_gives_medians_and_their_ratio() -> None:
    """One round beside a busy neighbor, of 90 ms or of 1, moves nothing."""
    expected = "cycle_ms_base=5.000 cycle_ms=6.000 ratio=1.200 ratio_max=1.20 same_ledger=yes products=10 base=abc1234"

    assert expected == a_comparison().line()


def test_ledgers_that_differ_are_told_and_not_judged() -> None:
    """A decision may be changed on purpose."""
    compared = a_comparison(tree_ledger="bb")

    assert "same_ledger=no" in compared.line().split()
    assert compared.exit_code == 0


@pytest.mark.parametrize(("tree_ms", "expected"), [((6.0,), 0), ((6.01,), 1), ((4.0,), 0)])
def test_exit_code_is_1_above_the_limit_only(tree_ms: Sequence[float], expected: int) -> None:
    """Exactly at the limit is still kept."""
    assert expected == a_comparison(base_ms=(5.0,), tree_ms=tree_ms).exit_code


@pytest.mark.parametrize(
    ("verdicts", "outcomes", "expected"),
    [
        ({"TRIGGER_MISSING": 18, "ENTERING": 2}, {"COMPLETED": 2}, None),
        ({"TRIGGER_MISSING": 21}, {"COMPLETED": 2}, "they gave 21 verdicts"),
        ({"TRIGGER_MISSING": 18, "PRODUCT_MISSING": 2}, {"COMPLETED": 2}, "they gave 18 verdicts"),
        ({"TRIGGER_MISSING": 20}, {"COMPLETED": 1, "ABSTAINED": 1}, "'ABSTAINED': 1"),
    ],
)
def test_run_counts_only_with_ten_products_in_every_cycle(
    verdicts: dict[str, int], outcomes: dict[str, int], expected: str | None
) -> None:
    """A product that the market does not list costs nothing, and a cycle that abstained costs less."""
    problem = why_not_comparable({"verdicts": verdicts, "outcomes": outcomes}, 2)

    assert (expected is None) == (problem is None)
    assert (expected or "") in (problem or "")


def test_configuration_keeps_ten_bases_and_discovers_none(tmp_path: Path) -> None:
    """The shipped one, in the order of its tiers; nothing else in it changes."""
    shipped = load_settings(CONFIG, {}).settings.universe
    fitted = load_settings(write_config(CONFIG, tmp_path / "config"), {}).settings.universe
    named = [base for tier in shipped.tiers.values() for base in tier.bases]

    assert named[:10] == [base for tier in fitted.tiers.values() for base in tier.bases]
    assert {0} == {tier.discover_max for tier in fitted.tiers.values()}
    assert (shipped.clusters, shipped.stable_bases) == (fitted.clusters, fitted.stable_bases)


def test_shares_add_up_and_count_the_screen_once() -> None:
    """It runs within the gathering, and is a part of deciding."""
    shares = compute_shares(
        {
            run_cycle.__code__: 10.0,
            gather_inputs.__code__: 4.0,
            add_depth.__code__: 1.0,
            Pipeline.screen.__code__: 2.0,
            Pipeline.conclude.__code__: 1.0,
            reconcile.__code__: 0.5,
        }
    )
    expected = {"gather": 30, "decide": 30, "record": 0, "store": 0, "exchange": 0, "reconcile": 5, "rest": 35}

    assert expected == pytest.approx(shares)


def test_checkout_is_gone_after_a_failure(tmp_path: Path) -> None:
    """Its folder, and what the repository knew of it; though files were left in it."""
    repository = _a_repository(tmp_path / "repository")
    seen: list[Path] = []

    def fail_inside() -> None:
        with check_out(repository, "HEAD") as folder:
            (folder / "left.txt").write_text("left")
            seen.extend(folder.glob("*.txt"))
            raise SystemExit(1)

    with pytest.raises(SystemExit):
        fail_inside()

    assert {"kept.txt", "left.txt"} == {file.name for file in seen}
    assert not seen[0].parent.exists()
    assert 1 == len(_git(repository, "worktree", "list").splitlines())


def test_unknown_commit_is_named(tmp_path: Path) -> None:
    """With the words of git, and no traceback."""
    repository = _a_repository(tmp_path / "repository")

    with pytest.raises(SystemExit, match="no-such-commit"), check_out(repository, "no-such-commit"):
        pass


def _a_repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "kept.txt").write_text("kept")
    _git(folder, "init", "--quiet")
    _git(folder, "add", "kept.txt")
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "one")
    return folder


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout
