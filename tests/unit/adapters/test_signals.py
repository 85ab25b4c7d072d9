"""Signals: woken for each change, never late, nothing kept for what nobody follows."""

import asyncio
from datetime import timedelta

from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.signals import InProcessSignals
from outdial_server.domain.ids import BatchId
from outdial_server.ports.signals import ANY_BATCH, Topic
from support.clock import ManualClock, ManualSignals, settle
from support.virtual_time import HostClock, LoopClock, run_jumping

BATCH = BatchId("a")
OTHER = BatchId("b")


async def test_a_wake_lets_the_waiter_go() -> None:
    signals = ManualSignals(ManualClock())
    waiting = asyncio.create_task(signals.wait(Topic.CLAIM, None))
    await settle()
    signals.wake(Topic.SEND)
    await settle()
    assert not waiting.done()
    signals.wake(Topic.CLAIM)
    await waiting


async def test_a_wake_with_nobody_waiting_is_kept_once() -> None:
    signals = ManualSignals(ManualClock())
    signals.wake(Topic.CLAIM, Topic.SEND)
    signals.wake(Topic.CLAIM)
    await signals.wait(Topic.CLAIM, None)
    again = asyncio.create_task(signals.wait(Topic.CLAIM, None))
    await settle()
    assert not again.done()
    again.cancel()


async def test_a_wait_ends_at_its_moment() -> None:
    clock = ManualClock()
    signals = ManualSignals(clock)
    waiting = asyncio.create_task(signals.wait(Topic.CLAIM, clock.now() + timedelta(seconds=5)))
    await settle()
    clock.advance(timedelta(seconds=4.999))
    await settle()
    assert not waiting.done()
    clock.advance(timedelta(seconds=0.001))
    await waiting


async def test_a_moment_that_has_passed_ends_the_wait_at_once() -> None:
    clock = ManualClock()
    signals = ManualSignals(clock)
    await signals.wait(Topic.CLAIM, clock.now())
    await signals.wait_changed(BATCH, signals.revision(BATCH), clock.now() - timedelta(hours=1))


async def test_a_cancelled_wait_leaves_the_topic_free() -> None:
    signals = ManualSignals(ManualClock())
    waiting = asyncio.create_task(signals.wait(Topic.CLAIM, None))
    await settle()
    waiting.cancel()
    await settle()
    signals.wake(Topic.CLAIM)
    await signals.wait(Topic.CLAIM, None)


async def test_every_follower_of_a_published_batch_is_woken() -> None:
    signals = ManualSignals(ManualClock())
    seen = signals.revision(BATCH)
    other_seen = signals.revision(OTHER)
    waiting = [asyncio.create_task(signals.wait_changed(BATCH, seen, None)) for _ in range(3)]
    other = asyncio.create_task(signals.wait_changed(OTHER, other_seen, None))
    await settle()
    signals.publish([BATCH])
    assert {await task for task in waiting} == {signals.revision(BATCH)} != {seen}
    assert not other.done()
    other.cancel()


async def test_who_follows_any_batch_is_woken_by_each_publish_and_by_no_empty_one() -> None:
    signals = ManualSignals(ManualClock())
    seen = signals.revision(ANY_BATCH)
    waiting = asyncio.create_task(signals.wait_changed(ANY_BATCH, seen, None))
    await settle()
    signals.publish(())
    await settle()
    assert not waiting.done()
    signals.publish((BATCH, OTHER))
    assert await waiting == signals.revision(ANY_BATCH) != seen


async def test_a_pause_lasts_to_its_moment_whatever_is_published() -> None:
    clock = ManualClock()
    signals = ManualSignals(clock)
    pausing = asyncio.create_task(signals.pause(clock.now() + timedelta(seconds=1)))
    await settle()
    signals.publish((BATCH,))
    clock.advance(timedelta(milliseconds=999))
    await settle()
    assert not pausing.done()
    clock.advance(timedelta(milliseconds=1))
    await pausing


async def test_a_publish_between_reading_the_revision_and_waiting_is_not_lost() -> None:
    signals = ManualSignals(ManualClock())
    seen = signals.revision(BATCH)
    signals.publish([BATCH])
    assert await signals.wait_changed(BATCH, seen, None) > seen


async def test_a_batch_dropped_from_memory_looks_changed() -> None:
    signals = ManualSignals(ManualClock(), idle_batches_max=2)
    seen = signals.revision(BATCH)
    for number in range(3):
        signals.revision(BatchId(f"other {number}"))
    signals.publish([BATCH])
    assert await signals.wait_changed(BATCH, seen, None) != seen


async def test_a_batch_that_is_waited_for_is_never_dropped() -> None:
    signals = ManualSignals(ManualClock(), idle_batches_max=2)
    waiting = asyncio.create_task(signals.wait_changed(BATCH, signals.revision(BATCH), None))
    await settle()
    for number in range(100):
        signals.revision(BatchId(f"other {number}"))
    signals.publish([BATCH])
    await waiting


async def test_memory_is_bounded_by_what_is_followed() -> None:
    signals = ManualSignals(ManualClock(), idle_batches_max=8)
    for number in range(1000):
        signals.publish([BatchId(f"nobody's {number}")])
    assert len(signals._idle) == 0
    for number in range(1000):
        signals.revision(BatchId(f"asked once {number}"))
    assert len(signals._idle) == 8
    assert not signals._busy


async def test_the_loop_s_own_timers_are_never_early() -> None:
    clock = SystemClock()
    signals = InProcessSignals(clock)
    until = clock.now() + timedelta(milliseconds=20)
    await signals.wait(Topic.CLAIM, until)
    assert clock.now() >= until


def test_a_clock_that_is_set_back_holds_up_no_timer() -> None:
    async def wait_meanwhile() -> float:
        loop = asyncio.get_running_loop()
        clock = HostClock(LoopClock(loop))
        signals = InProcessSignals(clock)
        until = clock.now() + timedelta(seconds=5)
        waiting = asyncio.create_task(signals.wait(Topic.CLAIM, until))
        await asyncio.sleep(1)
        clock.offset = -timedelta(hours=1)
        await waiting
        return loop.time()

    assert run_jumping(wait_meanwhile()) == 5


async def test_a_timer_of_the_loop_is_given_back_when_woken_early() -> None:
    clock = SystemClock()
    signals = InProcessSignals(clock)
    waiting = asyncio.create_task(
        signals.wait_changed(BATCH, signals.revision(BATCH), clock.now() + timedelta(hours=1))
    )
    await settle()
    signals.publish([BATCH])
    await waiting


async def test_who_was_woken_can_ask_when_that_first_was() -> None:
    clock = ManualClock()
    signals = ManualSignals(clock)
    assert signals.woken_at(Topic.CLAIM) is None
    first = clock.now()
    signals.wake(Topic.CLAIM)
    clock.advance(timedelta(seconds=1))
    signals.wake(Topic.CLAIM)
    await signals.wait(Topic.CLAIM, None)
    assert signals.woken_at(Topic.CLAIM) == first
    await signals.wait(Topic.CLAIM, clock.now())
    assert signals.woken_at(Topic.CLAIM) is None, "it returned at its moment"
