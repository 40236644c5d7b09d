"""The API key where it is stored: a secret of Secrets Manager, or a SecureString of Parameter Store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from trader.adapters.aws.clients import KEY, open_client, read_error_code, translate_errors
from trader.adapters.coinbase.auth import EXPECTED, Credentials
from trader.errors import ConfigError, StoreUnavailable

#: What both services answer for a name without a value.
_NOTHING = ("ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound")

OpenClient = Callable[..., Any]


class StoredKey:
    """The one place that the environment names for the key; nothing is asked before ``read``.

    Between two calls of ``begin_run`` it is read again once at most, however many requests the venue refuses.
    """

    def __init__(self, secret: str = "", parameter: str = "", open_client: OpenClient = open_client) -> None:
        self._secret, self._parameter, self.open_client = secret, parameter, open_client
        self._may_reread = False
        #: Why, in this run, a key that was refused was not replaced.
        self.trouble = ""

    @property
    def origin(self) -> str:
        """What the place is called in errors."""
        return f"secret {self._secret}" if self._secret else f"parameter {self._parameter}"

    def read(self) -> Credentials:
        """Fetch and read the key.

        Raises: StoreUnavailable if it cannot be fetched; ConfigError if no place or two are named, or it holds nothing
        or no key, without quoting any of it.
        """
        if bool(self._secret) == bool(self._parameter):
            told = "both are" if self._secret else "neither is"
            raise ConfigError(
                f"environment: TRADER_SECRET, TRADER_KEY_PARAMETER: {told} set; LIVE needs the name of the secret with "
                "the API key, or that of the parameter"
            )
        return self._fetch()

    def begin_run(self) -> None:
        """Allow to read once more."""
        self._may_reread, self.trouble = True, ""

    def reread(self) -> Credentials | None:
        """Fetch the key again, and quickly; None if this run has done so. Raises: as ``read``."""
        if not self._may_reread:
            return None
        self._may_reread = False
        return self._fetch(KEY)

    def _fetch(self, *config: Any) -> Credentials:
        with translate_errors(self.origin, StoreUnavailable):
            try:
                text = self._text(*config)
            except ClientError as error:
                if read_error_code(error) not in _NOTHING:
                    raise
                text = None
        if text is None:
            raise ConfigError(f"{self.origin}: holds nothing; it {EXPECTED}")
        return Credentials.from_json(text, self.origin)

    def _text(self, *config: Any) -> str:
        if self._secret:
            answer = self.open_client("secretsmanager", *config).get_secret_value(SecretId=self._secret)
            # Put there as a file of bytes it comes as such.
            return str(answer.get("SecretString") or answer.get("SecretBinary", b"").decode("utf-8", "replace"))
        client = self.open_client("ssm", *config)
        found = client.get_parameter(Name=self._parameter, WithDecryption=True)["Parameter"]
        if found["Type"] != "SecureString":
            raise ConfigError(
                f"{self.origin}: is a {found['Type']}, which is kept in the clear; it must be a SecureString"
            )
        return str(found["Value"])
