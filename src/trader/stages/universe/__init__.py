"""Which products may be traded this cycle, and why the others may not."""

from trader.stages.universe.manager import UniverseManager

__all__ = ["UniverseManager"]
