"""A run keeps everything on one disk: what cannot be written to it is a death of the run, and not weather of a market.

A cycle goes on if the audit or the simulated venue does not answer: it enters nothing, or is in doubt. Where both lie
beside the ledger that would only make the run another one than it would have been. So it stops, and goes on later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from trader.errors import AuditError, StoreError, StoreUnavailable, TraderError
from trader.model.events import AuditObject, OwedRecord
from trader.ports import AuditLog
from trader.sim.account import SimAccount, SimAccountStore

KindT = TypeVar("KindT")


class DiskFailed(TraderError):
    """What no cycle catches: the disk of a run failed, or what lies on it is damaged; ``cause`` is how."""

    def __init__(self, cause: StoreError) -> None:
        self.cause = cause
        super().__init__(str(cause))


@dataclass(frozen=True, slots=True)
class AuditOnSameDisk:
    """An audit to which everything is written, or the run stops: nothing is owed."""

    audit: AuditLog

    def write(self, record: AuditObject | OwedRecord, *, urgent: bool = False) -> str:
        try:
            return self.audit.write(record, urgent=urgent)
        except AuditError as error:
            raise DiskFailed(StoreUnavailable(str(error))) from error


@dataclass(frozen=True, slots=True)
class AccountOnSameDisk:
    """The account of a simulated venue that always answers, or the run stops."""

    accounts: SimAccountStore

    def load(self) -> SimAccount | None:
        with _stopping():
            return self.accounts.load()

    def save(
        self,
        account: SimAccount,
        ended: Mapping[str, Any] = MappingProxyType({}),
        *,
        replaces: SimAccount | None = None,
    ) -> None:
        with _stopping():
            self.accounts.save(account, ended, replaces=replaces)

    def read_archived(self, key: str, kind: type[KindT]) -> KindT | None:
        with _stopping():
            return self.accounts.read_archived(key, kind)

    def list_archived(self, first: str, last: str, kind: type[KindT]) -> Mapping[str, KindT]:
        with _stopping():
            return self.accounts.list_archived(first, last, kind)


@contextmanager
def _stopping() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise DiskFailed(error) from error
