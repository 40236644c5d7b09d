"""A scripted venue for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from unit.adapters.coinbase.stub import FakeTime, Stub, serving


@pytest.fixture
def venue() -> Iterator[Stub]:
    with serving() as stub:
        yield stub


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()
