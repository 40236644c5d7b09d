"""Which commands there are, and how they end.

Each module of this package that has commands offers ``register(app)``. Tables and JSON go to stdout, everything else
to stderr, so that the output of a command can be piped.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from desk.cli.exit_codes import ExitCode
from desk.cli.help_text import complete_help
from desk.errors import NotNow
from trader import __version__
from trader.errors import ConfigError, LeaseHeld, TraderError

#: In the order of ``trader --help``.
_MODULES = (
    "cycle",
    "run",
    "runs",
    "use",
    "status",
    "why",
    "books",
    "operate",
    "switch",
    "config",
    "key",
    "ledger",
    "audit",
    "sandbox",
)
#: Of these commands no other module is loaded: who only asks shall not wait for what trades.
_QUICK: Mapping[str, str] = {"why": "why", **dict.fromkeys(("trades", "fills", "lots", "cycles"), "books")}


def build(command: str = "") -> typer.Typer:
    """Collect the commands of every module, or no more than the module of a *command* that is quick to load."""
    app = typer.Typer(
        name="trader",
        help="A crypto trading system for Coinbase spot: one stateless cycle per tick.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name in (_QUICK[command],) if command in _QUICK else _MODULES:
        import_module(f"desk.cli.{name}").register(app)
    complete_help(app)
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
        for problem in error.problems:
            print(problem, file=sys.stderr)
        sys.exit(ExitCode.CONFIG)
    except (LeaseHeld, NotNow) as error:
        print(_tell(error), file=sys.stderr)
        sys.exit(ExitCode.NOT_NOW)
    except TraderError as error:
        print(_tell(error), file=sys.stderr)
        sys.exit(ExitCode.WRONG)
    except OSError as error:
        # The machine's doing, as a disk that is full, also where the output goes.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(ExitCode.WRONG)


def _tell(error: TraderError) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
