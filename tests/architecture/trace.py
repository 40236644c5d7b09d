"""How far two values travel in one cycle: the id of the product that is bought, and the trading state.

Run by ``make trace``. One PAPER cycle on the synthetic market is played under a profiler, from its first call to the
answer of the venue that the order is taken. Only frames of ``src/trader`` count.

- A frame *has* the value if an argument or a local variable is the value, or a dataclass with the value in a field.
- A *file* counts when one of its frames has the value.
- A *hop* is a call that passes the value on: the callee has it among its arguments, and the caller has it. However
  often one function calls another, it is one hop; a comprehension is part of the function it stands in.

Before the renaming this printed ``product_files=26 product_hops=78 state_files=11 state_hops=13``.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from inspect import CO_VARARGS, CO_VARKEYWORDS
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import trader
from desk.in_memory import FixedClock
from desk.markets import set_up_synthetic
from desk.run import make_tick
from trader.adapters.config.files import load_settings
from trader.cycle import CycleReport, run_cycle
from trader.entry.wiring import VenueAccess, build_local_ports, build_pipeline
from trader.model.ids import Instant
from trader.model.trading_state import TradingState

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(trader.__file__).parent
#: With this end the synthetic market shows a rise that the shipped rules buy.
AT = Instant(1_764_000_000)
HOURS = 170

IsValue = Callable[[object], bool]


@dataclass
class Trail:
    """Where one value was seen: files below the package, and calls that passed it on."""

    is_value: IsValue
    files: set[str] = field(default_factory=set)
    hops: set[tuple[str, str]] = field(default_factory=set)

    def enter(self, frame: FrameType) -> None:
        """Look at the arguments of a call, and at whoever made it."""
        if not self._holds(frame, arguments_of(frame.f_code)):
            return
        self.files.add(file_of(frame))
        caller = frame.f_back
        if caller is not None and is_ours(caller) and self._holds(caller, None):
            self.hops.add((function_of(caller), function_of(frame)))

    def leave(self, frame: FrameType) -> None:
        """Look at everything a function had when it ended."""
        if self._holds(frame, None):
            self.files.add(file_of(frame))

    def _holds(self, frame: FrameType, names: tuple[str, ...] | None) -> bool:
        values = frame.f_locals
        return any(self._has(values[name]) for name in (values if names is None else names) if name in values)

    def _has(self, value: object) -> bool:
        if self.is_value(value):
            return True
        if not is_dataclass(value) or isinstance(value, type):
            return False
        # A field may still be missing while the value is being made.
        return any(self.is_value(getattr(value, each.name, None)) for each in fields(value))


def arguments_of(code: CodeType) -> tuple[str, ...]:
    """Name the arguments of a function, *args* and **kwargs** included."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    return code.co_varnames[:count]


def is_ours(frame: FrameType) -> bool:
    """Tell whether a frame runs code of the package."""
    return Path(frame.f_code.co_filename).is_relative_to(PACKAGE)


def file_of(frame: FrameType) -> str:
    """Name the file of a frame, from the package down."""
    return Path(frame.f_code.co_filename).relative_to(PACKAGE).as_posix()


def function_of(frame: FrameType) -> str:
    """Name the function of a frame, or the one that a comprehension stands in."""
    return f"{file_of(frame)}:{frame.f_code.co_qualname.partition('.<locals>.<')[0]}"


@contextmanager
def watched(trails: list[Trail]) -> Iterator[None]:
    """Follow the values until the venue has answered a submission, or the block ends."""
    done = False

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal done
        if done or event not in ("call", "return") or not is_ours(frame):
            return
        for trail in trails:
            trail.enter(frame) if event == "call" else trail.leave(frame)
        done = event == "return" and frame.f_code.co_name == "submit"

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def play(trails: list[Trail]) -> CycleReport:
    """Run one PAPER cycle from empty books, the values followed."""
    settings = load_settings(ROOT / "config", {"TRADER_MODE": "PAPER"}).settings
    setup = set_up_synthetic(settings, AT, HOURS)
    clock = FixedClock(AT)
    market = setup.market(clock)
    with tempfile.TemporaryDirectory() as home:
        ports = build_local_ports(setup.settings, Path(home), VenueAccess(market, market), clock)
        pipeline = build_pipeline(setup.settings)
        with watched(trails):
            return run_cycle(make_tick(AT, setup.settings), pipeline, ports)


def main() -> None:
    """Print the files of both values, and the line for machines last."""
    report = play([])
    assert report.decision is not None
    [product_id] = {intent.product_id for intent in report.decision.plan.intents}
    product = Trail(lambda value: isinstance(value, str) and value == product_id)
    state = Trail(lambda value: value is TradingState.RUN)
    play([product, state])
    for name, trail in (("product", product), ("state", state)):
        print(f"{name}: {', '.join(sorted(trail.files))}")
    print(
        f"product_files={len(product.files)} product_hops={len(product.hops)} "
        f"state_files={len(state.files)} state_hops={len(state.hops)}"
    )


if __name__ == "__main__":
    main()
