"""The API key from Secrets Manager. Read once per process, shown to nobody."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from trader.adapters.aws.clients import translate_errors
from trader.errors import ConfigError, StoreUnavailable

_FIELDS = ("key_name", "private_key")


@dataclass(frozen=True, slots=True, repr=False)
class ApiSecret:
    """A key as it is stored. Its text form says that it is there, and nothing of it."""

    key_name: str
    private_key: str

    def __repr__(self) -> str:
        return "ApiSecret(hidden)"


def read_secret(client: Any, secret_id: str) -> ApiSecret:
    """Fetch and read ``{"key_name": …, "private_key": …}``.

    Raises: StoreUnavailable if it cannot be read; ConfigError if it is not of that shape, without quoting any of it.
    """
    with translate_errors(f"secret {secret_id}", StoreUnavailable):
        text = str(client.get_secret_value(SecretId=secret_id)["SecretString"])
    try:
        content = json.loads(text)
    except ValueError:
        raise ConfigError(f"secret {secret_id}: not JSON; allowed is an object with {' and '.join(_FIELDS)}") from None
    if not isinstance(content, dict) or any(not isinstance(content.get(name), str) for name in _FIELDS):
        raise ConfigError(f"secret {secret_id}: allowed is an object with the texts {' and '.join(_FIELDS)}")
    return ApiSecret(content["key_name"], content["private_key"])
