"""How an order gets to the venue exactly once, or we say that we do not know.

1. Send. Where the outcome is unknown (no answer, 5xx, 429, 401, an answer that cannot be read) look for the order in
   the listing; where it is not, send the identical bytes again under the same id: the venue answers a known id with
   the order it has. Either alone would do. That ids are told apart is documented and was never proven; that the
   listing is up to date is not even promised; it takes both to fail for a second order.
2. Taken: read the order back and compare. An answer to a known id echoes the *new* request, so the echo proves nothing.
3. Refused: nothing of it exists. But a refusal that follows an attempt without an answer may be about the second
   copy only (its money is held by the first), so then, as after a duplicate id and after the last attempt without
   an answer, the listing is searched for our id.
4. Not listed proves nothing, listings lag: Unknown. Whoever reconciles waits for the quiet period.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from trader.adapters.coinbase import pagination
from trader.adapters.coinbase.failures import Failure, NotFound, classify_refused_order
from trader.adapters.coinbase.http import Call, Transport
from trader.adapters.coinbase.wire.orders import OrderReply, read_created, read_order, read_order_envelope
from trader.adapters.coinbase.wire.requests import encode_order
from trader.errors import VenueError, VenueProtocol
from trader.model.ids import Instant, ProductId, VenueOrderId
from trader.model.order_life import OrderStatus
from trader.model.orders import Accepted, OrderConfiguration, OrderIntent, Rejected, Submission, Unknown
from trader.model.refusals import RefusalClass

DUPLICATE = "DUPLICATE_CLIENT_ORDER_ID"

#: The venue's own trouble: the same body may be taken a moment later.
TRANSIENT_REJECTIONS = frozenset(
    {
        "COMMANDER_REJECTED_NEW_ORDER",
        "MISSING_COMMISSION_RATE",
        "MISSING_MARKET_TRADE_DATA",
        "MISSING_PRODUCT_PRICE_BOOK",
        "RISK_PROXY_FAILURE",
        "UNKNOWN_FAILURE_REASON",
    }
)

#: A shorter time is none: the venue could not even be asked what became of an order.
_LEAST_SECONDS = 3.0

_BACKOFF = (0.5, 1.0, 2.0, 4.0)
_LOOKS = (0.25, 0.5, 1.0, 2.0, 4.0, 4.0)
_LISTED_BEFORE_SECONDS = 60
_TRANSIENT_MAX = 2


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What sending came to. ``in_doubt``: an attempt without an answer may have left an order; ``listed``: it did.

    ``kind`` is the class of a refusal that the status tells; the words of the others tell it themselves.
    """

    order_id: VenueOrderId | None = None
    listed: OrderReply | None = None
    refusal: str | None = None
    kind: RefusalClass | None = None
    no_answer: str = ""
    in_doubt: bool = False


class Submitter:
    """Sends orders. A submission takes no longer than its time-out and what the run has left.

    Of what is left after the overruns of the last attempt and the last look, copies are sent in two thirds; in the
    last third a taken order may be nowhere to be found, or an unanswered one is looked for in listings.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._timing = transport.timing

    def submit(self, intent: OrderIntent) -> Submission:
        """Send an intent, or send it again. Never raises VenueError."""
        now = self._timing.monotonic()
        seconds = min(self._transport.timeouts.submit_seconds, self._transport.end_of_run() - now)
        third = max(seconds - 2 * self._transport.overrun_seconds, _LEAST_SECONDS) / 3
        return self._settled(intent, self._send(intent, now + 2 * third), third)

    # --- sending

    def _send(self, intent: OrderIntent, end: float) -> _Outcome:
        call = Call("POST", "/orders", body=encode_order(intent))
        outcome, unauthorised, transient = _Outcome(), 0, 0
        for delay in (*_BACKOFF, None):
            outcome, failure = self._attempt(intent, call, end, outcome)
            transient += outcome.refusal in TRANSIENT_REJECTIONS
            is_over = outcome.order_id is not None or outcome.listed is not None
            is_refused = outcome.refusal is not None and (
                outcome.refusal not in TRANSIENT_REJECTIONS or transient > _TRANSIENT_MAX
            )
            if is_over or is_refused:
                break
            wait = 0.0 if delay is None else delay
            if failure is not None:
                unauthorised += failure.status == 401
                wait = max(wait, failure.retry_after or 0, self._transport.auth_delay() if failure.status == 401 else 0)
            if delay is None or unauthorised > 1 or self._timing.monotonic() + wait >= end:
                break
            self._timing.sleep(wait)
        return outcome

    def _attempt(
        self, intent: OrderIntent, call: Call, end: float, before: _Outcome
    ) -> tuple[_Outcome, Failure | None]:
        in_doubt = before.in_doubt
        if in_doubt:
            try:
                # One look, one attempt: there is another after the next pause.
                listed = self._listed(intent, end, attempts=1)
            except VenueError:
                # Not looked, not sent.
                return before, None
            if listed is not None:
                return _Outcome(listed=listed, in_doubt=True), None
            if self._timing.monotonic() >= end:
                return before, None
        found = self._transport.decode(call, self._transport.attempt(call, end))
        if isinstance(found, Failure):
            if found.status in (400, 403):
                kind = classify_refused_order(found)
                return _Outcome(refusal=str(found.error), kind=kind, in_doubt=in_doubt), found
            # A token is refused before anything is done; of everything else that cannot be said.
            return _Outcome(no_answer=str(found.error), in_doubt=in_doubt or found.status != 401), found
        try:
            created = read_created(found)
        except VenueProtocol as error:
            return _Outcome(no_answer=str(error), in_doubt=True), None
        if created.order_id is None:
            return _Outcome(refusal=created.reason, in_doubt=in_doubt), None
        return _Outcome(order_id=created.order_id, in_doubt=in_doubt), None

    # --- what became of it

    def _settled(self, intent: OrderIntent, outcome: _Outcome, look_seconds: float) -> Submission:
        if outcome.listed is not None:
            return _accepted_if_same(intent, outcome.listed)
        if outcome.order_id is not None:
            return self._read_back(intent, outcome.order_id, look_seconds)
        if outcome.refusal is not None and outcome.refusal != DUPLICATE and not outcome.in_doubt:
            return Rejected(outcome.refusal, outcome.kind)
        if outcome.refusal is None and not outcome.in_doubt:
            return Unknown(outcome.no_answer)
        reason = outcome.no_answer if outcome.refusal is None else outcome.refusal
        try:
            listed = self._listed(intent, self._timing.monotonic() + look_seconds)
        except VenueError as error:
            return Unknown(f"{reason}; {error}")
        if listed is None:
            return Unknown(f"{reason}; not listed, which proves nothing")
        return _accepted_if_same(intent, listed)

    def _read_back(self, intent: OrderIntent, order_id: VenueOrderId, look_seconds: float) -> Submission:
        call = Call("GET", f"/orders/historical/{quote(order_id, safe='')}")
        end = self._timing.monotonic() + look_seconds
        for wait in (*_LOOKS, None):
            try:
                return _accepted_if_same(intent, read_order_envelope(self._transport.read(call, end)))
            except NotFound:
                # A new order may be unknown to the venue's other half for a moment.
                if wait is None or self._timing.monotonic() + wait > end:
                    break
                self._timing.sleep(wait)
            except VenueError as error:
                return Unknown(f"taken as {order_id}; {error}")
        return Unknown(f"taken as {order_id}, which cannot be found")

    def _listed(self, intent: OrderIntent, until: float, attempts: int | None = None) -> OrderReply | None:
        since = Instant(intent.decided_at - _LISTED_BEFORE_SECONDS)
        for row in pagination.iterate_orders(self._transport, since, until, attempts):
            if isinstance(row, dict) and row.get("client_order_id") == intent.client_order_id:
                return read_order(row)
        return None


def _accepted_if_same(intent: OrderIntent, order: OrderReply) -> Submission:
    differs = find_difference(intent, order)
    if differs is not None:
        return Unknown(f"order {order.order_id} is not the one that was sent: {differs}")
    attached = order.attached_order_id
    child = None if attached is None else VenueOrderId(attached)
    return Accepted(VenueOrderId(order.order_id), child, order.status is OrderStatus.FILLED)


# Two listings on one order book; an order sent to one may be reported under the other.
_UNIFIED_QUOTES = frozenset({"USD", "USDC"})

# The venue's clock against the one that decided.
_CLOCK_SLACK_SECONDS = 60


def find_difference(intent: OrderIntent, order: OrderReply) -> str | None:
    """Name the first field in which the order differs from the intent; None if it is the one."""
    for name, sent, found in _fields(intent, order):
        if sent != found:
            return f"{name} is {found}, sent was {sent}"
    if not is_same_book(intent.product_id, ProductId(order.product_id)):
        return f"product_id is {order.product_id}, sent was {intent.product_id}"
    if order.created_time < intent.decided_at - _CLOCK_SLACK_SECONDS:
        return f"created_time is {order.created_time}, decided was {intent.decided_at}"
    return None


def is_same_book(one: ProductId, other: ProductId) -> bool:
    """Tell whether two products are one book: the same, or one base against USD and against USDC."""
    (base, _, quote), (other_base, _, other_quote) = one.rpartition("-"), other.rpartition("-")
    return one == other or (base == other_base and {quote, other_quote} == _UNIFIED_QUOTES)


def _fields(intent: OrderIntent, order: OrderReply) -> Iterator[tuple[str, object, object]]:
    terms = order.terms
    yield "client_order_id", intent.client_order_id, order.client_order_id
    yield "side", intent.side, order.side
    yield "base_size", intent.quantity, terms.base_size
    yield "limit_price", intent.limit_price, terms.limit_price
    if intent.configuration in (OrderConfiguration.POST_ONLY_GTD, OrderConfiguration.POST_ONLY_GTC):
        yield "post_only", True, terms.post_only
    if intent.configuration is OrderConfiguration.BRACKET_GTC:
        yield "stop_trigger_price", intent.stop_price, terms.stop_trigger_price
    if intent.configuration is OrderConfiguration.STOP_LIMIT_GTC:
        yield "stop_price", intent.stop_price, terms.stop_price
    attached = order.attached_terms
    # Not every listing repeats the bracket; one that does must be ours.
    if intent.attach_bracket and intent.bracket is not None and attached is not None:
        yield "attached limit_price", intent.bracket.target_price, attached.limit_price
        yield "attached stop_trigger_price", intent.bracket.stop_price, attached.stop_trigger_price
