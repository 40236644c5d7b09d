"""What each key of the section ``risk`` decides."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from factories_market import NOW, a_lot
from trader.model.cycle_state import EntryPacing, EquityMarks, FailureStreak, Membership
from trader.model.ids import Asset, Instant, ProductId, utc_day, utc_week
from trader.model.ledger import Ledger
from trader.model.money import Notional
from trader.model.orders import OrderPurpose
from trader.settings import Settings
from unit.config_keys import Outcome, Row
from unit.key_rows import shapes
from unit.key_rows.books import sold
from unit.key_rows.world import ETH, Seen, a_ledger, decided, decision, holding, on

_SOL, _ETH = Seen(bars=shapes.burst()), Seen(ETH, shapes.burst())


def _marked(day: int = 10000, week: int = 10000, peak: int = 10000) -> Outcome:
    """A buy is wished for with an equity of 10,000, which was this much when the day, the week and the peak were."""
    now = Instant(NOW)
    marks = EquityMarks(utc_day(now), Notional(day), utc_week(now), Notional(week), Notional(max(day, week, peak)))
    return on(_SOL, books={"equity_marks": marks})


def _paced(*seconds_ago: int, today: int = 0, sol: int | None = None) -> Outcome:
    """A buy is wished for after entries so long ago, and *sol* seconds after the last one of this product."""
    last = {} if sol is None else {Asset("SOL"): Instant(NOW - sol)}
    entries = tuple(Instant(NOW - each) for each in seconds_ago)
    return on(_SOL, books={"entry_pacing": EntryPacing(utc_day(Instant(NOW)), today, entries, last)})


def _after_data_failed(minutes: int, failed_cycles: int) -> Outcome:
    """The data of a cycle fail, for the next time in a row; so many minutes later they are complete."""

    def outcome(settings: Settings) -> object:
        members = {ProductId(each.product_id): Membership(member=True) for each in (_SOL, _ETH)}
        ledger = a_ledger(settings, failure_streak=FailureStreak(failed_cycles), membership=members)
        # Without a quote of either of the two products that are considered.
        blind = decided(settings, _SOL, _ETH, ledger=ledger, quotes={}).ledger
        return decision(settings, _SOL, ledger=blind, now=NOW + minutes * 60)

    return outcome


def _after_sale(minutes: int, seen: Seen, books: Callable[[Settings], Ledger]) -> Outcome:
    """So many minutes after a lot of SOL was sold, a product jumps."""
    return lambda settings: decision(settings, seen, ledger=books(settings), now=NOW + minutes * 60)


def _paid_with(asset: str, price: str, **books: Any) -> Outcome:
    """Some of the cash is in a stable asset worth this much; USDT trades against USD and USDC."""
    in_usd, in_usdc = (price, "1") if asset == "USDT" else ("1", str(1 / Decimal(price)))
    quotes = (Seen("USDT-USD", price=in_usd), Seen("USDT-USDC", price=in_usdc))

    def outcome(settings: Settings) -> object:
        opened = a_ledger(settings)
        ((dollar, held),) = opened.cash.items()
        cash = {dollar: Notional(held - 500), Asset(asset): Notional(500)}
        moved = {dollar: Notional(-500), Asset(asset): Notional(500)}
        ledger = replace(opened, cash=cash, converted=moved, **books)
        return decision(settings, _SOL, *quotes, ledger=ledger)

    return outcome


_TWO_ONLY = {"universe.tiers.tier_1_core.bases": ["SOL", "ETH"], "universe.tiers.tier_2_rotational.bases": []}
_LOTS = holding(*(a_lot(f"{base}-USD") for base in ("ETH", "BTC", "ADA")))
_HELD = tuple(Seen(f"{base}-USD", shapes.quiet()) for base in ("ETH", "BTC", "ADA"))

_LIMITS: Mapping[str, Row] = {
    "failed_cycles_max": Row(2, _after_data_failed(10, failed_cycles=1), _TWO_ONLY),
    "failed_cooldown_minutes": Row(120, _after_data_failed(70, failed_cycles=2), _TWO_ONLY),
    "day_loss_pct_max": Row(1, _marked(day=10200)),
    "week_loss_pct_max": Row(4, _marked(week=10500)),
    "drawdown_pct_max": Row(4, _marked(peak=10500)),
    "trades_per_day_max": Row(5, _paced(today=5)),
    "entries_per_hour_max": Row(2, _paced(600, 1200)),
    "entry_spacing_seconds": Row(120, _paced(100)),
    "product_spacing_minutes": Row(30, _paced(sol=20 * 60)),
    "cooldown_win_minutes": Row(30, _after_sale(20, _SOL, lambda s: sold(s, "110"))),
    "cooldown_loss_minutes": Row(90, _after_sale(70, _SOL, lambda s: sold(s, "97"))),
    "cooldown_stop_minutes": Row(180, _after_sale(130, _SOL, lambda s: sold(s, "94", purpose=OrderPurpose.PROTECTION))),
    "loss_streak_max": Row(2, _after_sale(10, _ETH, lambda s: sold(s, "97", losses=1))),
    "loss_streak_cooldown_minutes": Row(120, _after_sale(70, _ETH, lambda s: sold(s, "97", losses=2))),
    "peg_min": Row("0.995", _paid_with("USDC", "0.99")),
    "peg_cooldown_minutes": Row(30, _paid_with("USDC", "1", depegged={Asset("USDC"): Instant(NOW - 50 * 60)})),
    # A path that leads nowhere prices nothing.
    "pegs.USDT[0]": Row("USDT-EUR", _paid_with("USDT", "1")),
    "pegs.USDC[0]": Row("USDT-EUR", _paid_with("USDC", "1")),
    "pegs.USDC[1]": Row("USDT-EUR", _paid_with("USDC", "1")),
    "open_positions_max": Row(3, on(_SOL, *_HELD, books=_LOTS)),
    "entries_per_cycle_max": Row(1, on(_SOL, _ETH)),
    "position_pct_max": Row(1, on(_SOL)),
    "product_pct_max": Row(1, on(_SOL)),
    # The held one has no bars here: it is taken to move along.
    "correlated_pct_max": Row(1, on(_SOL, Seen(ETH, price="100"), books=holding(a_lot(ETH)))),
    "total_pct_max": Row(1, on(_SOL)),
    "notional_min": Row(300, on(_SOL)),
}

ROWS: dict[str, Row] = {f"risk.{key}": row for key, row in _LIMITS.items()}
