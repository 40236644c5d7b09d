"""The parts of HTTP that are the same for every request: the session, headers, and how to read a Retry-After."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from trader import __version__
from trader.adapters.coinbase.auth import Signer


class Signed(AuthBase):
    """Lets the signer see the request as it will leave, so that no frame of ours ever holds a token."""

    def __init__(self, signer: Signer, host: str) -> None:
        self._signer = signer
        self._host = host

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body if isinstance(request.body, bytes) else b""
        path = urlsplit(request.url or "").path
        request.headers.update(self._signer.headers(str(request.method), self._host, str(path), body))
        return request


def make_headers(*, is_public: bool, has_body: bool) -> Mapping[str, str]:
    """Make the headers that do not say who we are; a public answer is cached for a second unless we ask not to."""
    headers = {"Cache-Control": "no-cache"} if is_public else {}
    return {**headers, "Content-Type": "application/json"} if has_body else headers


def open_session(parallel: int, ca_file: str | None) -> requests.Session:
    """Make a session that keeps one connection more than may be under way, and takes nothing from the environment."""
    session = requests.Session()
    # Neither proxies nor certificates nor a .netrc from the environment.
    session.trust_env = False
    session.verify = ca_file or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = f"trader/{__version__}"
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=parallel + 1, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def read_retry_after(retry_after: str | None, wall: float) -> float | None:
    """Read a Retry-After, which is a number of seconds or a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - wall, 0.0)
    except ValueError:
        return None
