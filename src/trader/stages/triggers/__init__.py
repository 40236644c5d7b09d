"""What happened on the closed bars that is worth a strategy's look."""

from trader.stages.triggers.engine import TriggerEngine

__all__ = ["TriggerEngine"]
