"""The venue of the order life: a simulated Coinbase on a socket, what happens to it, and what is true on its book."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import TracebackType
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from desk.in_memory import ManualClock
from desk.sandbox.auth import Algorithm, ApiKey, make_key
from desk.sandbox.faults import Fault
from desk.sandbox.ids import derive_entry_id
from desk.sandbox.market import PriceSource
from desk.sandbox.options import Lags
from desk.sandbox.orders import Order
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import END_OF_TIME, Micros
from factories_venue import SOL, START, USD, Bar, a_path, a_product, a_simulation
from trader.adapters.coinbase.adapter import CoinbaseExchange
from trader.adapters.coinbase.auth import Credentials, choose_signer
from trader.adapters.coinbase.http import Transport
from trader.adapters.coinbase.limits import RateLimits, ServerClock, Timing
from trader.errors import VenueError
from trader.model.ids import ClientOrderId, Instant, TradeId, VenueOrderId
from trader.model.inputs import AccountListing, OddRow
from trader.model.market import Granularity
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, OrderIntent, OrderStatusReport, Submission

#: How long the venue knows a client id. We may never depend on more.
ID_MEMORY_SECONDS = 600
_LASTING = 0
_REAL_SECONDS = 60
_NEVER = Micros(END_OF_TIME - 1)


class Crashed(BaseException):
    """Our process died; nothing may catch this."""


class Way(Enum):
    """How sending an order may go: the faults of it, as method, path, how often, and whether the venue acts first."""

    ANSWERED = ()
    LOST_BEFORE_ONCE = ((Fault.RESET_BEFORE, "POST", "/orders$", 1, False),)
    LOST_AFTER_ONCE = ((Fault.RESET_AFTER, "POST", "/orders$", 1, True),)
    LOST_BEFORE = ((Fault.RESET_BEFORE, "POST", "/orders$", _LASTING, False),)
    LOST_AFTER = ((Fault.RESET_AFTER, "POST", "/orders$", _LASTING, True),)
    LOST_WITH_LISTING = (
        (Fault.RESET_AFTER, "POST", "/orders$", _LASTING, True),
        (Fault.UNAVAILABLE, "GET", "/orders/historical/", _LASTING, False),
    )
    READ_BACK_LOST = ((Fault.INTERNAL_ERROR, "GET", "/orders/historical/", _LASTING, False),)
    UNAUTHORIZED = ((Fault.UNAUTHORIZED, "POST", "/orders$", _LASTING, False),)
    REFUSED = ((Fault.REJECTED_WITHOUT_REASON, "POST", "/orders$", _LASTING, False),)
    REFUSED_YET_TAKEN = ((Fault.REJECTED_WITHOUT_REASON, "POST", "/orders$", _LASTING, True),)
    THEN_FAILED = ((Fault.ACCEPTED_THEN_FAILED, "POST", "/orders$", 1, False),)
    PARTIAL_THEN_CANCELLED = ((Fault.PARTIAL_THEN_CANCELLED, "POST", "/orders$", 1, False),)
    # So often an order is sent that is refused without a reason.
    REFUSED_ONCE = ((Fault.REJECTED_WITHOUT_REASON, "POST", "/orders$", 3, False),)
    POST_ONLY_RACE = ((Fault.POST_ONLY_RACE, "POST", "/orders$", 1, False),)
    TO_RACE_ITS_CANCEL = ((Fault.CANCEL_FILL_RACE, "POST", "/orders$", 1, False),)
    # These are no faults of the venue.
    CRASHED_BEFORE = "before"
    CRASHED_AFTER = "after"
    CRASHED_BEFORE_SECOND = "before the second"
    CRASHED_AFTER_SECOND = "after the second"
    SWITCHED_OFF = "withheld"


class CancelWay(Enum):
    """How a request to cancel may go."""

    TAKEN = ()
    LOST_BEFORE = ((Fault.RESET_BEFORE, "POST", "/orders/batch_cancel", 1, False),)
    LOST_AFTER = ((Fault.RESET_AFTER, "POST", "/orders/batch_cancel", 1, True),)
    FILL_RACE = ((Fault.CANCEL_FILL_RACE, "POST", "/orders/batch_cancel", 1, False),)
    UNREAD = ((Fault.INTERNAL_ERROR, "GET", "/", _LASTING, False),)


@lru_cache(maxsize=1)
def _key() -> ApiKey:
    return make_key(Algorithm.EDDSA)


@lru_cache(maxsize=1)
def _source() -> PriceSource:
    return PriceSource([a_product()], {(SOL, Granularity.FIVE_MINUTE): a_path(Bar())})


@dataclass
class _Stillness:
    """Seconds that pass only by sleeping through them, and then at once."""

    at: float = 0.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class _Patient(HTTPAdapter):
    """Waits in real seconds: how busy this machine is must not decide anything."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        return super().send(request, *args, **{**kwargs, "timeout": _REAL_SECONDS})


class Witnessed(CoinbaseExchange):
    """The production adapter; it keeps what it gave out, and dies around sending when told to."""

    def __init__(self, transport: Transport, clock: ServerClock, venue_clock: ManualClock) -> None:
        super().__init__(transport, clock)
        self._transport_of_mine = transport
        self._venue_clock = venue_clock
        self.crash = ""
        self.stall_seconds = 0
        self.sends = 0
        self.watch: Callable[[OrderIntent], None] = lambda _: None
        self.answers: list[tuple[ClientOrderId, Submission]] = []
        self.listed: tuple[OrderStatusReport, ...] | None = None
        self.lists_all = True
        self.left: dict[str, Instant] = {}

    def submit(self, intent: OrderIntent) -> Submission:
        self.listed, self.sends = None, self.sends + 1
        seconds, self.stall_seconds = self.stall_seconds, 0
        self._venue_clock.advance(seconds)
        dies = self.crash if self.sends == (2 if self.crash.endswith("second") else 1) else ""
        if dies.startswith("before"):
            raise Crashed
        self.watch(intent)
        self.left[intent.client_order_id] = self._venue_clock.now()
        answer = super().submit(intent)
        if dies:
            raise Crashed
        self.answers.append((intent.client_order_id, answer))
        return answer

    # What is read is kept until it is taken up; a look that fails in its middle shows nothing.

    def account(self, since: Instant | None, known: Sequence[VenueOrderId] = ()) -> AccountListing:
        with self._all_or_nothing():
            self.listed, self.lists_all = (), True
            listing = super().account(since, known)
        self.listed = tuple(each for each in listing.orders if isinstance(each, OrderStatusReport))
        return listing

    def order(self, venue_order_id: VenueOrderId) -> OrderStatusReport:
        with self._all_or_nothing():
            report = super().order(venue_order_id)
        before = () if self.listed is None or self.lists_all else self.listed
        self.listed, self.lists_all = (*before, report), False
        return report

    def fills(self, since: Instant) -> Sequence[Fill | OddRow]:
        with self._all_or_nothing():
            return super().fills(since)

    def order_fills(self, venue_order_ids: Sequence[VenueOrderId]) -> Sequence[Fill | OddRow]:
        with self._all_or_nothing():
            return super().order_fills(venue_order_ids)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        try:
            yield
        except VenueError:
            self.listed = None
            raise

    def take(self) -> tuple[list[tuple[ClientOrderId, Submission]], tuple[OrderStatusReport, ...] | None]:
        """Return the answers and what was listed since the last time; None if nothing was."""
        taken = self.answers, self.listed
        self.answers, self.listed = [], None
        return taken

    def close(self) -> None:
        """Let go of the connection."""
        self._transport_of_mine.close()


@dataclass
class LifeVenue:
    """The venue while it is served. Only the venue's side is touched here; our side hears of it over the socket."""

    order_prefix: str
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))

    def __post_init__(self) -> None:
        self.venue = Venue(
            _source(), self.clock, settings=a_simulation(), opening={USD: Decimal(100_000)}, keys=[_key()]
        )
        self.server = VenueServer(self.venue)
        time = _Stillness()
        # One time for both sides: a clock that is compared stays compared, however far it is advanced.
        timing = Timing(
            monotonic=time.monotonic, wall=lambda: float(self.clock.now()), sleep=time.sleep, uniform=lambda low, _: low
        )
        clock = ServerClock(timing.wall)
        signer = choose_signer(Credentials(_key().name, _key().secret), clock.now)
        transport = Transport(self.server.url, signer, limits=RateLimits(10**6, 10**6, 10**6), timing=timing)
        transport._session.mount("http://", _Patient())
        self.exchange = Witnessed(transport, clock, self.clock)

    def __enter__(self) -> LifeVenue:
        # From its first print on a product follows its prints alone, for as long as a test lasts.
        self.price("100", "1")
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.exchange.close()
        self.server.__exit__(kind, error, trace)

    # --- what goes wrong, and what happens by itself

    def expect(self, way: Way | CancelWay) -> None:
        """Prepare for a way in which the next request goes."""
        if isinstance(way.value, str):
            self.exchange.crash = way.value if way is not Way.SWITCHED_OFF else ""
            return
        for fault, method, path, count, executed in way.value:
            self.venue.faults.add(fault, method, path, count=count, executed=executed)

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.venue.faults.clear()
        self.exchange.crash, self.exchange.stall_seconds, self.exchange.sends = "", 0, 0
        self.exchange.take()

    def lag(self, **lags: float) -> None:
        """Set how late the venue tells things; what is not named is told at once."""
        self.venue.configure(lags=Lags(**lags))

    def price(self, price: str, volume: str) -> None:
        """Print one trade."""
        self.venue.set_price(SOL, price, volume)

    def say(self, order: Order, status: OrderStatus) -> None:
        """Bring an order to a status: by the venue's own means where it has any, else the word goes on its book."""
        with self.venue.lock:
            at = self.venue.time.moment()
            if status is OrderStatus.FILLED:
                self.venue.settlement.fill_remaining(order, at)
            elif status.is_final:
                self.venue.settlement.end(order, status, at)
            else:
                # Pending for ever: the venue would put it on the book with the next request.
                on_book = _NEVER if status is OrderStatus.PENDING else order.on_book
                self.venue.account.put(replace(order, core=replace(order.core, status=status), on_book=on_book), at)

    def forget_ids(self) -> None:
        """Drop client ids that are older than the venue's memory."""
        with self.venue.lock:
            for key, order_id in tuple(self.venue.account.by_client_id.items()):
                if self.clock.now() - self.venue.account.orders[order_id].core.created_at > ID_MEMORY_SECONDS:
                    del self.venue.account.by_client_id[key]

    # --- what is true

    def orders(self) -> Mapping[VenueOrderId, Order]:
        """Every order as it is now."""
        with self.venue.lock:
            self.venue.advance()
            return dict(self.venue.account.orders)

    def order_of(self, client_order_id: ClientOrderId) -> Order | None:
        """The order under a client id, whether or not the venue still knows the id."""
        found = [each for each in self.orders().values() if each.core.client_order_id == client_order_id]
        assert len(found) <= 1, f"{len(found)} orders under {client_order_id}"
        return found[0] if found else None

    def fills_of(self, order_id: VenueOrderId) -> Mapping[str, Fill]:
        """What an order was filled with, by the id that the venue tells for it: the entry's, not the trade's."""
        found = (each.fill for each in self.venue.account.executions if each.fill.venue_order_id == order_id)
        named = (replace(fill, trade_id=TradeId(derive_entry_id(f"entry|{fill.trade_id}"))) for fill in found)
        return {fill.trade_id: fill for fill in named}

    def statuses_of(self, order_id: VenueOrderId) -> Iterator[OrderStatus]:
        """Every status an order ever had, newest first."""
        seen = self.venue.account.seen(order_id, END_OF_TIME)
        while seen is not None:
            yield seen.core.status
            seen = self.venue.account.seen(order_id, Micros(seen.updated - 1))
