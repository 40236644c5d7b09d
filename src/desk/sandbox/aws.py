"""AWS and the venue on this machine: moto's server, the simulated Coinbase, and the stack of template.yaml in them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from desk.sandbox.env_files import FUNCTION, PUBLISHER, write_env_files
from desk.sandbox.event_bus import Deliver
from desk.sandbox.moto_server import MotoServer
from desk.sandbox.server import VenueServer
from desk.sandbox.stack import REGION, Stack, create_stack


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to listen, and under which address a client, such as a container, reaches that."""

    bind: str = "127.0.0.1"
    reached_as: str = "127.0.0.1"
    aws_port: int = 0
    venue_port: int = 0


class AwsSandbox:
    """Everything the function stands on while the context is open; *deliver* takes what a rule lets through."""

    def __init__(
        self,
        template: Path,
        *,
        addresses: Addresses | None = None,
        name: str = "sandbox",
        parameters: Mapping[str, str] | None = None,
        venue: VenueServer | None = None,
        deliver: Deliver | None = None,
    ) -> None:
        # One line for each request would bury what the function says.
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._addresses = addresses or Addresses()
        self._template, self._name, self._parameters = template, name, dict(parameters or {})
        at = self._addresses
        self.venue = venue or VenueServer(host=at.bind, port=at.venue_port)
        self._moto, self._deliver = MotoServer(at.bind, at.aws_port, self.client), deliver
        self.endpoint = self.venue_url = ""
        self.stack: Stack

    def __enter__(self) -> AwsSandbox:
        reached = self._addresses.reached_as
        self._moto.start()
        self.venue.start()
        self.endpoint = f"http://{reached}:{self._moto.port}"
        self.venue_url = f"http://{reached}:{self.venue.port}"
        parameters = {"VenueUrl": self.venue_url} | self._parameters
        with ExitStack() as undo:
            undo.callback(self.__exit__, None, None, None)
            self.stack = create_stack(self._template, self._name, self.endpoint, parameters, self.venue.key.file())
            undo.pop_all()
        # What the stack itself made is no change: on AWS the rule is made after it.
        self._moto.events.deliver = self._deliver
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._moto.stop()
        self.venue.stop()

    def environment(self, function: str = FUNCTION) -> dict[str, str]:
        """Everything the function has to be told: what the stack gave it, and where this AWS is."""
        return {
            **(self.stack.publisher if function == PUBLISHER else self.stack.variables),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        """Make a client of this AWS, for the eyes of a test."""
        import boto3  # noqa: PLC0415 - development only

        session = boto3.session.Session("testing", "testing", region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint)

    def write(self, folder: Path) -> Path:
        """Write ``env.json`` for `sam local invoke --env-vars`, and ``env.sh`` for a shell; return the first."""
        functions = {FUNCTION: self.environment()}
        if self.stack.publisher:
            functions[PUBLISHER] = self.environment(PUBLISHER)
        return write_env_files(folder, functions, self._name, self.stack.outputs["CommandBusName"])
