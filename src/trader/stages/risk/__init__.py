"""May it be done, and how much of it: every check on what is proposed, and the caps on what it may come to."""

from __future__ import annotations

from trader.stages.risk.manager import STAGE, RiskManager

__all__ = ["STAGE", "RiskManager"]
