"""What was decided over many cycles: verdicts by code, cycles by outcome, and what kept entries from being made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from desk.journal.decisions import RecordedDecision, iterate_decisions
from desk.journal.reasons import SETTINGS, describe_need, find_code, list_limits
from desk.journal.runs import Journal
from desk.journal.words import Limit
from trader.model.denials import DenialCode
from trader.model.ids import Instant, rfc3339
from trader.settings import Settings

#: Stages that a product reaches only if a trigger has fired.
_WANTED = frozenset({"strategies", "allocation", "risk", "execution"})


@dataclass(slots=True)
class _Tally:
    """Counts as they grow. ``details`` keeps of each code the numbers that came nearest to deciding otherwise."""

    cycles: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    held_products: Counter[str] = field(default_factory=Counter)
    products: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    wanted: Counter[str] = field(default_factory=Counter)
    nearest: dict[str, Limit] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    first: Instant | None = None
    last: Instant | None = None

    def take(self, decision: RecordedDecision, settings: Settings) -> None:
        self.cycles[decision.outline(settings).outcome] += 1
        self.first = decision.run.at
        self.last = self.last if self.last is not None else decision.run.at
        for product, verdict in decision.verdicts().items():
            code = verdict.get("code") or verdict.get("outcome")
            self.verdicts[str(code)] += 1
            self.products[product][str(code)] += 1
            if verdict.get("outcome") == "HELD":
                self.held[str(code)] += 1
                self.held_products[product] += 1
            if _is_wanted(verdict):
                self.wanted[str(code)] += 1
                self._take_numbers(str(code), verdict.get("details") or {})

    def _take_numbers(self, code: str, details: Mapping[str, Any]) -> None:
        self.needs.setdefault(code, describe_need(code, details))
        # Only what was missed: a limit may have been kept, and another not.
        for each in [limit for limit in list_limits(code, details) if not limit.holds][:1]:
            known = self.nearest.get(code)
            if known is None or _measure_miss(each) < _measure_miss(known):
                self.nearest[code] = each


def describe_period(journal: Journal, since: Instant, settings: Settings) -> dict[str, Any]:
    """Count what is on record from an instant on. Raises: MissingData if nothing is, AuditError."""
    tally = _Tally()
    for decision in iterate_decisions(journal.iterate_runs(since=since)):
        tally.take(decision, settings)
    if tally.first is None or tally.last is None:
        raise journal.explain_nothing(f"no cycle of {journal.scope} from {rfc3339(since)} on is on record")
    wanted, ordered = sum(tally.wanted.values()), tally.wanted.pop("ENTERING", 0)
    return {
        "scope": journal.scope,
        "from": rfc3339(tally.first),
        "to": rfc3339(tally.last),
        "cycles": dict(tally.cycles.most_common()),
        "verdicts": dict(tally.verdicts.most_common()),
        "products": {product: dict(counts.most_common()) for product, counts in sorted(tally.products.items())},
        "held": {"verdicts": dict(tally.held), "products": dict(tally.held_products)},
        "wanted": {
            "count": wanted,
            "ordered": ordered,
            "denied": [
                _describe_denial(code, count, wanted - ordered, tally) for code, count in tally.wanted.most_common()
            ],
        },
        "objects_read": journal.objects_read,
        "broken": [each.told for each in journal.broken],
    }


def _is_wanted(verdict: Mapping[str, Any]) -> bool:
    """Whether an entry was in reach: a trigger had fired, and nothing of the product was held yet."""
    code, details = verdict.get("code"), verdict.get("details") or {}
    if verdict.get("outcome") == "ENTERING":
        return True
    if verdict.get("outcome") != "REFUSED" or code is None:
        return False
    # Of what is too quiet older records do not say whether a trigger had fired.
    is_quiet = code == DenialCode.VOLATILITY_TOO_LOW and "kind" in details
    is_late = code == DenialCode.TRIGGERS_EXCEED_MAX or str(code).startswith("DEPTH_")
    return is_quiet or is_late or verdict.get("stage") in _WANTED


def _describe_denial(code: str, count: int, denied: int, tally: _Tally) -> dict[str, Any]:
    nearest, known = tally.nearest.get(code), find_code(code)
    return {
        "code": code,
        "count": count,
        "share_pct": str(round(Decimal(100 * count) / denied, 1)),
        "meaning": known.meaning if isinstance(known, DenialCode) else None,
        "setting": SETTINGS.get(code),
        "nearest": nearest.write() if nearest is not None else None,
        "would_need": tally.needs.get(code) or None,
    }


def _measure_miss(each: Limit) -> Decimal:
    return abs(each.measured - each.limit) / abs(each.limit) if each.limit else abs(each.value)
