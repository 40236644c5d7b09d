"""Turn approvals into orders the venue will take: which listing, what price, how much, under which id.

Sizes are rounded down, buy prices down, sell prices up; what falls below a minimum is refused here, with numbers,
rather than by the venue.
"""

from trader.stages.execution.context import ExecutionContext
from trader.stages.execution.engine import ExecutionEngine

__all__ = ["ExecutionContext", "ExecutionEngine"]
