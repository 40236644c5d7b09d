"""What a folder is given on its first use, and what is never taken from its owner."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from desk.markets import set_up_synthetic
from factories_settings import shipped_settings
from factories_venue import START, a_simulated_venue
from trader.adapters.local.clock import SystemClock
from trader.entry.wiring import VenueAccess, build_local_ports
from trader.errors import StoreUnavailable
from trader.model.trading_state import TradingState
from trader.ports import Ports


def ports_in(home: Path, mode: str = "DRY_RUN") -> Ports:
    settings, clock = shipped_settings({"app.mode": mode, "exchange.read_only": mode != "LIVE"}), SystemClock()
    market = set_up_synthetic(settings, START, 170).market(clock)
    access = VenueAccess(market, market, open_live_exchange=lambda: a_simulated_venue().exchange, live_confirmed="yes")
    return build_local_ports(settings, home, access, clock)


def use(ports: Ports) -> None:
    """Open the ledger of a scope, as its first cycle does."""
    ports.store.release(ports.store.acquire(ports.identity.scope, "somebody", START, 60))


def test_new_folder_is_given_a_switch_that_says_run(tmp_path: Path) -> None:
    """The first command needs no preparation."""
    assert TradingState.RUN is ports_in(tmp_path).kill_switch.read()


def test_new_folder_of_live_says_halt_until_somebody_says_run(tmp_path: Path) -> None:
    """The first order is let out by a person, and what that person said stays."""
    ports = ports_in(tmp_path, "LIVE")
    first = ports.kill_switch.read()
    use(ports)
    (tmp_path / "kill-switch").write_text("RUN")

    assert (TradingState.HALT, TradingState.RUN) == (first, ports_in(tmp_path, "LIVE").kill_switch.read())


@pytest.mark.parametrize(
    ("said", "then"), [("RUN", "HALT"), ("HALT", "HALT"), ("REDUCE_ONLY", "REDUCE_ONLY"), ("FLATTEN", "FLATTEN")]
)
def test_first_books_of_live_begin_at_halt_where_paper_has_run(said: str, then: str, tmp_path: Path) -> None:
    """What was said of simulated orders lets no real one out; what allows less stays."""
    use(ports_in(tmp_path, "PAPER"))
    (tmp_path / "kill-switch").write_text(said)

    assert then == ports_in(tmp_path, "LIVE").kill_switch.read()


@pytest.mark.parametrize("word", [TradingState.HALT, TradingState.REDUCE_ONLY, TradingState.FLATTEN])
def test_word_that_is_set_before_the_first_cycle_stays(word: TradingState, tmp_path: Path) -> None:
    """Somebody wanted nothing bought from the start."""
    (tmp_path / "kill-switch").write_text(word)

    assert word is ports_in(tmp_path).kill_switch.read()


def test_first_cycle_of_another_mode_does_not_lift_a_halt(tmp_path: Path) -> None:
    """One switch for the folder: HALT set after a dry run is met by the first paper cycle."""
    use(ports_in(tmp_path))
    (tmp_path / "kill-switch").write_text("HALT")

    assert TradingState.HALT is ports_in(tmp_path, "PAPER").kill_switch.read()


@pytest.mark.parametrize("mode", ["DRY_RUN", "PAPER"])
def test_switch_that_went_missing_is_not_made_again(mode: str, tmp_path: Path) -> None:
    """It cannot be read then, which is HALT; also for a mode that never ran here."""
    use(ports_in(tmp_path))
    (tmp_path / "kill-switch").unlink()

    with pytest.raises(StoreUnavailable):
        ports_in(tmp_path, mode).kill_switch.read()


def test_simulated_venue_heeds_that_a_run_only_looks(tmp_path: Path) -> None:
    """The ports and the venue share one budget: a look leaves no account behind, a run does."""
    ports, account = ports_in(tmp_path, "PAPER"), tmp_path / "venue-main.json"
    assert ports.exchange is not None

    ports.budget.begin(math.inf, only_looks=True)
    ports.exchange.balances()
    was_kept = account.exists()
    ports.budget.begin(math.inf)
    ports.exchange.balances()

    assert (False, True) == (was_kept, account.exists())
