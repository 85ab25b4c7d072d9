"""The claimer claims in groups and never ahead of the dialler."""

from datetime import timedelta

from outdial_server.engine.claimer import GROUP_MOST, Claimer
from outdial_server.engine.queues import ClaimedCalls
from outdial_server.ports.signals import Topic
from support.clock import START, ManualClock, ManualSignals
from support.dispatch import MemoryDispatch


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
