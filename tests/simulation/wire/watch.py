"""What an invocation sends to the venue, looked at as it leaves; and whether the audit goes on from where it was."""

from __future__ import annotations

from typing import Any

from simulation.checker import against_cancels, against_the_switch, chain_of, convert_too_early, sent_too_early
from simulation.nemesis import Nemesis
from simulation.observed import ObservedWorld
from simulation.wire.wires import body_of
from trader.adapters.coinbase.wire.requests import encode_order


class Gate:
    """Stands on the wires of one invocation; ``found`` is what it let pass and should not have been sent.

    An order has been announced, is remembered as it is, and the kill switch was asked in its turn and allows it; a
    second copy, sent because the first was not answered, needs no second word of the switch. A conversion is an entry:
    announced, remembered, allowed. Only orders of ours are cancelled, and the bracket of a lot that is held only if the
    switch was asked in its turn, and the lot may be sold.
    """

    def __init__(self, world: ObservedWorld, nemesis: Nemesis, found: list[str]) -> None:
        self._world, self._nemesis, self._found = world, nemesis, found
        self._sent: set[str] = set()
        nemesis.watchers.append(self._look)

    def _look(self, name: str, args: tuple[Any, ...]) -> None:
        if name == "venue POST /orders":
            self._order(args[0])
        elif name == "venue POST /orders/batch_cancel":
            ids, (word, trail) = body_of(args[0])["order_ids"], self._heard
            self._found += against_cancels(self._world, ids, word, trail)
        elif name.startswith("venue POST /convert/"):
            (word, trail), moves = self._heard, not name.endswith("/quote")
            self._found += convert_too_early(self._world, body_of(args[0]), word, trail, moves=moves)

    @property
    def _heard(self) -> tuple[str | None, list[str]]:
        """What the kill switch last said, and what was sent so far."""
        return self._nemesis.word, self._nemesis.trail

    def _order(self, request: Any) -> None:
        key = body_of(request)["client_order_id"]
        self._found += sent_too_early(self._world, key, lambda intent: encode_order(intent) == request.body)
        ledger = self._world.ledger()
        record = ledger.orders.get(key) if ledger is not None else None
        if record is not None and key not in self._sent:
            self._found += against_the_switch(
                key, record.intent.purpose, *self._heard, keeps_rest=record.intent.keeps_rest
            )
        self._sent.add(key)


class ChainWatch:
    """Remembers the chain of audit objects that the ledger stood on: it may only grow."""

    def __init__(self) -> None:
        self._chain: list[str] = []

    def look(self, world: ObservedWorld) -> list[str]:
        """Say so if the ledger stands on another chain than before."""
        before, self._chain = self._chain, chain_of(world)
        if not before or self._chain[-len(before) :] == before:
            return []
        return [f"the audit chain of {len(before)} objects was left for one of {len(self._chain)}"]
