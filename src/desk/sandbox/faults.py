"""What is to go wrong, and when: a small script of rules, matched against requests in order.

A rule names a method and the beginning of a path (all of it if it ends in ``$``), and which of the matching requests
it hits: the ``nth``, every ``every``-th, or each; ``count`` times in all. The first rule that hits is the one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_PREFIX = "/api/v3/brokerage"


class Fault(StrEnum):
    """Ways to fail.

    Those before ``TRUNCATED`` answer in place of the venue; with ``executed`` the venue does its work first.
    ``TRUNCATED`` to ``REJECTED_WITHOUT_REASON`` damage the true answer. The rest are fates of an order: the answer
    is a success, and then something else happens.
    """

    RATE_LIMITED_HTML = "rate_limited_html"
    RATE_LIMITED_JSON = "rate_limited_json"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    INTERNAL_ERROR = "internal_error"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    REJECTED_WITHOUT_REASON = "rejected_without_reason"
    TRUNCATED = "truncated"
    CUT_OFF = "cut_off"
    EMPTY = "empty"
    SLOW = "slow"
    UNKNOWN_ENUMS = "unknown_enums"
    EXTRA_KEYS = "extra_keys"
    NUMBERS_FOR_TEXT = "numbers_for_text"
    ERRORS_AS_OBJECT = "errors_as_object"
    PROOF_TOKEN_REQUIRED = "proof_token_required"  # noqa: S105 - a member of the answer, no secret
    FOREIGN_ROWS = "foreign_rows"
    ACCEPTED_THEN_FAILED = "accepted_then_failed"
    PARTIAL_THEN_CANCELLED = "partial_then_cancelled"
    POST_ONLY_RACE = "post_only_race"
    CANCEL_FILL_RACE = "cancel_fill_race"

    @property
    def is_planned(self) -> bool:
        """Whether it happens to the order, not the answer."""
        return self in _FATES

    @property
    def replaces(self) -> bool:
        """Whether the venue's own answer is never seen."""
        return self in _REPLACING


_FATES = frozenset(
    {Fault.ACCEPTED_THEN_FAILED, Fault.PARTIAL_THEN_CANCELLED, Fault.POST_ONLY_RACE, Fault.CANCEL_FILL_RACE}
)
_EXECUTED = frozenset({Fault.TIMEOUT_AFTER, Fault.RESET_AFTER})
_DAMAGING = frozenset(
    {
        Fault.TRUNCATED,
        Fault.CUT_OFF,
        Fault.EMPTY,
        Fault.SLOW,
        Fault.UNKNOWN_ENUMS,
        Fault.EXTRA_KEYS,
        Fault.NUMBERS_FOR_TEXT,
        Fault.ERRORS_AS_OBJECT,
        Fault.PROOF_TOKEN_REQUIRED,
        Fault.FOREIGN_ROWS,
    }
)
_REPLACING = frozenset(Fault) - _FATES - _DAMAGING


@dataclass(slots=True)
class FaultRule:
    """One line of the script. Units: *seconds* a time-out or a slow answer lasts."""

    fault: Fault
    method: str = ""
    path: str = ""
    nth: int = 0
    every: int = 0
    count: int = 1
    seconds: float = 0.2
    executed: bool = False
    retry_after: int = 0
    seen: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        self.executed = self.executed or self.fault in _EXECUTED

    def hits(self, method: str, path: str) -> bool:
        """Tell whether this request is meant, and count it."""
        if self.fired >= self.count > 0:
            return False
        if self.method and self.method != method:
            return False
        if not self._is_at(path.removeprefix(_PREFIX)):
            return False
        self.seen += 1
        if self.nth and self.seen != self.nth:
            return False
        if self.every and self.seen % self.every:
            return False
        self.fired += 1
        return True

    def _is_at(self, path: str) -> bool:
        wanted = self.path.removeprefix(_PREFIX)
        return path == wanted[:-1] if wanted.endswith("$") else path.startswith(wanted)


class FaultScript:
    """The rules in force, shared by all connections."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault | str, method: str = "", path: str = "", **details: float) -> FaultRule:
        """Add a rule: ``add("timeout_after", "POST", "/orders", nth=2)``. ``count=0`` repeats it without end.

        Raises: ValueError for a fault, TypeError for a detail that does not exist.
        """
        rule = FaultRule(Fault(fault), method.upper(), path, **details)  # type: ignore[arg-type]
        with self._lock:
            self._rules.append(rule)
        return rule

    def add_row(self, row: Mapping[str, object]) -> FaultRule:
        """Add a rule as it comes over HTTP. Raises: KeyError, ValueError, TypeError."""
        details = {name: value for name, value in row.items() if name not in {"fault", "method", "path"}}
        if not all(isinstance(value, int | float) for value in details.values()):
            raise ValueError("details of a fault are numbers")
        return self.add(
            str(row["fault"]),
            str(row.get("method", "")),
            str(row.get("path", "")),
            **details,  # type: ignore[arg-type]
        )

    def clear(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules.clear()

    def rules(self) -> tuple[FaultRule, ...]:
        """Return the rules with what they counted."""
        with self._lock:
            return tuple(self._rules)

    def pick(self, method: str, path: str) -> FaultRule | None:
        """Return the rule that hits this request."""
        with self._lock:
            return next((rule for rule in self._rules if rule.hits(method, path)), None)
