"""The world of a soak: the real adapters as in ``wire_world``, clocks that differ, rules that change on the way.

An outsider here looks into moto's own tables and buckets instead of asking through boto: the same bytes, and a check
after every cycle stays affordable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends

from desk.sandbox.options import VenueOptions
from desk.sandbox.server import VenueServer
from simulation.nemesis import Nemesis
from simulation.soak.market import SoakScenario
from simulation.wire.wires import BUCKET, SWITCH, TABLE, VirtualClock
from simulation.wire.world import _PREFIX, WireWorld, begun
from simulation.world import SCOPE
from trader.model.codec import decode
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.orders import Fill, Liquidity, OrderRecord
from trader.ports import Ports


class OurClock:
    """The clock of our process: the venue's, and what it differs by."""

    def __init__(self, true: VirtualClock) -> None:
        self.true = true
        self.ahead = 0

    def now(self) -> Instant:
        """Now, as we believe."""
        return Instant(self.true.now() + self.ahead)

    def seconds(self) -> float:
        """Now, as we believe, with its fraction."""
        return self.true.seconds() + self.ahead

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.true.wait(seconds)


class SoakWorld(WireWorld):
    """One history; ``scenario`` may be exchanged for another variant of itself between ticks."""

    scenario: SoakScenario

    def __init__(self, scenario: SoakScenario, server: VenueServer) -> None:
        super().__init__(scenario, server)
        self.ours = OurClock(self.clock)

    @contextmanager
    def invocation(self, owner: str, nemesis: Nemesis) -> Iterator[Ports]:
        """The world as one process sees it, by its own clock."""
        with super().invocation(owner, nemesis) as ports:
            yield replace(ports, clock=self.ours)

    def _wall(self) -> float:
        return self.ours.seconds()

    def set_switch(self, word: str | None) -> None:
        """Write any word into the kill switch, or take the parameter away."""
        with self._wires.hands.off():
            ssm = self.aws.clients["ssm"]
            if word is not None:
                self.aws.put_switch(word)
            elif ssm.describe_parameters()["Parameters"]:
                ssm.delete_parameter(Name=SWITCH)

    # --- what an outsider sees

    def ledger(self) -> Ledger | None:
        """The ledger as stored."""
        text = next((item["ledger"]["S"] for item in self._items("LEDGER") if "ledger" in item), None)
        return None if text is None else _ledger_of(text)

    def stored_fills(self) -> Sequence[Fill]:
        """Every fill that was stored.

        A liquidity that is not known is taken from the venue's book: the answer that was stored said another word
        than the book has, because its enums were damaged on the wire. Nothing is decided or booked by it.
        """
        told = {fill.trade_id: fill.liquidity for fill in self.book().fills}
        return [
            replace(fill, liquidity=told.get(fill.trade_id, fill.liquidity))
            if fill.liquidity is Liquidity.UNKNOWN
            else fill
            for fill in (_fill_of(item["body"]["S"]) for item in self._items("FILL#"))
        ]

    def stored_orders(self) -> Sequence[OrderRecord]:
        """Every order that was stored as finished."""
        return [_order_of(item["body"]["S"]) for item in self._items("ORDER#")]

    def _read_items(self, beginning: str) -> list[dict[str, Any]]:
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables[TABLE]
        rows = next((rows for key, rows in table.items.items() if key.value == SCOPE), {})
        found = sorted((key.value, item) for key, item in rows.items() if key.value.startswith(beginning))
        return [item.to_json()["Attributes"] for _, item in found]

    def audit_texts(self) -> Mapping[str, str]:
        """Every object of the audit log by its key; what lay there once has to lie there still, as it was."""
        keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys
        listed = {name: keys[name].etag for name in keys}
        changed = [key for key, tag in self._tags.items() if listed.get(key) != tag]
        assert not changed, f"audit objects were changed or deleted: {changed}"
        for name in listed.keys() - self._tags.keys():
            self._audit[name.removeprefix(_PREFIX)] = keys[name].value.decode()
        self._tags = listed
        return self._audit


class Seen:
    """The world as the checker is to see it: with the capital that the books were last told of."""

    def __init__(self, world: SoakWorld) -> None:
        self._world = world
        ledger = world.ledger()
        capital = world.scenario.settings.app.capital if ledger is None else ledger.capital
        self.scenario: SoakScenario = world.scenario.variant({"app.capital": str(capital)})

    def __getattr__(self, name: str) -> object:
        return getattr(self._world, name)


_ledger_of = lru_cache(maxsize=64)(lambda text: decode(Ledger, json.loads(text)))
_fill_of = lru_cache(maxsize=4096)(lambda text: decode(Fill, json.loads(text)))
_order_of = lru_cache(maxsize=4096)(lambda text: decode(OrderRecord, json.loads(text)))


@contextmanager
def open_soak_world(scenario: SoakScenario) -> Iterator[SoakWorld]:
    """Make the world before the first tick."""
    with begun(SoakWorld, scenario, scenario.at(0, 0), VenueOptions()) as world:
        yield world
