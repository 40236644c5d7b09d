"""What was measured of the strategies, or is assumed of them: the numbers that the edge gate reads.

They are no settings, and no part of the configuration's digest: ``config/evidence`` has a file for each strategy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from trader.model.edges import UNMEASURED, WEIGHT_RULE, Edge, EdgeSource
from trader.model.ids import StrategyId
from trader.model.money import HUNDRED, ONE
from trader.settings.bounds import Between, Day, Matching, Ratio, StrategyName

#: The schema of an evidence file that this release reads.
EVIDENCE_SCHEMA = 1
_Percent = Annotated[Decimal, Between("-100", "1000000")]
_RuleName = Annotated[str, Matching("[a-z0-9_ ]{1,40}", "1 to 40 lower-case letters, digits, underscores and spaces")]
_Digest = Annotated[str, Matching("[0-9a-f]{64}", "a SHA-256 as 64 hexadecimal digits")]


class EvidenceDemand(StrEnum):
    """What becomes of a purchase of which nobody has measured what it earns.

    OPTIONAL: it is bought, and marked. REQUIRED: it is denied. OVERRIDDEN: it would be, but for the owner's word, which
    is put on record in every run.
    """

    OPTIONAL = "optional"
    REQUIRED = "required"
    OVERRIDDEN = "overridden"


class EvidenceKind(StrEnum):
    """Where the numbers of a file come from: trades that were counted, or an assumption."""

    MEASURED = "measured"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class RuleEvidence:
    """What one rule of a strategy earned before costs, or how often its target is assumed to come before its stop.

    Units: percent of the notional, per trade; ``gross_low_pct`` and ``gross_high_pct`` are the ends of the interval of
    the mean.
    """

    rule: _RuleName
    trades: Annotated[int, Between("0", "100000000")] = 0
    gross_mean_pct: _Percent | None = None
    gross_low_pct: _Percent | None = None
    gross_high_pct: _Percent | None = None
    hit_ratio: Ratio | None = None

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        low, mean, high = self.gross_low_pct, self.gross_mean_pct, self.gross_high_pct
        if low is not None and mean is not None and high is not None and not low <= mean <= high:
            raise ValueError(f"rule {self.rule}: {mean} is not between {low} and {high}")


@dataclass(frozen=True, slots=True)
class StrategyEvidence:
    """One file of ``config/evidence``: what is known of one strategy, of which dates and which candles.

    ``break_even_fee_ratio`` is the fee a side at which nothing is left, the lower end of its interval: what a strategy
    of target weights is judged by. ``data_digest`` is the SHA-256 of the candles.
    """

    schema: Annotated[int, Between(str(EVIDENCE_SCHEMA), str(EVIDENCE_SCHEMA))]
    strategy: StrategyName
    kind: EvidenceKind
    measured_on: Day
    since: Day
    until: Day
    data_digest: _Digest | None = None
    rules: tuple[RuleEvidence, ...] = ()
    break_even_fee_ratio: Ratio | None = None

    def __post_init__(self) -> None:
        """Refuse what the kind of the file does not bear out."""
        names = [each.rule for each in self.rules]
        if doubled := next((each for each in names if names.count(each) > 1), None):
            raise ValueError(f"rules: {doubled} stands there twice")
        if self.kind is EvidenceKind.ASSUMED:
            if any(each.hit_ratio is None for each in self.rules):
                raise ValueError("rules: what is assumed has a hit_ratio")
            return
        if self.data_digest is None:
            raise ValueError("data_digest: what is measured was measured on candles; allowed is their SHA-256")
        if any(each.trades == 0 or each.gross_low_pct is None or each.gross_mean_pct is None for each in self.rules):
            raise ValueError("rules: what is measured has trades, gross_mean_pct and gross_low_pct")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known, by strategy. ``faults`` says of strategies why their file cannot be used.

    ``digest`` names exactly these files in the record.
    """

    by_strategy: Mapping[StrategyId, StrategyEvidence] = field(default_factory=dict)
    faults: Mapping[StrategyId, str] = field(default_factory=dict)
    digest: str = ""

    def find_edge(self, strategy: StrategyId, rule: str, stop_pct: Decimal, target_pct: Decimal | None) -> Edge:
        """Say what a trade by a rule may hope for; of a target weight, twice the fee that its strategy could bear.

        Of an assumed hit ratio: target × ratio - stop × (1 - ratio), as if no trade ended by time.
        """
        found = self.by_strategy.get(strategy)
        if found is None:
            return UNMEASURED
        source = EdgeSource(found.kind.value)
        if rule == WEIGHT_RULE:
            fee = found.break_even_fee_ratio
            return UNMEASURED if fee is None else Edge(source, 2 * fee * HUNDRED, until=found.until)
        row = next((each for each in found.rules if each.rule == rule), None)
        if row is None:
            return UNMEASURED
        if source is EdgeSource.MEASURED:
            return Edge(source, row.gross_low_pct, row.trades, found.until)
        if row.hit_ratio is None or target_pct is None:
            return UNMEASURED
        return Edge(source, target_pct * row.hit_ratio - stop_pct * (ONE - row.hit_ratio), until=found.until)


NO_EVIDENCE = Evidence()
