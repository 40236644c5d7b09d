"""Every way to fail has a row in the table."""

from __future__ import annotations

import inspect
import json
from types import ModuleType
from typing import Any

import pytest
import requests.exceptions
import urllib3.exceptions

from trader.adapters.coinbase import failures
from trader.adapters.coinbase.failures import NotFound
from trader.errors import VenueAuth, VenueError, VenueProtocol, VenueThrottled, VenueUnavailable
from trader.model.refusals import RefusalClass


def raised_by(module: ModuleType) -> list[type[Exception]]:
    """The module's own exceptions; warnings are not raised at us."""
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception)
        and not issubclass(kind, Warning)
        and kind.__module__.startswith(module.__name__.partition(".")[0])
    ]


LIBRARIES = [*raised_by(requests.exceptions), *raised_by(urllib3.exceptions)]


@pytest.mark.parametrize("kind", LIBRARIES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_exception_of_the_libraries_has_a_row_of_its_own(kind: type[Exception]) -> None:
    """A new one in a new version lands here first, not in production."""
    assert kind in failures.EXCEPTIONS


@pytest.mark.parametrize("kind", LIBRARIES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_exception_of_the_libraries_is_caught(kind: type[Exception]) -> None:
    """Being in the table is no use if nobody looks it up."""
    assert issubclass(kind, failures.CAUGHT)


def test_the_libraries_were_found() -> None:
    """A wrong filter would pass on nothing."""
    assert len(LIBRARIES) > 40


def test_exception_nobody_listed_falls_to_its_base() -> None:
    """At run time a subclass is not a crash."""

    class Novelty(requests.exceptions.ConnectionError):
        pass

    failure = failures.classify_exception("GET /x", Novelty("https://host/secret?key=planted"))

    assert "GET /x: Novelty" == str(failure.error)
    assert (VenueUnavailable, True) == (type(failure.error), failure.may_retry)


def test_exception_is_named_with_what_lies_below_it_and_without_its_text() -> None:
    """The text of a connection error holds the address; its class is enough."""
    try:
        try:
            raise urllib3.exceptions.NameResolutionError("planted", None, OSError("planted"))  # type: ignore[arg-type]
        except urllib3.exceptions.HTTPError as below:
            raise requests.exceptions.ConnectionError(below) from below
    except requests.exceptions.ConnectionError as error:
        failure = failures.classify_exception("GET /x", error)

    assert "GET /x: ConnectionError (NameResolutionError)" == str(failure.error)


PAGE = "\n <!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>"
STATUSES = [
    (302, "", VenueProtocol, False),
    (400, "", VenueProtocol, False),
    (401, "Unauthorized", VenueAuth, False),
    (401, "", VenueAuth, False),
    (401, PAGE, VenueUnavailable, False),
    (404, "", NotFound, False),
    (404, PAGE, NotFound, False),
    (405, "", VenueProtocol, False),
    (408, "", VenueUnavailable, True),
    (418, "", VenueProtocol, False),
    (429, PAGE, VenueThrottled, True),
    (429, "", VenueThrottled, True),
    (500, "", VenueUnavailable, True),
    (502, PAGE, VenueUnavailable, True),
    (503, PAGE, VenueUnavailable, True),
    (504, PAGE, VenueUnavailable, True),
    (520, PAGE, VenueUnavailable, True),
]


@pytest.mark.parametrize(("status", "text", "kind", "may_retry"), STATUSES)
def test_every_status_has_its_family(status: int, text: str, kind: type[VenueError], may_retry: bool) -> None:
    """The caller acts on the family, a read on whether again."""
    assert failures.ErrorRule(kind, may_retry) == failures.find_rule(status, text)


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": "PERMISSION_DENIED",
            "error_details": "Missing required scopes",
            "message": "Missing required scopes",
        },
        {"error": "PERMISSION_DENIED", "error_details": "Target Account Not Tradable", "message": ""},
        {"error": "PERMISSION_DENIED"},
        {"error": "UNAUTHENTICATED", "message": "no token"},
        {"error": "unknown", "error_details": "Missing Required Scopes", "message": "you may not"},
        {"error": "unknown", "message": "Target Account Not Tradable"},
        {"error": "unknown", "message": "account is not available"},
        {"error": "GEOFENCING_RESTRICTION"},
        {"errors": [{"id": "invalid_scope", "message": "this key may not"}]},
        {"error": "no", "code": 7, "message": "", "details": []},
        {"error": "no", "code": 16, "message": "", "details": [{"@type": "x"}]},
    ],
    ids=str,
)
def test_forbidden_in_the_venues_own_words_is_the_keys_fault(body: dict[str, Any]) -> None:
    """In each of the shapes that it has for errors."""
    failure = failures.classify_status("GET /x", 403, json.dumps(body), None)

    assert failure is not None
    assert (VenueAuth, False) == (type(failure.error), failure.may_retry)
    assert RefusalClass.PERMISSION is failures.classify_refused_order(failure)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (PAGE, "a page"),
        ("\ufeff<html></html>", "a page"),
        ("error code: 1020", "error code: 1020"),
        ("error code: 1015", "error code: 1015"),
        ("Forbidden", "Forbidden"),
        ("403 Forbidden\n", "403 Forbidden"),
        ("Access denied", "Access denied"),
        ("Missing required scopes", "Missing required scopes"),
        ("PERMISSION_DENIED", "PERMISSION_DENIED"),
        ("", ""),
        (" \r\n", ""),
        ("null", "null"),
        ("[]", ""),
        ("7", ""),
        ('"PERMISSION_DENIED"', ""),
        ("{}", ""),
        ('{"error":"PERMISSION_DE', '{"error":"PERMISSION_DE'),
        ('{"message":"Forbidden"}', "Forbidden"),
        ('{"error":"Forbidden","message":"Access denied"}', "Forbidden: Access denied"),
        ('{"error":"access_denied"}', "access_denied"),
        ('{"error":"INVALID_ARGUMENT","message":"no"}', "INVALID_ARGUMENT: no"),
        ('{"error":{"code":"PERMISSION_DENIED"}}', ""),
        ('{"code":7}', ""),
        ('{"title":"Error 1020: Access denied","status":403,"cloudflare_error":true}', ""),
        ('{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}', "Authentication error"),
        ('{"errors":[{"id":["invalid_scope"]}]}', ""),
        ('{"errors":["invalid_scope"]}', ""),
        ("[" * 100_000, "[" * 200),
    ],
    ids=lambda text: text[:40],
)
def test_forbidden_in_other_words_is_the_edges(text: str, detail: str) -> None:
    """It says nothing of the key: as if there were no venue, and asking again makes it worse."""
    failure = failures.classify_status("GET /x", 403, text, None)

    assert failure is not None
    assert (VenueUnavailable, False) == (type(failure.error), failure.may_retry)
    assert "GET /x: HTTP 403" + (f": {detail}" if detail else "") == str(failure.error)
    assert RefusalClass.EDGE is failures.classify_refused_order(failure)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('{"error":"NOT_FOUND","error_details":"d","message":"m"}', "NOT_FOUND: m"),
        ('{"error":"unknown","error_details":"d","message":""}', "unknown: d"),
        ('{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}', "Too many requests"),
        ('{"error":"RATE_LIMIT_EXCEEDED","code":8,"message":"Too many","details":[]}', "RATE_LIMIT_EXCEEDED: Too many"),
        ("Unauthorized", "Unauthorized"),
        ("  <html>\n<body>planted</body></html>", "a page"),
        ('{"message": "\\u001b[2J no\\n2026-11-30 tick COMPLETED"}', "?[2J no 2026-11-30 tick COMPLETED"),
        ('{"error":', '{"error":'),
        ("[1]", ""),
        ('{"errors":[]}', ""),
        ('{"error":5,"message":["x"]}', ""),
        ("", ""),
        ("x" * 900, "x" * 200),
    ],
)
def test_body_of_an_error_gives_the_venues_words(text: str, detail: str) -> None:
    """Whatever its shape."""
    assert detail == failures.extract_detail(text)
