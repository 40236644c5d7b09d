"""The command ``trader``."""

from desk.cli.app import main

__all__ = ["main"]
