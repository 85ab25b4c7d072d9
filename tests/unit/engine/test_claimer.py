"""The claimer claims in groups and never ahead of the dialler."""

from datetime import timedelta

import pytest

from outdial_server.domain.claims import GROUP_MOST
from outdial_server.engine.claimer import Claimer
from outdial_server.engine.queues import ClaimedCalls
from outdial_server.ports.signals import Topic
from support.clock import START, ManualClock, ManualSignals
from support.dispatch import MemoryDispatch

SECOND = timedelta(seconds=1)


class Claiming:
    def __init__(self, rows: int) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.dispatch = MemoryDispatch(self.clock)
        self.dispatch.add_rows(rows)
        self.claimed = ClaimedCalls(self.signals)
        self.claimer = Claimer(self.dispatch, self.claimed, self.signals)


async def test_what_is_claimed_goes_to_the_dialler() -> None:
    claiming = Claiming(rows=3)
    await claiming.claimer.tick(START)
    assert [call.call_id for call in claiming.claimed.take(9)] == ["call-0", "call-1", "call-2"]
    await claiming.signals.wait(Topic.SEND, None)


async def test_a_claim_cut_at_its_limit_is_followed_by_another_at_once() -> None:
    claiming = Claiming(rows=GROUP_MOST + 1)
    await claiming.claimer.tick(START)
    assert len(claiming.claimed) == GROUP_MOST
    await claiming.signals.wait(Topic.CLAIM, None)


async def test_nothing_is_claimed_while_the_dialler_is_behind() -> None:
    claiming = Claiming(rows=2 * GROUP_MOST)
    await claiming.claimer.tick(START)
    await claiming.claimer.tick(START)
    assert len(claiming.claimed) == GROUP_MOST
    claiming.claimed.take(1)
    await claiming.claimer.tick(START)
    assert len(claiming.dispatch.waiting) == 0


async def test_the_next_row_s_moment_is_the_next_wake() -> None:
    claiming = Claiming(rows=0)
    claiming.dispatch.next_due_at = START + timedelta(minutes=1)
    assert await claiming.claimer.tick(START) == START + timedelta(minutes=1)


async def woken_tick(claiming: Claiming) -> None:
    """As the loop does: what woke the claimer is what its `wait` returned for."""
    await claiming.signals.wait(Topic.CLAIM, claiming.clock.now())
    await claiming.claimer.tick(claiming.clock.now())


async def test_calls_are_ready_since_the_first_wake_behind_the_last_claim() -> None:
    claiming = Claiming(rows=0)
    await claiming.claimer.tick(START)
    claiming.dispatch.add_rows(1)
    claiming.clock.advance(SECOND)
    claiming.signals.wake(Topic.CLAIM)
    claiming.clock.advance(SECOND)
    claiming.signals.wake(Topic.CLAIM)
    await woken_tick(claiming)
    (call,) = claiming.claimed.take(9)
    assert call.ready_at == START + SECOND


async def test_what_a_claim_left_behind_is_ready_since_the_wake_before_it() -> None:
    claiming = Claiming(rows=GROUP_MOST + 1)
    claiming.signals.wake(Topic.CLAIM)
    claiming.clock.advance(SECOND)
    await woken_tick(claiming)
    claiming.claimed.take(GROUP_MOST)
    claiming.clock.advance(SECOND)
    await woken_tick(claiming)
    (call,) = claiming.claimed.take(9)
    assert call.ready_at == START


async def test_without_a_wake_calls_are_ready_since_the_last_claim_at_the_latest() -> None:
    claiming = Claiming(rows=0)
    await claiming.claimer.tick(START)
    claiming.dispatch.add_rows(1)
    claiming.clock.advance(SECOND)
    await woken_tick(claiming)
    (call,) = claiming.claimed.take(9)
    assert call.ready_at == START


async def test_a_claim_that_failed_makes_nobody_ready_later() -> None:
    claiming = Claiming(rows=1)
    claiming.signals.wake(Topic.CLAIM)
    claiming.dispatch.fail_once(RuntimeError("broken"))
    with pytest.raises(RuntimeError):
        await woken_tick(claiming)
    claiming.clock.advance(SECOND)
    await woken_tick(claiming)
    (call,) = claiming.claimed.take(9)
    assert call.ready_at == START
