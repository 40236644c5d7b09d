"""Which lots must be sold now, whatever the triggers say. Runs first, in every cycle. Judged on a believed bid.

The venue's protective order is the first line; this is the second. From its stop down to its own limit that order
sells, and nothing here takes it away; what falls through its limit is sold here. A lot without a believed quote is not
judged by price: no price is invented for it, its order at the venue stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal

from trader.model.cycle_state import Regime
from trader.model.decisions import TradeProposal
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant, ProductId, StrategyId
from trader.model.ledger import Ledger
from trader.model.lots import EVERY_EXIT, GeneralExit, Lot
from trader.model.market import Quote
from trader.model.money import HUNDRED, ONE, Price
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderConfiguration
from trader.model.protection import find_venue_sale
from trader.model.trading_state import TradingState
from trader.settings.policy import ExitsSettings

#: The reason of every exit while an operator says so, and of that of a single lot.
FLATTEN = "flatten"
CLOSE = "close"


@dataclass(frozen=True, slots=True)
class ExitEngine:
    """Settings bound to the judgement of one lot after the other. The quotes it is given are believed ones.

    ``applied`` says which general exits apply to the lots of a strategy; to those of any other, as one that is not
    configured any more, all do. ``quiet_seconds``: so long a finished exit is waited for whose fills are not listed
    yet.
    """

    settings: ExitsSettings
    quiet_seconds: int
    applied: Mapping[StrategyId, Set[GeneralExit]] = field(default_factory=dict)

    def raise_peaks(self, ledger: Ledger, quotes: Mapping[ProductId, Quote]) -> Ledger:
        """Remember the best bid each lot has seen; trailing stops hang from it."""
        raised: dict[ClientOrderId, Lot] = {}
        for lot_id, lot in ledger.lots.items():
            quote = quotes.get(lot.product_id)
            if quote is not None and quote.bid > lot.peak_price:
                raised[lot_id] = replace(lot, peak_price=quote.bid)
        return replace(ledger, lots={**ledger.lots, **raised}) if raised else ledger

    def propose(
        self,
        ledger: Ledger,
        quotes: Mapping[ProductId, Quote],
        regime: Regime,
        state: TradingState,
        now: Instant,
        closing: Collection[ClientOrderId] = (),
    ) -> tuple[TradeProposal, ...]:
        """Name every lot to be sold and why; a lot already being sold, by us or by the venue, is left alone.

        *closing* are lots that an operator wants sold. A sale that rests is made again at each look, for its own
        reason, where the bid may be believed.
        """
        proposals = []
        for lot in sorted(ledger.lots.values(), key=lambda each: (each.opened_at, each.lot_id)):
            if lot.quantity <= 0 or _is_exiting(ledger, lot, Instant(now - self.quiet_seconds)):
                continue
            quote = quotes.get(lot.product_id)
            if quote is not None and find_venue_sale(ledger, lot, quote.bid) is not None:
                continue
            resting = next((each for each in ledger.orders_of(lot.lot_id) if _is_resting_sale(each)), None)
            if resting is None or state is TradingState.FLATTEN or lot.lot_id in closing:
                reason = self._reason(ledger, lot, quote, regime, state, now, is_closing=lot.lot_id in closing)
            else:
                reason = None if quote is None else resting.intent.reason
            if reason is not None:
                proposals.append(TradeProposal.sell(lot, reason))
        return tuple(proposals)

    def _reason(
        self,
        ledger: Ledger,
        lot: Lot,
        quote: Quote | None,
        regime: Regime,
        state: TradingState,
        now: Instant,
        *,
        is_closing: bool,
    ) -> str | None:
        if state is TradingState.FLATTEN:
            return FLATTEN
        if is_closing:
            return CLOSE
        applied = self.applied.get(lot.strategy, EVERY_EXIT)
        if lot.max_hold_until is not None and now >= lot.max_hold_until and GeneralExit.TIME in applied:
            return GeneralExit.TIME.value
        if quote is None:
            return None
        if quote.bid <= lot.bracket.stop_price:
            return "stop"
        if regime is Regime.CRASH and GeneralExit.CRASH in applied and quote.bid <= self._tightened(lot):
            return GeneralExit.CRASH.value
        target = lot.bracket.target_price if GeneralExit.TARGET in applied else None
        if target is not None and quote.bid >= target and not _rests_at_venue(ledger, lot):
            return GeneralExit.TARGET.value
        return GeneralExit.TRAILING.value if GeneralExit.TRAILING in applied and self._trails(lot, quote.bid) else None

    def _tightened(self, lot: Lot) -> Decimal:
        distance = lot.entry_price - lot.bracket.stop_price
        return lot.entry_price - distance * self.settings.crash_tighten_ratio

    def _trails(self, lot: Lot, bid: Price) -> bool:
        if not self.settings.trailing:
            return False
        armed_at = lot.entry_price * (ONE + self.settings.trailing_arm_pct / HUNDRED)
        return lot.peak_price >= armed_at and bid <= lot.peak_price * (
            ONE - self.settings.trailing_giveback_pct / HUNDRED
        )


def _is_exiting(ledger: Ledger, lot: Lot, settled: Instant) -> bool:
    return any(
        record.intent.is_exit and record.awaits_fills(settled) and record.is_understood and not _is_resting_sale(record)
        for record in ledger.orders_of(lot.lot_id)
    )


def _is_resting_sale(record: OrderRecord) -> bool:
    # One in doubt, or of which fills are still to come, is waited for like any other sale.
    return record.intent.is_resting_sale and record.is_at_venue


def _rests_at_venue(ledger: Ledger, lot: Lot) -> bool:
    # The target is already a resting order there, as a maker; cancelling it to sell as a taker would cost the fee.
    return any(
        record.intent.configuration is OrderConfiguration.BRACKET_GTC and record.is_active and record.remaining > 0
        for record in ledger.orders_of(lot.lot_id)
    )
