"""Ask the strategies that are due, and contain what goes wrong in one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from traceback import TracebackException

from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.ledger import Ledger
from trader.model.market import Quote
from trader.model.money import Notional
from trader.model.order_record import OrderRecord
from trader.model.protection import find_venue_sale
from trader.model.targets import StopChange, TargetWeight
from trader.stages.proposals.checks import describe, read_answer
from trader.stages.proposals.stop_changes import change_stops
from trader.stages.proposals.targets import resolve_targets
from trader.strategies.base import STAGE, Answer, Strategy


@dataclass(frozen=True, slots=True)
class Answers:
    """What the strategies answered, and which of them failed.

    The denials are the strategies' own first, then those of their faults: of several denials of one product the last
    stands, and what a strategy did wrong must not hide behind what another merely refused. ``limits`` says
    of parent orders, by strategy and asset, how much they may still buy; zero ends one.
    """

    proposals: tuple[TradeProposal, ...]
    denials: tuple[Denial, ...]
    failed: tuple[StrategyId, ...]
    notes: tuple[AuditNote, ...]
    targets: tuple[TargetWeight, ...] = ()
    stop_changes: tuple[StopChange, ...] = ()
    limits: Mapping[tuple[StrategyId, Asset], Notional] = field(default_factory=dict)


def ask_strategies(
    strategies: Mapping[StrategyId, Strategy],
    contexts: Mapping[StrategyId, StrategyContext],
    before: Iterable[Denial] = (),
) -> Answers:
    """Ask every strategy that has a context; what was denied *before* comes first.

    One that fails is noted once and denied every product it was asked about; the others are not touched by it.
    """
    proposals: list[TradeProposal] = []
    targets: list[TargetWeight] = []
    changes: list[StopChange] = []
    denials: list[Denial] = list(before)
    faults: list[Denial] = []
    notes: list[AuditNote] = []
    for strategy_id, context in contexts.items():
        strategy = strategies[strategy_id]
        answers = ask_strategy(strategy, strategy_id, context)
        if isinstance(answers, str):
            body = {"strategy": strategy_id, "error": answers}
            notes.append(AuditNote(EventKind.STRATEGY_FAILED, strategy_id, body))
            faults += [
                Denial(product_id, DenialCode.STRATEGY_FAILED, STAGE, body, strategy_id)
                for product_id in _products_asked_about(strategy, context)
            ]
            continue
        for answer in answers:
            match answer:
                case TradeProposal():
                    proposals.append(answer)
                case TargetWeight():
                    targets.append(answer)
                case StopChange():
                    changes.append(answer)
                case _:
                    (faults if answer.code is DenialCode.PROPOSAL_INVALID else denials).append(answer)
    failed = tuple(StrategyId(note.subject) for note in notes)
    said = (*denials, *faults)
    return Answers(tuple(proposals), said, failed, tuple(notes), tuple(targets), tuple(changes))


def ask_strategy(strategy: Strategy, strategy_id: StrategyId, context: StrategyContext) -> tuple[Answer, ...] | str:
    """Return what a strategy answers, or the text of the error that came out of it.

    A proposal that cannot be is replaced by its denial.
    """
    try:
        return tuple(read_answer(answer, strategy_id, context) for answer in strategy.propose(context))
    # The one broad except below the entry. A strategy is the part of the system that is changed most and proven least:
    # whatever comes out of it, the exits and the other strategies go on as if it had not been there.
    except Exception as error:  # noqa: BLE001 - see above
        # TracebackException has a text even of an error whose own text raises.
        return describe(f"{type(error).__name__}: {TracebackException(type(error), error, None)}")


def settle_answers(
    answers: Answers,
    ledger: Ledger,
    contexts: Mapping[StrategyId, StrategyContext],
    quotes: Mapping[ProductId, Quote],
    notional_min: Notional,
    now: Instant,
) -> tuple[Answers, Ledger]:
    """Turn targets into trades, raise the stops that may be, and leave to the venue what it is selling already.

    *quotes* are believed ones. The ledger returned has the new stops.
    """
    resolved = resolve_targets(answers.targets, ledger, contexts, quotes, notional_min)
    changed = change_stops(ledger, answers.stop_changes, quotes, contexts, now)
    answers = replace(
        answers,
        proposals=(*answers.proposals, *resolved.proposals),
        denials=(*resolved.denials, *changed.denials, *answers.denials),
        notes=(*answers.notes, *changed.notes),
        limits=resolved.limits,
    )
    return leave_to_venue(answers, changed.ledger, quotes), changed.ledger


def leave_to_venue(answers: Answers, ledger: Ledger, quotes: Mapping[ProductId, Quote]) -> Answers:
    """Deny each sale of a lot that the venue is selling by its protective order. *quotes* are believed ones."""
    kept: list[TradeProposal] = []
    denials: list[Denial] = []
    for proposal in answers.proposals:
        sale = _find_sale_of(proposal, ledger, quotes)
        if sale is None:
            kept.append(proposal)
        else:
            order_id = sale.intent.client_order_id
            denials.append(proposal.deny(STAGE, DenialCode.ORDER_WORKING, order=order_id, status=sale.status.value))
    return replace(answers, proposals=tuple(kept), denials=(*answers.denials, *denials))


def _find_sale_of(proposal: TradeProposal, ledger: Ledger, quotes: Mapping[ProductId, Quote]) -> OrderRecord | None:
    lot = ledger.lots.get(proposal.lot_id) if proposal.lot_id is not None else None
    quote = quotes.get(proposal.product_id)
    return None if lot is None or quote is None else find_venue_sale(ledger, lot, quote.bid)


def _products_asked_about(strategy: Strategy, context: StrategyContext) -> Iterable[ProductId]:
    asked = context.triggers if strategy.reads_triggers else context.candidates
    return dict.fromkeys((*asked, *(lot.product_id for lot in context.lots)))
