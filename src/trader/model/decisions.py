"""What a cycle concludes: triggers, proposals, trims, denials, verdicts, and the decision as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from trader.model.conversions import ConversionIntent
from trader.model.cycle_state import AcceptedMark, Regime, RegimeReading
from trader.model.denials import DenialCode
from trader.model.edges import UNMEASURED, Edge
from trader.model.events import AuditNote
from trader.model.ids import Asset, ClientOrderId, ProductId, StrategyId
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import HUNDRED, ONE, ZERO, Notional, Price, Quantity, ceil_to
from trader.model.orders import Bracket, OrderIntent, Side
from trader.model.parent_life import ParentStyle
from trader.model.parents import ParentOrder

#: The numbers behind a verdict. Money and percentages are Decimal, statistics float, ids text.
Detail = Decimal | float | int | str
Details = Mapping[str, Detail]


class TriggerKind(StrEnum):
    """What was seen on the bars."""

    PRICE_MOVE = "price_move"
    VOLUME_SPIKE = "volume_spike"
    BREAKOUT = "breakout"
    REVERSAL = "reversal"
    MOMENTUM = "momentum"


class Direction(StrEnum):
    """Which way it moved."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Signs that a fall has turned: each is true or not."""

    above_vwap: bool = False
    higher_low: bool = False
    rsi_crossed_up: bool = False
    bounced: bool = False

    @property
    def count(self) -> int:
        """How many of the four hold."""
        return self.above_vwap + self.higher_low + self.rsi_crossed_up + self.bounced


@dataclass(frozen=True, slots=True)
class Trigger:
    """Something worth a look, with its sign. Shape: strength and confidence in 0..1; *move* signed, a fraction."""

    product_id: ProductId
    kind: TriggerKind
    direction: Direction
    strength: float
    confidence: float
    move: float
    confirmations: Confirmations
    features: Mapping[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """What decides between several triggers."""
        return self.strength * self.confidence


@dataclass(frozen=True, slots=True)
class TradeProposal:
    """What a strategy would like to do. A SELL closes the lot it names, or so much of it; a BUY opens one.

    ``rule`` is the row of the strategy's evidence that it is judged by. ``edge`` and ``edge_multiple``, how many times
    its costs that must be however the entry is executed, are the edge gate's to say; ``style`` says how it is executed.
    Units: size_pct of the bot's equity; stop and target in percent of the entry price, ``take_profit_pct`` None for a
    lot without a target; ``max_hold_hours`` None for one that no time ends; ``give_up_minutes`` until its parent order
    buys no more, None as ``execution.give_up_minutes`` says; ``quantity`` in base units, None for all of the lot.
    """

    strategy: StrategyId
    product_id: ProductId
    base: Asset
    side: Side
    size_pct: Decimal
    confidence: float
    conviction: float
    reason: str
    stop_loss_pct: Decimal = ZERO
    take_profit_pct: Decimal | None = ZERO
    max_hold_hours: int | None = 0
    rule: str = "all"
    edge: Edge = UNMEASURED
    edge_multiple: Decimal = ONE
    components: Mapping[str, float] = field(default_factory=dict)
    trigger: Trigger | None = None
    lot_id: ClientOrderId | None = None
    style: ParentStyle = ParentStyle.PASSIVE_THEN_TAKER
    give_up_minutes: int | None = None
    quantity: Quantity | None = None

    @property
    def reduces(self) -> bool:
        """Whether it can only make a position smaller."""
        return self.side is Side.SELL

    @staticmethod
    def sell(lot: Lot, reason: str, quantity: Quantity | None = None) -> TradeProposal:
        """Propose to sell one lot, or so much of it. The size of a sell is none in percent of equity."""
        return TradeProposal(
            strategy=lot.strategy,
            product_id=lot.product_id,
            base=lot.base,
            side=Side.SELL,
            size_pct=ZERO,
            confidence=1.0,
            conviction=1.0,
            reason=reason,
            lot_id=lot.lot_id,
            quantity=quantity,
        )

    def make_bracket(self, price: Price, increment: Price) -> Bracket:
        """Lay stop and target, if there is one, around the price of an entry. Rounding: both up to the increment."""
        stop = Price(ceil_to(price * (ONE - self.stop_loss_pct / HUNDRED), increment))
        if self.take_profit_pct is None:
            return Bracket(stop, None)
        return Bracket(stop, Price(ceil_to(price * (ONE + self.take_profit_pct / HUNDRED), increment)))

    def deny(self, stage: str, code: DenialCode, **details: Detail) -> Denial:
        """Refuse this proposal, with the numbers behind the refusal."""
        return Denial(self.product_id, code, stage, details, self.strategy, self)


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal of ours, with the numbers behind it. *stage* is the stage that said no."""

    product_id: ProductId
    code: DenialCode
    stage: str
    details: Details = field(default_factory=dict)
    strategy: StrategyId | None = None
    proposal: TradeProposal | None = None


@dataclass(frozen=True, slots=True)
class Trim:
    """A proposal made smaller: what is left of it, and which cap did it.

    ``details`` names the regime's size multiplier where it changed what was asked for or the cap.
    """

    proposal: TradeProposal
    notional: Notional
    code: DenialCode
    details: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approval:
    """A proposal that may become an order: a buy of at most this notional, or a sell of this quantity."""

    proposal: TradeProposal
    notional: Notional = Notional(0)
    quantity: Quantity = Quantity(0)


@dataclass(frozen=True, slots=True)
class RiskReview:
    """What risk said to every proposal: each is approved (perhaps trimmed) or denied, exactly once."""

    approvals: tuple[Approval, ...] = ()
    trims: tuple[Trim, ...] = ()
    denials: tuple[Denial, ...] = ()


class Outcome(StrEnum):
    """What became of a product in a cycle."""

    ENTERING = "ENTERING"
    EXITING = "EXITING"
    PROTECTING = "PROTECTING"
    HELD = "HELD"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one thing said about a product that was considered."""

    product_id: ProductId
    outcome: Outcome
    stage: str
    code: DenialCode | None
    details: Details


@dataclass(frozen=True, slots=True)
class Plan:
    """What execution makes of the approvals: conversions first, then cancels, then orders in this sequence.

    ``parents`` are those that it opens, changes, or puts into another state.
    ``covers`` are remembered beside the sales they are contingent on, and sent only if those leave something.
    """

    intents: tuple[OrderIntent, ...] = ()
    covers: tuple[OrderIntent, ...] = ()
    cancels: tuple[ClientOrderId, ...] = ()
    conversions: tuple[ConversionIntent, ...] = ()
    denials: tuple[Denial, ...] = ()
    trims: tuple[Trim, ...] = ()
    parents: tuple[ParentOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything a cycle concluded, before anything was done about it.

    ``reading`` is what the regime rests on, ``size_multiplier`` what the regime makes of sizes. ``ledger`` is the
    memory after deciding, without the plan: the plan joins it when it is committed. ``complete`` is false if too much
    data failed for anything to be entered; ``failures`` says what failed, whole reads first. ``failed_strategies`` are
    those an error came out of. ``old_marks`` are what the equity rests on where the quote of a held asset is not
    believed.
    """

    regime: Regime
    equity: Notional | None
    triggers: tuple[Trigger, ...]
    proposals: tuple[TradeProposal, ...]
    review: RiskReview
    plan: Plan
    verdicts: tuple[Verdict, ...]
    ledger: Ledger
    notes: tuple[AuditNote, ...] = ()
    complete: bool = True
    failures: tuple[str, ...] = ()
    reading: RegimeReading = RegimeReading()
    size_multiplier: Decimal = ZERO
    failed_strategies: tuple[StrategyId, ...] = ()
    old_marks: Mapping[Asset, AcceptedMark] = field(default_factory=dict)
