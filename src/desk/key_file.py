"""The API key in a file, as it was downloaded: read anew whenever the venue refuses it."""

from __future__ import annotations

from pathlib import Path

from trader.adapters.coinbase.auth import Credentials
from trader.errors import ConfigError


def read_key_file(path: Path) -> Credentials:
    """Read a key file. Raises: ConfigError, which quotes nothing of what is there."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    return Credentials.from_json(text, f"file {path}")


class KeyFile:
    """A file that holds the key. Between two calls of ``begin_run`` it is read again once at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._may_reread = False
        #: Why, in this run, a key that was refused was not replaced.
        self.trouble = ""

    def read(self) -> Credentials:
        """Read the key. Raises: ConfigError."""
        return read_key_file(self._path)

    def begin_run(self) -> None:
        """Allow to read once more."""
        self._may_reread, self.trouble = True, ""

    def reread(self) -> Credentials | None:
        """Read the key again; None if this run has done so. Raises: ConfigError."""
        if not self._may_reread:
            return None
        self._may_reread = False
        return read_key_file(self._path)
