"""A key that is replaced in the middle of a run, so that revoking the old one first costs nothing.

The venue refuses a token with 401 before anything is done, so whatever was refused with the old key may be sent again
with the new one, byte for byte. Whoever was refused asks ``renew``; all of them wait for the one who looks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from trader.adapters.coinbase.auth import Credentials, Now, choose_signer
from trader.errors import ConfigError, StoreError, VenueError


class KeySource(Protocol):
    """Where the key is stored. ``trouble`` says why, in this run, a key that was refused was not replaced."""

    trouble: str

    def reread(self) -> Credentials | None:
        """Read the key again; None if that was done as often as is allowed. Raises: ConfigError, StoreError."""


class RenewableKey:
    """A Signer with the key in force. *try_out* raises if a key may not take its place."""

    def __init__(
        self, credentials: Credentials, source: KeySource, try_out: Callable[[Credentials], None], now: Now = time.time
    ) -> None:
        self._signer = choose_signer(credentials, now)
        self._seen = [credentials]
        self._current, self._source, self._try_out, self._now = credentials, source, try_out, now
        self._lock = threading.Lock()
        #: Rises with every key that was taken over.
        self.generation = 0

    @property
    def algorithm(self) -> str:
        return self._signer.algorithm

    @property
    def trouble(self) -> str:
        """Why the key in force was not replaced when it was refused."""
        return self._source.trouble

    def headers(self, method: str, host: str, path: str, body: bytes) -> Mapping[str, str]:
        return self._signer.headers(method, host, path, body)

    def redact(self, text: str) -> str:
        for credentials in self._seen:
            text = credentials.redact(text)
        return text

    def renew(self, refused: int) -> bool:
        """Say whether a key of another generation than the *refused* one is in force; look for one if not."""
        with self._lock:
            if self.generation == refused:
                self._look()
            return self.generation != refused

    def _look(self) -> None:
        found = None
        try:
            found = self._source.reread()
            if found is None:
                return
            if found == self._current:
                self._source.trouble = (
                    f"{found.origin} holds the key that was refused; if it was revoked, put its successor there"
                )
                return
            # From here on, whatever comes of it, nobody may see it.
            self._seen += [] if found in self._seen else [found]
            signer = choose_signer(found, self._now)
            self._try_out(found)
        except (ConfigError, StoreError, VenueError) as error:
            what = "no other key could be read" if found is None else f"{found.origin} holds a key that was not taken"
            self._source.trouble = f"{what}: {'; '.join(str(error).splitlines())}"
            return
        self._signer, self._current = signer, found
        self.generation += 1
