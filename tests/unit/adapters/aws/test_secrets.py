"""A key is read whole, or refused without a word of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trader.adapters.aws.secrets import ApiSecret, read_secret
from trader.errors import ConfigError


class OneSecret:
    """Holds one text, whatever it is asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": self.text}


def test_key_is_read_with_its_name() -> None:
    """Each part in its place; what else is stored there is left alone."""
    text = json.dumps({"key_name": "name", "private_key": "planted", "more": 1})

    assert ApiSecret("name", "planted") == read_secret(OneSecret(text), "trader/key")


@pytest.mark.parametrize("text", ["planted", '["planted"]', '{"key_name": "planted"}', '{"private_key": "planted"}'])
def test_secret_of_another_shape_is_refused_without_quoting_it(text: str) -> None:
    """The message goes to a log."""
    with pytest.raises(ConfigError, match="secret trader/key: ") as caught:
        read_secret(OneSecret(text), "trader/key")

    assert "planted" not in str(caught.value)
