"""The parts of HTTP that are the same for every request: the session, and how to read a Retry-After."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter

from trader import __version__


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
