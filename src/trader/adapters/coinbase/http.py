"""One connection pool, one budget of requests, one way to fail.

An attempt gives an ``Answer`` or a ``Failure``. A read repeats what the table of failures allows; everything else
is sent once, and its caller decides about sending it again. Only a refused key is replaced for everyone, where its
successor is at hand: then the attempt is made with that one, as if the other had never been.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests

from trader.adapters.coinbase import failures
from trader.adapters.coinbase.auth import Signer
from trader.adapters.coinbase.failures import Failure
from trader.adapters.coinbase.limits import (
    BatchBreaker,
    RateLimitGroup,
    RateLimits,
    TimeoutPolicy,
    Timing,
    make_rate_limiters,
)
from trader.adapters.coinbase.pool import WorkerPool
from trader.adapters.coinbase.renewal import RenewableKey
from trader.adapters.coinbase.session import Signed, make_headers, open_session, read_retry_after
from trader.adapters.coinbase.wire.base import load_json
from trader.errors import VenueAuth, VenueError, VenueThrottled, VenueUnavailable
from trader.model.frozen import replace
from trader.ports import TimeBudget

BASE_URL = "https://api.coinbase.com"
ROOT = "/api/v3/brokerage"

_BODY_BYTES_MAX = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_SHORTEST_WAIT = 1.0
#: With less than this left of a run no request is sent.
_LEAST_WAIT = 0.05
#: With less than this left of it no other key is looked for.
_RENEWAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request: everything but who we are. *path* begins after the common root."""

    method: str
    path: str
    group: RateLimitGroup = RateLimitGroup.PRIVATE
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever it says."""

    status: int
    text: str
    retry_after: float | None = None


class Transport:
    """The way to one venue, with a key or without. Safe to share between threads; keep it while warm."""

    def __init__(
        self,
        base_url: str = BASE_URL,
        signer: Signer | None = None,
        *,
        limits: RateLimits | None = None,
        timeouts: TimeoutPolicy | None = None,
        timing: Timing | None = None,
        ca_file: str | None = None,
        budget: TimeBudget | None = None,
    ) -> None:
        self.budget = budget or TimeBudget()
        self.timing = timing or Timing()
        self.timeouts = timeouts or TimeoutPolicy()
        self.sent: Counter[RateLimitGroup] = Counter()
        self._limits = limits or RateLimits()
        self._root = base_url.rstrip("/") + ROOT
        self._redact = (lambda text: text) if signer is None else signer.redact
        self._key = signer if isinstance(signer, RenewableKey) else None
        self._signed = None if signer is None else Signed(signer, urlsplit(base_url).netloc)
        self._limiters = make_rate_limiters(self._limits, self.timing)
        self._session = open_session(self._limits.parallel, ca_file)
        self._lock = threading.Lock()
        self.on_refused_token: Callable[[], None] = lambda: None
        self.pool = WorkerPool(self._limits.parallel)

    @property
    def has_key(self) -> bool:
        """Whether the private half can be asked."""
        return self._signed is not None

    @property
    def key_generation(self) -> int:
        """How often the key was replaced by another one."""
        return 0 if self._key is None else self._key.generation

    @property
    def overrun_seconds(self) -> float:
        """By how much an attempt may exceed the instant that bounds it: to connect, and a moment for the answer."""
        return self.timeouts.connect_seconds + _SHORTEST_WAIT

    def close(self) -> None:
        """Let go of connections and threads."""
        self._session.close()
        self.pool.close()

    def attempt(self, call: Call, until: float | None = None, *, again_on_401: bool = True) -> Answer | Failure:
        """Send once, when it is our turn; the answer is waited for until a monotonic instant, if one is given.

        A moment is waited in any case: ``overrun_seconds`` says by how much an instant that has come is exceeded. The
        budget of the run is never exceeded: what finds no time in it is not sent, and an answer that drips in, byte by
        byte, is given up. What the venue refused for its key is sent again, if it may be, once there is another key.
        """
        key, generation = self._key, self.key_generation
        found = self._attempt(call, until)
        if call.group is RateLimitGroup.PUBLIC or not self._is_refused(call, found):
            return found
        self.on_refused_token()
        if key is None:
            return found
        if self.end_of_run() - self.timing.monotonic() > _RENEWAL_SECONDS and key.renew(generation):
            if not again_on_401 or (until is not None and self.timing.monotonic() >= until):
                return found
            found = self._attempt(call, until)
        failure = self.decode(call, found)
        if key.trouble and isinstance(failure, Failure) and failure.is_token_refused:
            return replace(failure, error=VenueAuth(f"{failure.error}; {key.trouble}"))
        return found

    def _is_refused(self, call: Call, found: Answer | Failure) -> bool:
        failure = self.decode(call, found) if isinstance(found, Answer) and found.status == 401 else found
        return isinstance(failure, Failure) and failure.is_token_refused

    def _attempt(self, call: Call, until: float | None) -> Answer | Failure:
        if call.group is not RateLimitGroup.PUBLIC and self._signed is None:
            return Failure(VenueAuth(f"{call}: there is no key to sign with"))
        if self.take_turn(call) is None:
            return Failure(VenueUnavailable(f"{call}: not sent, the run has no time left"))
        now, end = self.timing.monotonic(), self.end_of_run()
        until = max(now + self.timeouts.read_seconds if until is None else until, now + _SHORTEST_WAIT)
        until = min(until, end)
        # Named inside the handler, given back outside: no error of ours drags the request it came from along.
        try:
            exchange = partial(self._exchange, call, min(self.timeouts.answer_seconds, until - now), until)
            answer = self.pool.run_within(exchange, until - now)
        except TimeoutError:
            failure = Failure(VenueUnavailable(f"{call}: no whole answer within {until - now:.0f} s"))
        except failures.CAUGHT as error:
            failure = failures.classify_exception(str(call), error)
        else:
            return answer
        finally:
            self.budget.observe(self.timing.monotonic() - now)
        return failure

    def end_of_run(self) -> float:
        """Return the monotonic instant at which the budget of the run ends."""
        return self.timing.monotonic() + self.budget.until - self.timing.wall()

    def take_turn(self, call: Call) -> float | None:
        """Wait until a request may leave; return the monotonic instant at which its turn came.

        None, at once, if that would leave no moment for an answer in the run's budget.
        """
        end, turns = self.end_of_run() - _LEAST_WAIT, []
        for limiter in self._limiters[call.group]:
            turn = limiter.wait_turn(end)
            if turn is None or self.timing.monotonic() > end:
                return None
            turns.append(turn)
        with self._lock:
            self.sent[call.group] += 1
        return max(turns)

    def decode(self, call: Call, answer: Answer | Failure) -> Any:
        """Return the decoded body, or the Failure that the answer is."""
        if isinstance(answer, Failure):
            return answer
        failure = failures.classify_status(str(call), answer.status, answer.text, answer.retry_after)
        if failure is not None:
            return failure
        try:
            return load_json(answer.text)
        except (ValueError, RecursionError):
            return failures.classify_unreadable(str(call), answer.status)

    def read(self, call: Call, until: float | None = None, attempts: int | None = None) -> Any:
        """Ask until there is an answer, no attempt is left, or it is *until* (monotonic). Raises VenueError."""
        end = self.timing.monotonic() + self.timeouts.read_seconds if until is None else until
        end = min(end, self.end_of_run())
        attempts = self.timeouts.attempts if attempts is None else attempts
        auth_tried, begun = False, self.timing.monotonic()
        for retry in range(attempts):
            found = self.decode(call, self.attempt(call, end))
            # Repetitions and pauses are part of what an answer takes.
            self.budget.observe(self.timing.monotonic() - begun)
            if not isinstance(found, Failure):
                return found
            delay = self._delay(found, retry, auth_tried=auth_tried)
            auth_tried = auth_tried or found.status == 401
            if delay is None or retry + 1 == attempts or self.timing.monotonic() + delay > end:
                break
            if isinstance(found.error, VenueThrottled):
                for limiter in self._limiters[call.group]:
                    limiter.pause(delay)
            self.timing.sleep(delay)
        raise found.error

    def send(self, call: Call, *, again_on_401: bool = True) -> Any:
        """Ask once; a refused token, which means that nothing was done, may be followed by a fresh one.

        Raises: VenueError, after which it may or may not have happened.
        """
        found = self.decode(call, self.attempt(call, again_on_401=again_on_401))
        if isinstance(found, Failure) and found.is_token_refused and again_on_401:
            self.timing.sleep(min(self.auth_delay(), max(self.end_of_run() - self.timing.monotonic(), 0)))
            found = self.decode(call, self.attempt(call))
        if isinstance(found, Failure):
            raise found.error
        return found

    def read_each(self, calls: Sequence[Call]) -> list[Any]:
        """Read in parallel; in the place of each call stands what was read, or its VenueError.

        If the first ones all fail for want of an answer, the rest is not asked.
        """
        breaker = BatchBreaker(
            min(self.timing.monotonic() + self.timeouts.bulk_seconds, self.end_of_run()), self._limits.parallel
        )
        return self.pool.run_each([partial(self._try, call, breaker) for call in calls])

    def auth_delay(self) -> float:
        """Return how long to wait after a refused token: some refusals are throttling in disguise."""
        return self.timeouts.auth_seconds + self.timing.uniform(0, self.timeouts.auth_seconds)

    def _try(self, call: Call, breaker: BatchBreaker) -> Any:
        if breaker.is_tripped(self.timing.monotonic()):
            return VenueUnavailable(f"{call}: not asked, the venue does not answer in time")
        try:
            found = self.read(call, breaker.until)
        except VenueError as error:
            breaker.record_failure(error)
            return error
        breaker.has_success = True
        return found

    def _delay(self, failure: Failure, retry: int, *, auth_tried: bool) -> float | None:
        """Return how long to wait before asking again; None for not at all."""
        if failure.is_token_refused and not auth_tried:
            return self.auth_delay()
        if not failure.may_retry:
            return None
        ceiling = min(self.timeouts.backoff_seconds * 2**retry, self.timeouts.backoff_seconds_max)
        return max(self.timing.uniform(0, ceiling), failure.retry_after or 0)

    def _exchange(self, call: Call, answer_seconds: float, until: float) -> Answer:
        is_public = call.group is RateLimitGroup.PUBLIC
        with self._session.request(
            call.method,
            self._root + call.path,
            params=call.query,
            data=call.body,
            headers=make_headers(is_public=is_public, has_body=call.body is not None),
            auth=None if is_public else self._signed,
            timeout=(
                min(self.timeouts.connect_seconds, max(until - self.timing.monotonic(), _LEAST_WAIT)),
                answer_seconds,
            ),
            allow_redirects=False,
            stream=True,
        ) as response:
            # Piece by piece, because a time-out only bounds the silence between two pieces. What is complete is taken,
            # however late it is.
            body, is_late = bytearray(), False
            for chunk in response.iter_content(_CHUNK_BYTES):
                body += chunk
                if len(body) > _BODY_BYTES_MAX or is_late:
                    raise requests.exceptions.ReadTimeout
                is_late = self.timing.monotonic() > until
            retry_after = read_retry_after(response.headers.get("Retry-After"), self.timing.wall())
            # Whatever the other side quotes of a request that carried our key is gone before anyone reads it.
            text = body.decode("utf-8", "replace")
            return Answer(response.status_code, text if is_public else self._redact(text), retry_after)
