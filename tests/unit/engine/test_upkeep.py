"""The slow loops wake whoever has work from what they found."""

from datetime import timedelta

from structlog.testing import capture_logs

from outdial_server.engine.upkeep import (
    AUDIT_EVERY,
    EXTERNALS_MOST,
    SETTLE_MOST,
    Auditor,
    ExternalEnder,
    Reaper,
    Settler,
    WindowMover,
)
from outdial_server.ports.dispatch import ExternalsFreed, LedgerFault, Reaped, WindowsMoved
from outdial_server.ports.signals import Topic
from support.clock import START, ManualClock, ManualSignals
from support.dispatch import MemoryDispatch

SOON = START + timedelta(seconds=9)


class Keeping:
    def __init__(self) -> None:
        self.signals = ManualSignals(ManualClock())
        self.dispatch = MemoryDispatch(ManualClock())

    async def woken(self, *topics: Topic) -> None:
        for topic in topics:
            await self.signals.wait(topic, None)


async def test_leases_that_ran_out_are_told_and_wake_the_others() -> None:
    keeping = Keeping()
    keeping.dispatch.leases_lost = Reaped(given_back=2, unknown=1, next_at=SOON)
    with capture_logs() as records:
        assert await Reaper(keeping.dispatch, keeping.signals).tick(START) == SOON
    assert [record["event"] for record in records] == ["lease.reaped"]
    await keeping.woken(Topic.CLAIM, Topic.RECONCILE, Topic.SETTLE, Topic.WINDOW)


async def test_a_server_that_is_alone_ends_every_lease_at_its_start_alone() -> None:
    keeping = Keeping()
    reaper = Reaper(keeping.dispatch, keeping.signals)
    await reaper.tick(START)
    assert not keeping.dispatch.recovered
    await reaper.recover()
    assert keeping.dispatch.recovered


async def test_a_window_that_moved_wakes_claimer_and_settler() -> None:
    keeping = Keeping()
    keeping.dispatch.windows = WindowsMoved(changed=1, settling=True, next_at=SOON)
    assert await WindowMover(keeping.dispatch, keeping.signals).tick(START) == SOON
    await keeping.woken(Topic.CLAIM, Topic.SETTLE)


async def test_rows_are_settled_a_group_a_tick_until_none_is_left() -> None:
    keeping = Keeping()
    keeping.dispatch.unsettled = SETTLE_MOST + 1
    settler = Settler(keeping.dispatch, keeping.signals)
    await settler.tick(START)
    await keeping.woken(Topic.SETTLE)
    await settler.tick(START)
    assert keeping.dispatch.unsettled == 0


async def test_external_calls_whose_time_is_over_make_room_and_the_next_moment_is_named() -> None:
    keeping = Keeping()
    keeping.dispatch.externals = ExternalsFreed(EXTERNALS_MOST, more=True, next_at=SOON)
    assert await ExternalEnder(keeping.dispatch, keeping.signals).tick(START) == SOON
    await keeping.woken(Topic.CLAIM, Topic.EXTERNAL)


async def test_a_ledger_that_differs_is_told_and_left_as_it_is() -> None:
    keeping = Keeping()
    fault = LedgerFault("AGENT:1", used=3, held=2)
    keeping.dispatch.ledger_faults = [fault]
    auditor = Auditor(keeping.dispatch)
    with capture_logs() as records:
        assert await auditor.tick(START) == START + AUDIT_EVERY
    assert auditor.faults == (fault,)
    assert [record["event"] for record in records] == ["ledger.differs"]
