"""``trader use``: remember which system commands are about, so that it need not be typed each time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.located import choose_system, find_uses
from desk.cli.options import CONFIG_DIR
from desk.location import SANDBOX, forget, recall, remember
from trader.errors import ConfigError

_WORDS = {"home": "--home {}", "stack": "--stack {}", "sandbox": "--sandbox"}


def register(app: typer.Typer) -> None:
    """Add ``trader use``."""
    app.command("use")(use)


def use(
    *,
    home: Annotated[Path | None, typer.Option("--home", help="Folder of its books, as .trader/synthetic-7.")] = None,
    stack: Annotated[str | None, typer.Option("--stack", help="Name of its stack on AWS.")] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="The sandbox that is up (make sandbox).")] = False,
    is_forgotten: Annotated[bool, typer.Option("--forget", help="Remember nothing.")] = False,
) -> None:
    """Remember which system commands are about when nothing else says so; without an option, say which it is.

    What is typed, and a stack's parts in the shell's variables, count more than what is remembered.
    """
    file = find_uses()
    asked = sum((home is not None, stack is not None, sandbox, is_forgotten))
    if asked > 1:
        raise ConfigError("trader use: allowed is one of --home, --stack, --sandbox and --forget")
    if is_forgotten:
        forget(file)
        print("nothing is remembered")
        return
    if asked:
        choose_system({"home": home, "stack": stack, "sandbox": sandbox, "mode": None, "config": CONFIG_DIR}, ())
        if home is not None and not any(home.glob("scope=*")):
            raise ConfigError(f"--home {home}: no books lie there; a folder below {file.parent} that has scope=… does")
        used = {"home": str(home.resolve())} if home is not None else {"stack": stack} if stack is not None else {}
        remember(file, {name: str(text) for name, text in used.items()} or {"sandbox": str(SANDBOX.resolve())})
    used_now = recall(file)
    if not used_now:
        print(
            "nothing is remembered: commands are about what is typed, or about the only folder there is, or in which "
            "something runs"
        )
    for name, text in used_now.items():
        print(f"commands are about {_WORDS[name].format(text)}; remembered in {file}")
