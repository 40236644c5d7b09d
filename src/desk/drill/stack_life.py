"""One life of a stack on this machine, told by what a person types; everything that was printed is kept.

``python -m desk.drill.stack_life build/story``: deploy, thirty paper cycles, look, allow less, a stop, sell all, go
on, and prove the books. A minute passes before the simulated venue fills what rests there, and another before a stop
fires, so it takes three minutes of the clock, and little of the processor.

The last line counts the steps and what was not as it should be; with anything of that it ends with 1.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[3]
CYCLES = 30
_MINUTE = 60
#: Before a whole minute begins, so long there must be for a cycle; after it is over, so long until its bar is there.
_CYCLE_SECONDS, _BAR_SECONDS = 8, 4
_TRADER = [sys.executable, "-c", "from desk.cli import main; main()"]
#: So much is traded at once that what we want is a small part of it.
_SIZE = "10000000000"


@dataclass
class Story:
    """What was typed so far. ``venue`` is the address of the simulated venue, once it is known."""

    folder: Path
    steps: int = 0
    failed: list[str] = field(default_factory=list)
    venue: str = ""

    def type(self, name: str, *words: str, shows: tuple[str, ...] = (), code: int = 0) -> str:
        """Type a command, keep what it printed, and note what is missing in it."""
        return self._keep(name, ["trader", *words], [*_TRADER, *words], shows, code)

    def invoke(self, name: str) -> str:
        """Let a tick happen that is due now, as the schedule does on AWS."""
        event = ROOT / "events/scheduled-cycle.json"
        words = ["make", "invoke-local"]
        variables, config = str(self.sandbox / "env.json"), str(self.folder / "config")
        command = [
            sys.executable,
            "-m",
            "desk.invoke",
            "--now",
            "--env-vars",
            variables,
            "--config",
            config,
            str(event),
        ]
        return self._keep(name, words, command, ('"outcome": ',), 0)

    def ask(self, *words: str) -> Any:
        """Ask for JSON, which is no step."""
        done = self._run([*_TRADER, *words, "--json"])
        return json.loads(done.stdout)

    def trade(self, prices: Mapping[str, Decimal]) -> None:
        """Let somebody trade at these prices, once."""
        for product_id, price in prices.items():
            told = {"product_id": product_id, "price": f"{price:f}", "volume": _SIZE}
            requests.post(f"{self.venue}/__sandbox/price", json=told, timeout=10).raise_for_status()

    @property
    def sandbox(self) -> Path:
        """Where the sandbox writes its names: below the folder in which everything is typed."""
        return self.folder / "var/sandbox"

    def note(self, name: str, text: str, problem: str = "") -> None:
        """Keep a step that is no command."""
        self.steps += 1
        (self.folder / f"{self.steps:02}-{name}.txt").write_text(text, encoding="utf-8")
        if problem:
            self.failed.append(f"{name}: {problem}")

    def _keep(self, name: str, words: list[str], command: list[str], shows: tuple[str, ...], code: int) -> str:
        done = self._run(command)
        missing = [text for text in shows if text not in done.stdout]
        problem = f"it says nothing of {', '.join(missing)}" if missing else ""
        problem = problem if done.returncode == code else f"it ended with {done.returncode}, not {code}"
        text = f"$ {' '.join(words)}\n{done.stdout}{done.stderr}[{done.returncode}]\n"
        self.note(name, text, problem)
        print(text, flush=True)
        return done.stdout

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own commands
            command, cwd=self.folder, env=self.variables(), capture_output=True, text=True, check=False, timeout=300
        )

    def variables(self) -> dict[str, str]:
        """Return the shell of somebody who has nothing exported but where the configuration lies."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "TRADER_"))}
        return {**kept, "COLUMNS": "100"}


#: What of the shipped configuration is another one here, so that minutes are enough: few products, which are asked for
#: in a second, any move of a price is one, and two may be bought at once.
_QUICKER = {
    "universe.yaml": (
        (r"bases: \[BTC, ETH, SOL\]", "bases: [BTC, SOL]"),
        (r"bases: \[DOGE[^\]]*\]", "bases: [LINK, AVAX]"),
        (r"    # Not listed but found.*?(?=  # Assets never bought)", ""),
    ),
    "policy.yaml": (
        (r"(short|long)_pct: \{[^}]*\}", r"\1_pct: {chop: 0.01, bull: 0.01, bear: 0.01}"),
        (r"atr_ratio_min: [\d.]+", "atr_ratio_min: 0.1"),
        (r"entry_spacing_seconds: \d+", "entry_spacing_seconds: 0"),
    ),
}


def write_config(folder: Path) -> None:
    """Write the story's own configuration. Raises: LookupError if the shipped one has no longer what it changes."""
    shutil.copytree(ROOT / "config", folder)
    for name, changes in _QUICKER.items():
        text = (folder / name).read_text(encoding="utf-8")
        for pattern, instead in changes:
            text, count = re.subn(pattern, instead, text, flags=re.DOTALL)
            if not count:
                raise LookupError(f"{name} has no {pattern}")
        (folder / name).write_text(text, encoding="utf-8")


@contextmanager
def open_stack(story: Story) -> Iterator[None]:
    """Bring the stack up; it ends with the story."""
    words = ["sandbox", "up", "--mode", "PAPER", "--aws-port", "0", "--venue-port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*_TRADER, *words, "--template", str(ROOT / "template.yaml")],
        cwd=story.folder,
        env=story.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            made = json.loads(line) if line else {}
            story.venue = made.get("venue", "")
            story.note("deploy", f"$ trader {' '.join(words)}\n{line}", "" if story.venue else "no stack came up")
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def play_story(story: Story) -> None:
    """Type it all."""
    story.type("use", "use", "--sandbox", shows=("commands are about --sandbox",))
    story.type("status-before", "status", shows=("no run has committed one yet",), code=1)
    _wait_until_second(_MINUTE - _CYCLE_SECONDS)
    story.invoke("cycle-1")
    bought = _read_entries(story)
    for number in range(2, CYCLES + 1):
        # Somebody sells to us all the time, so that each bar has a trade.
        story.trade({product_id: limit * Decimal("0.995") for product_id, limit in bought.items()})
        story.invoke(f"cycle-{number}")
    _wait_for_lots(story, bought)
    lots = story.ask("status")["lots"]
    story.note("lots", json.dumps(lots, indent=1), "" if len(lots) > 1 else "two lots were wanted")
    if not lots:
        return
    first = lots[0]
    # Whose price nobody trades at any more is believed by nobody.
    prices = {lot["product"]: Decimal(lot["entry_price"]) * Decimal("0.995") for lot in lots}
    story.type("status", "status", shows=("PAPER", first["product"]))
    story.type("why", "why", first["product"], shows=(first["product"],))
    story.type("fills", "fills", shows=(first["product"],))
    story.type("reduce-only", "reduce-only", "--reason", "a look around first", shows=("REDUCE_ONLY",))
    _fire_stop(story, first, prices)
    story.type("trades", "trades", shows=(first["product"],))
    story.trade(prices)
    story.type("flatten", "flatten", "--yes", "--reason", "the story ends", shows=("sold",))
    story.type("status-flat", "status", shows=("FLATTEN",))
    story.type("resume", "resume", "--reason", "all is sold", shows=("REDUCE_ONLY",))
    story.type("cycles", "cycles", shows=("COMPLETED",))
    story.type("rebuild", "ledger", "rebuild", shows=("nothing was written",))
    story.type("verify", "audit", "verify", shows=("all of it is what was written",))


def _read_entries(story: Story) -> dict[str, Decimal]:
    orders = story.ask("ledger", "show")["ledger"]["orders"].values()
    return {
        each["intent"]["product_id"]: Decimal(each["intent"]["limit_price"])
        for each in orders
        if each["intent"]["purpose"] == "ENTRY"
    }


def _wait_until_second(second: int) -> None:
    time.sleep((second - time.time()) % _MINUTE)


def _wait_for_lots(story: Story, bought: Mapping[str, Decimal]) -> None:
    """Go on until the bar is over in which what rests at the venue was traded through."""
    ends = time.monotonic() + 2 * _MINUTE
    while time.monotonic() < ends and len(story.ask("status").get("lots", ())) < len(bought):
        story.trade({product_id: limit * Decimal("0.995") for product_id, limit in bought.items()})
        time.sleep(_BAR_SECONDS)
        story.invoke("cycle-more")


def _fire_stop(story: Story, lot: Mapping[str, Any], prices: dict[str, Decimal]) -> None:
    """Let a price fall through a stop, but not through the floor below which the venue's order sells nothing."""
    prices[lot["product"]] = Decimal(lot["stop_price"]) * Decimal("0.99")
    ends, text = time.monotonic() + 2 * _MINUTE + _BAR_SECONDS, ""
    while time.monotonic() < ends:
        story.trade(prices)
        time.sleep(_BAR_SECONDS)
        text = story.invoke("cycle-stop")
        if lot["lot"] not in [each["lot"] for each in story.ask("status")["lots"]]:
            story.note("stop", text)
            return
    story.note("stop", text, f"the stop of {lot['lot']} did not fire")


def main() -> int:
    """Tell it into a folder, and print how many steps there were and how many failed."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/story").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_config(folder / "config")
    began, story = time.monotonic(), Story(folder)
    with open_stack(story):
        if not story.failed:
            play_story(story)
    for problem in story.failed:
        print(problem, file=sys.stderr)
    print(f"steps={story.steps} seconds={time.monotonic() - began:.0f} failed={len(story.failed)}")
    return int(bool(story.failed))


if __name__ == "__main__":
    sys.exit(main())
