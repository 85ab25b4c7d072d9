"""The store, as whoever ends a quarantine uses it. See domain.quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.quarantine import Quarantine
from outdial_server.ports.carrier import ListedCall


@dataclass(frozen=True, slots=True)
class DoubtedAccount:
    """An account at a carrier that batches may have dialled with."""

    carrier: str
    # None: the carrier's own, for what goes without a carrier config.
    config: ConfigRef | None = None
    has_credentials: bool = False


@dataclass(frozen=True, slots=True)
class Doubts:
    """Who may have placed calls that the database does not know."""

    accounts: Sequence[DoubtedAccount]
    # Somebody is claimed and not sent: he waits again soon, and can be found then.
    has_claims: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """Calls of a carrier's list, held against the database."""

    # Rows that waited, and were ended: they have been called.
    ended: int
    # Calls that the database does not know, and that are not over.
    live: int


class Pulse(Protocol):
    async def beat(self) -> Quarantine | None:
        """A small write, which leaves the moment. Answers with the quarantine that there is;
        one begins where the database has gone on without its last commits, as far as that can
        be told. Raises UnavailableError (DATABASE_UNAVAILABLE, DATABASE_FULL,
        DATABASE_READ_ONLY)."""
        ...


class QuarantineStore(Pulse, Protocol):
    """Every method raises UnavailableError."""

    async def read_quarantine(self) -> Quarantine | None:
        """None when there is none."""
        ...

    async def read_doubts(self) -> Doubts: ...

    async def compare(self, calls: Sequence[ListedCall]) -> Compared:
        """Whoever waits at a number to which there is a call that the database does not know
        is not dialled again: the row ends. Doing it again changes nothing."""
        ...

    async def begin_quarantine(self, doubt_from: datetime) -> None:
        """One that has begun doubts from the earlier moment on."""
        ...

    async def lift_quarantine(self, begun_at: datetime | None = None) -> bool:
        """False when there is none, or another than the one that began at `begun_at`."""
        ...
