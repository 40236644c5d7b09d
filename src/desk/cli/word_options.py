"""The options that every word of an operator takes: its reason, and how long to wait for what comes of it."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from trader.errors import ConfigError

_PANEL = "Reason and waiting"
_ADDED: dict[str, tuple[Any, Any]] = {
    "reason": (
        Annotated[str | None, typer.Option("--reason", help="Why, in one line.", rich_help_panel=_PANEL)],
        None,
    ),
    # What alarms of a stack said until now, and fingers know: none of these commands may fail for a word.
    "why": (Annotated[str | None, typer.Option("--why", hidden=True)], None),
    "no_wait": (
        Annotated[bool, typer.Option("--no-wait", help="Say it, and end.", rich_help_panel=_PANEL)],
        False,
    ),
    "timeout": (
        Annotated[
            int | None,
            typer.Option(
                "--timeout",
                min=1,
                metavar="SECONDS",
                help="How long to wait for a run that confirms it; one period and two minutes without it.",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
}


@dataclass(frozen=True, slots=True)
class WordOptions:
    """Why something is said, and whether and how long its confirmation is waited for."""

    reason: str
    waits: bool
    timeout_seconds: int | None


def with_word_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, and hand them over as its argument ``word``."""

    @functools.wraps(command)
    def run(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in _ADDED}
        command(word=_read(**chosen), **given)

    own = [each for each in inspect.signature(command, eval_str=True).parameters.values() if each.name != "word"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _ADDED.items()
    ]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *added)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    del run.__wrapped__
    return run


def _read(reason: str | None, why: str | None, *, no_wait: bool, timeout: int | None) -> WordOptions:
    if no_wait and timeout is not None:
        raise ConfigError("--no-wait and --timeout contradict one another; allowed is one of them")
    if why is not None:
        if reason is not None:
            raise ConfigError("--why is --reason by its old name; allowed is one of them")
        print("note: --why is called --reason now", file=sys.stderr)
    return WordOptions(reason or why or "", not no_wait, timeout)
