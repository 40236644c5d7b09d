"""Where Docker's bridge is, who may listen where, and the way from the bridge to what listens on loopback."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from desk.sandbox.bridge import check_bind, check_ports, find_bridge, find_inside, open_passages
from trader.errors import ConfigError

#: Another address of this machine, in place of the bridge's.
BRIDGE = "127.0.0.2"
OfEngine = Callable[[str], None]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfEngine:
    """A command docker that does what it is given as a shell script."""

    def make(script: str) -> None:
        command = tmp_path / "docker"
        command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        command.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return make


def says(network: dict[str, str]) -> str:
    return f"echo '{json.dumps(network)}'"


@pytest.mark.parametrize(
    "network",
    [
        {"Subnet": "127.0.0.0/16", "Gateway": BRIDGE},
        {"Subnet": "127.0.0.0/30", "Gateway": ""},
        {"Subnet": "127.0.0.0/16"},
    ],
)
def test_bridge_is_the_gateway_or_the_first_address(engine: OfEngine, network: dict[str, str]) -> None:
    """An engine that was just started names no gateway."""
    engine(says(network))

    assert (network.get("Gateway") or "127.0.0.1") == find_bridge()


def test_engine_that_is_named_is_asked(engine: OfEngine) -> None:
    """The one of the variable that is handed over, not the shell's."""
    engine('test "$DOCKER_HOST" = unix:///mine && ' + says({"Subnet": "127.0.0.0/8", "Gateway": BRIDGE}))

    assert BRIDGE == find_bridge("unix:///mine")
    with pytest.raises(ConfigError, match="Docker"):
        find_bridge()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo Cannot connect to the daemon >&2; exit 1", "Docker: Cannot connect to the daemon"),
        (says({"Subnet": "203.0.113.0/24", "Gateway": "203.0.113.1"}), "203.0.113.1 is no address of this machine"),
    ],
)
def test_what_is_not_there_is_said(engine: OfEngine, script: str, said: str) -> None:
    """No engine, or one that runs in another machine."""
    engine(script)

    with pytest.raises(ConfigError, match=said):
        find_bridge()


def test_no_docker_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match="Docker: no command docker"):
        find_bridge()


# --- who may listen where


def test_loopback_and_the_bridge_may_be_listened_on(engine: OfEngine) -> None:
    """Docker is asked only about an address that is not loopback; on IPv6's the servers do not listen."""
    engine("exit 1")
    check_bind("127.0.0.1")
    own = socket.gethostbyname(socket.gethostname())
    engine(says({"Subnet": "0.0.0.0/0", "Gateway": own}))
    check_bind(own)
    engine(says({"Subnet": "127.0.0.0/8", "Gateway": BRIDGE}))

    for address in ("0.0.0.0", "::", "::1", "192.0.2.1", "localhost", *([own] if not own.startswith("127.") else [])):
        with pytest.raises(ConfigError, match=r"allowed are 127\.0\.0\.1 and Docker's bridge"):
            check_bind(address)


def test_address_is_refused_where_there_is_no_docker(engine: OfEngine) -> None:
    """With the reason."""
    engine("echo no engine >&2; exit 1")

    with pytest.raises(ConfigError, match=r"0\.0\.0\.0: allowed are .*no engine"):
        check_bind("0.0.0.0")


def test_port_that_is_taken_is_refused_by_its_option() -> None:
    """Two sandboxes at once are a slip, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^--venue-port {port}: Address already in use; allowed is 0, "):
            check_ports("127.0.0.1", aws_port=0, venue_port=port)


# --- the passage


class Page(http.server.BaseHTTPRequestHandler):
    """Answers with what it was sent, which may be long."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


@pytest.fixture
def inside() -> Iterator[int]:
    """The port of a server on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


def test_what_listens_on_loopback_is_reached_by_the_bridge(inside: int) -> None:
    """Every byte of it, several times, and no longer than the passage is open; other variables stay as they are."""
    told = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{inside}", "TRADER_TABLE": "table", "MODE": "http"}
    body = bytes(range(256)) * 4_000
    with open_passages(told, BRIDGE) as known:
        url = known["AWS_ENDPOINT_URL"]
        echoes = [urllib.request.urlopen(url, body).read() for _ in range(3)]

    assert [body] * 3 == echoes
    assert url.startswith(f"http://{BRIDGE}:")
    assert {**told, "AWS_ENDPOINT_URL": url} == known
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, body)


def test_what_listens_elsewhere_needs_no_door() -> None:
    """Such as a sandbox that was told to listen on the bridge."""
    told = {"AWS_ENDPOINT_URL": "http://172.17.0.1:5055", "TRADER_VENUE_URL": "https://api.coinbase.com", "X": "http:"}

    assert {} == find_inside(told)
    with open_passages(told, BRIDGE) as known:
        assert told == known
