"""The slow loops: leases, windows, settling, and the audit of the ledger."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from outdial_server.ports.dispatch import DispatchStore, LedgerFault
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry

log = structlog.get_logger()

SETTLE_MOST: Final = 500
EXTERNALS_MOST: Final = 500
AUDIT_EVERY: Final = timedelta(seconds=30)

CREATION_MOST: Final = timedelta(hours=1)
"""Beside other servers, a creation that began longer ago has broken off: none takes nearly
so long."""


class Reaper:
    """Ends leases that have run out."""

    def __init__(
        self, dispatch: DispatchStore, signals: Signals, telemetry: Telemetry = NO_TELEMETRY
    ) -> None:
        self._dispatch = dispatch
        self._signals = signals
        self._telemetry = telemetry

    async def tick(self, now: datetime) -> datetime | None:
        return await self._reap(every_lease=False)

    async def recover(self) -> None:
        """For the only server of a database, at its start: no lease has a holder."""
        await self._reap(every_lease=True)

    async def _reap(self, *, every_lease: bool) -> datetime | None:
        reaped = await self._dispatch.reap(every_lease=every_lease)
        self._telemetry.leases_reaped(reaped)
        if reaped.given_back or reaped.unknown:
            log.warning("lease.reaped", given_back=reaped.given_back, unknown=reaped.unknown)
            self._signals.wake(Topic.CLAIM, Topic.RECONCILE, Topic.SETTLE, Topic.WINDOW)
        return reaped.next_at


class WindowMover:
    """Opens and closes windows at their moments."""

    def __init__(self, dispatch: DispatchStore, signals: Signals) -> None:
        self._dispatch = dispatch
        self._signals = signals

    async def tick(self, now: datetime) -> datetime | None:
        moved = await self._dispatch.move_windows()
        if moved.changed:
            self._signals.wake(Topic.CLAIM)
        if moved.settling:
            self._signals.wake(Topic.SETTLE)
        return moved.next_at


class Settler:
    """Moves the rows of stopped and expired batches to their end, brings back those that old
    rules have put off, and goes on with imports of contacts whose server is gone, a group a
    tick."""

    def __init__(self, dispatch: DispatchStore, signals: Signals) -> None:
        self._dispatch = dispatch
        self._signals = signals

    async def tick(self, now: datetime) -> datetime | None:
        if await self._dispatch.settle(SETTLE_MOST):
            # Some of them may be due again.
            self._signals.wake(Topic.SETTLE, Topic.CLAIM)
        return None


class ExternalEnder:
    """Frees the slots of external calls that nobody has reported for their time to live."""

    def __init__(self, dispatch: DispatchStore, signals: Signals) -> None:
        self._dispatch = dispatch
        self._signals = signals

    async def tick(self, now: datetime) -> datetime | None:
        freed = await self._dispatch.free_externals(EXTERNALS_MOST)
        if freed.freed:
            self._signals.wake(Topic.CLAIM)
        if freed.more:
            self._signals.wake(Topic.EXTERNAL)
        return freed.next_at


class Auditor:
    """Compares the ledger with the calls. A difference is a fault of ours: it is told, not
    mended in silence."""

    def __init__(self, dispatch: DispatchStore, telemetry: Telemetry = NO_TELEMETRY) -> None:
        self._dispatch = dispatch
        self._telemetry = telemetry
        self.faults: tuple[LedgerFault, ...] = ()

    async def tick(self, now: datetime) -> datetime | None:
        self.faults = tuple(await self._dispatch.audit_slots())
        self._telemetry.ledger_audited(now, len(self.faults))
        for fault in self.faults:
            log.error("ledger.differs", scope=fault.scope, used=fault.used, held=fault.held)
        return now + AUDIT_EVERY
