"""One connection pool, one budget of requests, one way to fail.

An attempt gives an ``Answer`` or a ``Failure``. A read repeats what the table of failures allows; everything else
is sent once, and its caller decides about sending it again.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from trader import __version__
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
from trader.errors import VenueAuth, VenueError, VenueThrottled, VenueUnavailable

BASE_URL = "https://api.coinbase.com"
ROOT = "/api/v3/brokerage"

_BODY_BYTES_MAX = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_SHORTEST_WAIT = 1.0


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


class _Signed(AuthBase):
    """Lets the signer see the request as it will leave, so that no frame of ours ever holds a token."""

    def __init__(self, signer: Signer, host: str) -> None:
        self._signer = signer
        self._host = host

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body if isinstance(request.body, bytes) else b""
        path = urlsplit(request.url or "").path
        request.headers.update(self._signer.headers(str(request.method), self._host, str(path), body))
        return request


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
    ) -> None:
        self.timing = timing or Timing()
        self.timeouts = timeouts or TimeoutPolicy()
        self.sent: Counter[RateLimitGroup] = Counter()
        self._limits = limits or RateLimits()
        self._root = base_url.rstrip("/") + ROOT
        self._redact = (lambda text: text) if signer is None else signer.redact
        self._signed = None if signer is None else _Signed(signer, urlsplit(base_url).netloc)
        self._limiters = make_rate_limiters(self._limits, self.timing)
        self._session = _session(self._limits.parallel, ca_file)
        self._lock = threading.Lock()
        self.pool = WorkerPool(self._limits.parallel)

    @property
    def has_key(self) -> bool:
        """Whether the private half can be asked."""
        return self._signed is not None

    @property
    def overrun_seconds(self) -> float:
        """By how much an attempt may exceed the instant that bounds it: to connect, and a moment for the answer."""
        return self.timeouts.connect_seconds + _SHORTEST_WAIT

    def close(self) -> None:
        """Let go of connections and threads."""
        self._session.close()
        self.pool.close()

    def attempt(self, call: Call, until: float | None = None) -> Answer | Failure:
        """Send once, when it is our turn; the answer is waited for until a monotonic instant, if one is given.

        A moment is waited in any case: ``overrun_seconds`` says by how much an instant that has come is exceeded. An
        answer that drips in, byte by byte, is bounded by the end of the invocation alone.
        """
        if call.group is not RateLimitGroup.PUBLIC and self._signed is None:
            return Failure(VenueAuth(f"{call}: there is no key to sign with"))
        self.take_turn(call)
        now = self.timing.monotonic()
        until = max(now + self.timeouts.read_seconds if until is None else until, now + _SHORTEST_WAIT)
        # Named inside the handler, given back outside: no error of ours drags the request it came from along.
        try:
            answer = self._exchange(call, min(self.timeouts.answer_seconds, until - now), until)
        except failures.CAUGHT as error:
            failure = failures.classify_exception(str(call), error)
        else:
            return answer
        return failure

    def take_turn(self, call: Call) -> float:
        """Wait until a request may leave; return the monotonic instant at which its turn came."""
        turn = max(limiter.wait_turn() for limiter in self._limiters[call.group])
        with self._lock:
            self.sent[call.group] += 1
        return turn

    def decode(self, call: Call, answer: Answer | Failure) -> Any:
        """Return the decoded body, or the Failure that the answer is."""
        if isinstance(answer, Failure):
            return answer
        failure = failures.classify_status(str(call), answer.status, answer.text, answer.retry_after)
        if failure is not None:
            return failure
        try:
            return json.loads(answer.text, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return failures.classify_unreadable(str(call), answer.status)

    def read(self, call: Call, until: float | None = None, attempts: int | None = None) -> Any:
        """Ask until there is an answer, no attempt is left, or it is *until* (monotonic). Raises VenueError."""
        end = self.timing.monotonic() + self.timeouts.read_seconds if until is None else until
        attempts = self.timeouts.attempts if attempts is None else attempts
        auth_tried = False
        for retry in range(attempts):
            found = self.decode(call, self.attempt(call, end))
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
        found = self.decode(call, self.attempt(call))
        if isinstance(found, Failure) and found.status == 401 and again_on_401:
            self.timing.sleep(self.auth_delay())
            found = self.decode(call, self.attempt(call))
        if isinstance(found, Failure):
            raise found.error
        return found

    def read_each(self, calls: Sequence[Call]) -> list[Any]:
        """Read in parallel; in the place of each call stands what was read, or its VenueError.

        If the first ones all fail for want of an answer, the rest is not asked.
        """
        breaker = BatchBreaker(self.timing.monotonic() + self.timeouts.bulk_seconds, self._limits.parallel)
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
        if failure.status == 401 and not auth_tried:
            return self.auth_delay()
        if not failure.may_retry:
            return None
        ceiling = min(self.timeouts.backoff_seconds * 2**retry, self.timeouts.backoff_seconds_max)
        return max(self.timing.uniform(0, ceiling), failure.retry_after or 0)

    def _exchange(self, call: Call, answer_seconds: float, until: float) -> Answer:
        with self._session.request(
            call.method,
            self._root + call.path,
            params=call.query,
            data=call.body,
            headers=_headers(call),
            auth=None if call.group is RateLimitGroup.PUBLIC else self._signed,
            timeout=(self.timeouts.connect_seconds, answer_seconds),
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
            retry_after = _seconds(response.headers.get("Retry-After"), self.timing.wall())
            # Whatever the other side quotes of a request that carried our key is gone before anyone reads it.
            text = body.decode("utf-8", "replace")
            text = text if call.group is RateLimitGroup.PUBLIC else self._redact(text)
            return Answer(response.status_code, text, retry_after)


def _session(parallel: int, ca_file: str | None) -> requests.Session:
    session = requests.Session()
    # Neither proxies nor certificates nor a .netrc from the environment.
    session.trust_env = False
    session.verify = ca_file or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = f"trader/{__version__}"
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=parallel + 1, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _headers(call: Call) -> Mapping[str, str]:
    # Public answers are cached for a second unless we ask not to.
    headers = {"Cache-Control": "no-cache"} if call.group is RateLimitGroup.PUBLIC else {}
    return headers if call.body is None else {**headers, "Content-Type": "application/json"}


def _seconds(retry_after: str | None, wall: float) -> float | None:
    """Read a Retry-After, which is a number of seconds or a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - wall, 0.0)
    except ValueError:
        return None


def _no_number(text: str) -> Decimal:
    raise ValueError(f"{text} is not a number")
