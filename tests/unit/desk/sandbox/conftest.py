"""Opens venues for tests and closes them afterwards, which also brings their bugs to light."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from desk.sandbox.server import VenueServer
from unit.desk.sandbox.venues import Client, a_venue

Open = Callable[..., Client]


@pytest.fixture
def open_venue() -> Iterator[Open]:
    with ExitStack() as opened:

        def start(*path: Any, **details: Any) -> Client:
            client = Client(opened.enter_context(VenueServer(a_venue(*path, **details))))
            opened.callback(client.session.close)
            return client

        yield start


@pytest.fixture
def client(open_venue: Open) -> Client:
    return open_venue()
