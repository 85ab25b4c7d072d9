"""The applier loses no report, and nothing stays in its way."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from outdial_server.domain.call import CallState
from outdial_server.domain.carrier_config import ANY_REVISION, ConfigRef
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.ids import CallId, CarrierConfigId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.engine.applier import GROUP_MOST, Applier
from outdial_server.engine.loop import SWEEP_EVERY
from outdial_server.engine.queues import GatheredReports
from outdial_server.ports.carrier import RawCallback
from outdial_server.ports.dispatch import Applied
from outdial_server.ports.signals import Topic
from support.carriers import FunctionCarrier
from support.clock import START, ManualClock, ManualSignals
from support.dispatch import Inbox, MemoryDispatch

DATABASE_AWAY = UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database is away")


def parse(callback: RawCallback) -> tuple[CallReport, ...]:
    """A body is `call-id kind`; one without a kind cannot be read, and for one of a kind
    that there is not the adapter has a bug."""
    call_id, kind = callback.body.decode().split(" ")
    return (CallReport(CallId(call_id), ReportKind[kind]),)


class Applying:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.inbox = Inbox()
        self.dispatch = MemoryDispatch(self.clock, self.inbox)
        self.reports = GatheredReports(self.signals)
        self.carrier = FunctionCarrier(parse=parse)
        self.applier = Applier(
            self.dispatch,
            self.reports,
            self.inbox,
            self.carrier.registered,
            self.signals,
        )

    async def tick(self) -> None:
        await self.applier.tick(self.clock.now())

    async def call_back(self, text: str) -> None:
        await self.applier.take(RawCallback("simulated", "", "", {}, text.encode()), self.carrier)

    async def store(self, text: str, carrier: str = "simulated") -> None:
        await self.inbox.store(RawCallback(carrier, "", "", {}, text.encode()))
        self.applier.callbacks_arrived()

    def add_sending(self) -> CallId:
        self.dispatch.add_rows(1)
        call_id = self.dispatch.waiting.pop()
        call = self.dispatch.calls[call_id]
        self.dispatch.calls[call_id] = call._replace(state=CallState.SENDING)
        return call_id


async def test_a_callback_is_stored_with_the_reports_that_have_gathered_and_then_applied() -> None:
    applying = Applying()
    call_id = applying.add_sending()
    applying.reports.put(CallReport(call_id, ReportKind.ACCEPTED, "CA1"))
    await applying.call_back("call-0 ANSWERED")
    assert len(applying.inbox.callbacks) == 1
    assert applying.dispatch.states() == [CallState.ACCEPTED]
    assert not applying.reports
    await applying.signals.wait(Topic.REPORT, None)
    await applying.tick()
    assert applying.dispatch.states() == [CallState.IN_PROGRESS]
    assert len(applying.dispatch.groups) == 2
    assert applying.inbox.callbacks == {}


async def test_what_was_just_stored_is_not_read_back() -> None:
    applying = Applying()
    await applying.tick()
    for _ in range(2):
        await applying.call_back(f"{applying.add_sending()} RINGING")
        await applying.tick()
    assert applying.dispatch.states() == [CallState.RINGING] * 2
    assert applying.inbox.reads == 1


async def test_a_callback_that_arrives_is_stored_in_the_turn_that_applies_the_one_before() -> None:
    applying = Applying()
    calls = [applying.add_sending() for _ in range(3)]
    for call_id in calls:
        await applying.call_back(f"{call_id} RINGING")
    assert applying.dispatch.states() == [CallState.RINGING, CallState.RINGING, CallState.SENDING]
    assert len(applying.dispatch.groups) == 3
    assert len(applying.inbox.callbacks) == 1


async def test_callbacks_that_come_together_share_a_transaction() -> None:
    applying = Applying()
    calls = [applying.add_sending() for _ in range(3)]
    await asyncio.gather(*(applying.call_back(f"{call_id} RINGING") for call_id in calls))
    assert len(applying.dispatch.groups) == 1
    await applying.tick()
    assert applying.dispatch.states() == [CallState.RINGING] * 3


async def test_more_callbacks_than_a_group_takes_are_stored_in_several() -> None:
    applying = Applying()
    call_id = applying.add_sending()
    callbacks = [f"{call_id} RINGING"] * (GROUP_MOST + 1)
    await asyncio.gather(*(applying.call_back(text) for text in callbacks))
    await applying.tick()
    assert [len(group) for group in applying.dispatch.groups] == [0, GROUP_MOST, 1]


async def test_a_tick_stores_the_callbacks_that_wait() -> None:
    applying = Applying()
    call_id = applying.add_sending()
    applying.reports.put(CallReport(call_id, ReportKind.ACCEPTED))
    ticking = asyncio.create_task(applying.tick())
    await applying.call_back(f"{call_id} RINGING")
    await ticking
    assert len(applying.dispatch.groups) == 1
    assert len(applying.inbox.callbacks) == 1


async def test_a_tick_that_is_stopped_leaves_the_callbacks_to_who_waits_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    applying = Applying()
    call_id = applying.add_sending()
    applying.reports.put(CallReport(call_id, ReportKind.ACCEPTED))
    is_begun, apply = asyncio.Event(), applying.dispatch.apply_reports

    async def stand_still(
        take: Callable[[], object], _: object, take_arrived: Callable[[], object]
    ) -> Applied:
        take_arrived()
        take()
        monkeypatch.setattr(applying.dispatch, "apply_reports", apply)
        is_begun.set()
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(applying.dispatch, "apply_reports", stand_still)
    ticking = asyncio.create_task(applying.tick())
    calling_back = asyncio.create_task(applying.call_back(f"{call_id} RINGING"))
    await is_begun.wait()
    ticking.cancel()
    await calling_back
    await applying.tick()
    assert applying.dispatch.states() == [CallState.RINGING]


async def test_a_store_that_fails_refuses_the_callback_and_costs_no_report() -> None:
    applying = Applying()
    call_id = applying.add_sending()
    applying.reports.put(CallReport(call_id, ReportKind.ACCEPTED))
    applying.dispatch.fail_once(DATABASE_AWAY)
    with pytest.raises(UnavailableError):
        await applying.call_back(f"{call_id} RINGING")
    assert len(applying.reports) == 1
    await applying.call_back(f"{call_id} RINGING")
    assert applying.dispatch.states() == [CallState.ACCEPTED]
    assert not applying.reports


async def test_after_a_turn_in_doubt_the_inbox_says_what_is_left() -> None:
    applying = Applying()
    first, second = applying.add_sending(), applying.add_sending()
    await applying.tick()
    await applying.call_back(f"{first} RINGING")
    applying.dispatch.fail_once(DATABASE_AWAY)
    with pytest.raises(UnavailableError):
        await applying.tick()
    # It was committed after all, and its key given out again.
    applying.inbox.callbacks.clear()
    await applying.store(f"{second} RINGING")
    await applying.tick()
    assert applying.dispatch.states() == [CallState.SENDING, CallState.RINGING]
    assert applying.inbox.callbacks == {}


async def test_callbacks_are_refused_when_a_transaction_cannot_even_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def cannot_begin(*_: object) -> Applied:
        raise DATABASE_AWAY

    applying = Applying()
    monkeypatch.setattr(applying.dispatch, "apply_reports", cannot_begin)
    with pytest.raises(UnavailableError):
        await applying.call_back("call-0 RINGING")


async def test_a_callback_beside_a_group_that_the_store_cannot_take_is_stored() -> None:
    applying = Applying()
    bad, good = applying.add_sending(), applying.add_sending()
    applying.dispatch.poison = {bad}
    applying.reports.put(CallReport(bad, ReportKind.ACCEPTED))
    await applying.call_back(f"{good} RINGING")
    await applying.tick()
    assert applying.dispatch.states() == [CallState.SENDING, CallState.RINGING]
    assert applying.inbox.callbacks == {}


async def test_a_sender_that_goes_away_changes_nothing() -> None:
    applying = Applying()
    calls = [applying.add_sending() for _ in range(2)]
    gone, stays = (
        asyncio.create_task(applying.call_back(f"{call_id} RINGING")) for call_id in calls
    )
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    await applying.tick()
    assert applying.dispatch.states() == [CallState.RINGING] * 2


@pytest.mark.parametrize(
    ("text", "event"),
    [("rubbish", "callback.unreadable"), ("call-0 NO_SUCH_KIND", "callback.adapter_broken")],
)
async def test_a_callback_that_cannot_be_read_is_taken_logged_and_removed(
    text: str, event: str
) -> None:
    applying = Applying()
    with capture_logs() as records:
        await applying.call_back(text)
        await applying.tick()
    assert [record["event"] for record in records] == [event]
    assert applying.inbox.callbacks == {}


async def test_reports_and_the_inbox_are_applied_together_and_the_inbox_is_emptied() -> None:
    applying = Applying()
    call_id = applying.add_sending()
    applying.reports.put(CallReport(call_id, ReportKind.ACCEPTED, "CA1"))
    await applying.store("call-0 ANSWERED")
    await applying.tick()
    assert applying.dispatch.states() == [CallState.IN_PROGRESS]
    assert len(applying.dispatch.groups) == 1
    assert applying.inbox.callbacks == {}


async def test_a_store_that_fails_costs_no_report_of_the_inbox_either() -> None:
    applying = Applying()
    call_id = applying.add_sending()
    applying.reports.put(CallReport(call_id, ReportKind.ACCEPTED))
    await applying.store("call-0 RINGING")
    applying.dispatch.fail_once(DATABASE_AWAY)
    with pytest.raises(UnavailableError):
        await applying.tick()
    assert len(applying.reports) == 1
    assert len(applying.inbox.callbacks) == 1
    await applying.tick()
    assert applying.dispatch.states() == [CallState.RINGING]


async def test_a_report_that_the_store_cannot_take_is_dropped_and_holds_up_no_other() -> None:
    applying = Applying()
    good, bad = applying.add_sending(), applying.add_sending()
    applying.dispatch.poison = {bad}
    for call_id in (bad, good):
        applying.reports.put(CallReport(call_id, ReportKind.ACCEPTED))
    await applying.store(f"{good} RINGING")
    await applying.tick()
    assert applying.dispatch.states() == [CallState.RINGING, CallState.SENDING]
    assert not applying.reports
    assert applying.inbox.callbacks == {}


@pytest.mark.parametrize(
    ("text", "event"),
    [("rubbish", "callback.unreadable"), ("call-0 NO_SUCH_KIND", "callback.adapter_broken")],
)
async def test_what_cannot_be_read_in_the_inbox_is_removed_logged_and_in_nobody_s_way(
    text: str, event: str
) -> None:
    applying = Applying()
    applying.add_sending()
    await applying.store(text)
    await applying.store("call-0 RINGING")
    with capture_logs() as records:
        await applying.tick()
    assert [record["event"] for record in records] == [event]
    assert applying.inbox.callbacks == {}
    assert applying.dispatch.states() == [CallState.RINGING]


async def test_the_inbox_is_read_by_the_accounts_that_its_callbacks_came_to() -> None:
    applying = Applying()
    callback = RawCallback("simulated", "", "", {}, b"call-0 RINGING", carrier_config="k-1")
    await applying.inbox.store(callback)
    await applying.tick()
    assert applying.carrier.configs == [ConfigRef(CarrierConfigId("k-1"), ANY_REVISION)]


async def test_a_callback_whose_account_could_not_be_asked_for_is_read_by_the_next_tick() -> None:
    applying = Applying()
    applying.add_sending()
    await applying.store("call-0 RINGING")
    applying.carrier.failure = DATABASE_AWAY
    with pytest.raises(UnavailableError):
        await applying.tick()
    assert len(applying.inbox.callbacks) == 1
    await applying.tick()
    assert applying.dispatch.states() == [CallState.RINGING]


async def test_a_callback_of_a_carrier_that_is_gone_is_removed() -> None:
    applying = Applying()
    await applying.store("call-0 RINGING", carrier="gone")
    await applying.tick()
    assert applying.inbox.callbacks == {}


async def test_the_inbox_is_read_when_something_came_and_else_as_seldom_as_a_sweep() -> None:
    applying = Applying()
    for _ in range(3):
        await applying.tick()
    assert applying.inbox.reads == 1
    await applying.store("call-0 RINGING")
    await applying.tick()
    assert applying.inbox.reads == 2
    applying.clock.advance(SWEEP_EVERY - timedelta(microseconds=1))
    await applying.tick()
    assert applying.inbox.reads == 2
    applying.clock.advance(timedelta(microseconds=1))
    await applying.tick()
    assert applying.inbox.reads == 3


async def test_a_clock_that_is_set_back_keeps_nobody_from_the_inbox() -> None:
    applying = Applying()
    await applying.applier.tick(START)
    await applying.applier.tick(START - timedelta(hours=1))
    assert applying.inbox.reads == 2


@pytest.mark.parametrize(
    ("kind", "topics"),
    [
        (ReportKind.ENDED, [Topic.CLAIM]),
        (ReportKind.UNCLEAR, [Topic.RECONCILE]),
        (ReportKind.NOT_SENT, [Topic.CLAIM, Topic.SETTLE, Topic.WINDOW]),
    ],
)
async def test_whoever_has_work_from_a_report_is_woken(
    kind: ReportKind, topics: list[Topic]
) -> None:
    applying = Applying()
    applying.reports.put(CallReport(applying.add_sending(), kind))
    await applying.tick()
    for topic in topics:
        await applying.signals.wait(topic, None)


async def test_a_full_group_is_followed_by_another() -> None:
    applying = Applying()
    call_id = applying.add_sending()
    applying.reports.put_all([CallReport(call_id, ReportKind.RINGING)] * (GROUP_MOST + 1))
    await applying.signals.wait(Topic.REPORT, None)
    await applying.tick()
    assert len(applying.reports) == 1
    await applying.signals.wait(Topic.REPORT, None)


async def test_finishing_applies_all_that_has_gathered() -> None:
    applying = Applying()
    call_id = applying.add_sending()
    applying.reports.put_all([CallReport(call_id, ReportKind.RINGING)] * (2 * GROUP_MOST + 1))
    await applying.applier.finish()
    assert not applying.reports
    assert [len(group) for group in applying.dispatch.groups] == [GROUP_MOST, GROUP_MOST, 1]


async def test_nothing_to_apply_is_no_transaction() -> None:
    applying = Applying()
    assert await applying.applier.tick(START) is None
    assert applying.dispatch.groups == []
