"""A key is read whole as it was downloaded, or refused in one line without a word of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from trader.adapters.aws.secrets import StoredKey
from trader.adapters.coinbase.auth import Credentials
from trader.errors import ConfigError, StoreUnavailable, TraderError

OURS = json.dumps({"key_name": "name", "private_key": "planted"})


class Stores:
    """Both services; each call of theirs is answered by the same function."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def open(self, service: str, *config: Config) -> Any:
        self.asked.append((service, *config))
        return self

    def get_secret_value(self, *, SecretId: str) -> Any:  # noqa: N803 - boto's word
        return self.answer()

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Any:  # noqa: N803
        assert WithDecryption
        return self.answer()


def a_secret(text: str) -> tuple[StoredKey, Stores]:
    stores = Stores(lambda: {"SecretString": text})
    return StoredKey(secret="trader/key", open_client=stores.open), stores


def a_parameter(text: str, kind: str = "SecureString") -> StoredKey:
    stores = Stores(lambda: {"Parameter": {"Value": text, "Type": kind}})
    return StoredKey(parameter="/trader/key", open_client=stores.open)


def refuse(code: str) -> Any:
    raise ClientError({"Error": {"Code": code, "Message": "planted"}}, "Get")


def why_not(key: StoredKey) -> TraderError:
    with pytest.raises(TraderError) as caught:
        key.read()
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        OURS,
        json.dumps({"name": "name", "privateKey": "planted"}),
        json.dumps({"id": "name", "privateKey": "planted", "more": 1}),
        "\ufeff" + OURS + "\r\n",
    ],
    ids=["ours", "the older file", "the newer file", "a mark in front and a line end behind"],
)
def test_key_is_read_as_it_is_handed_out_from_both_stores(text: str) -> None:
    """Each part in its place; what else is stored there is left alone."""
    bytes_of_it = StoredKey(secret="s", open_client=Stores(lambda: {"SecretBinary": text.encode()}).open)

    found = [key.read() for key in (a_secret(text)[0], a_parameter(text), bytes_of_it)]

    places = ("secret trader/key", "parameter /trader/key", "secret s")
    assert [Credentials("name", "planted", place) for place in places] == found


@pytest.mark.parametrize(
    "text",
    ["", "planted", '["planted"]', '"planted"', '{"key_name": "planted"}', '{"private_key": "planted"}', "[" * 100_000],
    ids=["nothing", "prose", "list", "text", "name only", "secret only", "brackets"],
)
def test_other_content_is_refused_in_one_line_that_names_the_place_and_quotes_nothing(text: str) -> None:
    """The message goes to a log, and says what belongs there."""
    for key, place in ((a_secret(text)[0], "secret trader/key: "), (a_parameter(text), "parameter /trader/key: ")):
        error = why_not(key)

        assert isinstance(error, ConfigError)
        assert str(error).startswith(f"{place}must hold Coinbase's key file as downloaded")
        assert "planted" not in str(error)
        assert (1, None, None) == (len(error.problems), error.__cause__, error.__context__)


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ParameterNotFound"])
def test_place_that_holds_nothing_yet_is_told_what_it_must_hold(code: str) -> None:
    """A stack that was just made has a secret without a value."""
    error = why_not(StoredKey(secret="trader/key", open_client=Stores(lambda: refuse(code)).open))

    assert isinstance(error, ConfigError)
    assert str(error).startswith("secret trader/key: holds nothing; it must hold Coinbase's key file")


def test_store_that_does_not_answer_is_no_fault_of_the_configuration() -> None:
    """The service's code is told, its message is not: it may quote what was sent."""
    error = why_not(StoredKey(secret="trader/key", open_client=Stores(lambda: refuse("AccessDenied")).open))

    assert (StoreUnavailable, "secret trader/key: AccessDenied") == (type(error), str(error))


def test_parameter_in_the_clear_is_refused() -> None:
    """Everyone who may look at parameters has read it."""
    assert "parameter /trader/key: is a String" in str(why_not(a_parameter(OURS, "String")))


@pytest.mark.parametrize(("secret", "parameter", "told"), [("", "", "neither is set"), ("a", "b", "both are set")])
def test_key_has_one_place(secret: str, parameter: str, told: str) -> None:
    """Of two, nobody would know which one counts."""
    stores = Stores(dict)

    assert told in str(why_not(StoredKey(secret, parameter, stores.open)))
    assert [] == stores.asked


def test_key_is_read_again_once_a_run_and_quickly() -> None:
    """However many requests were refused; the next run may again."""
    key, stores = a_secret(OURS)

    before = key.reread()
    key.begin_run()
    first = [key.reread() for _ in range(3)]
    key.begin_run()
    second = [key.reread() for _ in range(2)]

    found = Credentials("name", "planted", key.origin)
    assert (None, [found, None, None], [found, None]) == (before, first, second)
    assert 2 == len(stores.asked)
    assert all(1 == config.read_timeout for _, config in stores.asked)
