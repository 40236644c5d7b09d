"""The four clients a cycle needs, from one session, with time-outs and retries that fit inside a cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from trader.errors import ConfigError, TraderError

# A cycle would rather fail and be run again than wait: three tries, and each three seconds at most, so that the books
# are closed before a run is over. Throttling is among what "standard" retries.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries=dict(mode="standard", total_max_attempts=3),  # noqa: C408 - botocore's word, in the form a rule allows
    tcp_keepalive=True,
)

# A sale waits for it: each request is tried once, and two fit into its three seconds. It can be made up for, see
# ``OwedRecord``.
URGENT = Config(connect_timeout=0.5, read_timeout=1, retries=dict(mode="standard", total_max_attempts=1))  # noqa: C408
URGENT_REQUEST_SECONDS = 1.5

# The kill switch is asked twice, and three seconds together are all it gets: sales wait for it.
SWITCH = Config(
    connect_timeout=0.5,
    read_timeout=1,
    retries=dict(mode="standard", total_max_attempts=1),  # noqa: C408
    tcp_keepalive=True,
)

# The key is read again in the middle of a run, while a request waits: two tries, four seconds in all.
KEY = Config(connect_timeout=0.5, read_timeout=1, retries=dict(mode="standard", total_max_attempts=2))  # noqa: C408

_SESSION: boto3.session.Session | None = None


def open_client(service: str, config: Config = _CONFIG) -> Any:
    """Make a client of the shared session: the service models are read once, and the credentials found once.

    Raises: ConfigError if there is no region, or a profile that nobody knows.
    """
    global _SESSION  # noqa: PLW0603 - one session per process is the point
    try:
        if _SESSION is None:
            _SESSION = boto3.session.Session()
        return _SESSION.client(service, config=config)
    except NoRegionError:
        raise ConfigError("AWS: no region is set; allowed is AWS_REGION, or a profile that has one") from None
    except BotoCoreError as error:
        raise ConfigError(f"AWS, {service}: {type(error).__name__}: {error}") from None


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
    except NoCredentialsError:
        raise into(f"{what}: NoCredentialsError: there are no credentials; aws configure keeps some") from None
    except BotoCoreError as error:
        where = getattr(error, "kwargs", {}).get("endpoint_url")
        raise into(f"{what}: {type(error).__name__}{f' ({where})' if where else ''}") from None
