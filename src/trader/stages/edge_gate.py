"""Whether a purchase is expected to earn what it costs: asked once, of every purchase, whichever strategy wants it.

What it is expected to earn was measured, or nobody knows. Without a measured number nothing is bought in LIVE, unless
the configuration says that it may be; elsewhere it is, and the record says that the number is missing. An assumed
number stands for a measured one everywhere but in LIVE. Sales are not asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trader.model.costs import hurdle_pct, round_trip_ratio
from trader.model.decisions import Denial, Details, TradeProposal
from trader.model.denials import DenialCode
from trader.model.edges import WEIGHT_RULE, Edge, EdgeSource
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, ProductId, StrategyId
from trader.model.inputs import Candidate
from trader.model.market import FeeRates
from trader.model.money import HUNDRED
from trader.model.parent_life import ParentStyle
from trader.model.parents import ParentOrder
from trader.settings.evidence import Evidence, EvidenceDemand
from trader.settings.policy import CostSettings

STAGE = "allocation"


@dataclass(frozen=True, slots=True)
class Gated:
    """The proposals that go on, purchases with the edge that was found for them, and the others."""

    proposals: tuple[TradeProposal, ...]
    denials: tuple[Denial, ...]


@dataclass(frozen=True, slots=True)
class EdgeGate:
    """The evidence and the costs bound to one question."""

    evidence: Evidence
    costs: CostSettings
    demand: EvidenceDemand = EvidenceDemand.OPTIONAL

    def check(
        self, proposals: Sequence[TradeProposal], candidates: Mapping[ProductId, Candidate], fees: FeeRates
    ) -> Gated:
        """Ask it of every purchase. One of what is no candidate is asked about the fees alone."""
        kept: list[TradeProposal] = []
        denials: list[Denial] = []
        for proposal in proposals:
            if proposal.reduces:
                kept.append(proposal)
                continue
            edge = self.evidence.find_edge(
                proposal.strategy, proposal.rule, proposal.stop_loss_pct, proposal.take_profit_pct
            )
            refusal = self._refuse(proposal, edge, candidates.get(proposal.product_id), fees)
            if refusal is None:
                kept.append(replace(proposal, edge=edge, edge_multiple=self.costs.edge_multiple))
            else:
                code, details = refusal
                denials.append(proposal.deny(STAGE, code, **details))
        return Gated(tuple(kept), tuple(denials))

    def check_parents(self, parents: Mapping[ClientOrderId, ParentOrder]) -> Mapping[ClientOrderId, Denial]:
        """Say of each parent whose edge was not measured that it may not buy; what was bought keeps its protection."""
        refused: dict[ClientOrderId, Denial] = {}
        for key, parent in parents.items():
            if (missing := self._why_unproven(parent.strategy, parent.edge_source)) is not None:
                told: Details = {"parent": key, **missing}
                refused[key] = Denial(parent.product_id, DenialCode.EDGE_UNMEASURED, STAGE, told, parent.strategy)
        return refused

    def note_override(self) -> tuple[AuditNote, ...]:
        """Put on record that real money is traded without evidence because the configuration says so."""
        if self.demand is not EvidenceDemand.OVERRIDDEN:
            return ()
        return (AuditNote(EventKind.EVIDENCE_OVERRIDDEN, "evidence", {"by": "app.live_without_evidence"}),)

    def _why_unproven(self, strategy: StrategyId, source: EdgeSource) -> Details | None:
        """Say why an edge of this source is not enough; None where it is."""
        if source is EdgeSource.MEASURED or self.demand is not EvidenceDemand.REQUIRED:
            return None
        return {"source": source.value, "evidence": self.evidence.faults.get(strategy, "none")}

    def _refuse(
        self, proposal: TradeProposal, edge: Edge, candidate: Candidate | None, fees: FeeRates
    ) -> tuple[DenialCode, Details] | None:
        if (missing := self._why_unproven(proposal.strategy, edge.source)) is not None:
            return DenialCode.EDGE_UNMEASURED, {"rule": proposal.rule, **missing}
        if edge.pct is None or candidate is None:
            return None
        takes = proposal.style is ParentStyle.TAKER
        if proposal.rule == WEIGHT_RULE:
            # It is held as long as its weight lasts: what it can bear is a fee a side, not a sum for each trade.
            needed = 2 * (fees.taker if takes else fees.maker) * HUNDRED * self.costs.edge_multiple
            passes = edge.pct >= needed
        else:
            cost = round_trip_ratio(fees, candidate.quote, self.costs.slippage_bps, entry_takes=takes)
            needed = hurdle_pct(cost, self.costs.edge_multiple)
            passes = edge.pct > needed
        if passes:
            return None
        details: Details = {"edge_pct": edge.pct, "edge_pct_min": needed, "rule": proposal.rule}
        return DenialCode.EDGE_BELOW_COST, {**details, "source": edge.source.value, "trades": edge.trades}
