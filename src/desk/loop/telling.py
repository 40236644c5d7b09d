"""What a loop says: on a terminal one line that is renewed, elsewhere a plain line for each cycle.

A look that found nothing to do is told on a terminal only. What a person should read later stays there as well.
What cannot be written, because nobody reads or the disk is full, ends nothing: how much it was is said later.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from desk.counting import write_count
from desk.loop.schedule import find_next_tick
from desk.patient_output import write_at_once
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.events import RunTick, RunWatch, SwitchChanged
from trader.errors import TraderError
from trader.model.commands import Command
from trader.model.events import EventKind
from trader.model.ids import Instant, rfc3339
from trader.model.ledger import Ledger
from trader.model.portfolio import assess_equity
from trader.settings import Settings

_CLEAR_LINE = "\r\x1b[2K"
_WIDTH_MIN = 20
_QUIET = (CycleOutcome.COMPLETED, CycleOutcome.SKIPPED, CycleOutcome.HALTED)
_ERROR = "ERROR"


@dataclass(slots=True)
class Telling:
    """Writes to *out*: plain lines, one object of JSON for each, or, on a terminal, a line that is renewed."""

    settings: Settings
    out: TextIO | None
    as_json: bool = False
    _line: str = ""
    _unwritten: int = 0
    _ringing: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def tell(self, request: RunTick | RunWatch | SwitchChanged | Command, report: CycleReport, now: Instant) -> None:
        """Tell how a run ended."""
        sent = sum(note.kind is EventKind.ORDER_SUBMITTED for note in report.notes)
        did_nothing = isinstance(request, RunWatch) and report.outcome is CycleOutcome.SKIPPED
        told: dict[str, Any] = {
            "at": rfc3339(now),
            "cycle": report.tick.cycle_id,
            "run": name_request(request),
            "outcome": report.outcome.value,
            "reason": _make_printable(report.reason or report.due),
            "orders_sent": sent,
            "fills": len(report.new_fills),
            **self._describe(report.after or report.before, now),
        }
        if not did_nothing:
            self._write(told, stays=report.outcome not in _QUIET or sent > 0 or bool(report.new_fills))
        elif self._is_terminal:
            self._renew(self._line or f"waiting · next {_short(told['next'])}", f"looked {_short(rfc3339(now))}")

    def tell_resumed(self, ledger: Ledger, now: Instant) -> None:
        """Tell what there is when a loop goes on with books: its first run may be minutes away."""
        equity = assess_equity(ledger)
        active = ledger.active_orders
        doubts = sum(record.is_in_doubt for record in active)
        parts = [
            f"equity {'unknown' if equity is None else f'{equity:,.2f}'} {self.settings.app.accounting_asset}",
            write_count(len(ledger.lots), "lot"),
            write_count(len(active) - doubts, "open order"),
        ]
        parts += [f"{write_count(doubts, 'order')} in doubt"] if doubts else []
        next_tick = rfc3339(find_next_tick(now, self.settings.cycle))
        self.say(f"resumed: {', '.join(parts)}; next tick {_clock(next_tick)}")

    def tell_failure(
        self, request: RunTick | RunWatch | SwitchChanged | Command, error: TraderError, now: Instant
    ) -> None:
        """Tell that a run could not be made; the next one tries again."""
        reason = _make_printable(f"{type(error).__name__}: {error}")
        told = {"at": rfc3339(now), "run": name_request(request), "outcome": _ERROR, "reason": reason}
        self._write({**told, **self._describe(None, now)}, stays=True)

    def tell_alarm(self, name: str, found: Sequence[str]) -> None:
        """Tell what rings on AWS under a name, when it is another than before, and when it is over."""
        before, self._ringing[name] = self._ringing.get(name, ()), tuple(found)
        if before == tuple(found):
            return
        for what in found:
            self.say(_make_printable(f"{name.upper()}: {what}"))
        if not found:
            self.say(f"{name}: over")

    def say(self, text: str) -> None:
        """Say something that stays."""
        if self.as_json:
            self._put(json.dumps({"said": text}, ensure_ascii=False))
        else:
            self._put(text)

    def end(self) -> None:
        """Leave the last line where it is: nothing renews it any more."""
        if self._is_terminal and self._line:
            write_at_once(self.out, "\n")
        self._line = ""

    @property
    def _is_terminal(self) -> bool:
        try:
            return not self.as_json and self.out is not None and self.out.isatty()
        except ValueError:
            # It is closed.
            return False

    def _describe(self, ledger: Ledger | None, now: Instant) -> dict[str, Any]:
        told: dict[str, Any] = {"next": rfc3339(find_next_tick(now, self.settings.cycle))}
        if ledger is not None:
            # As the lots: not what was decided with, which is from before the run's own trades.
            equity = assess_equity(ledger)
            told["equity"] = None if equity is None else f"{equity:.2f}"
            told["lots"] = len(ledger.lots)
        return told

    def _write(self, told: Mapping[str, Any], *, stays: bool) -> None:
        line = self._lay_out(told)
        if self.as_json:
            self._put(json.dumps(told, ensure_ascii=False))
        elif not self._is_terminal:
            self._put(line)
        else:
            if stays:
                self._put(line)
            self._line = self._lay_out_short(told)
            self._renew(self._line)

    def _lay_out(self, told: Mapping[str, Any]) -> str:
        parts = [f"{told['at']} {told['run']} {told['outcome']}" + (f": {told['reason']}" if told["reason"] else "")]
        parts += [
            write_count(told[name], one, many)
            for name, one, many in (("orders_sent", "order sent", "orders sent"), ("fills", "fill", "fills"))
            if told.get(name)
        ]
        if "lots" in told:
            parts.append(f"equity {told['equity'] or 'unknown'} {self.settings.app.accounting_asset}")
            parts.append(write_count(told["lots"], "lot"))
        return " · ".join([*parts, f"next {_clock(told['next'])}"])

    def _put(self, line: str) -> None:
        text = f"{_CLEAR_LINE if self._is_terminal else ''}{line}\n"
        if self._unwritten:
            lost = f"{write_count(self._unwritten, 'line')} before this one could not be written"
            text = (json.dumps({"said": lost}) if self.as_json else lost) + "\n" + text
        self._unwritten = 0 if write_at_once(self.out, text) else self._unwritten + 1

    def _lay_out_short(self, told: Mapping[str, Any]) -> str:
        """Lay out what fits into 60 columns: a reason stands in the line above, which stays."""
        parts = [f"{_clock(told['at'])} {told['outcome']}"]
        if "lots" in told:
            parts += [
                f"{told['equity'] or 'unknown'} {self.settings.app.accounting_asset}",
                write_count(told["lots"], "lot"),
            ]
        return " · ".join([*parts, f"next {_short(told['next'])}"])

    def _renew(self, *parts: str) -> None:
        """Write the parts that fit in place of the line before."""
        width = max(shutil.get_terminal_size().columns - 1, _WIDTH_MIN)
        line = " · ".join(filter(None, parts))
        line = line if len(line) <= width else parts[0]
        write_at_once(self.out, _CLEAR_LINE + (line if len(line) <= width else f"{line[: width - 1]}…"))


def name_request(request: RunTick | RunWatch | SwitchChanged | Command) -> str:
    """Name what a run was made for."""
    match request:
        case RunTick():
            return "tick"
        case RunWatch():
            return "look"
        case SwitchChanged():
            return "switch"
        case Command(kind=kind):
            return kind.value


def _make_printable(text: str) -> str:
    """Make one line of what may quote a venue: nothing in it moves a cursor, or begins a line of its own."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


def _clock(text: str) -> str:
    return text.partition("T")[2]


def _short(text: str) -> str:
    return _clock(text).removesuffix("Z").removesuffix(":00")
