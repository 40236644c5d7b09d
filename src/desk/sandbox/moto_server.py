"""Moto's server, with the layers before it that do what it does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from desk.sandbox.event_bus import EventBuses
from desk.sandbox.parameter_store import WatchedParameterStore

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer


class MotoServer:
    """The server in a thread. *client* makes clients of this very server; ``events`` delivers what is an event."""

    def __init__(self, bind: str, port: int, client: Callable[[str], Any]) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: PLC0415 - development only
        from werkzeug.serving import make_server  # noqa: PLC0415

        self.events = EventBuses(DomainDispatcherApplication(create_backend_app), client)
        app = WatchedParameterStore(self.events, client, self.events.send)
        self._server: BaseWSGIServer = make_server(bind, port, app, threaded=True, request_handler=MotoRequestHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
