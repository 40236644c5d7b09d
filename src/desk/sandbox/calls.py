"""One request as an endpoint sees it, and the table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qs

from desk.sandbox.auth import ApiKey, Permission
from desk.sandbox.faults import Fault
from desk.sandbox.replies import JsonObject, refuse_invalid, refuse_value
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import Micros, parse_moment

API = "/api/v3/brokerage"


class Query:
    """The arguments behind the question mark. Raises: Refusal for those that make no sense."""

    def __init__(self, text: str) -> None:
        self.raw = text
        self._values = parse_qs(text, keep_blank_values=True)

    def text(self, name: str, default: str = "") -> str:
        """Return an argument, the last one if it is repeated."""
        return self._values.get(name, [default])[-1]

    def many(self, name: str) -> tuple[str, ...]:
        """Return every value of a repeated argument, empty ones aside."""
        return tuple(value for value in self._values.get(name, ()) if value)

    def flag(self, name: str) -> bool:
        """Read a boolean; clients write it as they please."""
        value = self.text(name, "false").lower()
        if value not in {"true", "false", "1", "0", ""}:
            raise refuse_value(name, self.text(name))
        return value in {"true", "1"}

    def count(self, name: str, default: int, most: int) -> int:
        """Read a page size; zero and nothing mean the default, too much means the most."""
        value = self.text(name)
        if not value:
            return default
        if not value.lstrip("-").isdigit():
            raise refuse_value(name, value)
        return min(int(value), most) if int(value) > 0 else default

    def choices(self, name: str, known: Collection[str]) -> tuple[str, ...]:
        """Read members of an enum."""
        values = self.many(name)
        for value in values:
            if value not in known:
                raise refuse_value(name, value)
        return values

    def choice(self, name: str, known: Collection[str], default: str = "") -> str:
        """Read a member of an enum, the last if several are given. Raises: Refusal for one that is not known."""
        values = self.choices(name, known)
        return values[-1] if values else default

    def moment(self, name: str) -> Micros | None:
        """Read an RFC 3339 time."""
        value = self.text(name)
        if not value:
            return None
        try:
            return parse_moment(value)
        except ValueError as error:
            raise refuse_value(name, value) from error

    def seconds(self, name: str) -> int | None:
        """Read a UNIX time in whole seconds."""
        value = self.text(name)
        if not value:
            return None
        if not value.isdigit():
            raise refuse_invalid(f"{name} must be a UNIX timestamp in seconds")
        return int(value)

    def cursor(self, offset: int) -> int | None:
        """Read the number an opaque cursor stands for."""
        value = self.text("cursor")
        if not value:
            return None
        if not value.isdigit() or int(value) < offset:
            raise refuse_invalid("invalid cursor")
        return int(value) - offset


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed authentication or needs none.

    ``key`` is None on a public path; ``planned_fault`` is the fault that is to strike the order it makes, if any.
    """

    path: str
    arguments: Mapping[str, str]
    query: Query
    body: JsonObject
    key: ApiKey | None = None
    planned_fault: Fault | None = None


Endpoint = Callable[[Venue, Call], object]


@dataclass(frozen=True)
class Route:
    """Where an endpoint is, and which permission it takes; without one it is public."""

    method: str
    template: str
    endpoint: Endpoint
    permission: Permission | None = Permission.VIEW
    cached: bool = field(default=False)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template as a pattern: ``{name}`` is one segment of the path."""
        path = self.template if self.template.startswith("/v2") else API + self.template
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


class RouteTable:
    """All endpoints; the first whose template fits is the one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Return the endpoint and the named parts of the path."""
        for route in self._routes:
            match = route.pattern.fullmatch(path) if route.method == method else None
            if match is not None:
                return route, match.groupdict()
        return None
