"""Whether what the backtest needs beside the desk is installed. Imports none of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from trader.errors import ConfigError


def check_installed(*packages: str, find: Callable[[str], object | None] = find_spec) -> None:
    """Make sure that packages are there, NumPy if none is named, before anything that imports them is imported.

    Raises: ConfigError naming those that are not there, and the one command that installs them.
    """
    missing = [each for each in packages or ("numpy",) if find(each) is None]
    if missing:
        raise ConfigError(f"the backtest needs {' and '.join(missing)}; make research installs what is missing")
