"""Every way to fail has a row in the table."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest
import requests.exceptions
import urllib3.exceptions

from trader.adapters.coinbase import failures
from trader.adapters.coinbase.failures import NotFound, RefusedRequest
from trader.errors import VenueAuth, VenueError, VenueProtocol, VenueThrottled, VenueUnavailable


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


STATUSES = [
    (302, False, VenueProtocol, False),
    (400, False, RefusedRequest, False),
    (401, False, VenueAuth, False),
    (403, False, VenueAuth, False),
    (403, True, VenueUnavailable, False),
    (404, False, NotFound, False),
    (404, True, NotFound, False),
    (405, False, VenueProtocol, False),
    (408, False, VenueUnavailable, True),
    (418, False, VenueProtocol, False),
    (429, True, VenueThrottled, True),
    (429, False, VenueThrottled, True),
    (500, False, VenueUnavailable, True),
    (502, True, VenueUnavailable, True),
    (503, True, VenueUnavailable, True),
    (504, True, VenueUnavailable, True),
    (520, True, VenueUnavailable, True),
]


@pytest.mark.parametrize(("status", "is_page", "kind", "may_retry"), STATUSES)
def test_every_status_has_its_family(status: int, is_page: bool, kind: type[VenueError], may_retry: bool) -> None:
    """The caller acts on the family, a read on whether again."""
    assert failures.ErrorRule(kind, may_retry) == failures.find_rule(status, is_page=is_page)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('{"error":"NOT_FOUND","error_details":"d","message":"m"}', "NOT_FOUND: m"),
        ('{"error":"unknown","error_details":"d","message":""}', "unknown: d"),
        ('{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}', "Too many requests"),
        ('{"error":"RATE_LIMIT_EXCEEDED","code":8,"message":"Too many","details":[]}', "RATE_LIMIT_EXCEEDED: Too many"),
        ("Unauthorized", "Unauthorized"),
        ("  <html>\n<body>planted</body></html>", "a page"),
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
