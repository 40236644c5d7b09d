"""Every error this system raises on purpose, grouped by what the caller can do about it.

::

    TraderError
    ├── ConfigError               fix the configuration; nothing runs (exit code 78)
    ├── DataError                 leave the product out, or abstain
    │   ├── StaleData             the newest fact is older than allowed
    │   ├── MissingData           the fact was not there
    │   └── MalformedData         the fact was there and made no sense
    ├── VenueError                try again next cycle; nothing is known to have happened
    │   ├── VenueUnavailable      no usable answer: network, 5xx, truncated body
    │   ├── VenueThrottled        too many requests
    │   ├── VenueAuth             key, permission or clock refused
    │   └── VenueProtocol         an answer we do not understand, or a refusal of a malformed request
    ├── StoreError                do not act; the old state is intact
    │   ├── LeaseHeld             another invocation is at work
    │   ├── VersionConflict       another invocation took over; ours must stop
    │   ├── AccountReplaced       another invocation saved the simulated account; ours was not saved
    │   ├── StoreUnavailable      the store did not answer
    │   └── LedgerCorrupt         what was read is not a ledger; a person must look
    ├── AuditError                no record, no action
    ├── PublishError              what happened is on record; telling others is tried again
    ├── CommandRefused            an operator's command is not taken; nothing was changed
    └── InvariantViolation        our bug; never caught below the entry, unless a strategy raised it

Facts are attributes; the message is built from them.
"""

from __future__ import annotations

from datetime import UTC, datetime


class TraderError(Exception):
    """Anything this system raises on purpose."""


class ConfigError(TraderError):
    """The configuration cannot be used; one problem per line, all of them at once."""

    def __init__(self, problems: tuple[str, ...] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class DataError(TraderError):
    """A market fact that cannot be used."""


class StaleData(DataError):
    """The newest fact is older than allowed; *newest* is when it began, where that is known."""

    def __init__(self, message: str, newest: int | None = None) -> None:
        self.newest = newest
        super().__init__(message)


class MissingData(DataError):
    """The fact was not there."""


class MalformedData(DataError):
    """The fact was there and made no sense."""


class VenueError(TraderError):
    """The venue could not be asked, or did not answer usefully."""


class VenueUnavailable(VenueError):
    """No usable answer: network, 5xx, truncated body."""


class VenueThrottled(VenueError):
    """Too many requests."""


class VenueAuth(VenueError):
    """Key, permission or clock refused."""


class VenueProtocol(VenueError):
    """An answer we do not understand, or a refusal of a request we built wrongly."""


class StoreError(TraderError):
    """State could not be read or written."""


class LeaseHeld(StoreError):
    """Another invocation is at work."""

    def __init__(self, owner: str, expires_at: int) -> None:
        self.owner = owner
        self.expires_at = expires_at
        super().__init__(f"lease held by {owner} until {describe_end(expires_at)}")


def describe_end(expires_at: int) -> str:
    """Write when a lease ends: as a date, or in seconds where no date is so late, as a wrong clock may have made it."""
    try:
        return datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{expires_at} s after 1970, which is no date"


class VersionConflict(StoreError):
    """Another invocation took over since we read; ours must stop."""

    def __init__(self, expected_epoch: int, found_epoch: int) -> None:
        self.expected_epoch = expected_epoch
        self.found_epoch = found_epoch
        super().__init__(f"epoch {expected_epoch} was expected in the store, {found_epoch} was found")


class AccountReplaced(StoreError):
    """The simulated account is no longer the one that was loaded; what was made of that one was not saved."""


class StoreUnavailable(StoreError):
    """The store did not answer."""


class LedgerCorrupt(StoreError):
    """What was read is not a ledger of a schema we know; it was left as it is."""


class AuditError(TraderError):
    """An audit record could not be written."""


class AuditConflict(AuditError):
    """The key of an audit record holds other bytes: asking again will not help."""


class PublishError(TraderError):
    """A record could not be told to others: it was not read, or its events were not all taken."""


class CommandRefused(TraderError):
    """An operator's command is not taken: for its time, or for what is still held."""


class InvariantViolation(TraderError):
    """Our own bug. Crash, alarm, look."""
