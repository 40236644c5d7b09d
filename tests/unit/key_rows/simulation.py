"""What each key of the section ``simulation`` decides: what the simulated venue fills, at which price and cost."""

from decimal import Decimal
from typing import Any

from factories_venue import Bar, a_path, a_simulated_venue, a_taker, an_intent
from trader.model.ids import Instant
from trader.model.money import Quantity
from trader.model.orders import OrderIntent
from trader.settings import Settings
from unit.config_keys import Outcome, Row


def _sent(intent: OrderIntent, **bar: Any) -> Outcome:
    """Send an order, let one bar close, and look at the account."""

    def outcome(settings: Settings) -> object:
        venue = a_simulated_venue(a_path(Bar(**bar)), settings=settings.simulation)
        venue.exchange.submit(intent)
        venue.pass_bars()
        fills = venue.exchange.fills(Instant(0))
        return [(fill.price, fill.quantity, fill.fee) for fill in fills], venue.exchange.balances()

    return outcome


def _seen_at_once(settings: Settings) -> object:
    """Which orders the venue lists right after one was sent."""
    venue = a_simulated_venue(settings=settings.simulation)
    venue.exchange.submit(an_intent())
    return venue.exchange.orders(Instant(0))


_PASSIVE = an_intent(quantity=Quantity(50))
_TAKER = a_taker(quantity=Quantity(Decimal(5)))

ROWS: dict[str, Row] = {
    # A bar that touches the limit and does not go through it.
    "simulation.fills": Row("optimistic", _sent(_PASSIVE, low=99.9)),
    "simulation.spread_bps": Row(20, _sent(_TAKER)),
    "simulation.impact_bps": Row(20, _sent(_TAKER)),
    "simulation.volume_share_ratio": Row("0.02", _sent(_PASSIVE, low=99.0, volume=1000.0)),
    "simulation.maker_fee_ratio": Row("0.001", _sent(_PASSIVE, low=99.0)),
    "simulation.taker_fee_ratio": Row("0.001", _sent(_TAKER)),
    "simulation.visibility_lag_seconds": Row(30, _seen_at_once),
}
