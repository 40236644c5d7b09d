"""The application, and how its commands end.

Each module of this package that has commands offers ``register(app)``, and has a row for each of them in
``command_group``. Tables and JSON go to stdout, everything else
to stderr, so that the output of a command can be piped.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn, TextIO

import typer

from desk.cli.command_group import CommandGroup
from desk.cli.exit_codes import ExitCode
from desk.errors import NotNow
from desk.patient_output import write_at_once
from trader import __version__
from trader.errors import ConfigError, LeaseHeld, TraderError


def build() -> typer.Typer:
    """Make the application of all commands; the module of none of them is loaded before that command is called."""
    app = typer.Typer(
        name="trader",
        help="A crypto trading system for Coinbase spot: one stateless cycle per tick.",
        cls=CommandGroup,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    return app


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"trader {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process; the words typed, unless others are given.

    An error of ours is one line for each problem on stderr, and one of the numbers of ``ExitCode``. What is not ours is
    a bug and keeps its traceback.
    """
    try:
        app(args=None if arguments is None else list(arguments), prog_name="trader")
    except ConfigError as error:
        _leave(ExitCode.CONFIG, *error.problems)
    except (LeaseHeld, NotNow) as error:
        _leave(ExitCode.NOT_NOW, _tell(error))
    except (TraderError, OSError) as error:
        # What is not ours is the machine's doing, as a disk that is full, also where the output goes.
        _leave(ExitCode.WRONG, _tell(error))


def _leave(code: ExitCode, *lines: str) -> NoReturn:
    """Say why and leave the process, with that number also if nobody can read it."""
    for line in lines:
        write_at_once(sys.stderr, f"{line}\n")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            _discard_unwritable(stream)
    sys.exit(code)


def _discard_unwritable(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere if it cannot be written: Python would try again at the end, and fail."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _tell(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
