"""What is tried in the rotation drill, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from desk.sandbox.auth import Algorithm
from desk.sandbox.faults import FaultRule, FaultScript


class KeyStore(StrEnum):
    """Where the key is stored, in the words of the template's parameter."""

    SECRETS_MANAGER = "SECRETS_MANAGER"
    PARAMETER_STORE = "PARAMETER_STORE"


class Moment(StrEnum):
    """When the old key is revoked. UNREPLACED: at any request, and its successor is stored two ticks later."""

    BEFORE_TICK = "before a tick"
    AT_REQUEST = "before a request"
    BEFORE_ORDER = "before an order is posted"
    UNREPLACED = "no successor yet"


@dataclass(frozen=True, slots=True)
class Try:
    """What is changed, where and when. ``request``: before which of the tick's requests, counted from one."""

    moment: Moment
    store: KeyStore
    old: Algorithm
    new: Algorithm
    is_warm: bool
    request: int

    def __str__(self) -> str:
        at = f" {self.request}" if self.moment in (Moment.AT_REQUEST, Moment.UNREPLACED) else ""
        return f"{self.moment}{at}, {'warm' if self.is_warm else 'cold'}, {self.store}, {self.old} to {self.new}"


@dataclass(slots=True)
class Told:
    """What became of a try. ``lost``: ticks that did not complete although the new key was stored when they ended.

    ``seen``: places where a piece of a key is; ``unnamed``: ticks without a successor that neither completed nor rang
    with a word of what to do; ``rereads_max``: how often one invocation read the key again at most; ``met``: the change
    hit a tick while it ran.
    """

    lost: int = 0
    seen: int = 0
    unsold: int = 0
    doubled: int = 0
    unnamed: int = 0
    ticks: int = 0
    rereads_max: int = 0
    met: bool = False
    faults: list[str] = field(default_factory=list)


class Moments(FaultScript):
    """Does something once, right before the venue looks at a request."""

    def __init__(self) -> None:
        super().__init__()
        self._is_due: Callable[[str, str], bool] = lambda _method, _path: False
        self._then: Callable[[], None] = lambda: None

    def arm(self, is_due: Callable[[str, str], bool], then: Callable[[], None]) -> None:
        """Wait for a request."""
        self._is_due, self._then = is_due, then

    def pick(self, method: str, path: str) -> FaultRule | None:
        if self._is_due(method, path):
            self._is_due = lambda _method, _path: False
            self._then()
        return super().pick(method, path)
