"""Whether an answer of a strategy can be: its types, its numbers, its names, and that it can be written down.

Building a proposal never raises: what is wrong with it is found here, where it enters the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

from trader.model.codec import canonical_json
from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.edges import UNMEASURED
from trader.model.frozen import replace
from trader.model.ids import StrategyId
from trader.model.inputs import Candidate, StrategyContext
from trader.model.money import ONE, Price, floor_to
from trader.model.orders import Side
from trader.model.parent_life import ParentStyle
from trader.model.targets import StopChange, TargetWeight
from trader.settings.bounds import HOLD_HOURS_LIMIT
from trader.strategies.base import STAGE, Answer

_TEXT_MAX = 200
_NUMBERS = frozenset((float, Decimal))
_PLACES_MAX = 30
#: Percentages and multiples beyond this are no wish, and a few powers further on they cannot be computed with.
_MOST = 1_000_000
#: A parent order buys for a week at most: then its strategy is to say again what it wants.
_GIVE_UP_MAX = 7 * 24 * 60


class Fault(NamedTuple):
    """What is wrong with an answer: where, what stands there, what may stand there."""

    field: str
    found: object
    allowed: str


class Bound(NamedTuple):
    """Which numbers a field may hold, for people and for the check."""

    allowed: str
    holds: Callable[[Any], bool]


#: What each field is. A ledger that holds a text where a number belongs could not be read again.
_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("strategy", "product_id", "base", "reason", "rule"), (str,)),
    **dict.fromkeys(("size_pct", "stop_loss_pct"), (Decimal,)),
    **dict.fromkeys(("take_profit_pct", "quantity"), (Decimal, type(None))),
    **dict.fromkeys(("confidence", "conviction"), (float, int)),
    **dict.fromkeys(("max_hold_hours", "give_up_minutes"), (int, type(None))),
    "side": (Side,),
    "style": (ParentStyle,),
    "components": (Mapping,),
    "lot_id": (str, type(None)),
}
_OF_EVERY_PROPOSAL: Mapping[str, Bound] = {
    "confidence": Bound("0 to 1", lambda value: 0 <= value <= 1),
    "conviction": Bound("0 to 1", lambda value: 0 <= value <= 1),
}
#: Of what a purchase and a target weight have in common.
_OF_TERMS: Mapping[str, Bound] = {
    "stop_loss_pct": Bound("above 0, below 100", lambda value: 0 < value < 100),
    "take_profit_pct": Bound(f"above 0, at most {_MOST}, or None", lambda value: value is None or 0 < value <= _MOST),
    "max_hold_hours": Bound(
        f"1 to {HOLD_HOURS_LIMIT}, or None", lambda value: value is None or 1 <= value <= HOLD_HOURS_LIMIT
    ),
    "give_up_minutes": Bound(
        f"1 to {_GIVE_UP_MAX}, or None", lambda value: value is None or 1 <= value <= _GIVE_UP_MAX
    ),
}
_OF_PURCHASES: Mapping[str, Bound] = {
    "size_pct": Bound("above 0, at most 100", lambda value: 0 < value <= 100),
    **_OF_TERMS,
}
_TARGET_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("strategy", "product_id", "base", "reason"), (str,)),
    **dict.fromkeys(("weight", "stop_loss_pct", "band"), (Decimal,)),
    "take_profit_pct": (Decimal, type(None)),
    **dict.fromkeys(("max_hold_hours", "give_up_minutes"), (int, type(None))),
    "style": (ParentStyle,),
    "conviction": (float, int),
}
_OF_TARGETS: Mapping[str, Bound] = {
    **dict.fromkeys(("weight", "band", "conviction"), Bound("0 to 1", lambda value: 0 <= value <= 1)),
    **_OF_TERMS,
}
_CHANGE_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("strategy", "product_id", "base", "reason", "lot_id"), (str,)),
    "stop_price": (Decimal,),
}


def read_answer(answer: object, strategy_id: StrategyId, context: StrategyContext) -> Answer:
    """Return an answer as it goes on, or the denial of one with a number or a name that cannot be.

    A purchase is of a candidate, with a stop below and a target above the price it would be bought at, each rounded to
    the price increment. A sale, and the change of a stop, name a lot of the strategy that proposes it. A target is of a
    candidate, or of what the strategy holds.
    Raises: TypeError, ValueError, AttributeError or MalformedData for what is no answer, or cannot be written down.
    """
    if isinstance(answer, TradeProposal):
        return _read_proposal(answer, strategy_id, context)
    if isinstance(answer, TargetWeight):
        return _read_target(answer, strategy_id, context)
    if isinstance(answer, StopChange):
        return _read_change(answer, strategy_id, context)
    if isinstance(answer, Denial):
        fault = _find_not_finite("details.", answer.details.items())
        read = replace(answer, strategy=strategy_id, details=dict(answer.details))
        return _require_storable(_deny(answer, strategy_id, fault) if fault is not None else read)
    raise TypeError(
        f"an answer is a TradeProposal, a TargetWeight, a StopChange or a Denial, not a {type(answer).__name__}"
    )


def _read_proposal(
    proposal: TradeProposal, strategy_id: StrategyId, context: StrategyContext
) -> TradeProposal | Denial:
    fault = (
        _find_unreadable(proposal)
        or _find_not_finite("", ((name, getattr(proposal, name)) for name in _TYPES))
        or _find_not_finite("components.", proposal.components.items())
        or _find_out_of_bounds(proposal, _OF_EVERY_PROPOSAL)
        or _find_stranger(proposal, strategy_id, context)
        or (_find_in_sale(proposal, context) if proposal.reduces else _find_in_purchase(proposal, context))
    )
    if fault is None:
        # No strategy vouches for itself: what a trade is expected to earn is for the edge gate to say.
        return replace(proposal, components=dict(proposal.components), edge=UNMEASURED, edge_multiple=ONE)
    # Without the proposal: its numbers may be such that nothing can be written down that contains them.
    return _require_storable(_deny(proposal, strategy_id, fault))


def _read_target(target: TargetWeight, strategy_id: StrategyId, context: StrategyContext) -> TargetWeight | Denial:
    fault = (
        _find_mistyped((name, getattr(target, name), kinds) for name, kinds in _TARGET_TYPES.items())
        or _find_unwritable([("reason", target.reason)])
        or _find_not_finite("", ((name, getattr(target, name)) for name in _TARGET_TYPES))
        or _find_out_of_bounds(target, _OF_TARGETS)
        or _find_other_strategy(target.strategy, strategy_id)
    )
    candidate, held = context.candidates.get(target.product_id), context.held.get(target.product_id)
    base = candidate.product.base if candidate is not None else held.base if held is not None else None
    if fault is None and base is None:
        fault = Fault("product_id", target.product_id, "a candidate, or a product of a lot of this strategy")
    if fault is None and target.base != base:
        fault = Fault("base", target.base, f"{base}, the base of the product")
    return target if fault is None else _require_storable(_deny(target, strategy_id, fault))


def _read_change(change: StopChange, strategy_id: StrategyId, context: StrategyContext) -> StopChange | Denial:
    fault = (
        _find_mistyped((name, getattr(change, name), kinds) for name, kinds in _CHANGE_TYPES.items())
        or _find_unwritable([("reason", change.reason)])
        or _find_not_finite("", [("stop_price", change.stop_price)])
        or _find_other_strategy(change.strategy, strategy_id)
        or _find_in_lot(change, context)
    )
    if fault is None:
        target = next(lot.bracket.target_price for lot in context.lots if lot.lot_id == change.lot_id)
        if change.stop_price <= 0 or (target is not None and change.stop_price >= target):
            fault = Fault("stop_price", change.stop_price, "above 0, and below the target of the lot")
    return change if fault is None else _require_storable(_deny(change, strategy_id, fault))


def describe(value: object) -> str:
    """Write any value as a text that can be stored, of at most 200 characters."""
    return str(value).encode(errors="backslashreplace").decode()[:_TEXT_MAX]


def _deny(answer: Answer, strategy_id: StrategyId, fault: Fault) -> Denial:
    details = {"field": fault.field, "found": describe(fault.found), "allowed": fault.allowed}
    return Denial(answer.product_id, DenialCode.PROPOSAL_INVALID, STAGE, details, strategy_id)


def _require_storable(denial: Denial) -> Denial:
    # It becomes a verdict, and one verdict that cannot be written down would be a cycle without a record.
    for value, kind in ((denial.product_id, str), (denial.code, DenialCode)):
        if not isinstance(value, kind):
            raise TypeError(f"a denial has a product and a code, not {value!r}")
    if not _is_plain(denial):
        canonical_json((denial.product_id, denial.stage, denial.details)).encode()
    return denial


def _is_plain(denial: Denial) -> bool:
    """Whether there is nothing in a denial but finite numbers under plain names, as in nearly every one."""
    for text in (denial.product_id, denial.stage, *denial.details):
        if type(text) is not str or not text.isascii():
            return False
    return _NUMBERS.issuperset(map(type, denial.details.values()))


def _find_unreadable(proposal: TradeProposal) -> Fault | None:
    fault = _find_mistyped((name, getattr(proposal, name), kinds) for name, kinds in _TYPES.items())
    if fault is not None:
        return fault
    components = proposal.components
    fault = _find_mistyped((f"components.{name}", value, (float, int)) for name, value in components.items())
    return fault or _find_unwritable([("reason", proposal.reason), *(("components", name) for name in components)])


def _find_unwritable(texts: Iterable[tuple[str, object]]) -> Fault | None:
    for name, text in texts:
        if not isinstance(text, str) or text.encode(errors="ignore").decode() != text:
            return Fault(name, text, "a text that can be stored")
    return None


def _find_mistyped(fields: Iterable[tuple[str, object, tuple[type, ...]]]) -> Fault | None:
    for name, value, kinds in fields:
        # bool is an int to Python; to us it is not.
        if not isinstance(value, kinds) or isinstance(value, bool):
            return Fault(name, f"{type(value).__name__} {value}", " or ".join(kind.__name__ for kind in kinds))
    return None


def _find_not_finite(prefix: str, numbers: Iterable[tuple[str, object]]) -> Fault | None:
    for name, value in numbers:
        if isinstance(value, Decimal | float) and not _is_sound(value):
            return Fault(f"{prefix}{name}", value, "a finite number")
    return None


def _is_sound(value: Decimal | float) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    # A Decimal with its point a million places away is finite too, and would be written down with all of them.
    return value.is_finite() and abs(value.adjusted()) <= _PLACES_MAX


def _find_out_of_bounds(answer: TradeProposal | TargetWeight, bounds: Mapping[str, Bound]) -> Fault | None:
    for name, bound in bounds.items():
        if not bound.holds(value := getattr(answer, name)):
            return Fault(name, value, bound.allowed)
    return None


def _find_stranger(proposal: TradeProposal, strategy_id: StrategyId, context: StrategyContext) -> Fault | None:
    if (fault := _find_other_strategy(proposal.strategy, strategy_id)) is not None:
        return fault
    if proposal.trigger is not None and proposal.trigger not in context.triggers.values():
        return Fault("trigger", proposal.trigger, "a trigger that was shown")
    return None


def _find_other_strategy(named: object, asked: StrategyId) -> Fault | None:
    return None if named == asked else Fault("strategy", named, f"{asked}, which was asked")


def _find_in_sale(proposal: TradeProposal, context: StrategyContext) -> Fault | None:
    if proposal.quantity is not None and proposal.quantity <= 0:
        return Fault("quantity", proposal.quantity, "above 0, or None for all of the lot")
    return _find_in_lot(proposal, context)


def _find_in_lot(answer: TradeProposal | StopChange, context: StrategyContext) -> Fault | None:
    lot = next((lot for lot in context.lots if lot.lot_id == answer.lot_id), None)
    if lot is None:
        return Fault("lot_id", answer.lot_id, "a lot of this strategy")
    if answer.product_id != lot.product_id:
        return Fault("product_id", answer.product_id, f"{lot.product_id}, the product of the lot")
    return None if answer.base == lot.base else Fault("base", answer.base, f"{lot.base}, the base of the lot")


def _find_in_purchase(proposal: TradeProposal, context: StrategyContext) -> Fault | None:
    candidate = context.candidates.get(proposal.product_id)
    if candidate is None:
        return Fault("product_id", proposal.product_id, "a candidate")
    if proposal.base != candidate.product.base:
        return Fault("base", proposal.base, f"{candidate.product.base}, the base of the product")
    return _find_out_of_bounds(proposal, _OF_PURCHASES) or _find_in_bracket(proposal, candidate)


def _find_in_bracket(proposal: TradeProposal, candidate: Candidate) -> Fault | None:
    increment = candidate.product.price_increment
    price = Price(floor_to(candidate.quote.bid, increment))
    bracket = proposal.make_bracket(price, increment)
    if bracket.is_around(price):
        return None
    at = f"at a price of {price} in steps of {increment}"
    if 0 < bracket.stop_price < price:
        target = f"{proposal.take_profit_pct}, a target of {bracket.target_price} {at}"
        return Fault("take_profit_pct", target, "a target above the price")
    stop = f"{proposal.stop_loss_pct}, a stop of {bracket.stop_price} {at}"
    return Fault("stop_loss_pct", stop, "a stop above 0 and below the price")
