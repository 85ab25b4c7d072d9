"""Pause, cancel and delete answer once no further request can leave, or say how many may."""

import asyncio
from datetime import timedelta

import pytest

from outdial_server.commands.stop_batch import StopBatch, Stopped
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.errors import NotFoundError, PreconditionError
from outdial_server.domain.ids import AccountId
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.signals import Topic
from support.batches import MemoryBatches
from support.clock import START, ManualClock, ManualSignals, settle
from support.domain import ACCOUNT, BATCH, a_batch

MARGIN = timedelta(seconds=2)


class Stopping:
    def __init__(self, batch: Batch, sends: int = 0) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.batches = MemoryBatches(self.clock, self.signals, batch)
        self.batches.set_sends(BATCH, sends)
        self.command = StopBatch(self.batches, self.clock, self.signals)

    async def pausing(self) -> "asyncio.Task[Stopped]":
        task = asyncio.create_task(self.command.pause(ACCOUNT, BATCH))
        await settle()
        return task


async def test_with_no_request_out_the_answer_comes_at_once() -> None:
    stopping = Stopping(a_batch(waiting=3))
    stopped = await stopping.command.pause(ACCOUNT, BATCH)
    assert (stopped.batch.state, stopped.sends_in_flight) == (BatchState.PAUSED, 0)
    assert stopping.clock.now() == START


async def test_the_answer_waits_for_the_last_request_and_no_longer() -> None:
    stopping = Stopping(a_batch(waiting=3), sends=2)
    pausing = await stopping.pausing()
    for sends in (2, 1):
        stopping.batches.set_sends(BATCH, sends)
        await settle()
        assert not pausing.done()
    stopping.batches.set_sends(BATCH, 0)
    assert (await pausing).sends_in_flight == 0
    assert stopping.clock.next_timer_at is None


async def test_the_batch_is_stopped_before_the_wait() -> None:
    stopping = Stopping(a_batch(waiting=3), sends=1)
    pausing = await stopping.pausing()
    assert (await stopping.batches.get_batch(ACCOUNT, BATCH)).state is BatchState.PAUSED
    stopping.batches.set_sends(BATCH, 0)
    await pausing


async def test_at_the_deadline_the_answer_names_what_is_still_out() -> None:
    stopping = Stopping(a_batch(waiting=3), sends=2)
    pausing = await stopping.pausing()
    stopping.clock.advance(CARRIER_DEADLINE + MARGIN - timedelta(microseconds=1))
    await settle()
    assert not pausing.done()
    stopping.clock.advance(timedelta(microseconds=1))
    assert (await pausing).sends_in_flight == 2


async def test_pausing_again_waits_too() -> None:
    """Whoever asks, 0 means the same."""
    stopping = Stopping(a_batch(BatchState.PAUSED, waiting=3), sends=1)
    pausing = await stopping.pausing()
    assert not pausing.done()
    stopping.batches.set_sends(BATCH, 0)
    assert (await pausing).sends_in_flight == 0


async def test_cancelling_wakes_whoever_settles_the_rows() -> None:
    stopping = Stopping(a_batch(waiting=3))
    stopped = await stopping.command.cancel(ACCOUNT, BATCH)
    assert stopped.batch.state is BatchState.CANCELLED
    await stopping.signals.wait(Topic.SETTLE, None)


async def test_a_deleted_batch_is_answered_once_more_and_then_gone() -> None:
    stopping = Stopping(a_batch(waiting=3))
    stopped = await stopping.command.delete(ACCOUNT, BATCH)
    assert stopped.batch.deleted_at == START
    with pytest.raises(NotFoundError):
        await stopping.command.delete(ACCOUNT, BATCH)


async def test_another_account_s_batch_is_not_found() -> None:
    stopping = Stopping(a_batch(waiting=3))
    with pytest.raises(NotFoundError):
        await stopping.command.pause(AccountId("somebody else"), BATCH)


async def test_a_batch_that_has_ended_cannot_be_paused() -> None:
    stopping = Stopping(a_batch(BatchState.COMPLETED, ended_at=START))
    with pytest.raises(PreconditionError):
        await stopping.command.pause(ACCOUNT, BATCH)
