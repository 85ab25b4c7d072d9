"""What happened, for whoever measures the server.

These are events in the domain's words, not counters: what is counted, and how, is the
adapter's affair. Everything is called from the event loop's thread alone, returns at once
and never raises. What comes often comes in groups.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from outdial_server.domain.imports import ImportState
from outdial_server.domain.obstacle import Obstacle
from outdial_server.domain.reconciliation import Sighting
from outdial_server.domain.report import ReportKind
from outdial_server.domain.slots import ScopeKind
from outdial_server.ports.carrier import DialResult
from outdial_server.ports.dispatch import Applied, ClaimedCall, Reaped
from outdial_server.ports.retention import Erased


class CallbackOutcome(Enum):
    """What became of a callback at the port."""

    STORED = "stored"
    # No such carrier, or not the token.
    UNADDRESSED = "unaddressed"
    # It broke off, or is too large.
    UNREADABLE = "unreadable"
    FORGED = "forged"
    # The database was not there: the carrier is to send it again.
    POSTPONED = "postponed"


@dataclass(slots=True)
class Happened:
    """What a transaction did, gathered inside it and told once it has committed."""

    # By the numbers of event type and disposition, as they are stored.
    events: Counter[tuple[int, int | None]] = field(default_factory=Counter)
    # Calls that were UNKNOWN, by the report that said what became of them.
    resolved: Counter[ReportKind] = field(default_factory=Counter)
    rows_staged: int = 0
    imports: Counter[ImportState] = field(default_factory=Counter)
    # Breakers of carrier configs and phone numbers that opened, or stayed open after a probe.
    trips: Counter[ScopeKind] = field(default_factory=Counter)
    # How often the rate of a carrier config fell.
    slowed: int = 0


class Transaction(Protocol):
    """A writing transaction, from the moment at which it was asked for."""

    def begun(self, group_size: int | None = None) -> None:
        """It has the writer, and its group, if it is one that gathers. Said again when
        the database asked for it to be tried again."""
        ...

    def committed(self, happened: Happened) -> None: ...

    def rolled_back(self) -> None: ...


class Telemetry(Protocol):
    def dials_let_go(self, calls: Sequence[ClaimedCall], at: datetime) -> None:
        """SENDING is committed, and the requests of these calls leave."""
        ...

    def dial_ended(self, result: DialResult, took: timedelta) -> None:
        """One request came to an end, `took` after it was let go."""
        ...

    def claims_given_back(self, count: int) -> None:
        """Calls whose batch was stopped between claim and SENDING."""
        ...

    def giving_back_failed(self, count: int) -> None:
        """Such calls could not be given back; their leases do it."""
        ...

    def looked_up(self, sighting: Sighting) -> None:
        """A carrier was asked about a call that is silent or unknown."""
        ...

    def leases_reaped(self, reaped: Reaped) -> None: ...

    def ledger_audited(self, at: datetime, faults: int) -> None: ...

    def reports_applied(self, applied: Applied) -> None: ...

    def report_dropped(self) -> None:
        """The store could not take a report even by itself."""
        ...

    def callback_received(self, outcome: CallbackOutcome) -> None: ...

    def callback_unreadable(self) -> None:
        """A stored callback says nothing that its carrier's adapter understands."""
        ...

    def webhook_tried(self, took: timedelta, *, is_taken: bool) -> None:
        """A request with an event came to its end, `took` after it was let go."""
        ...

    def webhook_given_up(self) -> None:
        """An event is tried no more at an endpoint."""
        ...

    def erased(self, erased: Erased) -> None:
        """What had been kept for long enough is gone."""
        ...

    def tick_failed(self, loop: str) -> None:
        """A loop's turn ended in an error; it tries again."""
        ...

    def obstacle_changed(self, obstacle: Obstacle, *, met: bool) -> None:
        """Something keeps this server from dialling, or does no more."""
        ...

    def clock_compared(self, ahead_by: timedelta) -> None:
        """The store's clock is ahead of this machine's, surely by so much; negative: behind."""
        ...

    def transaction(self, verb: str) -> Transaction:
        """A writing transaction is asked for. `verb` is a name in the code."""
        ...


class _NoTransaction:
    def begun(self, group_size: int | None = None) -> None: ...

    def committed(self, happened: Happened) -> None: ...

    def rolled_back(self) -> None: ...


class _NoTelemetry:
    """Nobody measures."""

    _transaction = _NoTransaction()

    def dials_let_go(self, calls: Sequence[ClaimedCall], at: datetime) -> None: ...

    def dial_ended(self, result: DialResult, took: timedelta) -> None: ...

    def claims_given_back(self, count: int) -> None: ...

    def giving_back_failed(self, count: int) -> None: ...

    def looked_up(self, sighting: Sighting) -> None: ...

    def leases_reaped(self, reaped: Reaped) -> None: ...

    def ledger_audited(self, at: datetime, faults: int) -> None: ...

    def reports_applied(self, applied: Applied) -> None: ...

    def report_dropped(self) -> None: ...

    def callback_received(self, outcome: CallbackOutcome) -> None: ...

    def callback_unreadable(self) -> None: ...

    def webhook_tried(self, took: timedelta, *, is_taken: bool) -> None: ...

    def webhook_given_up(self) -> None: ...

    def erased(self, erased: Erased) -> None: ...

    def tick_failed(self, loop: str) -> None: ...

    def obstacle_changed(self, obstacle: Obstacle, *, met: bool) -> None: ...

    def clock_compared(self, ahead_by: timedelta) -> None: ...

    def transaction(self, verb: str) -> Transaction:
        return self._transaction


NO_TELEMETRY: Telemetry = _NoTelemetry()
