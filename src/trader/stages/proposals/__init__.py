"""What the strategies want: each is asked by itself, and what it answers is checked where it enters the pipeline."""

from trader.stages.proposals.answers import Answers, ask_strategies, leave_to_venue, settle_answers
from trader.stages.proposals.contexts import make_contexts
from trader.stages.proposals.readiness import Needs, check_readiness, list_bars_needed

__all__ = [
    "Answers",
    "Needs",
    "ask_strategies",
    "check_readiness",
    "leave_to_venue",
    "list_bars_needed",
    "make_contexts",
    "settle_answers",
]
