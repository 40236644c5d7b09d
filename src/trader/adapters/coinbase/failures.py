"""Everything that can go wrong between us and the venue, and what it is called here: the one table.

===========================  =================  ==============================================
what happened                error              a read is asked again
===========================  =================  ==============================================
no answer, cut answer, 5xx   VenueUnavailable   yes
408                          VenueUnavailable   yes
403 of the edge              VenueUnavailable   no: it blocks us, asking makes it worse
429                          VenueThrottled     yes, not before Retry-After
401                          VenueAuth          once, with a fresh token
403 of the venue             VenueAuth          no
404                          NotFound           no
400 for an argument          InvalidArgument    no: but in a bulk read, without the id that may be odd
200 that is not JSON         VenueUnavailable   yes
3xx, other 4xx               VenueProtocol      no
a request we built wrongly   VenueProtocol      no
===========================  =================  ==============================================

A 403 is the venue's if its JSON says so in words that the venue has for keys and permissions. Any other, a page, a line
of text, nothing at all or a JSON of another shape, comes from the edge before it, and says nothing of our key. So does
a page with 401.

Messages hold the method, the path, the status and the venue's own words; never headers, keys or what we sent.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import requests.exceptions as rq
import urllib3.exceptions as u3

from trader.adapters.coinbase.wire.base import load_json
from trader.errors import VenueAuth, VenueError, VenueProtocol, VenueThrottled, VenueUnavailable
from trader.model.refusals import RefusalClass, classify_refusal, is_known_refusal

_DETAIL_LENGTH = 200


class NotFound(VenueProtocol):
    """The venue does not know this thing, or not yet; ``is_worded`` if its own code says so, and not the status alone.

    A path that does not exist has another code.
    """

    is_worded = False


class InvalidArgument(VenueProtocol):
    """The venue does not take something that the request asks about, an unknown id perhaps."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that gave nothing usable: the error it would be, and whether a read may try again.

    ``words`` are the venue's own: a code, a sentence, or both; a page has none.
    """

    error: VenueError
    may_retry: bool = False
    retry_after: float | None = None
    status: int | None = None
    words: tuple[str, ...] = ()

    @property
    def is_token_refused(self) -> bool:
        """Whether a fresh token may do what this one did not."""
        return self.status == 401 and isinstance(self.error, VenueAuth)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """A row of the table."""

    kind: type[VenueError]
    may_retry: bool = False


_NO_ANSWER = ErrorRule(VenueUnavailable, may_retry=True)
_OUR_FAULT = ErrorRule(VenueProtocol)

#: By exact class; a subclass that is not listed falls to its nearest listed base, and a test to the ground.
EXCEPTIONS: Mapping[type[BaseException], ErrorRule] = {
    rq.RequestException: _NO_ANSWER,
    rq.ChunkedEncodingError: _NO_ANSWER,
    rq.ConnectTimeout: _NO_ANSWER,
    rq.ConnectionError: _NO_ANSWER,
    rq.ContentDecodingError: _NO_ANSWER,
    rq.HTTPError: _NO_ANSWER,
    rq.InvalidHeader: _OUR_FAULT,
    rq.InvalidJSONError: _OUR_FAULT,
    rq.InvalidProxyURL: _OUR_FAULT,
    rq.InvalidSchema: _OUR_FAULT,
    rq.InvalidURL: _OUR_FAULT,
    rq.JSONDecodeError: _NO_ANSWER,
    rq.MissingSchema: _OUR_FAULT,
    rq.ProxyError: _NO_ANSWER,
    rq.ReadTimeout: _NO_ANSWER,
    rq.RetryError: _NO_ANSWER,
    rq.SSLError: _NO_ANSWER,
    rq.StreamConsumedError: _OUR_FAULT,
    rq.Timeout: _NO_ANSWER,
    rq.TooManyRedirects: _OUR_FAULT,
    rq.URLRequired: _OUR_FAULT,
    rq.UnrewindableBodyError: _OUR_FAULT,
    # requests turns nearly all of these into its own; nearly.
    u3.HTTPError: _NO_ANSWER,
    u3.BodyNotHttplibCompatible: _OUR_FAULT,
    u3.ClosedPoolError: _NO_ANSWER,
    u3.ConnectTimeoutError: _NO_ANSWER,
    u3.DecodeError: _NO_ANSWER,
    u3.EmptyPoolError: _NO_ANSWER,
    u3.FullPoolError: _NO_ANSWER,
    u3.HeaderParsingError: _NO_ANSWER,
    u3.HostChangedError: _OUR_FAULT,
    u3.IncompleteRead: _NO_ANSWER,
    u3.InvalidChunkLength: _NO_ANSWER,
    u3.InvalidHeader: _NO_ANSWER,
    u3.LocationParseError: _OUR_FAULT,
    u3.LocationValueError: _OUR_FAULT,
    u3.MaxRetryError: _NO_ANSWER,
    u3.NameResolutionError: _NO_ANSWER,
    u3.NewConnectionError: _NO_ANSWER,
    u3.PoolError: _NO_ANSWER,
    u3.ProtocolError: _NO_ANSWER,
    u3.ProxyError: _NO_ANSWER,
    u3.ProxySchemeUnknown: _OUR_FAULT,
    u3.ProxySchemeUnsupported: _OUR_FAULT,
    u3.ReadTimeoutError: _NO_ANSWER,
    u3.RequestError: _NO_ANSWER,
    u3.ResponseError: _NO_ANSWER,
    u3.ResponseNotChunked: _NO_ANSWER,
    u3.SSLError: _NO_ANSWER,
    u3.TimeoutError: _NO_ANSWER,
    u3.TimeoutStateError: _OUR_FAULT,
    u3.URLSchemeUnknown: _OUR_FAULT,
    u3.UnrewindableBodyError: _OUR_FAULT,
    # What lies below both.
    http.client.HTTPException: _NO_ANSWER,
    OSError: _NO_ANSWER,
}

#: What an attempt may raise. Everything else is our bug and passes.
CAUGHT = (rq.RequestException, u3.HTTPError, u3.ProxySchemeUnsupported, http.client.HTTPException, OSError)

_STATUSES: Mapping[int, ErrorRule] = {
    401: ErrorRule(VenueAuth),
    404: ErrorRule(NotFound),
    408: _NO_ANSWER,
    429: ErrorRule(VenueThrottled, may_retry=True),
}
_BLOCKED = ErrorRule(VenueUnavailable)
_FORBIDDEN = ErrorRule(VenueAuth)
_REFUSED = ErrorRule(InvalidArgument)

#: What the venue says of a key, beside the refusals that every request shares with orders: its codes and error ids.
_OF_KEYS = frozenset(
    {
        "UNAUTHENTICATED",
        "authentication_error",
        "expired_token",
        "invalid_scope",
        "invalid_token",
        "revoked_token",
    }
)
#: The numbers of the same: permission denied, unauthenticated. Source: gRPC status codes.
_NUMBERS_OF_KEYS = (7, 16)


def classify_exception(what: str, error: BaseException) -> Failure:
    """Name an attempt that ended in an exception; *what* was asked."""
    rule = next(EXCEPTIONS[kind] for kind in type(error).__mro__ if kind in EXCEPTIONS)
    cause = _deepest(error)
    because = f" ({type(cause).__name__})" if cause is not error else ""
    return Failure(rule.kind(f"{what}: {type(error).__name__}{because}"), rule.may_retry)


def classify_status(what: str, status: int, text: str, retry_after: float | None) -> Failure | None:
    """Name an answer by its status; None if that promises something to read."""
    if 200 <= status < 300:
        return None
    rule = find_rule(status, text)
    detail = extract_detail(text)
    error = rule.kind(f"{what}: HTTP {status}" + (f": {detail}" if detail else ""))
    words = _read_words(text)
    if isinstance(error, NotFound):
        error.is_worded = "NOT_FOUND" in words[:1]
    return Failure(error, rule.may_retry, retry_after, status, words)


def is_refusal_of_ids(error: VenueError) -> bool:
    """Whether an id that was asked for may be what the venue refuses: without it, the others may be answered."""
    return isinstance(error, InvalidArgument) or (isinstance(error, NotFound) and error.is_worded)


def classify_refused_order(failure: Failure) -> RefusalClass:
    """Say what a 400 or 403 in answer to an order means: one of the edge is the edge's, a 403 of the venue forbids."""
    if failure.status == 403:
        return RefusalClass.PERMISSION if isinstance(failure.error, VenueAuth) else RefusalClass.EDGE
    known = (classify_refusal(each) for each in failure.words if is_known_refusal(each))
    return next(known, RefusalClass.EDGE)


def find_rule(status: int, text: str = "") -> ErrorRule:
    """Look a status up; the body tells an answer of the venue from one of the edge before it."""
    if status == 403:
        return _FORBIDDEN if _forbids(text) else _BLOCKED
    if status == 401 and is_page(text):
        return _BLOCKED
    if status == 400 and "INVALID_ARGUMENT" in _read_words(text)[:1]:
        return _REFUSED
    if status >= 500:
        return _NO_ANSWER
    return _STATUSES.get(status, _OUR_FAULT)


def classify_unreadable(what: str, status: int) -> Failure:
    """Name a success whose body is cut, or is a page."""
    return Failure(VenueUnavailable(f"{what}: HTTP {status}: the body is not JSON"), may_retry=True, status=status)


def is_page(text: str) -> bool:
    """Whether a body is meant for people: such answers come from the edge, not from the venue behind it."""
    return text.lstrip(" \t\r\n\ufeff")[:1] == "<"


def extract_detail(text: str) -> str:
    """Find the venue's own words in the body of an error, in one printable line; of a page only that it is one."""
    if is_page(text):
        return "a page"
    told = " ".join(": ".join(_read_words(text)).split())[:_DETAIL_LENGTH]
    return "".join(each if each.isprintable() else "?" for each in told)


def _forbids(text: str) -> bool:
    """Whether a body is the venue's, and says that the key is refused, or what it may do."""
    body = _read_json(text)
    if not isinstance(body, dict):
        return False
    told = [body.get("error"), body.get("message"), body.get("error_details"), *_first_error(body).values()]
    if any(each in _OF_KEYS or classify_refusal(each) is RefusalClass.PERMISSION for each in told if _is_text(each)):
        return True
    return body.get("code") in _NUMBERS_OF_KEYS and isinstance(body.get("details"), list)


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _read_words(text: str) -> tuple[str, ...]:
    if is_page(text):
        return ()
    body = _read_json(text)
    if isinstance(body, dict):
        return _words_of(body)
    said = text.strip() if body is None else ""
    return (said,) if said else ()


def _words_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    told = (body.get("message"), body.get("error_details"), _first_error(body).get("message"))
    said = next(filter(_is_text, told), "")
    return tuple(filter(_is_text, (body.get("error"), said)))


def _first_error(body: Mapping[str, Any]) -> Mapping[str, Any]:
    errors = body.get("errors")
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


def _read_json(text: str) -> Any:
    """Return what a body says as JSON; None for what is none."""
    try:
        return load_json(text)
    except (ValueError, RecursionError):
        return None


def _deepest(error: BaseException) -> BaseException:
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
