"""The recaller asks carriers about calls that wait there, and takes back who may not ring."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.ids import CallId, CarrierConfigId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.engine.queues import GatheredReports
from outdial_server.engine.recaller import GROUP_MOST, Recaller
from outdial_server.ports.carrier import CallQuery, Found, LookUpResult, NoSuchCall
from outdial_server.ports.carrier_queues import QueuedCall
from outdial_server.ports.signals import Topic
from support.carriers import FunctionCarrier, never_answer
from support.clock import ManualClock, ManualSignals, settle

CONFIG = ConfigRef(CarrierConfigId("k-1"))


@dataclass
class Queues:
    """What is queued, and what was noted of it."""

    calls: list[QueuedCall] = field(default_factory=list)
    recalled: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    asked: int = 0

    async def queued_calls(self, carriers: Collection[str], limit: int) -> Sequence[QueuedCall]:
        self.asked += 1
        return self.calls[:limit]

    async def note_recall(self, call: QueuedCall) -> None:
        self.recalled.append(call.query.call_id)

    async def note_queue(self, call: QueuedCall) -> None:
        self.slow.append(call.query.call_id)


def queued(
    name: str,
    *,
    unwanted: bool = True,
    recalled: bool = False,
    config: ConfigRef | None = CONFIG,
) -> QueuedCall:
    query = CallQuery(CallId(name), f"CA-{name}", "+15550000001")
    return QueuedCall("simulated", config, query, unwanted, recalled)


class Recalling:
    def __init__(
        self, carrier: FunctionCarrier, *calls: QueuedCall, names: str = "simulated"
    ) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.reports = GatheredReports(self.signals)
        self.queues = Queues(list(calls))
        self.carrier = carrier
        self.recaller = Recaller(
            self.queues,
            carrier.registered,
            self.reports,
            self.signals,
            names.split(),
            timedelta(milliseconds=20),
        )

    async def tick(self) -> list[str]:
        await self.recaller.tick(self.clock.now())
        return [query.call_id for query in self.carrier.hung_up]


async def waits(query: CallQuery) -> LookUpResult:
    return Found(CallReport(query.call_id, ReportKind.ACCEPTED))


async def rings(query: CallQuery) -> LookUpResult:
    return Found(CallReport(query.call_id, ReportKind.RINGING))


async def over(query: CallQuery) -> LookUpResult:
    ended = CallReport(query.call_id, ReportKind.ENDED, disposition=Disposition.NO_ANSWER)
    return Found(ended)


async def gone(query: CallQuery) -> LookUpResult:
    return NoSuchCall()


async def test_a_call_that_may_not_ring_any_more_is_taken_back() -> None:
    recalling = Recalling(FunctionCarrier(look_up=waits), queued("a"))
    assert await recalling.tick() == ["a"]
    assert recalling.queues.recalled == ["a"]
    assert recalling.queues.slow == []


async def test_one_that_the_carrier_was_to_drop_a_moment_ago_is_only_looked_up() -> None:
    for unwanted in (True, False):
        call = queued("a", recalled=True, unwanted=unwanted)
        recalling = Recalling(FunctionCarrier(look_up=waits), call)
        assert await recalling.tick() == []
        assert (recalling.queues.recalled, recalling.queues.slow) == ([], [])
        recalling = Recalling(FunctionCarrier(look_up=over), call)
        assert await recalling.tick() == []
        assert [report.kind for report in recalling.reports.take(9)] == [ReportKind.ENDED]


@pytest.mark.parametrize(("on_record", "told"), [(False, False), (True, True), (None, True)])
async def test_whether_it_rang_as_it_was_dropped_is_told_by_the_record_that_is_left(
    on_record: bool | None, told: bool
) -> None:
    async def as_it_stands(query: CallQuery) -> LookUpResult:
        if not carrier.hung_up:
            return await waits(query)
        cancelled = Disposition.CANCELLED
        return Found(
            CallReport(query.call_id, ReportKind.ENDED, disposition=cancelled, rang=on_record)
        )

    carrier = FunctionCarrier(look_up=as_it_stands)
    recalling = Recalling(carrier, queued("a"))
    assert await recalling.tick() == ["a"]
    (report,) = recalling.reports.take(9)
    assert (report.disposition, report.rang) == (Disposition.CANCELLED, told)


async def test_one_that_rings_or_has_ended_is_reported_and_not_touched() -> None:
    for look_up, kind in ((rings, ReportKind.RINGING), (over, ReportKind.ENDED)):
        recalling = Recalling(FunctionCarrier(look_up=look_up), queued("a"))
        assert await recalling.tick() == []
        assert recalling.queues.recalled == []
        assert [report.kind for report in recalling.reports.take(9)] == [kind]


async def test_who_does_not_know_it_or_does_not_answer_is_asked_again_later() -> None:
    for look_up in (gone, never_answer):
        recalling = Recalling(FunctionCarrier(look_up=look_up), queued("a"))
        assert await recalling.tick() == []
        assert recalling.queues.recalled == []


async def test_of_calls_that_may_ring_one_of_each_account_tells_of_a_queue() -> None:
    other = ConfigRef(CarrierConfigId("k-2"))
    recalling = Recalling(
        FunctionCarrier(look_up=waits),
        queued("first", unwanted=False),
        queued("second", unwanted=False),
        queued("theirs", unwanted=False, config=other),
        queued("of no account", unwanted=False, config=None),
    )
    assert await recalling.tick() == []
    assert sorted(recalling.queues.slow) == ["first", "theirs"]


async def test_those_that_were_dropped_wait_for_the_next_sweep() -> None:
    calls = [queued(f"{n}", recalled=True) for n in range(GROUP_MOST)]
    recalling = Recalling(FunctionCarrier(look_up=waits), *calls, queued("new"))
    assert await recalling.tick() == ["new"]
    woken = asyncio.create_task(recalling.signals.wait(Topic.RECALL, None))
    await settle()
    assert not woken.done()
    woken.cancel()


async def test_many_are_taken_back_a_group_at_a_time() -> None:
    calls = [queued(f"{n}") for n in range(GROUP_MOST + 3)]
    recalling = Recalling(FunctionCarrier(look_up=waits), *calls)
    assert len(await recalling.tick()) == GROUP_MOST
    # Woken: it goes on at once.
    await recalling.signals.wait(Topic.RECALL, None)


async def test_where_no_carrier_queues_nothing_is_read() -> None:
    recalling = Recalling(FunctionCarrier(look_up=waits), queued("a"), names="")
    assert await recalling.tick() == []
    assert recalling.queues.asked == 0
