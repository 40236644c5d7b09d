"""Docker's bridge: the one address beside loopback to listen on for the sandbox, and a passage from there to loopback.

A container does not reach what listens on this machine's loopback, only what listens on the bridge. Neither is reached
by any other machine.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from trader.errors import ConfigError

_SECONDS = 20
_PORT_MAX = 65_535
_LOOPBACK = ("127.0.0.1", "localhost")


def find_bridge(docker_host: str = "") -> str:
    """Return the address that Docker's bridge has on this machine. Raises: ConfigError, saying what is not there."""
    environment = os.environ | ({"DOCKER_HOST": docker_host} if docker_host else {})
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"]
    try:
        done = subprocess.run(  # noqa: S603 - Docker's own command
            command, env=environment, capture_output=True, text=True, check=True, timeout=_SECONDS
        )
    except OSError as error:
        raise ConfigError(f"Docker: no command docker ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"Docker: the engine has not answered for {_SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        raise ConfigError(f"Docker: {error.stderr.strip()[-300:]}") from error
    told = json.loads(done.stdout)
    # An engine that was just started may not name its gateway; then it has taken the first address.
    bridge = told.get("Gateway") or str(ip_network(told["Subnet"])[1])
    try:
        socket.create_server((bridge, 0)).close()
    except OSError as error:
        raise ConfigError(
            f"Docker: its bridge {bridge} is no address of this machine ({error.strerror}); its engine runs elsewhere"
        ) from error
    return bridge


def check_bind(address: str) -> None:
    """Refuse to listen where other machines may reach it. Raises: ConfigError naming what is allowed."""
    try:
        if ip_address(address) in ip_network("127.0.0.0/8"):
            return
    except ValueError:
        raise ConfigError(f"--bind {address}: no IP address; allowed are 127.0.0.1 and Docker's bridge") from None
    try:
        bridge = find_bridge()
    except ConfigError as error:
        raise ConfigError(f"--bind {address}: allowed are 127.0.0.1 and Docker's bridge ({error})") from error
    if address != bridge:
        raise ConfigError(f"--bind {address}: allowed are 127.0.0.1 and Docker's bridge, {bridge}")


def check_ports(address: str, **ports: int) -> None:
    """Refuse a port that somebody listens on. Raises: ConfigError naming the option, which is the keyword."""
    for option, port in ports.items():
        if not 0 <= port <= _PORT_MAX:
            name = option.replace("_", "-")
            raise ConfigError(f"--{name} {port}: allowed are 0, which takes any free one, and 1 to {_PORT_MAX}")
        try:
            # Says in one line what a server says in a traceback; 0 is always free.
            socket.create_server((address, port)).close()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            name, why = option.replace("_", "-"), os.strerror(error.errno)
            raise ConfigError(f"--{name} {port}: {why}; allowed is 0, which takes any free one") from None


def find_inside(variables: Mapping[str, str]) -> dict[str, int]:
    """Pick the variables that name an address on this machine's loopback; give their ports."""
    urls = {name: urlsplit(text) for name, text in variables.items() if text.startswith("http://")}
    return {name: url.port for name, url in urls.items() if url.hostname in _LOOPBACK and url.port is not None}


@contextlib.contextmanager
def open_passages(variables: dict[str, str], bridge: str) -> Iterator[dict[str, str]]:
    """Let containers reach what the variables name on this machine's loopback; give them as a container is told them.

    What is named on another address is reached without a passage.
    """
    with contextlib.ExitStack() as opened:
        passages = {name: opened.enter_context(_Passage(bridge, port)) for name, port in find_inside(variables).items()}
        yield variables | {name: f"http://{bridge}:{passage.port}" for name, passage in passages.items()}


class _Passage(socketserver.ThreadingTCPServer):
    """Listens on the bridge and hands each connection on to a port of loopback."""

    daemon_threads = True

    def __init__(self, bridge: str, port: int) -> None:
        super().__init__((bridge, 0), _Crossing)
        self.leads_to = ("127.0.0.1", port)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def __enter__(self) -> _Passage:
        self._thread.start()
        return self

    def __exit__(self, *_ended: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Crossing(socketserver.BaseRequestHandler):
    server: _Passage

    def handle(self) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self.server.leads_to) as inside:
            back = threading.Thread(target=_pump, args=(inside, self.request), daemon=True)
            back.start()
            _pump(self.request, inside)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
