"""``trader audit verify``: whether the records are what was once written. Reads only."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from desk.cli.located import System, with_system
from desk.cli.options import AsJson, open_console
from desk.counting import write_count
from desk.recovery.evidence import Finding
from desk.recovery.locate import locate_evidence
from desk.recovery.verify import Verification, verify_audit
from trader.entry.wiring import make_scope
from trader.errors import AuditError
from trader.model.ids import Scope

#: So many of what is explained are printed; all of them with --json.
_SHOWN = 20

RetentionOption = Annotated[
    int,
    typer.Option("--retention-days", min=1, help="Days after which the stack ends a record: its AuditRetentionDays."),
]


def register(app: typer.Typer) -> None:
    """Add ``trader audit …``."""
    group = typer.Typer(help="Look whether the records are what was once written.", no_args_is_help=True)
    # A group of one command would be that command.
    group.callback()(lambda: None)
    group.command("verify")(verify)
    app.add_typer(group, name="audit")


@with_system("table", "bucket", "anchors")
def verify(system: System, retention_days: RetentionOption = 3650, as_json: AsJson = False) -> None:
    """Compare the records with their chain, the ledger, their versions and the anchors; name what is not as it was.

    Ends with 1 if anything is not.
    """
    scope = make_scope(system.settings())
    judged = verify_audit(locate_evidence(system.location, scope, retention_days=retention_days))
    if not judged.objects and not judged.owed:
        raise AuditError(f"no audit object of {scope} was found: there is nothing to verify")
    if as_json:
        print(json.dumps({"scope": scope, **judged._asdict()}))
    else:
        _print(scope, judged, open_console())
    if judged.found:
        changed = write_count(len(judged.found), "thing is not as it was", "things are not as they were")
        raise AuditError(f"{scope}: {changed} written")


def _print(scope: Scope, judged: Verification, console: Console) -> None:
    counts = (
        f"{write_count(judged.objects, 'object')}, {write_count(judged.lines, 'line')}, {judged.owed} owed, "
        f"{write_count(judged.days, 'day')} written down"
    )
    _say(console, f"{scope}: {counts}")
    _say(console, f"of {write_count(judged.decisions, 'decision')} the bars of {judged.replayable} are on record")
    for each in judged.found:
        _say(console, f"not as it was: {each}")
    _print_explained(judged.explained, console)
    if not judged.found:
        _say(console, "all of it is what was written")


def _print_explained(explained: tuple[Finding, ...], console: Console) -> None:
    for each in explained[:_SHOWN]:
        _say(console, f"explained: {each}")
    if len(explained) > _SHOWN:
        _say(console, f"explained: {len(explained) - _SHOWN} more; --json lists them")


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
