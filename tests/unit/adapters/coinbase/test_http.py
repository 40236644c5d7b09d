"""One attempt, a read with its patience, a batch: over real sockets, with time that only passes by sleeping."""

from __future__ import annotations

import time as real_time
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest

from trader.adapters.coinbase.auth import choose_signer
from trader.adapters.coinbase.failures import Failure, NotFound
from trader.adapters.coinbase.http import Answer, Call, Transport
from trader.adapters.coinbase.limits import RateLimitGroup, RateLimits, TimeoutPolicy, Timing
from trader.errors import VenueAuth, VenueError, VenueProtocol, VenueThrottled, VenueUnavailable
from unit.adapters.coinbase import stub
from unit.adapters.coinbase.stub import CREDENTIALS, EC_KEY, FAST, HTML, ROOT, FakeTime, Reply, Request, Stub

GET = Call("GET", "/thing", RateLimitGroup.PUBLIC)
PRIVATE = Call("GET", "/thing", query=(("a", "1"), ("a", "2")))
POST = Call("POST", "/thing", body=b'{"a":1}')
OK = Reply({"fine": True})


def a_transport(venue: Stub, time: FakeTime, *, key: bool = True, **changes: Any) -> Transport:
    signer = choose_signer(CREDENTIALS, lambda: time.start + time.passed) if key else None
    return stub.a_transport(venue, time, signer, **changes)


def token_in(headers: Any) -> dict[str, Any]:
    token = headers["Authorization"].removeprefix("Bearer ")
    options = {"verify_exp": False, "verify_nbf": False}
    return {**jwt.decode(token, EC_KEY.public_key(), algorithms=["ES256"], options=options), "token": token}


# --- what is sent


def test_token_is_bound_to_method_host_and_path_and_not_to_the_query(venue: Stub, time: FakeTime) -> None:
    """The query in it is refused by the venue."""
    venue.on("GET", "/thing", OK)

    a_transport(venue, time).read(PRIVATE)

    (request,) = venue.requests
    assert f"GET {urlsplit(venue.url).netloc}{ROOT}/thing" == token_in(request.headers)["uri"]
    assert (("a", "1"), ("a", "2")) == request.query


def test_public_request_carries_no_key_and_no_cache(venue: Stub, time: FakeTime) -> None:
    """Public answers may be a second old unless we ask for fresh ones."""
    venue.on("GET", "/thing", OK)

    a_transport(venue, time).read(GET)

    headers = venue.requests[0].headers
    assert "Authorization" not in headers
    assert "no-cache" == headers["Cache-Control"]
    assert headers["User-Agent"].startswith("trader/")


def test_private_request_without_a_key_is_not_sent(venue: Stub, time: FakeTime) -> None:
    """There is nothing to sign with."""
    with pytest.raises(VenueAuth):
        a_transport(venue, time, key=False).read(PRIVATE)

    assert [] == venue.requests


def test_connection_is_kept(venue: Stub, time: FakeTime) -> None:
    """One session, one connection."""
    venue.on("GET", "/thing", OK)
    transport = a_transport(venue, time)
    for _ in range(3):
        transport.read(GET)

    assert 1 == len({request.connection for request in venue.requests})


def test_environment_is_not_asked(venue: Stub, time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a proxy nor for certificates."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    venue.on("GET", "/thing", OK)

    assert {"fine": True} == a_transport(venue, time).read(GET)


def test_cookies_are_not_kept(venue: Stub, time: FakeTime) -> None:
    """State between requests is one more way for two of them to differ."""
    venue.on("GET", "/thing", Reply({}, headers={"Set-Cookie": "a=b"}))
    transport = a_transport(venue, time)
    transport.read(GET)
    transport.read(GET)

    assert "Cookie" not in venue.requests[1].headers


def test_redirect_is_not_followed(venue: Stub, time: FakeTime) -> None:
    """A token goes where it was made for."""
    venue.on("GET", "/thing", Reply("", 302, {"Location": f"{venue.url}{ROOT}/other"}))

    with pytest.raises(VenueProtocol, match="HTTP 302"):
        a_transport(venue, time).read(PRIVATE)

    assert 1 == len(venue.requests)


# --- what comes back


def test_numbers_never_pass_through_binary_fractions(venue: Stub, time: FakeTime) -> None:
    """As text or as number, every digit arrives."""
    venue.on("GET", "/thing", Reply('{"a": 31.224156296464002, "b": 0.1, "c": 5}'))

    found = a_transport(venue, time).read(GET)

    assert {"a": Decimal("31.224156296464002"), "b": Decimal("0.1"), "c": 5} == found


UNREADABLE = [
    Reply(HTML),
    Reply('{"fine": tr'),
    Reply('{"a": NaN}'),
    Reply(""),
    Reply({"fine": True}, fate="cut"),
    Reply(fate="reset"),
    Reply(fate="hang"),
    Reply(HTML, 502),
    Reply("", 503),
    Reply({"error": "INTERNAL"}, 500),
]


@pytest.mark.parametrize("reply", UNREADABLE, ids=lambda reply: f"{reply.status} {reply.fate or reply.body!s:.12}")
def test_read_without_a_usable_answer_is_repeated_and_then_given_up(venue: Stub, time: FakeTime, reply: Reply) -> None:
    """Four times, further and further apart."""
    venue.on("GET", "/thing", reply)

    with pytest.raises(VenueUnavailable):
        a_transport(venue, time).read(GET)

    assert 4 == len(venue.requests)
    assert [0.5, 1.0, 2.0] == time.waits


@pytest.mark.parametrize("reply", UNREADABLE, ids=lambda reply: f"{reply.status} {reply.fate or reply.body!s:.12}")
def test_read_that_is_answered_the_second_time_succeeds(venue: Stub, time: FakeTime, reply: Reply) -> None:
    """One bad answer is no news."""
    venue.on("GET", "/thing", reply, OK)

    assert {"fine": True} == a_transport(venue, time).read(GET)


def test_venue_that_says_nothing_is_not_waited_for(venue: Stub, time: FakeTime) -> None:
    """The time-out of an attempt is real time, and this answer never comes."""
    venue.on("GET", "/thing", Reply(fate="hang"))
    timeouts = TimeoutPolicy(answer_seconds=0.05, attempts=1)
    transport = Transport(venue.url, limits=FAST, timeouts=timeouts, timing=time.timing())

    with pytest.raises(VenueUnavailable, match="ReadTimeout"):
        transport.read(GET)


@pytest.mark.parametrize(("left", "seconds"), [(None, 10), (60, 10), (4, 4), (0.5, 1), (-5, 1)])
def test_answer_is_waited_for_until_the_time_is_over(
    venue: Stub, time: FakeTime, left: float | None, seconds: float
) -> None:
    """Ten seconds, or what is left of the time for everything; but never less than one."""
    venue.on("GET", "/thing", OK)

    a_transport(venue, time).attempt(GET, None if left is None else time.passed + left)

    assert [(1, seconds)] == venue.timeouts


def test_nobody_at_home_is_unavailable(time: FakeTime) -> None:
    """A port where nothing listens."""
    transport = Transport("http://127.0.0.1:1", limits=FAST, timing=time.timing())

    with pytest.raises(VenueUnavailable, match=r"GET /thing: ConnectionError \("):
        transport.read(GET)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, VenueProtocol), (403, VenueUnavailable), (404, NotFound), (409, VenueProtocol)]
)
def test_refusal_is_not_repeated(venue: Stub, time: FakeTime, status: int, kind: type[VenueError]) -> None:
    """The same question would get the same answer."""
    venue.on("GET", "/thing", Reply({"error": "E", "message": "because"}, status))

    with pytest.raises(kind, match=f"GET /thing: HTTP {status}: E: because"):
        a_transport(venue, time).read(GET)

    assert 1 == len(venue.requests)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (HTML, ": a page"),
        ("error code: 1020", ": error code: 1020"),
        ("", ""),
        ({"message": "Forbidden"}, ": Forbidden"),
    ],
)
def test_block_of_the_edge_is_not_asked_again(venue: Stub, time: FakeTime, body: Any, detail: str) -> None:
    """403 in words that are not the venue's: asking makes it worse."""
    venue.on("GET", "/thing", Reply(body, 403))

    with pytest.raises(VenueUnavailable, match=f"^GET /thing: HTTP 403{detail}$"):
        a_transport(venue, time).read(GET)

    assert 1 == len(venue.requests)


def test_page_with_401_asks_for_no_fresh_token(venue: Stub, time: FakeTime) -> None:
    """It is the edge's, too, and not about our key."""
    venue.on("GET", "/thing", Reply(HTML, 401))

    with pytest.raises(VenueUnavailable, match=r"^GET /thing: HTTP 401: a page$"):
        a_transport(venue, time).read(GET)

    assert 1 == len(venue.requests)


def test_key_that_may_not_is_told_from_a_block(venue: Stub, time: FakeTime) -> None:
    """403 in the venue's own words."""
    venue.on("GET", "/thing", Reply({"error": "PERMISSION_DENIED", "message": "Missing required scopes"}, 403))

    with pytest.raises(VenueAuth, match="HTTP 403: PERMISSION_DENIED: Missing required scopes"):
        a_transport(venue, time).read(GET)

    assert 1 == len(venue.requests)


# --- waiting


def test_jitter_is_full(venue: Stub) -> None:
    """Anything from nothing to the ceiling: the least that chance gives is no wait at all."""
    time = FakeTime()
    venue.on("GET", "/thing", Reply("", 503))
    transport = a_transport(venue, time, timing=time.timing(uniform=lambda low, _: low))

    with pytest.raises(VenueUnavailable):
        transport.read(GET)

    assert [] == time.waits


@pytest.mark.parametrize("reply", [Reply(HTML, 429), Reply({"errors": [{"message": "Too many requests"}]}, 429)])
def test_throttled_read_waits_and_is_throttled_in_the_end(venue: Stub, time: FakeTime, reply: Reply) -> None:
    """A page or JSON, both happen."""
    venue.on("GET", "/thing", reply)

    with pytest.raises(VenueThrottled):
        a_transport(venue, time).read(GET)

    assert 4 == len(venue.requests)
    assert [0.5, 1.0, 2.0] == time.waits


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(venue: Stub, time: FakeTime, form: str) -> None:
    """In seconds, or as a date by the venue's calendar."""
    time.start = 1_790_000_000
    word = "7" if form == "seconds" else "Mon, 21 Sep 2026 14:13:27 GMT"
    venue.on("GET", "/thing", Reply("", 429, {"Retry-After": word}), OK)

    a_transport(venue, time).read(GET)

    assert [7.0] == time.waits


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry-After": "7"}, 7.0), ({}, 0.5)], ids=["told", "not told"])
def test_throttled_read_holds_back_the_other_requests_too(
    venue: Stub, time: FakeTime, headers: dict[str, str], seconds: float
) -> None:
    """Who asks in the same lane while it waits, waits as long; in another lane nobody does."""
    venue.on("GET", "/thing", Reply("", 429, headers), OK)
    turns: list[tuple[float, float]] = []

    def sleep(wait: float) -> None:
        # In the first wait only: who takes a turn comes by here as well.
        if wait >= 0.01 and not turns:
            turns.append((0.0, 0.0))
            turns[:] = [(transport.take_turn(PRIVATE), transport.take_turn(GET))]
        time.sleep(wait)

    timing = Timing(time.timing().wall, lambda: time.passed, sleep, lambda _, high: high)
    transport = a_transport(venue, time, timing=timing)
    begun = time.passed
    transport.read(GET)

    ((private, public),) = turns
    assert private < begun + 0.01
    assert begun + seconds <= public < begun + seconds + 0.01


def test_retry_after_beyond_patience_gives_up_at_once(venue: Stub, time: FakeTime) -> None:
    """Nobody sleeps an hour in a function that lives for minutes."""
    venue.on("GET", "/thing", Reply("", 429, {"Retry-After": "3600"}))

    with pytest.raises(VenueThrottled):
        a_transport(venue, time).read(GET)

    assert [] == time.waits


@pytest.mark.parametrize("word", ["soon", "", "-1"])
def test_retry_after_nobody_understands_is_as_good_as_none(venue: Stub, time: FakeTime, word: str) -> None:
    """The usual wait, then."""
    venue.on("GET", "/thing", Reply("", 429, {"Retry-After": word}), OK)

    a_transport(venue, time).read(GET)

    assert [0.5] == time.waits


def test_read_gives_up_an_answer_that_goes_on_beyond_its_end(venue: Stub, time: FakeTime) -> None:
    """The end of a read bounds each of its attempts too."""

    def late(_: Request) -> Reply:
        time.passed += 5
        return Reply({"fine": "x" * 500_000})

    venue.on("GET", "/thing", late)

    with pytest.raises(VenueUnavailable):
        a_transport(venue, time).read(GET, time.passed + 1)

    assert 1 == len(venue.requests)


# --- 401


def test_refused_token_is_followed_by_one_fresh_one_after_a_second(venue: Stub, time: FakeTime) -> None:
    """Some refusals are throttling in disguise."""
    venue.on("GET", "/thing", Reply("Unauthorized", 401), OK)

    assert {"fine": True} == a_transport(venue, time).read(PRIVATE)

    first, second = (token_in(request.headers)["token"] for request in venue.requests)
    assert first != second
    assert all(1 <= wait <= 2 for wait in time.waits)
    assert 1 == len(time.waits)


@pytest.mark.parametrize("call", [PRIVATE, POST], ids=["read", "send"])
def test_second_refused_token_is_an_error(venue: Stub, time: FakeTime, call: Call) -> None:
    """Then it is the key, or the clock."""
    venue.on(call.method, "/thing", Reply("Unauthorized", 401))
    transport = a_transport(venue, time)

    with pytest.raises(VenueAuth, match="HTTP 401: Unauthorized"):
        transport.read(call) if call is PRIVATE else transport.send(call)

    assert 2 == len(venue.requests)


# --- sending


@pytest.mark.parametrize("reply", UNREADABLE, ids=lambda reply: f"{reply.status} {reply.fate or reply.body!s:.12}")
def test_what_changes_something_is_sent_once(venue: Stub, time: FakeTime, reply: Reply) -> None:
    """Whether it happened is for the caller to find out."""
    venue.on("POST", "/thing", reply)

    with pytest.raises(VenueUnavailable):
        a_transport(venue, time).send(POST)

    assert 1 == len(venue.requests)


def test_what_must_not_happen_twice_is_not_even_repeated_for_a_token(venue: Stub, time: FakeTime) -> None:
    """That a refused token did nothing is documented nowhere."""
    venue.on("POST", "/thing", Reply("Unauthorized", 401))

    with pytest.raises(VenueAuth):
        a_transport(venue, time).send(POST, again_on_401=False)

    assert 1 == len(venue.requests)


def test_attempt_gives_back_what_there_was(venue: Stub, time: FakeTime) -> None:
    """Answer or failure, as values."""
    venue.on("POST", "/thing", Reply("Unauthorized", 401), Reply(fate="reset"))
    transport = a_transport(venue, time)

    assert Answer(401, "Unauthorized") == transport.attempt(POST)
    failure = transport.attempt(POST)
    assert isinstance(failure, Failure)
    assert failure.error.__context__ is None


# --- batches


def test_answer_that_is_complete_is_taken_however_late(venue: Stub, time: FakeTime) -> None:
    """To throw it away would make a doubt of an order that was taken."""

    def late(_: Request) -> Reply:
        time.passed += 5
        return OK

    venue.on("POST", "/thing", late)

    assert isinstance(a_transport(venue, time).attempt(POST, time.passed + 1), Answer)


def test_answer_that_goes_on_beyond_its_time_is_given_up(venue: Stub, time: FakeTime) -> None:
    """A body of several pieces: after the first that comes too late no more is waited for."""

    def late(_: Request) -> Reply:
        time.passed += 5
        return Reply({"fine": "x" * 500_000})

    venue.on("POST", "/thing", late)

    assert isinstance(a_transport(venue, time).attempt(POST, time.passed + 1), Failure)


def test_batch_answers_in_order_with_errors_in_their_places(venue: Stub, time: FakeTime) -> None:
    """One that fails does not take the others along."""
    for number in range(12):
        venue.on("GET", f"/{number}", Reply({}, 404) if number == 5 else Reply({"number": number}))
    calls = [Call("GET", f"/{number}", RateLimitGroup.PUBLIC) for number in range(12)]

    found = a_transport(venue, time).read_each(calls)

    assert isinstance(found.pop(5), NotFound)
    assert [{"number": number} for number in range(12) if number != 5] == found


def test_batch_stops_asking_a_venue_that_does_not_answer(venue: Stub, time: FakeTime) -> None:
    """A dead venue costs a few attempts, not one for each of 200 products."""
    calls = [Call("GET", f"/{number}", RateLimitGroup.PUBLIC) for number in range(200)]
    for call in calls:
        venue.on("GET", call.path, Reply("", 503))

    found = a_transport(venue, time).read_each(calls)

    assert all(isinstance(each, VenueUnavailable) for each in found)
    assert len(venue.requests) <= 8 * 4


def test_batch_goes_on_while_the_venue_answers_some(venue: Stub, time: FakeTime) -> None:
    """One that was answered shows that it is not down: the failures are those of a product."""
    venue.on("GET", "/fine", OK)
    bad = [Call("GET", f"/{number}", RateLimitGroup.PUBLIC) for number in range(3)]
    for call in bad:
        venue.on("GET", call.path, Reply("", 503))
    one_by_one = RateLimits(public_per_second=10_000, parallel=1)

    found = a_transport(venue, time, limits=one_by_one).read_each([Call("GET", "/fine", RateLimitGroup.PUBLIC), *bad])

    assert {"fine": True} == found[0]
    assert [4, 4, 4] == [len(venue.asked("GET", call.path)) for call in bad]


def test_batch_keeps_the_rate(venue: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real time: 30 requests at 40 a second over four threads, and none leaves before its turn."""
    arrivals: list[float] = []
    turns: list[float] = []
    venue.on("GET", "/thing", lambda _: arrivals.append(real_time.monotonic()) or OK)  # type: ignore[func-returns-value]
    transport = Transport(venue.url, limits=RateLimits(public_per_second=40, parallel=4))
    stub.be_patient(transport, venue)
    take = transport.take_turn
    monkeypatch.setattr(transport, "take_turn", lambda call: turns.append(take(call) or 0.0) or turns[-1])  # type: ignore[func-returns-value]

    transport.read_each([GET] * 30)

    assert 30 == transport.sent[RateLimitGroup.PUBLIC]
    turns.sort()
    assert all(later - turn >= 1 / 40 for turn, later in pairwise(turns))
    assert all(turn <= arrival for turn, arrival in zip(turns, sorted(arrivals), strict=True))


def test_empty_batch_asks_nothing(venue: Stub, time: FakeTime) -> None:
    """And needs no threads."""
    transport = a_transport(venue, time)

    assert [] == transport.read_each([])
    transport.close()
