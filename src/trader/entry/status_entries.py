"""Whether anything could be bought now, as far as it can be told without a market: risk is asked, as in a cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trader.model.codec import encode
from trader.model.commands import StandingCommands
from trader.model.decisions import Detail, TradeProposal
from trader.model.denials import DenialCode
from trader.model.ids import Asset, Instant, ProductId, StrategyId, rfc3339
from trader.model.ledger import Ledger
from trader.model.money import HUNDRED, ONE, ZERO
from trader.model.orders import Side
from trader.model.portfolio import Portfolio, equity_of
from trader.model.trading_state import TradingState
from trader.settings import Settings
from trader.stages.pipeline import Pipeline

#: An asset that nobody has: nothing that concerns one asset only stands against it.
_ANY = "ANY"


@dataclass(frozen=True, slots=True)
class EntryCheck:
    """Whether an entry could pass: True, False with the first refusal, or None if only the market can tell.

    ``unseen`` names the stable assets whose price would have to be known for it.
    """

    is_open: bool | None
    code: DenialCode | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)
    unseen: tuple[Asset, ...] = ()

    def tell(self, now: Instant) -> dict[str, Any]:
        """Return it as plain JSON; a wait also says when it is over."""
        told: dict[str, Any] = {"open": self.is_open}
        if self.code is not None:
            details = dict(self.details)
            left, end = details.pop("seconds_left", None), details.pop("until", None)
            end = now + left if isinstance(left, int) else end
            told |= {"code": self.code.value, "why": self.code.meaning, "details": encode(details)}
            told |= {"until": rfc3339(Instant(end))} if isinstance(end, int) else {}
        return told | ({"unseen": list(self.unseen)} if self.unseen else {})


def check_entries(
    ledger: Ledger, commands: StandingCommands, state: TradingState, now: Instant, settings: Settings
) -> EntryCheck:
    """Ask risk about a purchase of an asset that nobody has, by each strategy that is enabled.

    Other quote assets count at par here, which is an assumption: where nothing else refuses, that is said.
    """
    others = [asset for asset, amount in ledger.cash.items() if amount > 0 and asset != ledger.accounting_asset]
    portfolio = Portfolio(
        ledger=ledger,
        now=now,
        scheduled_at=now,
        clusters={},
        tiers={},
        equity=equity_of(ledger, dict.fromkeys(ledger.cash, ONE)),
        trading_state=state,
        pegs=dict.fromkeys(ledger.cash, ONE),
        commands=commands,
    )
    enabled = [name for name, strategy in settings.strategies.items() if strategy.enabled]
    proposals = [_propose(name) for name in enabled]
    # Each by itself: the caps of a cycle, such as one entry in each, are not for them together.
    risk = Pipeline.build(settings, {}).risk
    reviews = [risk.check_all([each], portfolio, ledger.regime.current) for each in proposals]
    denials = [review.denials[0] for review in reviews if review.denials]
    if denials and len(denials) == len(reviews):
        return EntryCheck(is_open=False, code=denials[0].code, details=denials[0].details)
    return EntryCheck(is_open=None if others else bool(enabled), unseen=tuple(sorted(others)))


def _propose(strategy: StrategyId) -> TradeProposal:
    return TradeProposal(
        strategy=strategy,
        product_id=ProductId(f"{_ANY}-{_ANY}"),
        base=Asset(_ANY),
        side=Side.BUY,
        size_pct=HUNDRED,
        confidence=1.0,
        conviction=1.0,
        reason="asked by status",
        stop_loss_pct=ZERO,
    )
