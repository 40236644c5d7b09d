"""Something goes wrong at the N-th call of a port: the process dies, the reply is lost, or the request is."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from trader.errors import AuditError, StoreUnavailable, VenueUnavailable
from trader.model.orders import Unknown


class Crash(BaseException):
    """The process is gone. Not an Exception, so no handler of ours can swallow it."""


class Fault(StrEnum):
    """What happens at the chosen call."""

    BEFORE = "crash before the effect"
    AFTER = "crash after the effect"
    LOST_REPLY = "effect, but the caller is told of a failure"
    LOST_REQUEST = "no effect, and the caller is told of a failure"

    @property
    def kills(self) -> bool:
        """Whether the process ends there."""
        return self in (Fault.BEFORE, Fault.AFTER)


Hook = Callable[[], None]

_FAILURES: dict[str, Callable[[str], Exception]] = {
    "market": VenueUnavailable,
    "exchange": VenueUnavailable,
    "store": StoreUnavailable,
    "kill_switch": StoreUnavailable,
    "audit": AuditError,
}


class Nemesis:
    """Counts the calls of all ports together and strikes at one of them; before one, a hook may run.

    ``trail`` names every call made, in order; ``word`` is what the kill switch last said, None if it was not heard. A
    clock cannot fail, only die with its process: a lost reply strikes nothing there.
    """

    def __init__(self, at: int = 0, fault: Fault | None = None, *, hook_at: int = 0, hook: Hook | None = None) -> None:
        self.at = at
        self.fault = fault
        self.hook_at = hook_at
        self.hook = hook
        self.trail: list[str] = []
        self.word: str | None = None
        self.watchers: list[Callable[[str, tuple[Any, ...]], None]] = []

    @property
    def has_struck(self) -> bool:
        """Whether the chosen call was reached."""
        return 0 < self.at <= len(self.trail)

    def wrap(self, port: str, inner: object) -> object:
        """Put the nemesis before one port."""
        return _Wrapped(self, port, inner)

    def call(self, port: str, method: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> Any:
        """Make one call of a port, or what the fault leaves of it."""
        lose = None if port == "clock" else lambda: self._failure(port, method)
        if port != "kill_switch":
            return self.strike(f"{port}.{method}", lambda: function(*args, **kwargs), lose, args)
        self.word = None
        self.word = self.strike(f"{port}.{method}", lambda: function(*args, **kwargs), lose, args)
        return self.word

    def strike(
        self, name: str, act: Callable[[], Any], lose: Callable[[], Any] | None, args: tuple[Any, ...] = ()
    ) -> Any:
        """Do something, or what the fault leaves of it.

        *lose* is what the caller meets in place of an answer; None if that cannot be. Watchers are shown *args*.
        """
        self.trail.append(name)
        if len(self.trail) == self.hook_at and self.hook is not None:
            self.hook()
        for watch in self.watchers:
            watch(name, args)
        if len(self.trail) != self.at:
            return act()
        if self.fault is Fault.BEFORE:
            raise Crash(name)
        if self.fault is Fault.LOST_REQUEST and lose is not None:
            return lose()
        result = act()
        if self.fault is Fault.AFTER:
            raise Crash(name)
        if self.fault is Fault.LOST_REPLY and lose is not None:
            return lose()
        return result

    def _failure(self, port: str, method: str) -> Any:
        if method == "submit":
            return Unknown("the nemesis kept the answer")
        raise _FAILURES[port](f"the nemesis struck at {port}.{method}")


class _Wrapped:
    """One port with the nemesis before it."""

    def __init__(self, nemesis: Nemesis, port: str, inner: object) -> None:
        self._nemesis, self._port, self._inner = nemesis, port, inner

    def __getattr__(self, method: str) -> Any:
        function = getattr(self._inner, method)
        return lambda *args, **kwargs: self._nemesis.call(self._port, method, function, args, kwargs)
