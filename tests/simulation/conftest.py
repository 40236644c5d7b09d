"""For all simulations: what a module played is let go when it is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _let_go(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty the caches that a module of tests has, or uses by name: played worlds are large, and made in seconds."""
    yield
    for cached in vars(request.module).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
