"""Half a decision. It is made in two parts, because order books are read only for products that have a proposal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from trader.model.cycle_state import RegimeReading
from trader.model.events import AuditNote
from trader.model.ids import Asset, Instant, ProductId, StrategyId
from trader.model.inputs import BelievedQuotes, Detection, UniverseSelection
from trader.model.ledger import Ledger
from trader.model.money import Notional
from trader.model.orders import Side
from trader.stages.allocation import Allocated
from trader.stages.edge_gate import Gated
from trader.stages.proposals import Answers


@dataclass(frozen=True, slots=True)
class PartialDecision:
    """Half a decision: what the strategies want and allocation lets through, before depth, risk and execution."""

    reading: RegimeReading
    believed: BelievedQuotes
    selection: UniverseSelection
    detection: Detection
    ledger: Ledger
    equity: Notional | None
    pegs: Mapping[Asset, Decimal]
    complete: bool
    failures: tuple[str, ...]
    answers: Answers
    gated: Gated
    allocated: Allocated
    runs: Mapping[StrategyId, Instant]
    notes: tuple[AuditNote, ...]

    def products_to_buy(self) -> tuple[ProductId, ...]:
        """Name the products whose order book is needed to conclude."""
        return tuple(dict.fromkeys(p.product_id for p in self.allocated.proposals if p.side is Side.BUY))
