"""What ``trader status`` says: a row for each thing, the red ones with the command that mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from desk.cli.status_holdings import make_lots_section, make_orders_section, make_parents_sections
from desk.cli.status_mends import Mends
from desk.cli.status_screen import Part, Row, Section
from desk.cli.status_words import (
    MINUS,
    format_change,
    format_clock,
    format_money,
    format_number,
    format_pct,
    format_span,
    list_some,
    name_command_again,
    name_run,
    seconds_between,
    shorten,
)
from desk.controls import UNSEEN
from desk.journal.reasons import list_limits
from trader.cycle import CycleOutcome
from trader.model.denials import DenialCode
from trader.model.trading_state import TradingState

Told = Mapping[str, Any]

#: A tick may be late, and one may be missed; more than this is a schedule that does not fire.
_PERIODS_MAX = 3
#: A clock that is behind the one of the last run by more than this is another clock.
_BEHIND_SECONDS_MAX = 60
_DIGEST_SHOWN = 8
_FLATTEN_STANDS = "a flatten stands"


def make_sections(told: Told, mends: Mends) -> list[Section]:
    """Lay out what is told about the state, the worst of each kind first."""
    sections = [Section((_head(told, mends),)), *_switch_section(told, mends), *_hold_sections(told, mends)]
    if told.get("busy"):
        sections.append(Section((Row((f"a run is at work: {told['busy']}",)),), rank=2))
    if "ledger_problem" in told:
        sections.append(Section((_ledger_row(told, mends),)))
    if "lots" in told:
        sections += [
            Section((_run_row(told, mends),)),
            Section((_equity_row(told),)),
            Section((_cash_row(told),)),
            make_lots_section(told, mends),
            make_orders_section(told, mends),
            *make_parents_sections(told),
            *_limits_sections(told, mends),
            Section((_results_row(told),), rank=3),
        ]
    return [*sections, *_commands_section(told, mends)]


def list_findings(sections: Sequence[Section]) -> list[Row]:
    """List what is red, in the order of the screen."""
    return [row for section in sections for row in section.rows if row.mend]


def _head(told: Told, mends: Mends) -> Row:
    clock = told["now"].replace("T", " ")
    where = mends.system.location.options.removeprefix("--")
    others = mends.system.name_other_books(told["scope"])
    why: list[str | Part] = [Part(told["why"], 5)] if told["trading_state"] == TradingState.RUN else [told["why"]]
    own = [Part("the time of the run's own market", 1)] if told.get("own_time") else []
    release = Part(f"config {told['config'][:_DIGEST_SHOWN]} · code {told['code']}", 3)
    scope = f"{told['scope']} · {told['trading_state']}"
    return Row((scope, *why, Part(where, 2), *([Part(others, 2)] if others else []), release, clock, *own))


def _switch_section(told: Told, mends: Mends) -> list[Section]:
    problem = told.get("switch_problem", "")
    if not problem or problem.endswith("not given"):
        return []
    mend = mends.name("halt") if told["switch"] != UNSEEN else mends.show_switch
    return [Section((Row((f"kill switch: {problem}",), mend),))]


def _hold_sections(told: Told, mends: Mends) -> list[Section]:
    """Say what ends a stop that a person has said: nothing of it is wrong."""
    switch, sections = told["switch"], []
    if switch in set(TradingState) - {TradingState.RUN}:
        sections.append(Section((Row((f"the kill switch says {switch}",), hint=mends.allow_all),)))
    if told["flatten_stands"]:
        sections.append(Section((Row((_FLATTEN_STANDS,), hint=mends.name("resume --reason TEXT")),)))
    return sections


def _ledger_row(told: Told, mends: Mends) -> Row:
    problem = told["ledger_problem"]
    mend = {
        "none": mends.tick,
        "corrupt": mends.name("ledger rebuild"),
        # What only a newer release reads, an older one must not make anew.
        "newer": "git pull",
    }.get(told.get("ledger_state", ""), mends.name("ledger show"))
    return Row((f"ledger: {problem}",), mend)


def _run_row(told: Told, mends: Mends) -> Row:
    now, last, cycle = told["now"], told["last_run"], told["last_cycle"]
    ticked = [] if cycle is None else [Part(f"last cycle {name_run(cycle, now)}", 3)]
    if last is None:
        return Row((f"last run {UNSEEN}: none has written down how it ended", *ticked), mends.tick)
    age, outcome = last["age_seconds"], last["outcome"]
    what = "cycle" if last["run"] == cycle else "run"
    text = f"last {what} {name_run(last['run'], now)} {outcome}"
    ticked = [] if what == "cycle" else ticked
    if age < -_BEHIND_SECONDS_MAX:
        at = mends.name(f"status --at {last['ended_at']}")
        forget = mends.name('ledger forget-cycle --reason "the clock was wrong"')
        return Row((f"{text}: {format_span(-age)} ahead of this clock",), at if mends.is_local else forget)
    period, reason = told["period_seconds"], last["reason"]
    if age > _PERIODS_MAX * period:
        late = f"NO RUN for {format_span(age)}, more than {_PERIODS_MAX} periods of {format_span(period)}"
        return Row((late, text, *([shorten(reason)] if reason else []), *ticked), mends.tick)
    text += f" {format_span(age)} ago"
    took = seconds_between(last["began_at"], last["ended_at"])
    parts: list[str | Part] = [text, Part(f"took {format_span(took)}", 4), *_due(told), *ticked]
    if outcome == CycleOutcome.ABORTED:
        return Row((text, shorten(reason), *parts[1:]), mends.name("reconcile"))
    return Row((*parts, *([Part(reason, 5, wraps=True)] if reason else [])))


def _due(told: Told) -> list[str | Part]:
    if told["worker"] is None:
        return ["nothing runs here now"]
    if told["next_due"] is None:
        return []
    late = seconds_between(told["next_due"], told["now"])
    word = f"next due {format_clock(told['next_due'], told['now'])}"
    return [Part(f"{word}, {format_span(late)} late" if late > 0 else word, 2)]


def _equity_row(told: Told) -> Row:
    if told["equity"] is None:
        unpriced = told["unpriced"]
        why = f"no price is stored of {list_some(unpriced)}" if unpriced else "what was booked cannot be"
        return Row((f"equity {UNSEEN}: {why}", *_flows(told)))
    changes = [_change_part(name, each) for name, each in told["changes"].items()]
    return Row((f"equity {format_money(told['equity'])}", *changes, *_flows(told)))


def _change_part(name: str, each: Told) -> str | Part:
    if each["change_pct"] is None:
        return Part(f"{name} {UNSEEN}", 2)
    most = each["loss_pct_max"]
    return f"{name} {format_change(each['change_pct'], -Decimal(most))} of {MINUS}{format_number(most)} %"


def _flows(told: Told) -> list[str | Part]:
    flows: list[str | Part] = [Part(f"paid in {format_money(told['capital'])}", 2)]
    if Decimal(told["unmarked_flow"]):
        flows.append(f"flow {format_money(told['unmarked_flow'], signed=True)} since the last mark")
    return flows


def _cash_row(told: Told) -> Row:
    asset, reserved = told["accounting_asset"], told["reserved"]
    amounts = sorted(told["cash"].items(), key=lambda each: (each[0] != asset, -Decimal(each[1])))
    cash = [f"{format_money(amount)} {name}" for name, amount in amounts if Decimal(amount) or name == asset]
    held = [f"reserved {', '.join(f'{format_money(amount)} {name}' for name, amount in sorted(reserved.items()))}"]
    share = told["exposure_pct"]
    exposure = (
        f"exposure {format_money(told['exposure'])} {asset}"
        if share is None
        else f"exposure {format_pct(Decimal(share), Decimal(told['exposure_pct_max']))}"
    )
    cap = f"{exposure} of {format_number(told['exposure_pct_max'])} %"
    return Row((f"cash {list_some(cash) or '0.00'}", *(held if reserved else [Part("reserved 0", 3)]), cap))


def _limits_sections(told: Told, mends: Mends) -> list[Section]:
    """Say what keeps from entering: for a while, for one asset, or for everything."""
    now, entries = told["now"], told["entries"]
    cooling = [
        f"{each['asset'] or 'everything'} until {format_clock(each['until'], now)} ({each['reason']})"
        for each in told["cooldowns"]
    ]
    sections = []
    if told["drawdown_halt"]:
        mend = mends.name('clear-drawdown --reason "looked at"')
        sections.append(Section((Row(("DRAWDOWN HALT: nothing is bought until a person clears it",), mend),)))
    if told["reduce_only"]:
        reduced = tuple(_reduced_row(base, why, mends) for base, why in told["reduce_only"].items())
        sections.append(Section(reduced, "asset", "REDUCE ONLY"))
    if cooling:
        rows = Row((f"cool-downs {cooling[0]}",)), *(Row((f"  {each}",)) for each in cooling[1:])
        sections.append(Section(rows, "cool-down", rank=2))
    if told["switch"] == TradingState.RUN and entries.get("code") == DenialCode.SWITCH_NOT_RUN:
        return [*sections, Section((Row((f"entries closed: {_FLATTEN_STANDS}",)),))]
    return [*sections, Section((_entries_row(entries, now),))]


def _reduced_row(base: str, why: str, mends: Mends) -> Row:
    mend = mends.name(f'ledger adopt --acknowledge {base} --reason "looked at" --write')
    return Row((f"{base} REDUCE ONLY: {shorten(why)}",), mend)


def _entries_row(entries: Told, now: str) -> Row:
    if entries["open"]:
        return Row(("entries open, as far as is stored",))
    if entries["open"] is None:
        assets = ", ".join(entries["unseen"])
        return Row((f"entries {UNSEEN}: " + (f"they need the price of {assets}" if assets else "see the kill switch"),))
    if "code" not in entries:
        return Row(("entries closed: no strategy is enabled",))
    until = f" until {format_clock(entries['until'], now)}" if "until" in entries else ""
    limits = [each.write() for each in list_limits(entries["code"], entries["details"])]
    numbers = ", ".join(limits or [f"{name} {value}" for name, value in entries["details"].items()])
    more = [Part(entries["code"], 3), *([Part(numbers, 4)] if numbers else [])]
    return Row((f"entries closed{until}: {entries['why']}", *more))


def _results_row(told: Told) -> Row:
    results = told["results"]
    gain = f"realized {format_money(results['realized'], signed=True)} since the books were opened"
    trades = f"{results['wins']} won, {results['losses']} lost"
    return Row((gain, f"fees {format_money(results['fees'])}", Part(trades, 2)))


def _commands_section(told: Told, mends: Mends) -> list[Section]:
    unread = [
        Row((f"command {slot}: no words this release knows",), mends.name(mend) if mend else "git pull")
        for slot in told.get("commands_unread", ())
        for mend in [name_command_again(slot)]
    ]
    rows = [_command_row(each, told["now"]) for each in sorted(told["commands"], key=lambda each: not each["new"])]
    return [Section((*unread, *rows), "command", "unread")] if unread or rows else []


def _command_row(each: Told, now: str) -> Row:
    end = [f"until {format_clock(each['until'], now)}"] if each.get("until") else []
    word = "NO RUN HAS ACTED YET" if each["new"] else "acted on"
    said = Part(f"said {format_clock(each['issued_at'], now)} by {each['who'] or '?'}", 2)
    return Row((each["command"], *end, word, said, *([Part(each["why"], 3)] if each["why"] else [])))
