"""What the strategies want: each is asked by itself, and what it answers is checked where it enters the pipeline."""

from trader.stages.proposals.answers import Answers, ask_strategies, leave_to_venue
from trader.stages.proposals.contexts import make_contexts

__all__ = ["Answers", "ask_strategies", "leave_to_venue", "make_contexts"]
