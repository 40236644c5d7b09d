"""Ask the strategies that are due, and contain what goes wrong in one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from traceback import TracebackException

from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.ids import ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.strategies.base import STAGE, Strategy

_TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class Answers:
    """What the strategies answered, and which of them failed.

    The denials are the strategies' own first, then those of their faults: of several denials of one product the last
    stands, and what a strategy did wrong must not hide behind what another merely refused.
    """

    proposals: tuple[TradeProposal, ...]
    denials: tuple[Denial, ...]
    failed: tuple[StrategyId, ...]
    notes: tuple[AuditNote, ...]


def ask_strategies(
    strategies: Mapping[StrategyId, Strategy], contexts: Mapping[StrategyId, StrategyContext]
) -> Answers:
    """Ask every strategy that has a context.

    One that fails is noted once and denied every product it was asked about; the others are not touched by it.
    """
    proposals: list[TradeProposal] = []
    denials: list[Denial] = []
    faults: list[Denial] = []
    notes: list[AuditNote] = []
    for strategy_id, context in contexts.items():
        strategy = strategies[strategy_id]
        answers = ask_strategy(strategy, context)
        if isinstance(answers, str):
            body = {"strategy": strategy_id, "error": answers}
            notes.append(AuditNote(EventKind.STRATEGY_FAILED, strategy_id, body))
            faults += [
                Denial(product_id, DenialCode.STRATEGY_FAILED, STAGE, body, strategy_id)
                for product_id in _products_asked_about(strategy, context)
            ]
            continue
        for answer in answers:
            if isinstance(answer, Denial):
                denials.append(answer)
            else:
                proposals.append(answer)
    failed = tuple(StrategyId(note.subject) for note in notes)
    return Answers(tuple(proposals), (*denials, *faults), failed, tuple(notes))


def ask_strategy(strategy: Strategy, context: StrategyContext) -> tuple[TradeProposal | Denial, ...] | str:
    """Return what a strategy answers, or the text of the error that came out of it."""
    try:
        return _read_answers(strategy.propose(context))
    # The one broad except below the entry. A strategy is the part of the system that is changed most and proven least:
    # whatever comes out of it, the exits and the other strategies go on as if it had not been there.
    except Exception as error:  # noqa: BLE001 - see above
        return _describe(error)


def _read_answers(answers: Iterable[object]) -> tuple[TradeProposal | Denial, ...]:
    read: list[TradeProposal | Denial] = []
    for answer in answers:
        if not isinstance(answer, TradeProposal | Denial):
            raise TypeError(f"an answer is a TradeProposal or a Denial, not a {type(answer).__name__}")
        read.append(answer)
    return tuple(read)


def _describe(error: Exception) -> str:
    # TracebackException has a text even of an error whose own text raises; and what cannot be stored is spelled out.
    text = f"{type(error).__name__}: {TracebackException(type(error), error, None)}"
    return text.encode(errors="backslashreplace").decode()[:_TEXT_MAX]


def _products_asked_about(strategy: Strategy, context: StrategyContext) -> Iterable[ProductId]:
    asked = context.triggers if strategy.reads_triggers else context.candidates
    return dict.fromkeys((*asked, *(lot.product_id for lot in context.lots)))
