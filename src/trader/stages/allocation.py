"""How several strategies share one account: who runs now, and who wins when two want the same product."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Asset, Instant, StrategyId
from trader.settings.policy import AllocationSettings, StrategySettings

STAGE = "allocation"


@dataclass(frozen=True, slots=True)
class Allocated:
    """The proposals that go on to risk, and those that do not."""

    proposals: tuple[TradeProposal, ...]
    denials: tuple[Denial, ...]


@dataclass(frozen=True, slots=True)
class Turns:
    """When the last turn of each strategy was over, used or missed, and what is to be said of those it missed."""

    last_runs: Mapping[StrategyId, Instant]
    notes: tuple[AuditNote, ...] = ()


@dataclass(frozen=True, slots=True)
class CapitalAllocator:
    """Weights, cadence and caps per strategy. The weights themselves are enforced by risk, as caps."""

    settings: AllocationSettings
    strategies: Mapping[StrategyId, StrategySettings]

    def due(self, last_runs: Mapping[StrategyId, Instant], now: Instant) -> tuple[StrategyId, ...]:
        """Name the enabled strategies whose turn has come."""
        return tuple(
            strategy_id
            for strategy_id, section in sorted(self.strategies.items())
            if section.enabled and section.schedule.is_due(last_runs.get(strategy_id), now)
        )

    def end_turns(
        self, last_runs: Mapping[StrategyId, Instant], used: Iterable[StrategyId], now: Instant, *, counts: bool
    ) -> Turns:
        """Remember the turns that were *used* now and those that were missed since; of the latter it is said once.

        In a run that *counts* no turns all of them stay as they are.
        """
        if not counts:
            return Turns(last_runs)
        missed = self._find_missed(last_runs, now)
        notes = tuple(
            AuditNote(EventKind.TURN_MISSED, each, {"strategy": each, "since": last_runs[each], "until": over})
            for each, over in missed.items()
            if each in last_runs
        )
        return Turns({**last_runs, **missed, **dict.fromkeys(used, now)}, notes)

    def _find_missed(self, last_runs: Mapping[StrategyId, Instant], now: Instant) -> Mapping[StrategyId, Instant]:
        """Say of enabled strategies that are asked once a day when the newest turn was over that they did not use.

        One that was never asked has missed no turn, and is among them all the same: it begins to count from there.
        """
        missed = {
            strategy_id: section.schedule.find_missed(last_runs.get(strategy_id), now)
            for strategy_id, section in sorted(self.strategies.items())
            if section.enabled and section.schedule.at is not None
        }
        return {strategy_id: over for strategy_id, over in missed.items() if over is not None}

    def allocate(self, exits: Sequence[TradeProposal], proposals: Sequence[TradeProposal]) -> Allocated:
        """Settle the conflicts between the purchases; sales and *exits* always go on.

        A purchase waits for an exit from the same asset, and under ``net_opposed`` for a strategy's sale of it too.
        Of two purchases the one with the larger conviction stands.
        """
        denials: list[Denial] = []
        exiting_lots = {proposal.lot_id for proposal in exits}
        # Two wishes to sell one lot are one sale, as a wish is one with the exit of its lot.
        by_lot = {p.lot_id: p for p in reversed(proposals) if p.reduces and p.lot_id not in exiting_lots}
        sells = _best_first(by_lot.values())
        buys = _best_first(p for p in proposals if not p.reduces)
        leaving = {proposal.base for proposal in (*exits, *(sells if self.settings.net_opposed else ()))}
        buys = self._without_opposed(buys, leaving, denials)
        buys = self._one_per_product(buys, denials)
        return Allocated((*exits, *sells, *buys), tuple(denials))

    def _without_opposed(
        self, buys: Sequence[TradeProposal], leaving: Collection[Asset], denials: list[Denial]
    ) -> list[TradeProposal]:
        denials += [
            each.deny(STAGE, DenialCode.STRATEGIES_OPPOSED, side=each.side.value, conviction=each.conviction)
            for each in buys
            if each.base in leaving
        ]
        return [proposal for proposal in buys if proposal.base not in leaving]

    def _one_per_product(self, buys: Sequence[TradeProposal], denials: list[Denial]) -> list[TradeProposal]:
        if not self.settings.one_entry_per_product:
            return list(buys)
        winners: dict[Asset, TradeProposal] = {}
        for proposal in buys:
            winner = winners.setdefault(proposal.base, proposal)
            if winner is not proposal:
                denials.append(
                    proposal.deny(
                        STAGE,
                        DenialCode.CONVICTION_BELOW_PEER,
                        conviction=proposal.conviction,
                        peer=winner.strategy,
                        best=winner.conviction,
                    )
                )
        return list(winners.values())


def _best_first(proposals: Iterable[TradeProposal]) -> list[TradeProposal]:
    return sorted(proposals, key=lambda p: (-p.conviction, p.product_id, p.strategy))
