"""What the strategies want: each is asked by itself, and what it answers is checked where it enters the pipeline."""

from trader.stages.proposals.answers import Answers, ask_strategies

__all__ = ["Answers", "ask_strategies"]
