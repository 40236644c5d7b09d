"""The controls of a stack on AWS: commands go onto its bus, and never into the function or the table."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from desk.controls import SOURCE
from desk.location import StoreLocation
from trader.adapters.aws.clients import open_client, translate_errors
from trader.adapters.aws.kill_switch import SsmKillSwitch
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.aws.table import DynamoTable
from trader.errors import ConfigError, StoreUnavailable
from trader.model.codec import read_stored
from trader.model.commands import Command
from trader.model.ids import ClientOrderId, Scope
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.model.trading_state import TradingState
from trader.ports import StateReading

#: The sort keys of fills begin with the one, and lie before the other.
_FILLS, _BEHIND_FILLS = "FILL#", "FILL$"


class StackControls:
    """What is named of a stack can be used; what is not cannot be seen from here."""

    is_local = False
    next_step = "the bus has it, and the function is woken; AWS says the same where nobody listens, so look"

    def __init__(self, location: StoreLocation) -> None:
        self._location = location
        self._client: Any = None
        self.options = location.options

    def check_scope(self, scope: Scope) -> None:  # noqa: ARG002 - see below
        # Any scope may be in a table: the stack's first run makes its item.
        return

    def look(self, scope: Scope) -> StateReading:
        return DynamoStateStore(*self._table()).look(scope)

    def list_fills(self, scope: Scope) -> tuple[Fill, ...]:
        what = f"fills of {scope}"
        found = DynamoTable(*self._table()).list_bodies(scope, _FILLS, _BEHIND_FILLS, what)
        return tuple(read_stored(Fill, stored.text(what), f"{what}, {key}") for key, stored in found.items())

    def list_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        return DynamoStateStore(*self._table()).read_finished(scope, order_ids)

    def find_worker(self) -> str | None:
        return "the function"

    def _table(self) -> tuple[Any, str]:
        if not self._location.table:
            raise StoreUnavailable("--table is not given")
        # Looked into once a second: to make a client takes longer than to ask.
        self._client = self._client or open_client("dynamodb")
        return self._client, self._location.table

    def read_switch(self) -> TradingState:
        if not self._location.switch:
            raise StoreUnavailable("--switch is not given")
        return SsmKillSwitch(open_client("ssm"), self._location.switch).read()

    def write_switch(self, state: TradingState) -> None:
        if not self._location.switch:
            raise ConfigError("--switch is not given; allowed is the stack's output KillSwitchName")
        client, what = open_client("ssm"), f"parameter {self._location.switch}"
        try:
            with translate_errors(what, StoreUnavailable):
                client.put_parameter(Name=self._location.switch, Value=state.value, Overwrite=True)
        except StoreUnavailable as error:
            # SSM asks for a type only where it would have to make the parameter, and a slip in a name makes no switch.
            if not str(error).endswith(": ValidationException"):
                raise
            raise StoreUnavailable(
                f"{what}: not there, and not made; if that is the stack's KillSwitchName, its loss counts as HALT, and "
                'docs/deploy.md, "The kill switch", puts it back'
            ) from None

    def name_switch_command(self, state: TradingState) -> str:
        name = shlex.quote(self._location.switch) if self._location.switch else "KILL_SWITCH_NAME"
        return f"aws ssm put-parameter --overwrite --name {name} --value {state}"

    def give(self, scope: Scope, command: Command, detail: Mapping[str, Any]) -> str:  # noqa: ARG002 - a bus has no scope
        if not self._location.bus:
            raise ConfigError("--bus is not given; allowed is the stack's output CommandBusName, which is its name")
        client, what = open_client("events"), f"bus {self._location.bus}"
        entry = {
            "EventBusName": self._location.bus,
            "Source": SOURCE,
            "DetailType": command.kind.value,
            "Detail": json.dumps(detail),
        }
        with translate_errors(what, StoreUnavailable):
            (answer,) = client.put_events(Entries=[entry])["Entries"]
        if "EventId" not in answer:
            raise StoreUnavailable(f"{what}: {answer.get('ErrorCode', 'no answer')}")
        return str(answer["EventId"])
