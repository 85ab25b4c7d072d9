"""Applies what is learnt about calls, in groups: from the dialler and the carriers in this
process, from callbacks whose senders wait, and from the inbox."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final

import structlog

from outdial_server.domain.carrier_config import ANY_REVISION, config_ref
from outdial_server.domain.errors import OutdialError
from outdial_server.domain.report import CallReport
from outdial_server.engine.loop import SWEEP_EVERY
from outdial_server.engine.queues import GatheredReports, ToldReports
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
        self._told: deque[ToldReports] = deque()
        self._taking: asyncio.Task[None] | None = None
        # One transaction at a time, which takes all that there is.
        self._turn = asyncio.Lock()

    def callbacks_arrived(self) -> None:
        """The inbox has something: the next tick looks, and it comes at once."""
        self._inbox_read_at = None
        self._signals.wake(Topic.REPORT)

    async def take(self, callback: RawCallback, carrier: Carrier) -> None:
        """See `ports.callbacks.TakeCallback`. It needs no tick: while the loop is held or over,
        callbacks are applied or refused all the same."""
        reports = self._parse(callback, carrier)
        if not reports:
            return
        told = ToldReports(reports, asyncio.get_running_loop().create_future())
        self._told.append(told)
        if self._taking is None:
            self._taking = asyncio.create_task(self._apply_told(), name="outdial-callbacks")
        await told.applied

    async def _apply_told(self) -> None:
        try:
            while self._told:
                # Who waits has been told of the error.
                with suppress(OutdialError):
                    await self._apply_in_turn()
        finally:
            self._taking = None

    async def tick(self, now: datetime) -> datetime | None:
        callbacks = await self._pending(now)
        stored = [
            report
            for callback, carrier in callbacks
            for report in self._parse(callback.callback, carrier)
        ]
        await self._apply_in_turn(stored, [callback.key for callback, _ in callbacks])
        if len(callbacks) == GROUP_MOST:
            self.callbacks_arrived()
        elif self._reports:
            self._signals.wake(Topic.REPORT)
        return None

    async def finish(self) -> None:
        """Applies what has gathered, before the store is closed."""
        while self._reports:
            await self._apply_in_turn()

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

    async def _apply_in_turn(
        self, stored: Sequence[CallReport] = (), keys: Sequence[int] = ()
    ) -> None:
        """Applies what the inbox had, with the `keys` to remove from it, and all that has
        gathered. Another turn may have left nothing."""
        async with self._turn:
            if not (keys or self._reports or self._told):
                return
            told: list[ToldReports] = []
            try:
                applied = await self._apply(stored, told, keys)
            except BaseException as error:
                # It may have failed before it took any: nobody may wait for ever.
                for one in (*told, *self._told):
                    one.refuse(error)
                self._told.clear()
                raise
        self._telemetry.reports_applied(applied)
        self._wake_others(applied)

    async def _apply(
        self, stored: Sequence[CallReport], told: list[ToldReports], keys: Sequence[int]
    ) -> Applied:
        """`told` gets the callbacks that were taken. Raises what they are to be refused with."""
        gathered: list[CallReport] = []
        group: list[CallReport] = []

        def take() -> Sequence[CallReport]:
            gathered.extend(self._reports.take(GROUP_MOST))
            told.extend(self._told.popleft() for _ in range(min(GROUP_MOST, len(self._told))))
            group.extend(chain(stored, gathered, *(one.reports for one in told)))
            return group

        try:
            applied = await self._dispatch.apply_reports(take, keys)
        except (OutdialError, asyncio.CancelledError):
            # Applied twice they change nothing the second time; lost they would.
            self._reports.put_back(gathered)
            self._inbox_read_at = None
            raise
        except Exception:
            log.exception("reports.group_broken", reports=len(group))
            return await self._apply_singly([*stored, *gathered], told, keys)
        for one in told:
            one.settle()
        return applied

    async def _apply_singly(
        self, reports: Sequence[CallReport], told: Sequence[ToldReports], keys: Sequence[int]
    ) -> Applied:
        """After a group that the store cannot take, whatever the cause: one bad report must
        not hold up all others for ever. It is dropped; its call will be looked up."""
        applied = Applied.nothing()
        for report in reports:
            try:
                applied |= await self._apply_alone(report)
            except OutdialError:
                self._reports.put_back((report,))
        for one in told:
            try:
                for report in one.reports:
                    applied |= await self._apply_alone(report)
                one.settle()
            except OutdialError as error:
                one.refuse(error)
        await self._dispatch.apply_reports(tuple, keys)
        return applied

    async def _apply_alone(self, report: CallReport) -> Applied:
        try:
            return await self._dispatch.apply_reports(partial(_only, report))
        except OutdialError:
            raise
        except Exception:
            log.exception("report.dropped", call_id=report.call_id, kind=report.kind.name)
            self._telemetry.report_dropped()
            return Applied.nothing()

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
