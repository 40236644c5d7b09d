"""What a strategy is, and how every one of them sizes a buy."""

from __future__ import annotations

from collections.abc import Sequence, Set
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, ClassVar, Protocol

from trader.errors import ConfigError
from trader.model.decisions import Denial, TradeProposal
from trader.model.ids import StrategyId
from trader.model.inputs import StrategyContext
from trader.model.lots import GeneralExit
from trader.model.market import BarsNeeded, Granularity
from trader.model.money import HUNDRED, from_float
from trader.model.targets import StopChange, TargetWeight

STAGE = "strategies"
#: What a strategy may answer, as often as it likes.
Answer = TradeProposal | TargetWeight | StopChange | Denial
#: So many bars of one length a strategy may ask for: three requests for each product.
BARS_LIMIT = 1000

_SIZE_DIGITS = Context(prec=12, rounding=ROUND_FLOOR)


class Strategy(Protocol):
    """Settings bound to one pure method. It remembers nothing: its memory is its lots and round trips in the context.

    A module in this package offers three names: ``STRATEGY``, the class; ``SETTINGS``, the frozen dataclass its section
    of policy.yaml is read into; and ``find_contradictions``, which says what of it contradicts what.
    """

    #: Whether it answers triggers. Where no due strategy does, none is looked for.
    reads_triggers: ClassVar[bool]

    @property
    def bars(self) -> Sequence[BarsNeeded]:
        """Which closed bars it needs of each product; of one length as many as the largest count says.

        Those of section ``bars`` are there in every cycle and need no mention. Others are read when it is due.
        """

    @property
    def exits(self) -> Set[GeneralExit]:
        """Which general exits apply to its lots; its stop always does."""

    def __init__(self, strategy_id: StrategyId, settings: Any) -> None:
        """Bind the settings."""

    def propose(self, context: StrategyContext) -> Sequence[Answer]:
        """Say what to buy and which own lots to sell; every trigger looked at gives a proposal or a denial.

        A ``TradeProposal`` to BUY opens a new lot, one to SELL names the lot that it closes, or makes smaller. A
        ``TargetWeight`` says how much of a product it wants to hold, a ``StopChange`` where a lot's stop is to be.
        """


def compute_risked_size_pct(
    *,
    stop_pct: Decimal,
    volatility: float,
    base_size_pct: Decimal,
    risk_per_trade_pct: Decimal,
    volatility_target_pct: Decimal,
) -> Decimal:
    """Size a trade so that its stop loses at most *risk_per_trade_pct*, less in a wild market, at most the base size.

    Units: percent of equity; *volatility* annualized, a ratio. A market that did not move gets no more for it.
    """
    size = risk_per_trade_pct / stop_pct * HUNDRED
    if volatility > 0:
        size = size * volatility_target_pct / (from_float(volatility) * HUNDRED)
    return min(size, base_size_pct)


def round_size_pct(size_pct: Decimal) -> Decimal:
    """Cut a size to twelve significant digits. Rounding: down, so that it never grows."""
    return _SIZE_DIGITS.create_decimal(size_pct)


def read_needs(strategy_id: StrategyId, strategy: Strategy) -> tuple[BarsNeeded, ...]:
    """List the bars that a strategy declares to need, of each length as many as its largest count; shortest first.

    Raises: ConfigError for what is no such declaration.
    """
    counts: dict[Granularity, int] = {}
    for each in strategy.bars:
        if not isinstance(each, BarsNeeded):
            raise ConfigError(f"strategies.{strategy_id}: needs {each!r:.80} as bars; allowed is BarsNeeded")
        if not 1 <= each.count <= BARS_LIMIT:
            raise ConfigError(f"strategies.{strategy_id}: needs {each} bars; allowed are 1 to {BARS_LIMIT}")
        counts[each.granularity] = max(each.count, counts.get(each.granularity, 0))
    return tuple(BarsNeeded(each, counts[each]) for each in sorted(counts, key=lambda each: each.seconds))


def read_exits(strategy_id: StrategyId, strategy: Strategy) -> frozenset[GeneralExit]:
    """List the general exits that a strategy lets apply to its lots. Raises: ConfigError for what is none."""
    try:
        return frozenset(map(GeneralExit, strategy.exits))
    except ValueError as error:
        allowed = ", ".join(GeneralExit)
        raise ConfigError(f"strategies.{strategy_id}: {error} of its exits; allowed are {allowed}") from error
