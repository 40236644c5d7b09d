"""What each key of the section ``execution`` decides."""

from collections.abc import Mapping
from typing import Any

from trader.model.ids import Asset, ProductId
from trader.model.money import ZERO, Notional
from trader.settings import Settings
from unit.config_keys import Outcome, Row
from unit.key_rows import shapes
from unit.key_rows.books import chased, refused, tried_to_sell, worked
from unit.key_rows.cycles import a_cycle
from unit.key_rows.world import SOL, Seen, a_ledger, decision, on

_BURST = shapes.burst()
_PEGS = (Seen("USDT-USD", price="1"), Seen("USDT-USDC", price="1"))


def _with_cash(asset: str, *product_ids: str) -> Outcome:
    """All the cash is in one asset, and the product that jumped can be bought through these books only."""
    books = tuple(Seen(each, _BURST, product=_alias(each, product_ids[0])) for each in product_ids)

    def outcome(settings: Settings) -> object:
        capital = Notional(settings.app.capital)
        moved = {settings.app.accounting_asset: Notional(-capital)}
        converted = {**moved, Asset(asset): Notional(moved.get(Asset(asset), ZERO) + capital)}
        ledger = a_ledger(settings, cash={Asset(asset): capital}, converted=converted)
        return decision(settings, *books, *_PEGS, ledger=ledger)

    return outcome


def _alias(product_id: str, canonical: str) -> dict[str, Any]:
    return {} if product_id == canonical else {"alias": ProductId(canonical)}


def _selling(tries: int) -> Outcome:
    """A lot is below its stop, and so many exits of it sold nothing."""
    return on(Seen(bars=shapes.quiet(), price="90"), books=tried_to_sell(tries))


def _refused(count: int, *, age: int) -> Outcome:
    """The venue has refused to open a position so many times in a row, the last time so many seconds ago."""

    def outcome(settings: Settings) -> object:
        ledger = a_ledger(settings, **refused(count, age=age, settings=settings))
        return decision(settings, Seen(SOL, _BURST), ledger=ledger)

    return outcome


# At the shipped multiple this rule is not worth its costs as a taker.
_CHEAP = {"costs.edge_multiple": 1}

_KEYS: Mapping[str, Row] = {
    "order_prefix": Row("other-", a_cycle()),
    "preferred_quotes[0]": Row("EUR", _with_cash("USD", SOL)),
    "preferred_quotes[1]": Row("EUR", _with_cash("USDC", SOL, "SOL-USDC")),
    "preferred_quotes[2]": Row("EUR", _with_cash("USDT", "SOL-USDT")),
    "auto_convert": Row("false", _with_cash("USDC", SOL)),
    "conversion_pairs[0]": Row("USDT-USD", _with_cash("USD", "SOL-USDC")),
    "conversion_pairs[1]": Row("USDT-USD", _with_cash("USDC", SOL)),
    "attach_brackets": Row("false", on(Seen(bars=_BURST))),
    "entry_ttl_cycles": Row(3, on(Seen(bars=_BURST))),
    "reprice_seconds": Row(30, on(Seen(bars=shapes.quiet(), price="101"), books=worked(age=45))),
    "max_reprices": Row(1, on(Seen(bars=_BURST), books=chased(2)), _CHEAP),
    "give_up_minutes": Row(5, on(Seen(bars=_BURST))),
    "exit_slippage_bps": Row(30, _selling(0)),
    "exit_slippage_step_bps": Row(30, _selling(1)),
    "exit_slippage_bps_max": Row(250, _selling(5)),
    "refusal_wait_seconds": Row(30, _refused(1, age=45)),
    "refusal_wait_seconds_max": Row(600, _refused(9, age=700)),
}

ROWS: dict[str, Row] = {f"execution.{key}": row for key, row in _KEYS.items()}
