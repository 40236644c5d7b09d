"""What only commands raise; the rest is ``trader.errors``."""

from __future__ import annotations

from trader.errors import TraderError


class NotNow(TraderError):
    """Another process works there, or nobody confirmed in time. The same command may succeed a little later."""


class Overtaken(TraderError):
    """What was said holds no more: somebody said something else before a run had acted on it."""
