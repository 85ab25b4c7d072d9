"""Applies what is learnt about calls, in groups: from the dialler and the carriers in this
process, and from callbacks, which are stored first and applied by the turn behind that."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from outdial_server.domain.carrier_config import ANY_REVISION, config_ref
from outdial_server.domain.errors import OutdialError
from outdial_server.domain.report import CallReport
from outdial_server.engine.loop import SWEEP_EVERY
from outdial_server.engine.queues import ArrivedCallback, GatheredReports
from outdial_server.ports.callbacks import CallbackInbox
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
        # Callbacks that no transaction has stored yet, and those that the last one stored.
        self._arrived: deque[ArrivedCallback] = deque()
        self._stored: dict[int, ArrivedCallback] = {}
        self._storing: asyncio.Task[None] | None = None
        # One transaction at a time, which takes all that there is.
        self._turn = asyncio.Lock()

    def callbacks_arrived(self) -> None:
        """The inbox has something: the next tick looks, and it comes at once."""
        self._inbox_read_at = None
        self._signals.wake(Topic.REPORT)

    async def take(self, callback: RawCallback, carrier: Carrier) -> None:
        """See `ports.callbacks.TakeCallback`. It needs no tick: while the loop is held or over,
        callbacks are stored or refused all the same."""
        arrived = ArrivedCallback(callback, carrier, asyncio.get_running_loop().create_future())
        self._arrived.append(arrived)
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_arrived(), name="outdial-callbacks")
        await arrived.stored

    async def _store_arrived(self) -> None:
        try:
            while self._arrived:
                # Who waits has been told of the error.
                with suppress(OutdialError):
                    await self._take_turn()
        finally:
            self._storing = None

    async def tick(self, now: datetime) -> datetime | None:
        await self._take_turn(now)
        if self._reports:
            self._signals.wake(Topic.REPORT)
        return None

    async def finish(self) -> None:
        """Applies what has gathered, before the store is closed."""
        while self._reports:
            await self._take_turn()

    async def _take_turn(self, now: datetime | None = None) -> None:
        """In one transaction: applies what has gathered and what the inbox has, and stores the
        callbacks that have arrived, for the next turn. Reads the inbox only where `now` is given.
        Another turn may have left nothing."""
        async with self._turn:
            stored, self._stored = self._stored, {}
            parsed = [
                report
                for one in stored.values()
                for report in self._parse(one.callback, one.carrier)
            ]
            keys = list(stored)
            arrived: list[ArrivedCallback] = []
            try:
                if now is not None:
                    for key, reports in await self._pending(now, stored):
                        keys.append(key)
                        parsed.extend(reports)
                if not (keys or self._reports or self._arrived):
                    return
                applied = await self._apply(parsed, keys, arrived)
            except BaseException as error:
                # Committed or not, nobody knows: the inbox itself says what is left in it.
                self._inbox_read_at = None
                self._give_up(arrived, error)
                raise
            self._stored = dict(zip(applied.stored_keys, arrived, strict=True))
        for one in arrived:
            one.settle()
        if arrived:
            self._signals.wake(Topic.REPORT)
        self._telemetry.reports_applied(applied)
        self._wake_others(applied)

    def _give_up(self, arrived: Sequence[ArrivedCallback], error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            # The loop is stopped; the task of those who wait has its turn behind this one.
            self._arrived.extendleft(reversed(arrived))
            return
        # It may have failed before it took any: nobody may wait for ever.
        for one in (*arrived, *self._arrived):
            one.refuse(error)
        self._arrived.clear()

    async def _pending(
        self, now: datetime, known: Collection[int]
    ) -> Sequence[tuple[int, Sequence[CallReport]]]:
        """What the inbox has beside what is `known`, by its key. Reads it when something has come
        that is not known here, and as seldom as a sweep otherwise: nearly all is known. No turn
        removes anything meanwhile, since on SQLite a key that came free is given out again."""
        read_at = self._inbox_read_at
        # From before it, by a clock that was set back, is no reason to wait.
        if read_at is not None and timedelta(0) <= now - read_at < SWEEP_EVERY:
            return ()
        # Set before the read: what arrives during it clears it again.
        self._inbox_read_at = now
        found = await self._inbox.pending(GROUP_MOST)
        if len(found) == GROUP_MOST:
            self.callbacks_arrived()
        return [
            (one.key, self._parse(one.callback, await self._carrier_of(one.callback)))
            for one in found
            if one.key not in known
        ]

    async def _apply(
        self,
        parsed: Sequence[CallReport],
        keys: Sequence[int],
        arrived: list[ArrivedCallback],
    ) -> Applied:
        """`arrived` gets the callbacks that were taken."""
        gathered: list[CallReport] = []

        def take() -> Sequence[CallReport]:
            gathered.extend(self._reports.take(GROUP_MOST))
            return [*parsed, *gathered]

        def take_arrived() -> Sequence[RawCallback]:
            while self._arrived and len(arrived) < GROUP_MOST:
                arrived.append(self._arrived.popleft())
            return [one.callback for one in arrived]

        try:
            return await self._dispatch.apply_reports(take, keys, take_arrived)
        except (OutdialError, asyncio.CancelledError):
            # Applied twice they change nothing the second time; lost they would.
            self._reports.put_back(gathered)
            raise
        except Exception:
            reports = [*parsed, *gathered]
            log.exception("reports.group_broken", reports=len(reports))
            applied = await self._apply_singly(reports)
            return applied | await self._dispatch.apply_reports(tuple, keys, take_arrived)

    async def _apply_singly(self, reports: Sequence[CallReport]) -> Applied:
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
