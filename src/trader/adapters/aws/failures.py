"""Every failure of an AWS call, translated once: what boto raises on the left, what the caller can do on the right.

A refused condition is not in the table: each adapter looks at it first, because there it is an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from trader.errors import TraderError


def read_error_code(error: ClientError) -> str:
    """Return the service's own word for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


@contextmanager
def translate_errors(what: str, into: Callable[[str], TraderError]) -> Iterator[None]:
    """Turn whatever boto raises inside into one error of ours, with the call and the service's code and no more.

    The service's message is left out: it may quote what was sent.
    """
    try:
        yield
    except ClientError as error:
        raise into(f"{what}: {read_error_code(error)}") from None
    except BotoCoreError as error:
        raise into(f"{what}: {type(error).__name__}") from None
