"""One request as an endpoint sees it, and the table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from desk.sandbox.faults import Fault
from desk.sandbox.keys import ApiKey, Permission
from desk.sandbox.query import Query
from desk.sandbox.replies import JsonObject
from desk.sandbox.venue import Venue

API = "/api/v3/brokerage"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in. ``key`` is None on a public path; ``fate`` is what a fault has in store."""

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
