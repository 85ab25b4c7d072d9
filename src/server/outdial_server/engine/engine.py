"""The engine: its loops, started and stopped in order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from outdial_server.domain.claims import GROUP_MOST
from outdial_server.domain.explanation import DiallingState
from outdial_server.domain.obstacle import Obstacle
from outdial_server.domain.retention import KEEP_ALL, Retention
from outdial_server.domain.silence import LEASE, NOT_FOUND_FINAL_AFTER, carrier_deadline
from outdial_server.engine.applier import Applier
from outdial_server.engine.claimer import Claimer
from outdial_server.engine.clock_watch import ClockWatch
from outdial_server.engine.database_watch import DatabaseWatch
from outdial_server.engine.dialer import Dialer
from outdial_server.engine.loop import Loop, Tick
from outdial_server.engine.obstacles import Obstacles
from outdial_server.engine.quarantine import Inquiry
from outdial_server.engine.queues import ClaimedCalls, GatheredReports
from outdial_server.engine.recaller import Recaller
from outdial_server.engine.reconciler import Reconciler
from outdial_server.engine.sweeper import SWEEP_EVERY as ERASE_EVERY
from outdial_server.engine.sweeper import Sweeper
from outdial_server.engine.upkeep import (
    AUDIT_EVERY,
    CREATION_MOST,
    Auditor,
    ExternalEnder,
    Reaper,
    Settler,
    WindowMover,
)
from outdial_server.ports.callbacks import CallbackInbox
from outdial_server.ports.carrier import Carrier, FindCarrier, RawCallback
from outdial_server.ports.carrier_queues import CarrierQueueStore
from outdial_server.ports.clock import Clock
from outdial_server.ports.dispatch import ClaimedCall, DispatchStore
from outdial_server.ports.quarantine import QuarantineStore
from outdial_server.ports.retention import RetentionStore
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.store_clock import StoreClock
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry


@dataclass(frozen=True, slots=True)
class EngineSettings:
    lease: timedelta = LEASE
    not_found_final_after: timedelta = NOT_FOUND_FINAL_AFTER
    keep: Retention = KEEP_ALL
    # Names of the carriers that take calls above their rate.
    queueing: frozenset[str] = frozenset()
    # Names of those that dial with the credentials of a carrier config alone.
    need_config: frozenset[str] = frozenset()


class Engine:
    def __init__(  # noqa: PLR0913 one for each of its ports
        self,
        dispatch: DispatchStore,
        inbox: CallbackInbox,
        retention: RetentionStore,
        find_carrier: FindCarrier,
        reports: GatheredReports,
        clock: Clock,
        signals: Signals,
        settings: EngineSettings | None = None,
        *,
        queues: CarrierQueueStore,
        store_clock: StoreClock | None = None,
        quarantine: QuarantineStore,
        is_alone: bool,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        """`reports` is the sink that carriers of this process were given. `is_alone`: no
        other server can have the database open. Without a `store_clock` the store goes by
        this machine's."""
        settings = settings or EngineSettings()
        deadline = carrier_deadline(settings.lease)
        claimed = ClaimedCalls(signals)
        self._dispatch = dispatch
        self._clock = clock
        self._claimed = claimed
        self.obstacles = Obstacles(telemetry)
        self._claimer = Claimer(dispatch, claimed, signals)
        self._is_alone = is_alone
        self._reaper = Reaper(dispatch, signals, telemetry)
        self._dialer = Dialer(
            dispatch,
            claimed,
            find_carrier,
            reports,
            clock,
            signals,
            settings.lease,
            telemetry,
        )
        self._applier = Applier(dispatch, reports, inbox, find_carrier, signals, telemetry)
        self.auditor = Auditor(dispatch, telemetry)
        reconciler = Reconciler(
            dispatch,
            find_carrier,
            reports,
            signals,
            settings.not_found_final_after,
            deadline,
            telemetry,
        )
        recaller = Recaller(queues, find_carrier, reports, signals, settings.queueing, deadline)
        sweeper = Sweeper(retention, settings.keep, clock, telemetry)

        def loop(
            name: str,
            topic: Topic,
            tick: Tick,
            sweep_every: timedelta | None = None,
            is_held: Callable[[], bool] = self.cannot_write,
        ) -> Loop:
            return Loop(name, topic, tick, clock, signals, sweep_every, telemetry, is_held)

        watch = DatabaseWatch(quarantine, self.obstacles, signals, is_alone=is_alone)
        self._watching = [
            Loop("database", Topic.DATABASE, watch.tick, clock, signals, telemetry=telemetry)
        ]
        self._clock_watch = (
            ClockWatch(store_clock, clock, self.obstacles, signals, telemetry)
            if store_clock is not None
            else None
        )
        if self._clock_watch is not None:
            self._watching.append(loop("clock", Topic.CLOCK, self._clock_watch.tick))
        inquiry = Inquiry(
            quarantine,
            find_carrier,
            self.obstacles,
            signals,
            settings.not_found_final_after,
            settings.need_config,
        )
        self._dialling = [
            loop("quarantine", Topic.QUARANTINE, inquiry.tick),
            loop("claimer", Topic.CLAIM, self._claimer.tick, is_held=self._may_not_dial),
            loop("dialer", Topic.SEND, self._dialer.tick, is_held=self._may_not_dial),
            loop("windows", Topic.WINDOW, WindowMover(dispatch, signals).tick),
            loop("settler", Topic.SETTLE, Settler(dispatch, signals).tick),
            loop("reaper", Topic.REAP, self._reaper.tick),
            loop("external", Topic.EXTERNAL, ExternalEnder(dispatch, signals).tick),
            loop("reconciler", Topic.RECONCILE, reconciler.tick),
            loop("recaller", Topic.RECALL, recaller.tick),
            loop("auditor", Topic.AUDIT, self.auditor.tick, AUDIT_EVERY),
            loop("sweeper", Topic.ERASE, sweeper.tick, ERASE_EVERY),
        ]
        self._applying = loop("applier", Topic.REPORT, self._applier.tick)

    def cannot_write(self) -> bool:
        """No loop that works on the database is of use."""
        return Obstacle.DATABASE in self.obstacles

    @property
    def may_dial(self) -> bool:
        """See `ports.dispatch.DialQueue`."""
        return not self.obstacles.met

    def _may_not_dial(self) -> bool:
        return not self.may_dial

    def dial_next(self, call: ClaimedCall) -> None:
        """See `ports.dispatch.DialQueue`."""
        self._claimed.dial_next(call)

    async def take_callback(self, callback: RawCallback, carrier: Carrier) -> None:
        """See `ports.callbacks.TakeCallback`."""
        await self._applier.take(callback, carrier)

    def callbacks_arrived(self) -> None:
        """For whoever has put some into the inbox."""
        self._applier.callbacks_arrived()

    def state(self, *, is_draining: bool) -> DiallingState:
        """For explanations."""
        unsent = len(self._claimed)
        return DiallingState(
            is_draining,
            self._claimer.last_claim_at,
            unsent,
            unsent >= GROUP_MOST,
            self._clock.now(),
            self.obstacles.reason,
        )

    async def start(self) -> None:
        """Recovers from whatever came before, then dials."""
        await self._dispatch.sweep_staging(None if self._is_alone else CREATION_MOST)
        if self._is_alone:
            await self._reaper.recover()
        if self._clock_watch is not None:
            # Nobody is dialled before it is known to be right.
            await self._clock_watch.tick(self._clock.now())
        for loop in (*self._watching, self._applying, *self._dialling):
            loop.start()

    async def stop(self) -> None:
        """Lets no further request go, waits for those that are out and records how they
        ended: nothing is left in SENDING. Takes at most the carrier deadline."""
        for loop in self._dialling:
            await loop.stop()
        await self._dialer.finish()
        await self._applying.stop()
        for loop in self._watching:
            await loop.stop()
        await self._applier.finish()
