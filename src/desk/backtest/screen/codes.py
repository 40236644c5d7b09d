"""Verdicts as small numbers, so that a column of them is a byte a tick."""

from __future__ import annotations

from trader.model.decisions import Outcome
from trader.model.denials import DenialCode

#: No stage has anything against it yet.
PASS = 0
#: What no screen can tell: the tick is run exactly.
MAYBE = 1
#: Not under consideration: nothing is said of it.
ABSENT = 2

_FIRST = 3
_WORDS: tuple[str, ...] = (*(code.value for code in DenialCode), Outcome.HELD.value, Outcome.REFUSED.value)
_NUMBERS = {word: number for number, word in enumerate(_WORDS, start=_FIRST)}
COUNT = _FIRST + len(_WORDS)


def encode_verdict(word: str) -> int:
    """Return the number of a denial code or an outcome."""
    return _NUMBERS[word]


def decode_verdict(number: int) -> str:
    """Return the denial code or outcome of a number."""
    return _WORDS[number - _FIRST]
