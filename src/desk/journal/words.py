"""How numbers, spans and limits are written for people; nothing is cut, and nothing unknown is written as zero."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from trader.model.ids import Instant, rfc3339
from trader.model.money import HUNDRED, plain

NOT_ON_RECORD = "not on record"
_DIGITS = 6
_PRICE_DIGITS = 8
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: What a numbered detail is a limit of, by the end of its name.
_LEAST, _MOST = "_min", "_max"
_SECONDS = "seconds"
#: Details that may be of either sign: only how large they are counts.
_SIZES = frozenset({"short_move_pct", "long_move_pct", "momentum_pct", "move_pct"})


def read_decimal(value: Any) -> Decimal | None:
    """Read a number of a record; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def write_number(value: Any, digits: int = _DIGITS) -> str:
    """Write a number with so many significant digits, all before the point; anything else as it is."""
    number = read_decimal(value)
    if number is None:
        return str(value)
    if abs(number) >= Decimal(10) ** digits:
        return plain(number.to_integral_value())
    return plain(Decimal(format(number, f".{digits}g")))


def write_price(value: Decimal) -> str:
    """Write a price or a quantity: significant digits, and never fewer before the point than there are."""
    return write_number(value, _PRICE_DIGITS)


def write_money(value: Decimal) -> str:
    """Write an amount of money."""
    return f"{value:,.2f}"


def write_pct(value: Decimal, digits: int = 2) -> str:
    """Write a percentage with its sign."""
    return f"{value:+.{digits}f} %"


def write_share(count: int, total: int) -> str:
    """Write how many of all these are, in percent: what is there is not written as nothing, nor nearly all as all."""
    share = Decimal(100 * count) / total
    least, most = Decimal("0.1"), Decimal("99.9")
    if 0 < share < least:
        return f"<{least} %"
    return f">{most} %" if most < share < HUNDRED else f"{share:.1f} %"


def write_span(seconds: int) -> str:
    """Write how long something takes or took."""
    minutes, hours, days = seconds // _MINUTE, seconds // _HOUR, seconds // _DAY
    if days >= 2:
        return f"{days} d {hours % 24} h" if days < 10 else f"{days} d"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes > 2 else f"{seconds} s"


def write_when(at: Instant) -> str:
    """Write an instant in the width of a table."""
    return rfc3339(at)[:16].replace("T", " ")


class Limit(NamedTuple):
    """A number of a record beside its limit.

    ``is_least``: it must be at least that, not at most; ``is_strict``: more than that, or less; ``is_size``: its sign
    does not matter, as that of a move.
    """

    name: str
    value: Decimal
    limit: Decimal
    is_least: bool
    is_strict: bool = False
    is_size: bool = False

    @property
    def measured(self) -> Decimal:
        """What is held against the limit."""
        return abs(self.value) if self.is_size else self.value

    @property
    def holds(self) -> bool:
        """Whether the number is on the right side of its limit."""
        if self.measured == self.limit:
            return not self.is_strict
        return (self.measured > self.limit) is self.is_least

    @property
    def way_pct(self) -> Decimal | None:
        """How much of the way to a least number is done, or of a most one is used; None where that says nothing."""
        return self.measured / self.limit * 100 if self.limit > 0 and self.measured >= 0 else None

    @property
    def title(self) -> str:
        """The name in words; a unit in it stands behind the number."""
        bare = self.name.removesuffix(_SECONDS).removesuffix("_")
        return bare.replace("_", " ") or "passed"

    def write(self) -> str:
        """Write both, and how far the one is from the other."""
        way = self.way_pct
        is_near = way is not None and way != 100 and abs(way - 100) < 1
        far = "" if way is None else f" ({way:.2f} %)" if is_near else f" ({way:.0f} %)"
        if self.is_size:
            return f"{self.title} {write_number(self.value)} of ±{write_number(self.limit)}{far}"
        sign = self._sign if self.holds else {"≥": "<", "≤": ">", ">": "≤", "<": "≥"}[self._sign]
        unit = " s" if self.name.endswith(_SECONDS) else ""
        return f"{self.title} {write_number(self.value)}{unit} {sign} {self._write_limit()}{far}"

    def write_need(self) -> str:
        """Write what would have been on the right side."""
        if self.is_size:
            return f"{self.title} {'beyond' if self.is_least else 'within'} ±{write_number(self.limit)}"
        return f"{self.title} {self._sign} {self._write_limit()}"

    def _write_limit(self) -> str:
        limit = write_number(self.limit)
        if not self.name.endswith(_SECONDS):
            return limit
        # Settings name such a limit in seconds or in minutes.
        minutes = self.limit / _MINUTE
        return f"{limit} s" + (f" = {write_number(minutes)} min" if minutes > 2 and minutes == int(minutes) else "")

    @property
    def _sign(self) -> str:
        if self.is_strict:
            return ">" if self.is_least else "<"
        return "≥" if self.is_least else "≤"


def find_limits(details: Mapping[str, Any]) -> list[Limit]:
    """Find the numbers of a denial that have a limit beside them, those nearest to it first."""
    found = []
    for name, value in details.items():
        for end in (_LEAST, _MOST):
            number, limit = read_decimal(value), read_decimal(details.get(name + end))
            if number is not None and limit is not None:
                bare = name.removeprefix("denied_")
                found.append(Limit(bare, number, limit, end == _LEAST, is_size=bare in _SIZES))
    return sorted(found, key=lambda each: -_closeness(each))


def _closeness(each: Limit) -> Decimal:
    value, limit = each.measured, each.limit
    if not value or not limit or (value < 0) is not (limit < 0):
        return Decimal(0)
    ratio = abs(value / limit)
    return min(ratio, 1 / ratio)
