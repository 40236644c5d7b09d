"""The venue on a socket: HTTP/1.1 with keep-alive, a thread a connection, on the standard library alone.

Not werkzeug: its server closes every connection after one answer and reads ahead before it does, so a client's
session, its pooled sockets and what happens when they go stale could not be tried out.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from desk.sandbox.app import App, Request
from desk.sandbox.auth import ApiKey
from desk.sandbox.fault_replies import Delivery
from desk.sandbox.venue import Venue

# Zero seconds to linger: closing the socket then resets the connection.
_RESET = struct.pack("ii", 1, 0)


class VenueServer:
    """Serves a venue while the context is open; a venue of its own on the synthetic market unless one is given.

    A bug of the venue, that is an exception no client could cause, is raised when the context ends.
    """

    def __init__(self, venue: Venue | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.venue = venue or Venue()
        self._server = _Server((host, port), App(self.venue))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        """The port, also if any free one was asked for."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where the venue is: ``http://127.0.0.1:PORT``, in place of ``https://api.coinbase.com``."""
        return f"http://{self._server.server_address[0]!s}:{self.port}"

    @property
    def key(self) -> ApiKey:
        """A key that may view and trade, with its secret."""
        return self.venue.key

    def start(self) -> VenueServer:
        """Begin to serve, in a thread of its own."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving. Raises: the first bug of the venue that came up, if any did."""
        for bug in self._ended():
            raise bug

    def wait(self) -> None:
        """Serve until the process is interrupted."""
        self._thread.join()

    def __enter__(self) -> VenueServer:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for bug in self._ended():
            if error is None:
                raise bug
            error.add_note(f"and the venue had a bug: {bug!r}")

    def _ended(self) -> list[BaseException]:
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        return self._server.bugs


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: App) -> None:
        self.front = app
        self.closing = threading.Event()
        self.bugs: list[BaseException] = []
        self.resets: set[int] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # The base class asks the name service for the host's name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def shutdown_request(self, request: Any) -> None:
        if request.fileno() in self.resets:
            self.resets.discard(request.fileno())
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class says so
        error = sys.exc_info()[1]
        # A client that went away is no bug.
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self.bugs.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "venue"
    sys_version = ""
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._deliver(self.server.front.answer(Request(self.command, path, query, headers, body)))

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - names that the base class looks for

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.wait:
            self.server.closing.wait(delivery.wait)
        reply = delivery.reply
        if reply is None:
            self.close_connection = True
            if delivery.is_reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.server.resets.add(self.connection.fileno())
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        if delivery.is_cut:
            self.close_connection = True
        body = reply.body[: len(reply.body) // 2] if delivery.is_cut else reply.body
        # Headers and body in one piece: two small ones would wait for one another's acknowledgement.
        buffered: list[bytes] = getattr(self, "_headers_buffer", [])
        self.wfile.write(b"".join((*buffered, b"\r\n", body)))
        self._headers_buffer: list[bytes] = []

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Say nothing: the venue keeps a log of its own."""
