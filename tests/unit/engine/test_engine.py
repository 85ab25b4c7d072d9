"""The engine as a whole, on a store in memory: started, drained, stopped."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import pytest

from outdial_server.domain.call import CallState
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.quarantine import Quarantine
from outdial_server.domain.retention import Retention
from outdial_server.engine import Engine, GatheredReports
from outdial_server.engine.upkeep import CREATION_MOST
from outdial_server.ports.carrier import DialRequest, DialResult, ListedCall
from outdial_server.ports.carrier_queues import QueuedCall
from outdial_server.ports.quarantine import Compared, Doubts
from outdial_server.ports.retention import Erased, Swept
from outdial_server.ports.signals import Topic
from support.carriers import FunctionCarrier, accept
from support.clock import ManualClock, ManualSignals, settle
from support.dispatch import Inbox, MemoryDispatch


class NothingToErase:
    async def erase(self, keep: Retention, limit: int) -> Swept:
        return Swept(Erased(), more=False)


class NoQueues:
    async def queued_calls(self, carriers: Collection[str], limit: int) -> Sequence[QueuedCall]:
        return []

    async def note_recall(self, call: QueuedCall) -> None: ...

    async def note_queue(self, call: QueuedCall) -> None: ...


class Pulse:
    """A QuarantineStore without a quarantine, whose write fails while `failure` is set."""

    def __init__(self) -> None:
        self.failure: UnavailableError | None = None

    async def beat(self) -> Quarantine | None:
        if self.failure is not None:
            raise self.failure
        return None

    async def read_quarantine(self) -> Quarantine | None:
        raise NotImplementedError

    async def read_doubts(self) -> Doubts:
        raise NotImplementedError

    async def compare(self, calls: Sequence[ListedCall]) -> Compared:
        raise NotImplementedError

    async def begin_quarantine(self, doubt_from: datetime) -> None:
        raise NotImplementedError

    async def lift_quarantine(self, begun_at: datetime | None = None) -> bool:
        raise NotImplementedError


class Running:
    def __init__(self, carrier: FunctionCarrier, *, is_alone: bool = True) -> None:
        self.clock = ManualClock()
        signals = ManualSignals(self.clock)
        inbox = Inbox()
        self.dispatch = MemoryDispatch(self.clock, inbox)
        self.pulse = Pulse()
        self.signals = signals
        self.engine = Engine(
            self.dispatch,
            inbox,
            NothingToErase(),
            carrier.registered,
            GatheredReports(signals),
            self.clock,
            signals,
            queues=NoQueues(),
            quarantine=self.pulse,
            is_alone=is_alone,
        )


async def test_rows_are_dialled_and_what_became_of_them_is_recorded() -> None:
    running = Running(FunctionCarrier())
    running.dispatch.add_rows(1200)
    await running.engine.start()
    for _ in range(10):
        await settle()
    await running.engine.stop()
    assert set(running.dispatch.states()) == {CallState.ACCEPTED}


async def test_nobody_is_dialled_while_the_database_cannot_be_written() -> None:
    running = Running(FunctionCarrier())
    await running.engine.start()
    await settle()
    running.clock.advance(timedelta(seconds=1))
    running.pulse.failure = UnavailableError(Reason.DATABASE_FULL, "the disk is full")
    running.signals.wake(Topic.DATABASE)
    await settle()
    assert running.engine.state(is_draining=False).obstacle == "DATABASE_FULL"
    running.dispatch.add_rows(5)
    running.signals.wake(Topic.CLAIM)
    running.clock.advance(timedelta(seconds=10))
    await settle()
    assert set(running.dispatch.states()) == {CallState.CLAIMED}
    assert len(running.dispatch.waiting) == 5
    running.pulse.failure = None
    running.clock.advance(timedelta(seconds=1))
    for _ in range(10):
        await settle()
    assert running.engine.state(is_draining=False).obstacle == ""
    assert set(running.dispatch.states()) == {CallState.ACCEPTED}
    await running.engine.stop()


async def test_a_clean_stop_leaves_nothing_in_sending() -> None:
    gate = asyncio.Event()

    async def slow(request: DialRequest) -> DialResult:
        await gate.wait()
        return await accept(request)

    running = Running(FunctionCarrier(slow))
    running.dispatch.add_rows(5)
    await running.engine.start()
    await settle()
    assert set(running.dispatch.states()) == {CallState.SENDING}
    running.dispatch.add_rows(5)
    stopping = asyncio.create_task(running.engine.stop())
    await settle()
    assert not stopping.done()
    gate.set()
    await stopping
    assert running.dispatch.states() == [CallState.ACCEPTED] * 5 + [CallState.CLAIMED] * 5


@pytest.mark.parametrize("is_alone", [True, False])
async def test_only_a_server_that_is_alone_takes_every_lease_for_lost(is_alone: bool) -> None:
    running = Running(FunctionCarrier(), is_alone=is_alone)
    await running.engine.start()
    await running.engine.stop()
    assert running.dispatch.recovered == is_alone


@pytest.mark.parametrize(("is_alone", "older_than"), [(True, None), (False, CREATION_MOST)])
async def test_a_server_beside_others_sweeps_what_none_of_them_can_be_creating(
    is_alone: bool, older_than: timedelta | None
) -> None:
    running = Running(FunctionCarrier(), is_alone=is_alone)
    await running.engine.start()
    await running.engine.stop()
    assert running.dispatch.swept == [older_than]
