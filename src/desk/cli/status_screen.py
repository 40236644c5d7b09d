"""How ``trader status`` looks: one line for each thing, the red ones with what mends them, 80 columns by 24 lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from desk.cli.command_desk import UNSEEN
from trader.cycle import CycleOutcome

#: A tick may be late, and one may be missed; more than this is a schedule that does not fire.
_PERIODS_MAX = 3
#: A clock that is behind the one of the last run by more than this is another clock.
_BEHIND_SECONDS_MAX = 60
_LOTS_SHOWN = 7
_COMMANDS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One line. With ``mend`` it is red, and that is what mends it."""

    text: str
    mend: str = ""


def make_rows(told: Mapping[str, Any], period_seconds: int) -> list[Row]:
    """Lay out what is told about the state, the worst of each kind first."""
    rows = [_state_row(told)]
    if told.get("busy"):
        rows.append(Row(f"a run is at work: {told['busy']}"))
    if "ledger_problem" in told:
        rows.append(Row(f"ledger: {told['ledger_problem']}", "trader ledger show"))
    if "lots" in told:
        rows += _ledger_rows(told, period_seconds)
    return rows + _command_rows(told)


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Print the rows, each on one line: what is too long is cut, but for what mends it."""
    for row in rows:
        mend = f" → {row.mend}" if row.mend else ""
        text = Text(row.text)
        text.truncate(max(console.width - cell_len(mend), 1), overflow="ellipsis")
        text.append(mend)
        console.print(text, style="red" if row.mend else "", overflow="ellipsis", no_wrap=True, highlight=False)


def _state_row(told: Mapping[str, Any]) -> Row:
    clock = told["now"].partition("T")[2]
    text = f"{told['scope']} · {clock} · {told['trading_state']} · {told['why']}"
    problem = told.get("switch_problem", "")
    if not problem or problem.endswith("not given"):
        return Row(text)
    return Row(f"{text} ({problem})", "aws ssm get-parameter" if told["switch"] == UNSEEN else "trader halt")


def _ledger_rows(told: Mapping[str, Any], period_seconds: int) -> list[Row]:
    cash = ", ".join(f"{amount} {asset}" for asset, amount in sorted(told["cash"].items()))
    doubts = told["orders_in_doubt"]
    rows = [
        _run_row(told, period_seconds),
        Row(f"last cycle {told['last_cycle'] or 'none yet'}"),
        Row(f"equity {told['equity'] or f'{UNSEEN}: a lot has no price yet'} · cash {cash}"),
        *_lot_rows(told["lots"]),
        Row(f"orders {told['active_orders']} active · {len(doubts)} in doubt" + "".join(f" {each}" for each in doubts)),
    ]
    if told["drawdown_halt"]:
        rows.append(Row("drawdown: nothing is bought until trader clear-drawdown"))
    if told["reduce_only"]:
        rows.append(Row("reduce only: " + "; ".join(f"{base}, {why}" for base, why in told["reduce_only"].items())))
    return rows


def _run_row(told: Mapping[str, Any], period_seconds: int) -> Row:
    last, mend = told["last_run"], "trader cycle" if told["is_local"] else "trader reconcile"
    if last is None:
        return Row(f"last run {UNSEEN}: none has written down how it ended", mend)
    age, reason = last["age_seconds"], f": {last['reason']}" if last["reason"] else ""
    text = f"last run {last['run']} {last['outcome']} {_span(age)} ago{reason}"
    if age < -_BEHIND_SECONDS_MAX:
        return Row(
            f"last run {last['run']} {last['outcome']}: {_span(-age)} ahead of this clock", "trader status --at …"
        )
    if age > _PERIODS_MAX * period_seconds:
        return Row(f"NO RUN for {_span(age)}, more than {_PERIODS_MAX} periods of {period_seconds} s; {text}", mend)
    return Row(text, "trader reconcile" if last["outcome"] == CycleOutcome.ABORTED else "")


def _lot_rows(lots: Sequence[Mapping[str, Any]]) -> list[Row]:
    if not lots:
        return [Row("lots none")]
    rows = sorted((_lot_row(lot) for lot in lots), key=lambda row: not row.mend)
    shown, rest = rows[:_LOTS_SHOWN], rows[_LOTS_SHOWN:]
    if rest:
        red = sum(bool(row.mend) for row in rest)
        shown.append(Row(f"and {len(rest)} more lots, {red} of them NOT PROTECTED", "trader reconcile" if red else ""))
    return shown


def _lot_row(lot: Mapping[str, Any]) -> Row:
    head = f"{lot['lot']} {lot['product']} {lot['quantity']}"
    _, is_none, why = lot["protection"].partition("none: ")
    if is_none:
        return Row(f"{head} NOT PROTECTED: {why}", "trader reconcile")
    return Row(f"{head} protected · stop {lot['stop_price']} · paid {lot['entry_price']}")


def _command_rows(told: Mapping[str, Any]) -> list[Row]:
    rows = [
        Row(f"command {slot}: no words this release knows", "give it again") for slot in told.get("commands_unread", ())
    ]
    for each in sorted(told["commands"], key=lambda each: not each["new"]):
        end = f", until {each['until']}" if each.get("until") else ""
        why = f": {each['why']}" if each["why"] else ""
        word = "NO RUN HAS ACTED YET" if each["new"] else "acted on"
        rows.append(Row(f"{each['command']}{end} · {word} · said {each['issued_at']} by {each['who'] or '?'}{why}"))
    if len(rows) <= _COMMANDS_SHOWN:
        return rows
    shown, rest = rows[:_COMMANDS_SHOWN], rows[_COMMANDS_SHOWN:]
    red = sum(bool(row.mend) for row in rest)
    return [*shown, Row(f"and {len(rest)} more commands: trader status --json", "give the unread again" if red else "")]


def _span(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days >= 2:
        return f"{days} d"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min" if minutes > 2 else f"{seconds} s"
