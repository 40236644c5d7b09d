"""AWS as moto plays it in this very process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from moto import mock_aws


@contextmanager
def open_mocked_aws() -> Iterator[None]:
    """Have moto play AWS, whatever AWS the shell names: moto does not answer for the endpoint of a sandbox."""
    named = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    try:
        with mock_aws():
            yield
    finally:
        os.environ |= named
