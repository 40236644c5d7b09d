"""How ``trader why`` looks: the verdict, then each stage, then what would have been needed and what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desk.cli.columns import fold_words
from desk.journal.words import NOT_ON_RECORD, read_decimal, write_number, write_span

_LABEL, _CODE = 11, 25
_AHEAD_SECONDS = 60


def render_answer(told: Mapping[str, Any], width: int, *, shows_all: bool) -> list[str]:
    """Lay an answer out in lines of at most *width*, where its words allow it."""
    lines = []
    for label, text in _pair_lines(told):
        head = label.ljust(_LABEL)
        lines += fold_words_after(head, text, width)
    if shows_all and told.get("checks"):
        lines += ["", "every check of risk on a purchase, in their order:"]
        for row in told["checks"]:
            numbers = "" if row["numbers"] == row["state"] else f" · {row['numbers']}"
            lines += fold_words_after(f"{row['code'].ljust(_CODE)}", f"{row['state']}{numbers}", width)
    return lines


def fold_words_after(head: str, text: str, width: int) -> list[str]:
    """Write a text behind a label, and what does not fit below it, indented."""
    first, *rest = fold_words(text, max(width - len(head), 20), "")
    return [f"{head}{first}".rstrip(), *(" " * len(head) + each for each in rest)]


def _pair_lines(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "cycle", _describe_cycle(told)
    if told["outcome"] != "COMPLETED":
        yield "", f"{told['outcome']}: {told['reason']}"
    if told["caution"]:
        yield "caution", told["caution"]
    for line in told["broken"]:
        yield "BROKEN", f"{line} → trader audit verify"
    yield "verdict", _describe_verdict(told)
    yield "market", _describe_market(told)
    yield from _pair_stages(told.get("stages", ()))
    if told.get("would_need"):
        yield "would need", told["would_need"]
    same = told.get("same_reason")
    if same and same["of"] > 1:
        yield "same", f"reason in {same['count']} of the last {same['of']} cycles"
    if told.get("stages") and not told["is_config_of_now"]:
        yield "limits", f"the configuration was another then ({str(told['config'])[:8]}); its other limits are unknown"
    yield "next", told["next"]


def _describe_cycle(told: Mapping[str, Any]) -> str:
    text = f"{told['cycle']} · {told['scope']}"
    if told["asked_at"] is not None:
        return f"{text} · {write_span(told['age_seconds'])} before {told['asked_at']}"
    age = told["age_seconds"]
    return f"{text} · {write_span(age)} ago" if age >= 0 else f"{text} · {write_span(-age)} ahead of this clock"


def _describe_verdict(told: Mapping[str, Any]) -> str:
    verdict = told["verdict"]
    if verdict is None:
        return _describe_absence(told)
    text = f"{told['product']} {verdict['outcome']}"
    if verdict["code"] is None:
        return f"{text} · {verdict['stage']}{_describe_held(verdict)}"
    meaning = verdict["meaning"] or "this release does not know the code"
    return f"{text} · {verdict['stage']} · {verdict['code']}: {meaning}{_describe_held(verdict)}"


def _describe_absence(told: Mapping[str, Any]) -> str:
    last = told["last_considered"]
    text = f"{told['product']} was not considered: nobody decided about it"
    if last is None:
        return text
    verdict = last["verdict"]
    code = f" {verdict['code']}" if verdict.get("code") else ""
    return f"{text}; last in {last['cycle']}: {verdict.get('outcome')}{code}"


def _describe_held(verdict: Mapping[str, Any]) -> str:
    """Say what is held of it, where the verdict names that."""
    details = verdict.get("details") or {}
    if verdict["outcome"] != "HELD" or "quantity" not in details:
        return ""
    text = f" · held {write_number(details['quantity'], 8)}, cost {write_number(details.get('cost'))}"
    gain = read_decimal(details.get("gain_pct"))
    if "unbelieved" in details:
        text += f", its quote is not believed: {details['unbelieved']}"
    if "venue_sells" in details:
        text += f", the venue is selling it: {details['venue_sells']}"
    return text + (f", gain {gain:+.2f} %" if gain is not None else "")


def _describe_market(told: Mapping[str, Any]) -> str:
    parts = []
    regime = told["regime"]
    if regime:
        parts.append(f"regime {regime['regime']}" + _describe_trend(regime))
    else:
        parts.append(f"regime {NOT_ON_RECORD}")
    parts.append(f"switch {told['trading_state'] or NOT_ON_RECORD}")
    quote = told["quote"]
    if quote:
        parts.append(f"bid {quote['bid']} ask {quote['ask']}{_describe_age(quote.get('age_seconds'))}")
    else:
        parts.append(f"quote {NOT_ON_RECORD}")
    equity = read_decimal(told["equity"])
    parts.append(f"equity {equity:,.2f}" if equity is not None else f"equity {NOT_ON_RECORD}")
    return " · ".join(parts)


def _describe_age(seconds: int | None) -> str:
    if seconds is None:
        return ""
    # The venue's clock may be a moment ahead of ours.
    return f", {max(seconds, 0)} s old" if seconds >= -_AHEAD_SECONDS else f", dated {-seconds} s ahead"


def _describe_trend(regime: Mapping[str, Any]) -> str:
    trend, volatility = (read_decimal(regime[name]) for name in ("trend_pct", "volatility_pct"))
    if trend is None or volatility is None:
        return ""
    return f" (trend {trend:+.2f} %, volatility {volatility:.0f} %)"


def _pair_stages(stages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Pair the stages with what they left, and name those together that left nothing."""
    empty: dict[str, list[str]] = {}
    for stage in stages:
        if not stage["lines"]:
            empty.setdefault(stage["state"], []).append(stage["stage"])
        mark = "✗ " if stage["state"] == "refused" else ""
        for place, line in enumerate(stage["lines"]):
            yield (("", line) if place else (stage["stage"], mark + line))
    for state, names in empty.items():
        yield "", f"{state}: {', '.join(names)}"
