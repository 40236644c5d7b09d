"""The function that makes the stack's kill switch, as CloudFormation calls it: the code is the template's own."""

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


class SwitchMaker:
    """Plays requests of CloudFormation; *code* is another one for a test that has to fail."""

    def __init__(self, code: str = CODE, initial: str = "HALT") -> None:
        self._code, self.initial = code, initial
        self.physical_ids: list[str] = []
        self.reasons: list[str | None] = []
        self._statuses: list[str] = []

    def play(self, request: str, **changes: str) -> str:
        """Say how one request ended; *changes* are other properties of the parameter."""
        stated = properties(TEMPLATE, "SwitchParameter")["Parameter"]
        parameter = {name: self.initial if value == INITIAL else resolved(value) for name, value in stated.items()}
        event = {"RequestType": request, "ResourceProperties": {"Parameter": parameter | changes}}
        namespace: dict[str, Any] = {}
        # Lambda lays this module beside code that stands in a template.
        sys.modules["cfnresponse"] = self._cfnresponse()
        try:
            exec(self._code, namespace)
            namespace["handler"](event, None)
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
