"""How a command leaves its process: one number for each kind of end, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The numbers. ``USAGE`` is the command line parser's own, ``NOT_NOW`` and ``CONFIG`` are those of sysexits.h."""

    DONE = 0
    WRONG = 1
    USAGE = 2
    NOT_NOW = 75
    CONFIG = 78
    INTERRUPTED = 130


#: What each means to whoever typed the command, or to a script that did.
MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done, and nothing that was looked at is wrong; a halt on purpose is nothing wrong",
    ExitCode.WRONG: "something is wrong: a red line, a cycle that was aborted or could not see enough, a refusal, "
    "a store or a venue that cannot be read",
    ExitCode.USAGE: "the words cannot be read: an unknown option, a missing argument, a number out of range",
    ExitCode.NOT_NOW: "not now, try again: another process works there, or nobody has confirmed in time",
    ExitCode.CONFIG: "the options or the configuration contradict one another, or name what is not there",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C; what can be resumed says so",
}
