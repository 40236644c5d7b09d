"""What each stage put on record about a product. A stage that left nothing says so; nothing is made up in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from desk.journal.checks import list_losses
from desk.journal.decisions import RecordedDecision
from desk.journal.reasons import list_limits
from desk.journal.words import NOT_ON_RECORD, read_decimal, write_number, write_pct
from trader.errors import MalformedData
from trader.model.codec import decode_told
from trader.model.costs import hurdle_pct, round_trip_ratio
from trader.model.ids import Asset
from trader.model.market import FeeRates, Quote
from trader.settings import Settings

_NOT_REACHED = "not reached"
_UNMEASURED = "edge unmeasured: nobody has counted what such trades earn"
_STAGES = ("universe", "triggers", "strategies", "allocation", "risk", "execution")
_SIGNS = ("above_vwap", "higher_low", "rsi_crossed_up", "bounced")
#: Numbers of a verdict that are the lots', not a denial's.
_OF_LOTS = frozenset({"quantity", "cost", "gain_pct", "unbelieved", "venue_sells"})


@dataclass(frozen=True, slots=True)
class StageTold:
    """One stage: its name, how the product fared there in a word, and what is on record, a line each."""

    stage: str
    state: str
    lines: tuple[str, ...]


def describe_stages(
    decision: RecordedDecision, product: str, verdict: Mapping[str, Any], settings: Settings | None
) -> list[StageTold]:
    """Go through the chain as far as the record tells. Without *settings* the limits of then are not known."""
    described = {
        "universe": _describe_universe(decision, product, settings),
        "triggers": [_describe_trigger(each) for each in decision.triggers(product)],
        "strategies": [
            line for each in decision.proposals(product) for line in _describe_proposal(each, decision, settings)
        ],
        "allocation": [f"{len(decision.proposals(product))} went on to risk"] if decision.proposals(product) else [],
        "risk": _describe_risk(decision, product, settings),
        "execution": [_describe_order(*each) for each in decision.orders(product)],
    }
    stage, code = str(verdict.get("stage")), verdict.get("code")
    refused = stage if code is not None else ""
    if str(code).startswith("DEPTH_"):
        # The order book is read last of all, for what has a proposal only.
        described["universe"] += _describe_denial(verdict)
    elif refused in described:
        described[refused] = [*_describe_denial(verdict), *described[refused]]
    told = []
    end = _STAGES.index(stage) if stage in _STAGES else len(_STAGES)
    for place, name in enumerate(_STAGES):
        lines = tuple(described[name])
        if name == refused:
            state = "refused"
        elif refused and place > end and not lines:
            state = _NOT_REACHED
        else:
            state = "" if lines else NOT_ON_RECORD
        told.append(StageTold(name, state, lines))
    return told


def _describe_denial(verdict: Mapping[str, Any]) -> list[str]:
    """Lay out the numbers of a denial, the one nearest to its limit first."""
    code, details = str(verdict.get("code")), verdict.get("details") or {}
    limits = list_limits(code, details)
    used = {"limit", "limit_pct", "hurdle_pct", "min", "min_before_fee"} if limits else set()
    for name in details:
        for end in ("_min", "_max"):
            used |= {name, name + end} if name + end in details else set()
    used |= {each.name for each in limits} | {f"denied_{each.name}" for each in limits} | _OF_LOTS
    rest = [f"{name.replace('_', ' ')} {write_number(value)}" for name, value in details.items() if name not in used]
    nearest, others = [each.write() for each in limits[:1]], [each.write() for each in limits[1:]]
    return [*nearest, *(", ".join(each) for each in (others, rest) if each)] or [code]


def _describe_universe(decision: RecordedDecision, product: str, settings: Settings | None) -> list[str]:
    lines = []
    membership = decision.membership(product)
    if membership:
        lines.append(_describe_membership(bool(membership.get("member")), membership.get("disagreeing_cycles")))
    spread = decision.quote(product).get("spread_bps")
    if spread is not None:
        limit = ""
        if settings is not None:
            tier = settings.universe.find_tier(Asset(product.rpartition("-")[0]))
            limit = f" of {write_number(tier.spread_bps_max)} allowed"
        lines.append(f"spread {write_number(spread, 3)} bps{limit}")
    return lines


def _describe_membership(is_member: bool, against: Any) -> str:
    if not isinstance(against, int) or against <= 0:
        return "in the universe" if is_member else "not in the universe"
    when = "in this cycle" if against == 1 else f"in {against} cycles in a row"
    known = f"still in the universe, though it failed the checks {when}"
    return known if is_member else f"not in the universe yet, though it passed the checks {when}"


def _describe_trigger(trigger: Mapping[str, Any]) -> str:
    signs = trigger.get("confirmations")
    count = sum(bool(signs.get(each)) for each in _SIGNS) if isinstance(signs, dict) else 0
    move = read_decimal(trigger.get("move"))
    told = NOT_ON_RECORD if move is None else write_pct(move * 100)
    strength, confidence = (write_number(trigger.get(name), 2) for name in ("strength", "confidence"))
    return (
        f"{trigger.get('kind')} {trigger.get('direction')} {told}, strength {strength}, "
        f"confidence {confidence}, {count} of {len(_SIGNS)} signs of a turn"
    )


def _describe_proposal(proposal: Mapping[str, Any], decision: RecordedDecision, settings: Settings | None) -> list[str]:
    """Describe what a strategy proposed, and the edge it hoped for beside what a round trip cost then."""
    strategy = str(proposal.get("strategy"))
    if proposal.get("side") == "SELL":
        return [f"{strategy} wants to sell: {proposal.get('reason')}"]
    least = _find_conviction_min(strategy, settings)
    conviction = f"conviction {write_number(proposal.get('conviction'), 3)}" + (f" ≥ {least}" if least else "")
    size, stop, target = (
        write_number(proposal.get(name), 3) for name in ("size_pct", "stop_loss_pct", "take_profit_pct")
    )
    aim = "no target" if proposal.get("take_profit_pct") is None else f"target +{target} %"
    lines = [f"{strategy}: {conviction}, size {size} % of equity, stop -{stop} %, {aim}"]
    edge = _describe_edge(proposal, decision, settings)
    return [*lines, edge] if edge else lines


def _describe_edge(proposal: Mapping[str, Any], decision: RecordedDecision, settings: Settings | None) -> str:
    edge, multiple = _find_edge(proposal), read_decimal(proposal.get("edge_multiple"))
    if not edge or multiple is None or edge == _UNMEASURED:
        return edge
    needed = _compute_hurdle(decision, str(proposal.get("product_id")), multiple, settings)
    return f"{edge} against {write_pct(needed)} needed" if needed is not None else f"{edge}; needed: {NOT_ON_RECORD}"


def _find_edge(proposal: Mapping[str, Any]) -> str:
    """Say what the trade was expected to earn, and where the number came from; releases before 0.4.0 assumed it."""
    told = proposal.get("edge")
    if isinstance(told, dict):
        source, pct = told.get("source"), read_decimal(told.get("pct"))
        if pct is None:
            return _UNMEASURED
        counted = f", {told.get('trades')} trades until {told.get('until')}" if told.get("trades") else ""
        return f"edge {write_pct(pct)} ({source}{counted})"
    names = "take_profit_pct", "stop_loss_pct", "hit_ratio"
    target, stop, hit = (read_decimal(proposal.get(name)) for name in names)
    if target is None or stop is None or hit is None:
        return ""
    return f"edge {write_pct(target * hit - stop * (1 - hit))} (hit {hit}, assumed)"


def _compute_hurdle(
    decision: RecordedDecision, product: str, multiple: Decimal, settings: Settings | None
) -> Decimal | None:
    quote = next((each for each in decision.inputs.get("quotes") or () if each.get("product_id") == product), None)
    if settings is None or quote is None:
        return None
    try:
        fees = decode_told(FeeRates, decision.inputs.get("fees"))
        read: Quote = decode_told(Quote, quote)
    except MalformedData:
        return None
    ratio = round_trip_ratio(fees, read, settings.costs.slippage_bps, entry_takes=False)
    return hurdle_pct(ratio, multiple)


def _find_conviction_min(strategy: str, settings: Settings | None) -> str:
    if settings is None:
        return ""
    section = next((each for name, each in settings.strategies.items() if name == strategy), None)
    least = getattr(section.settings, "conviction_min", None) if section is not None else None
    return write_number(least) if least is not None else ""


def _describe_risk(decision: RecordedDecision, product: str, settings: Settings | None) -> list[str]:
    lines = []
    losses = list_losses(decision, settings)
    if losses:
        names = dict(zip(losses, ("day", "week", "drawdown"), strict=False))
        lines.append(" · ".join(f"{names[code]} {told}" for code, told in losses.items()))
    if decision.risk.get("drawdown_halt"):
        lines.append("the drawdown stop stands")
    trims = decision.trims(product)
    return [
        *lines,
        *(f"made smaller: {write_number(each.get('notional'))} left, by {each.get('code')}" for each in trims),
    ]


def _describe_order(intent: Mapping[str, Any], fate: str) -> str:
    quantity, price = (write_number(intent.get(name), 8) for name in ("quantity", "limit_price"))
    words = f"{intent.get('side')} {quantity} at {price}, {intent.get('configuration')}"
    bracket = intent.get("bracket")
    if isinstance(bracket, dict):
        words += f", stop {write_number(bracket.get('stop_price'), 8)}"
        words += f", target {write_number(bracket['target_price'], 8)}" if bracket.get("target_price") else ""
    return f"{words} → {fate or 'what became of it is not on record'}"
