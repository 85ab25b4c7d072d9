"""Applies what is learnt about calls, in groups: from the dialler and the carriers in this
process, and from the inbox of callbacks."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from outdial_server.domain.carrier_config import ANY_REVISION, config_ref
from outdial_server.domain.errors import OutdialError
from outdial_server.domain.report import CallReport
from outdial_server.engine.loop import SWEEP_EVERY
from outdial_server.engine.queues import GatheredReports
from outdial_server.ports.callbacks import CallbackInbox, StoredCallback
from outdial_server.ports.carrier import Carrier, FindCarrier, RawCallback
from outdial_server.ports.dispatch import Applied, DispatchStore
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry

log = structlog.get_logger()

GROUP_MOST: Final = 1000


class Applier:
    def __init__(
        self,
        dispatch: DispatchStore,
        reports: GatheredReports,
        inbox: CallbackInbox,
        find_carrier: FindCarrier,
        signals: Signals,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._dispatch = dispatch
        self._reports = reports
        self._inbox = inbox
        self._find_carrier = find_carrier
        self._signals = signals
        self._telemetry = telemetry
        # None: something has come since.
        self._inbox_read_at: datetime | None = None

    def callbacks_arrived(self) -> None:
        """The inbox has something: the next tick looks, and it comes at once."""
        self._inbox_read_at = None
        self._signals.wake(Topic.REPORT)

    async def tick(self, now: datetime) -> datetime | None:
        callbacks = await self._pending(now)
        if not callbacks and not self._reports:
            return None
        parsed = [
            report
            for stored, carrier in callbacks
            for report in self._parse(stored.callback, carrier)
        ]
        applied = await self._apply(parsed, [stored.key for stored, _ in callbacks])
        self._telemetry.reports_applied(applied)
        self._wake_others(applied)
        if len(callbacks) == GROUP_MOST:
            self.callbacks_arrived()
        elif self._reports:
            self._signals.wake(Topic.REPORT)
        return None

    async def finish(self) -> None:
        """Applies what has gathered, before the store is closed."""
        while self._reports:
            await self._apply((), ())

    async def _pending(self, now: datetime) -> Sequence[tuple[StoredCallback, Carrier | None]]:
        """What has come, each with the carrier that it came from. Reads the inbox when
        something has arrived, and as seldom as a sweep otherwise: under load most ticks are for
        reports that never pass through it."""
        read_at = self._inbox_read_at
        # From before it, by a clock that was set back, is no reason to wait.
        if read_at is not None and timedelta(0) <= now - read_at < SWEEP_EVERY:
            return ()
        # Set before the read: what arrives during it clears it again.
        self._inbox_read_at = now
        try:
            found = await self._inbox.pending(GROUP_MOST)
            return [(stored, await self._carrier_of(stored.callback)) for stored in found]
        except BaseException:
            self._inbox_read_at = None
            raise

    async def _apply(self, parsed: Sequence[CallReport], keys: Sequence[int]) -> Applied:
        taken: list[CallReport] = []

        def take() -> Sequence[CallReport]:
            taken.extend(self._reports.take(GROUP_MOST))
            return [*parsed, *taken]

        try:
            return await self._dispatch.apply_reports(take, keys)
        except (OutdialError, asyncio.CancelledError):
            # Applied twice they change nothing the second time; lost they would.
            self._reports.put_back(taken)
            self._inbox_read_at = None
            raise
        except Exception:
            log.exception("reports.group_broken", reports=len(parsed) + len(taken))
            return await self._apply_singly([*parsed, *taken], keys)

    async def _apply_singly(self, reports: Sequence[CallReport], keys: Sequence[int]) -> Applied:
        """After a group that the store cannot take, whatever the cause: one bad report must
        not hold up all others for ever. It is dropped; its call will be looked up."""
        applied = Applied.nothing()
        for report in reports:
            try:
                applied |= await self._dispatch.apply_reports(partial(_only, report))
            except OutdialError:
                self._reports.put_back((report,))
            except Exception:
                log.exception("report.dropped", call_id=report.call_id, kind=report.kind.name)
                self._telemetry.report_dropped()
        await self._dispatch.apply_reports(tuple, keys)
        return applied

    async def _carrier_of(self, callback: RawCallback) -> Carrier | None:
        """Its signature was checked when it came: any revision can read it."""
        config = config_ref(callback.carrier_config, ANY_REVISION)
        return await self._find_carrier(callback.carrier, config)

    def _parse(self, callback: RawCallback, carrier: Carrier | None) -> tuple[CallReport, ...]:
        """A callback that cannot be read is removed with the others, and logged: kept it
        would be in the way for ever."""
        try:
            return () if carrier is None else carrier.parse_callback(callback)
        except ValueError as error:
            # Not its text: that may quote the callback.
            error_type = type(error).__name__
            log.warning("callback.unreadable", carrier=callback.carrier, error_type=error_type)
        except Exception:
            log.exception("callback.adapter_broken", carrier=callback.carrier)
        self._telemetry.callback_unreadable()
        return ()

    def _wake_others(self, applied: Applied) -> None:
        if applied.freed:
            self._signals.wake(Topic.CLAIM)
        if applied.unknown:
            self._signals.wake(Topic.RECONCILE)
        if applied.settling:
            self._signals.wake(Topic.SETTLE, Topic.WINDOW)


def _only(report: CallReport) -> tuple[CallReport]:
    return (report,)
