"""The dialler: every request ends in one report that says the truth about it."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from outdial_server.adapters.metrics import PrometheusTelemetry
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import CallState, CallTexts, Disposition
from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.report import CallReport, Evidence, Fault, ReportKind
from outdial_server.domain.silence import CARRIER_DEADLINE, LEASE
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.engine.claimer import Claimer
from outdial_server.engine.dialer import Dialer
from outdial_server.engine.queues import ClaimedCalls, GatheredReports
from outdial_server.ports.carrier import (
    THROTTLED,
    Accepted,
    DialRequest,
    DialResult,
    NotSent,
    Refused,
    Unclear,
)
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.ports.signals import Topic
from support.carriers import FunctionCarrier, accept, never_answer
from support.clock import ManualClock, ManualSignals, settle
from support.dispatch import MemoryDispatch

LATEST_START = LEASE - CARRIER_DEADLINE
DATABASE_AWAY = UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database is away")


class Dialling:
    """A dialler with what stands around it; `claim` fills its queue."""

    def __init__(self, carrier: FunctionCarrier | None = None, lease: timedelta = LEASE) -> None:
        self.clock = ManualClock()
        self.registry = CollectorRegistry()
        self.signals = ManualSignals(self.clock)
        self.dispatch = MemoryDispatch(self.clock)
        self.claimed = ClaimedCalls(self.signals)
        self.reports = GatheredReports(self.signals)
        self.carrier = carrier or FunctionCarrier()
        self.dialer = Dialer(
            self.dispatch,
            self.claimed,
            self.carrier.registered,
            self.reports,
            self.clock,
            self.signals,
            lease,
            PrometheusTelemetry(self.registry),
        )
        self._claimer = Claimer(self.dispatch, self.claimed, self.signals)

    async def claim(self, rows: int) -> None:
        self.dispatch.add_rows(rows)
        await self._claimer.tick(self.clock.now())

    async def dial(self, rows: int = 1) -> list[CallReport]:
        await self.claim(rows)
        await self.tick()
        await self.dialer.finish()
        return [*self.reports.take(rows + 1)]

    async def tick(self) -> None:
        await self.dialer.tick(self.clock.now())

    def reclaim(self, calls: Iterable[ClaimedCall]) -> None:
        self.claimed.put_all(calls)


def answering(result: DialResult) -> FunctionCarrier:
    async def place(request: DialRequest) -> DialResult:
        return result

    return FunctionCarrier(place)


async def test_a_request_tells_the_carrier_all_it_needs() -> None:
    dialling = Dialling()
    (report,) = await dialling.dial()
    (request,) = dialling.carrier.requests
    assert report.kind is ReportKind.ACCEPTED
    assert report.carrier_call_id == f"CA-{request.call_id}"
    assert request.address == "+15550000001"
    assert request.metadata == {"order": "7"}
    assert request.join_url == ""


async def test_a_request_tells_where_to_join() -> None:
    dialling = Dialling()
    await dialling.claim(1)
    (call,) = dialling.claimed.take(1)
    url = "https://media.example/join"
    dialling.reclaim([call._replace(texts=CallTexts(join_url=url))])
    await dialling.tick()
    await dialling.dialer.finish()
    assert [request.join_url for request in dialling.carrier.requests] == [url]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            NotSent("BUSY_LINE", timedelta(seconds=9)),
            {"kind": ReportKind.NOT_SENT, "retry_after": timedelta(seconds=9)},
        ),
        (
            Refused("21211", Fault.CALL, Disposition.INVALID_NUMBER),
            {
                "kind": ReportKind.REFUSED,
                "fault": Fault.CALL,
                "disposition": Disposition.INVALID_NUMBER,
            },
        ),
        (
            Refused("20003", Fault.CONFIGURATION),
            {"kind": ReportKind.REFUSED, "fault": Fault.CONFIGURATION},
        ),
        (Unclear("RESET"), {"kind": ReportKind.UNCLEAR}),
    ],
)
async def test_each_ending_is_reported_as_it_is_under_the_claim_s_fence(
    result: NotSent | Refused | Unclear, expected: dict[str, object]
) -> None:
    (report,) = await Dialling(answering(result)).dial()
    assert (report.reason, report.fence) == (result.reason, 1)
    assert {name: getattr(report, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("result", "evidence"),
    [
        (Accepted("CA1"), Evidence.WORKS),
        (Refused("21211", Fault.CALL), Evidence.WORKS),
        (Refused("20003", Fault.CONFIGURATION), Evidence.FAILS),
        (NotSent("CANNOT_CONNECT"), Evidence.FAILS),
        (NotSent(THROTTLED), Evidence.TOO_MUCH),
        (Unclear("TIMEOUT"), Evidence.FAILS),
        (NotSent("AGENT_BUSY", tells_of_carrier=False), None),
    ],
)
async def test_each_ending_tells_of_the_carrier_what_is_its_own(
    result: DialResult, evidence: Evidence | None
) -> None:
    (report,) = await Dialling(answering(result)).dial()
    assert report.evidence is evidence


async def test_a_carrier_that_misses_the_deadline_leaves_the_call_unclear() -> None:
    dialling = Dialling(FunctionCarrier(never_answer), lease=timedelta(0))
    (report,) = await dialling.dial()
    assert (report.kind, report.reason) == (ReportKind.UNCLEAR, "DEADLINE")


async def test_an_adapter_that_breaks_leaves_the_call_unclear() -> None:
    async def break_down(request: DialRequest) -> DialResult:
        raise KeyError("a bug, after perhaps anything")

    (report,) = await Dialling(FunctionCarrier(break_down)).dial()
    assert (report.kind, report.reason) == (ReportKind.UNCLEAR, "ADAPTER_ERROR")


async def test_a_process_that_stood_still_after_the_commit_sends_nothing() -> None:
    dialling = Dialling()
    await dialling.claim(1)
    await dialling.tick()
    dialling.clock.advance(LATEST_START + timedelta(microseconds=1))
    await dialling.dialer.finish()
    (report,) = dialling.reports.take(2)
    assert (report.kind, report.reason) == (ReportKind.NOT_SENT, "TOO_LATE")
    assert dialling.carrier.requests == []


async def test_a_process_that_stood_still_inside_the_commit_sends_nothing() -> None:
    dialling = Dialling()
    await dialling.claim(1)
    freeze = LATEST_START + timedelta(microseconds=1)
    dialling.dispatch.before_sending_commits = lambda: dialling.clock.advance(freeze)
    await dialling.tick()
    await dialling.dialer.finish()
    (report,) = dialling.reports.take(2)
    assert (report.kind, report.reason) == (ReportKind.NOT_SENT, "TOO_LATE")
    assert dialling.carrier.requests == []


async def test_a_request_may_start_as_late_as_its_lease_allows() -> None:
    dialling = Dialling()
    await dialling.claim(1)
    await dialling.tick()
    dialling.clock.advance(LATEST_START)
    await dialling.dialer.finish()
    assert len(dialling.carrier.requests) == 1


async def test_a_call_of_a_carrier_that_is_gone_waits() -> None:
    dialling = Dialling()
    await dialling.claim(1)
    dialling.reclaim([call._replace(carrier="gone") for call in dialling.claimed.take(1)])
    await dialling.tick()
    await dialling.dialer.finish()
    (report,) = dialling.reports.take(2)
    assert (report.kind, report.reason) == (ReportKind.NOT_SENT, "CARRIER_NOT_CONFIGURED")


async def test_no_request_goes_before_its_call_is_sending() -> None:
    states: list[CallState] = []

    async def look(request: DialRequest) -> DialResult:
        states.append(dialling.dispatch.calls[request.call_id].state)
        return await accept(request)

    dialling = Dialling(FunctionCarrier(look))
    await dialling.dial(3)
    assert states == [CallState.SENDING] * 3


async def test_a_group_that_could_not_be_marked_is_dialled_later_and_once() -> None:
    dialling = Dialling()
    await dialling.claim(3)
    dialling.dispatch.fail_once(DATABASE_AWAY)
    with pytest.raises(UnavailableError):
        await dialling.tick()
    assert dialling.carrier.requests == []
    assert len(dialling.claimed) == 3
    await dialling.tick()
    await dialling.dialer.finish()
    assert len({request.call_id for request in dialling.carrier.requests}) == 3
    assert len(dialling.carrier.requests) == 3


async def test_a_call_claimed_twice_is_sent_under_the_newer_claim_alone() -> None:
    dialling = Dialling()
    await dialling.claim(1)
    (stale,) = dialling.claimed.take(1)
    dialling.dispatch.waiting.append(stale.call_id)
    await dialling.claim(0)
    dialling.reclaim([stale])
    await dialling.tick()
    await dialling.dialer.finish()
    (report,) = dialling.reports.take(2)
    assert report.fence == stale.fence + 1
    assert len(dialling.carrier.requests) == 1


async def test_a_batch_that_was_stopped_gets_its_calls_back_unsent() -> None:
    dialling = Dialling()
    dialling.dispatch.running = False
    assert await dialling.dial(2) == []
    assert dialling.carrier.requests == []
    assert len(dialling.dispatch.waiting) == 2
    for topic in (Topic.SETTLE, Topic.WINDOW, Topic.CLAIM):
        await dialling.signals.wait(topic, None)


async def test_finishing_waits_for_every_request_that_is_out() -> None:
    gate = asyncio.Event()

    async def slow(request: DialRequest) -> DialResult:
        await gate.wait()
        return await accept(request)

    dialling = Dialling(FunctionCarrier(slow))
    await dialling.claim(2)
    await dialling.tick()
    finishing = asyncio.create_task(dialling.dialer.finish())
    await settle()
    assert not finishing.done()
    gate.set()
    await finishing
    assert len(dialling.reports) == 2


async def test_one_slow_request_holds_no_other_up() -> None:
    async def place(request: DialRequest) -> DialResult:
        if request.call_id == "call-0":
            await asyncio.get_running_loop().create_future()
        return await accept(request)

    dialling = Dialling(FunctionCarrier(place))
    await dialling.claim(3)
    await dialling.tick()
    await settle()
    assert len(dialling.reports) == 2


async def test_nothing_claimed_is_nothing_to_do() -> None:
    assert await Dialling().dial(0) == []


async def test_how_long_dialling_took_is_measured() -> None:
    async def place(request: DialRequest) -> DialResult:
        dialling.clock.advance(timedelta(seconds=3))
        return Accepted("c-1")

    dialling = Dialling(FunctionCarrier(place))
    await dialling.claim(1)
    dialling.clock.advance(timedelta(seconds=2))
    await dialling.tick()
    await dialling.dialer.finish()
    figure = dialling.registry.get_sample_value
    assert figure("outdial_claim_to_dial_seconds_sum") == 2
    assert figure("outdial_wake_to_dial_seconds_sum") == 2
    assert figure("outdial_dial_answer_seconds_sum", {"ending": "accepted"}) == 3


async def test_calls_of_a_stopped_batch_are_counted_as_given_back() -> None:
    dialling = Dialling()
    await dialling.claim(2)
    dialling.dispatch.running = False
    await dialling.tick()
    assert dialling.registry.get_sample_value("outdial_claims_given_back_total") == 2
    assert dialling.registry.get_sample_value("outdial_claim_to_dial_seconds_count") == 0


async def test_the_account_is_that_of_the_call_s_carrier_config() -> None:
    dialling = Dialling()
    await dialling.claim(1)
    config = ConfigRef(CarrierConfigId("k-1"), 7)
    taken = [call._replace(carrier_config=config) for call in dialling.claimed.take(1)]
    dialling.reclaim(taken)
    await dialling.tick()
    await dialling.dialer.finish()
    assert dialling.carrier.configs == [config]


async def test_credentials_that_cannot_be_read_send_nothing_and_the_call_waits() -> None:
    dialling = Dialling()
    dialling.carrier.failure = DATABASE_AWAY
    (report,) = await dialling.dial()
    assert (report.kind, report.reason) == (ReportKind.NOT_SENT, "CREDENTIALS_UNREAD")
    assert dialling.carrier.requests == []


WEBHOOK_FAILS = Refused("WEBHOOK_HTTP_503", Fault.CALL, batch_rests=timedelta(seconds=30))
WEBHOOK_HANGS = Unclear("WEBHOOK_TIMEOUT", timedelta(seconds=30))


@pytest.mark.parametrize("result", [Accepted("c"), WEBHOOK_FAILS, WEBHOOK_HANGS])
async def test_a_call_that_somebody_else_places_says_nothing_of_a_carrier_account(
    result: DialResult,
) -> None:
    dialling = Dialling(answering(result))
    await dialling.claim(2)
    ours, theirs = dialling.claimed.take(2)
    webhook = BatchWebhook("https://hooks.example.com/", SealedSecrets("sealed"))
    dialling.reclaim([ours, theirs._replace(carrier="webhook", webhook=webhook)])
    await dialling.tick()
    await dialling.dialer.finish()
    of_ours, of_theirs = dialling.reports.take(2)
    assert of_ours.evidence is not None
    assert of_theirs.evidence is None
    assert of_theirs.batch_rests == getattr(result, "batch_rests", None)
    assert [request.webhook for request in dialling.carrier.requests] == [None, webhook]


async def test_with_a_shorter_lease_a_request_must_start_sooner() -> None:
    dialling = Dialling(lease=timedelta(seconds=3))
    await dialling.claim(1)
    await dialling.tick()
    dialling.clock.advance(timedelta(seconds=1, microseconds=1))
    await dialling.dialer.finish()
    (report,) = dialling.reports.take(2)
    assert (report.kind, report.reason) == (ReportKind.NOT_SENT, "TOO_LATE")
