"""``make story``: every output that it kept is read here. It goes on beside the other tests, and is read last."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

_PATIENCE_SECONDS = 480
_LAST = re.compile(r"steps=(\d+) seconds=(\d+) failed=0")


@pytest.fixture(scope="module")
def outputs(story: tuple[subprocess.Popen[str], Path]) -> dict[str, str]:
    """What each step printed, by its name, once the story is over; its last line as ``the end``."""
    process, folder = story
    told, errors = process.communicate(timeout=_PATIENCE_SECONDS)
    found = {each.stem.partition("-")[2]: each.read_text(encoding="utf-8") for each in sorted(folder.glob("*.txt"))}
    return {**found, "the end": told.splitlines()[-1] if told else errors}


#: What each step's output has to say, beside that its command ended as it should.
SAYS: dict[str, tuple[str, ...]] = {
    "deploy": ('"by_cloudformation"', '"venue": "http://127.0.0.1:'),
    "use": ("commands are about --sandbox",),
    "status-before": ("no run has committed one yet", "[1]"),
    "cycle-1": ('"outcome": "COMPLETED"', '"orders_sent": 2'),
    "cycle-30": ('"outcome": "COMPLETED"',),
    "lots": ('"protection"',),
    "status": ("PAPER#main", "RUN", "sandbox", "stop", "target", "[0]"),
    "why": ("verdict", "POSITION_HELD", "would need", "[0]"),
    "fills": ("BUY", "fees", "[0]"),
    "reduce-only": ("RUN before, REDUCE_ONLY now", "confirmed after", "[0]"),
    "stop": ('"fills": 1',),
    "trades": ("stop", "agree with the cash to the last unit", "[0]"),
    "flatten": ("sold", "flatten: confirmed after", "[0]"),
    "status-flat": ("FLATTEN", "lots none", "[0]"),
    "resume": ("resume: confirmed after", "REDUCE_ONLY", "[0]"),
    "cycles": ("COMPLETED", "[0]"),
    "rebuild": ("no difference", "nothing was written", "[0]"),
    "verify": ("all of it is what was written", "[0]"),
}


def test_story_ends_well(outputs: dict[str, str]) -> None:
    """No step failed, and each of them was read."""
    assert (found := _LAST.fullmatch(outputs["the end"])), outputs["the end"]
    cycles = {name for name in outputs if re.fullmatch(r"cycle-(\d+|more|stop)", name)}

    assert int(found[1]) >= 30 + len(SAYS) - 2
    assert {"the end"} == outputs.keys() - SAYS.keys() - cycles


@pytest.mark.parametrize("step", SAYS)
def test_step_says_what_it_should(step: str, outputs: dict[str, str]) -> None:
    """And no traceback."""
    assert [] == [text for text in SAYS[step] if text not in outputs[step]], outputs[step]
    assert "Traceback" not in outputs[step]


def test_every_cycle_of_the_thirty_completed(outputs: dict[str, str]) -> None:
    """Whatever its orders."""
    assert [] == [n for n in range(1, 31) if '"outcome": "COMPLETED"' not in outputs[f"cycle-{n}"]]
