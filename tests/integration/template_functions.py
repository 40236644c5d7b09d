"""The two functions that stand in the template, as CloudFormation calls them: the switch's and the table's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from architecture.test_template import parsed, properties
from integration.grants import resolved

TEMPLATE = parsed()
CODE: str = properties(TEMPLATE, "SwitchMaker")["Code"]["ZipFile"]
INITIAL = {"Ref": "InitialSwitch"}


class CustomResource:
    """Plays requests of CloudFormation to the code of a function, and keeps what it answered."""

    def __init__(self, code: str) -> None:
        self._code = code
        self.physical_ids: list[str] = []
        self.reasons: list[str | None] = []
        self._statuses: list[str] = []

    def send(self, request: str, properties: Mapping[str, Any]) -> str:
        """Say how one request ended."""
        namespace: dict[str, Any] = {}
        # Lambda lays this module beside code that stands in a template.
        sys.modules["cfnresponse"] = self._cfnresponse()
        try:
            exec(self._code, namespace)
            namespace["handler"]({"RequestType": request, "ResourceProperties": properties}, None)
        finally:
            del sys.modules["cfnresponse"]
        return self._statuses[-1]

    def _cfnresponse(self) -> ModuleType:
        def send(
            event: Mapping[str, Any],
            context: Any,
            status: str,
            data: Mapping[str, Any],
            physical_id: str,
            no_echo: bool = False,
            reason: str | None = None,
        ) -> None:
            del event, context, data, no_echo
            self._statuses.append(status)
            self.physical_ids.append(physical_id)
            self.reasons.append(reason)

        module: Any = ModuleType("cfnresponse")
        module.SUCCESS, module.FAILED, module.send = "SUCCESS", "FAILED", send
        return module  # type: ignore[no-any-return]


class SwitchMaker(CustomResource):
    """Makes the switch; *code* is another one for a test that has to fail."""

    def __init__(self, code: str = CODE, initial: str = "HALT") -> None:
        super().__init__(code)
        self.initial = initial

    def play(self, request: str, **changes: str) -> str:
        """Say how one request ended; *changes* are other properties of the parameter."""
        stated = properties(TEMPLATE, "SwitchParameter")["Parameter"]
        parameter = {name: self.initial if value == INITIAL else resolved(value) for name, value in stated.items()}
        return self.send(request, {"Parameter": parameter | changes})


class TableGuard(CustomResource):
    """Protects a table."""

    def __init__(self, table: str = "trader") -> None:
        super().__init__(properties(TEMPLATE, "TableGuard")["Code"]["ZipFile"])
        self.table = table

    def play(self, request: str) -> str:
        """Say how one request ended."""
        return self.send(request, {"TableName": self.table})
