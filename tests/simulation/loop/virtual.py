"""The loop in virtual time, killed again and again, against one that is left alone. ``make loop-virtual``.

The venue is in this process, on a clock that stands still unless the loop moves it. A kill comes after a request that
was drawn, and a moment of real time later; so it hits reads, sends, the writing of files, and the time between cycles.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from desk.in_memory import ManualClock
from desk.sandbox.auth import ApiKey, make_key
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from simulation.loop.markets import begin_of, make_scenario, make_venue
from simulation.loop.process import start
from trader.settings.app import Mode

TICKS, KILLS = 60, 20
_PERIOD = 300
_PATIENCE_SECONDS = 600


@dataclass
class Played:
    """What one play left, without what tells processes apart; and how its processes ended."""

    kept: dict[str, Any]
    requests: int
    ends: list[int] = field(default_factory=list)
    fills: int = 0
    said: str = ""


@dataclass
class Player:
    """Plays a seed in a mode, for so many ticks."""

    seed: int
    mode: Mode
    ticks: int
    folder: Path
    key: ApiKey = field(default_factory=make_key)

    def play(self, name: str, kills: Sequence[tuple[int, float]] = ()) -> Played:
        """Run the loop to the end; kill it after each of these counts of requests, and so many seconds."""
        scenario, home = make_scenario(self.seed), self.folder / name
        home.mkdir()
        key_file, begin = self.folder / f"{name}.key", begin_of(scenario)
        key_file.write_text(json.dumps(self.key.file()), encoding="utf-8")
        venue = make_venue(scenario, ManualClock(begin), [self.key])
        told = {"home": str(home), "seed": self.seed, "mode": self.mode.value, "key_file": str(key_file)}
        log = home / "said.txt"
        with VenueServer(venue) as server, log.open("w", encoding="utf-8") as out:
            if self.mode is Mode.LIVE:
                _let_trade(told | {"url": server.url, "until": begin + _PERIOD // 2}, out)
            told |= {"url": server.url, "until": begin + (self.ticks - 1) * _PERIOD + _PERIOD // 2}  # type: ignore[dict-item]
            ends = []
            for count, pause in (*kills, (sys.maxsize, 0.0)):
                process, until = start(told, out), time.monotonic() + _PATIENCE_SECONDS
                while process.poll() is None and time.monotonic() < until and _count(venue) < count:
                    time.sleep(0.001)
                time.sleep(pause)
                process.send_signal(signal.SIGKILL)
                ends.append(process.wait())
        (folder,) = home.glob("venue-*")
        kept = read_folder(folder, self.mode) | ({"account": read_account(venue)} if self.mode is Mode.LIVE else {})
        return Played(kept, _count(venue), ends, len(kept["fills"]), log.read_text(encoding="utf-8"))


def _count(venue: Venue) -> int:
    return sum(venue.traffic.totals().values())


def _let_trade(told: dict[str, Any], out: IO[str]) -> None:
    """The first books of LIVE begin at HALT: after the first tick a person lets orders out."""
    if start(told, out).wait(_PATIENCE_SECONDS):
        return
    (switch,) = Path(told["home"]).glob("venue-*/kill-switch")
    switch.write_text("RUN\n", encoding="utf-8")


def read_folder(folder: Path, mode: Mode) -> dict[str, Any]:
    """Ledger, fills and simulated account as they lie on the disk."""
    (scope,) = folder.glob("scope=*")
    item = json.loads((scope / "ledger.json").read_text(encoding="utf-8"))
    fills = scope / "fills.jsonl"
    found: dict[str, Any] = {
        "lease": item["owner"],
        "ledger": {name: value for name, value in item["ledger"].items() if name != "audit_head"},
        "fills": sorted(fills.read_text(encoding="utf-8").splitlines()) if fills.exists() else [],
    }
    if mode is Mode.PAPER:
        for venue in sorted(folder.glob("venue-*.json*")):
            found[venue.name] = sorted(venue.read_text(encoding="utf-8").splitlines())
    return found


def read_account(venue: Venue) -> dict[str, Any]:
    """What the venue has on its books of us: totals, and each order by the id that we gave it."""
    orders = {order.core.client_order_id: order.core for order in venue.orders()}
    return {
        "totals": {asset: str(amount) for asset, amount in sorted(venue.account.totals.items())},
        "orders": {name: f"{core.status} {core.filled} of {core.quantity}" for name, core in sorted(orders.items())},
    }


def draw_kills(chance: random.Random, requests: int, kills: int, ticks: int) -> list[tuple[int, float]]:
    """Draw after how many requests, and how much later, the process dies.

    The last two ticks are left in peace: what a kill leaves to do, such as bars to put on record, the next tick does.
    """
    last = max(int(requests * (1 - 2 / ticks)), kills + 3)
    counts = sorted(chance.sample(range(2, last), kills))
    return [(count, chance.choice((0.0, chance.uniform(0, 0.004), chance.uniform(0, 0.08)))) for count in counts]


def compare(alone: Played, killed: Played) -> list[str]:
    """Name what differs between two plays."""
    names = sorted(alone.kept.keys() | killed.kept.keys())
    return [name for name in names if alone.kept.get(name) != killed.kept.get(name)]


def play_both(player: Player, kills: int) -> tuple[Played, Played]:
    """Play one that is left alone, and one that is killed so often."""
    alone = player.play(f"{player.mode}-alone")
    moments = draw_kills(random.Random(f"{player.seed}/{player.mode}"), alone.requests, kills, player.ticks)
    return alone, player.play(f"{player.mode}-killed", moments)


def main() -> int:
    """Play each mode both ways, compare, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ticks", type=int, default=TICKS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--modes", type=Mode, nargs="+", default=[Mode.PAPER, Mode.LIVE])
    parser.add_argument("--folder", type=Path, help="keep what the processes wrote here")
    told = parser.parse_args()
    begun, different, killed, fills = time.monotonic(), list[str](), 0, Counter[Mode]()
    with tempfile.TemporaryDirectory() as scratch:
        for mode in told.modes:
            player = Player(told.seed, mode, told.ticks, told.folder or Path(scratch))
            plays = play_both(player, told.kills)
            different += [f"{mode}: {name}" for name in compare(*plays)]
            different += [f"{mode}: a process ended with {play.ends[-1]}" for play in plays if play.ends[-1]]
            killed += sum(end == -signal.SIGKILL for end in plays[1].ends)
            fills[mode] = plays[0].fills
    for line in different:
        print(f"DIFFERENT {line}")
    if not all(fills.values()):
        print("nothing was bought on the market of this seed, which proves little: take another one")
    print(
        f"seed={told.seed} modes={len(told.modes)} ticks={told.ticks * len(told.modes)} kills={killed} "
        f"fills={fills.total()} different={len(different)} seconds={time.monotonic() - begun:.0f}"
    )
    return int(bool(different) or killed != told.kills * len(told.modes) or not all(fills.values()))


if __name__ == "__main__":
    sys.exit(main())
