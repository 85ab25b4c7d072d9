"""The SIP carrier and its worker against SIPp, which judges each call on both of its sides."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from outdial_server.adapters.clock import SystemClock
from outdial_server.carriers.sip.account import SipAccount
from outdial_server.carriers.sip.adapter import SipCarrier
from outdial_server.carriers.sip.messages import LookUpOrder
from outdial_server.carriers.sip.supervisor import (
    CannotListenError,
    NoWorkerError,
    SipSupervisor,
    WorkerLostError,
)
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.ports.carrier import (
    Accepted,
    CallQuery,
    DialRequest,
    Found,
    LookUpFailed,
    NoSuchCall,
    NotSent,
    Refused,
    Unclear,
)
from support import sipp as far
from support.carrier_lines import News
from support.domain import ACCOUNT
from support.far_sip import CONFIG, NewsInbox
from support.sipp import LOOPBACK, PASSWORD, USERNAME, Sipp, needs_sipp, sipp

GUARD = AddressGuard(parse_networks([LOOPBACK]))


@dataclass
class Office:
    """A worker, and accounts that call through it."""

    folder: Path
    supervisor: SipSupervisor
    news: News
    inbox: NewsInbox
    stack: AsyncExitStack

    async def callee(self, text: str, calls: int = 1, talk_ms: int = 50) -> Sipp:
        return await self.stack.enter_async_context(
            sipp(self.folder, "callee", text, calls, talk_ms)
        )

    async def agent(self, text: str, calls: int = 1) -> Sipp:
        return await self.stack.enter_async_context(sipp(self.folder, "agent", text, calls))

    def carrier(self, trunk: Sipp | None, **changes: object) -> SipCarrier:
        deadline = changes.pop("deadline", timedelta(seconds=10))
        account = SipAccount(proxy=trunk.address if trunk else "", **changes)  # type: ignore[arg-type]
        carrier = SipCarrier(
            account,
            CONFIG,
            self.supervisor,
            GUARD,
            lambda: True,
            deadline,  # type: ignore[arg-type]
        )
        self.inbox.reader = carrier
        return carrier

    async def ended(self, call_id: str = "ours") -> CallReport:
        return await self.news.wait_for(call_id, ReportKind.ENDED)


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    news = News()
    inbox = NewsInbox(news)
    supervisor = SipSupervisor(LOOPBACK, 0, LOOPBACK, inbox, SystemClock())
    await supervisor.start(lambda: None)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(supervisor.close)
        yield Office(tmp_path, supervisor, news, inbox, stack)


def request(agent: Sipp | None, **changes: object) -> DialRequest:
    asked = DialRequest(
        CallId("ours"),
        ACCOUNT,
        None,
        "+15551230001",
        "+15550000002",
        timedelta(seconds=30),
        timedelta(minutes=10),
        join_url=f"sip:agent@{agent.address if agent else '127.0.0.1:9'}",
    )
    return replace(asked, **changes)  # type: ignore[arg-type]


KINDS = [ReportKind.RINGING, ReportKind.ANSWERED, ReportKind.ENDED]


@needs_sipp
async def test_an_answered_call_is_connected_and_ends_with_the_callee_s_bye(office: Office) -> None:
    callee, agent = await office.callee(far.CALLEE_TALKS), await office.agent(far.AGENT)
    carrier = office.carrier(callee)
    placed = await carrier.place_call(request(agent))
    assert isinstance(placed, Accepted)
    end = await office.ended()
    assert (end.disposition, end.carrier_call_id) == (
        Disposition.ANSWERED_HUMAN,
        placed.carrier_call_id,
    )
    await callee.assert_all_good()
    await agent.assert_all_good()
    assert office.news.kinds("ours") == KINDS
    assert await carrier.look_up(CallQuery(CallId("ours"), "", "")) == Found(end)


@needs_sipp
async def test_an_agent_that_is_first_makes_the_offer(office: Office) -> None:
    callee, agent = await office.callee(far.CALLEE_IS_OFFERED), await office.agent(far.AGENT_FIRST)
    carrier = office.carrier(callee, agent_first=True)
    assert isinstance(await carrier.place_call(request(agent)), Accepted)
    assert (await office.ended()).disposition is Disposition.ANSWERED_HUMAN
    await callee.assert_all_good()
    await agent.assert_all_good()
    assert office.news.kinds("ours") == KINDS


@needs_sipp
async def test_a_busy_phone_is_busy(office: Office) -> None:
    callee = await office.callee(far.refuses(486, "Busy Here"))
    carrier = office.carrier(callee)
    assert isinstance(await carrier.place_call(request(None)), Accepted)
    assert (await office.ended()).disposition is Disposition.BUSY
    await callee.assert_all_good()


@needs_sipp
@pytest.mark.parametrize(
    ("code", "result"),
    [
        (404, Refused("SIP_404", Fault.CALL, Disposition.INVALID_NUMBER)),
        (403, Refused("SIP_403", Fault.CONFIGURATION)),
        (503, NotSent("THROTTLED")),
    ],
)
async def test_what_is_turned_away_is_no_call(office: Office, code: int, result: object) -> None:
    callee = await office.callee(far.refuses(code, "No"))
    carrier = office.carrier(callee)
    asked = datetime.now(UTC) + timedelta(minutes=1)
    assert await carrier.place_call(request(None)) == result
    await callee.assert_all_good()
    query = CallQuery(CallId("ours"), "", "", sent_at=asked)
    assert await carrier.look_up(query) == NoSuchCall()


@needs_sipp
async def test_a_challenge_is_answered(office: Office) -> None:
    callee, agent = await office.callee(far.CALLEE_ASKS), await office.agent(far.AGENT)
    carrier = office.carrier(callee, username=USERNAME, password=PASSWORD)
    assert isinstance(await carrier.place_call(request(agent)), Accepted)
    assert (await office.ended()).disposition is Disposition.ANSWERED_HUMAN
    await callee.assert_all_good()
    await agent.assert_all_good()
    assert callee.count("INVITE ") >= 2


@needs_sipp
async def test_credentials_that_are_wrong_or_lacking_are_a_fault_of_the_setup(
    office: Office,
) -> None:
    callee = await office.callee(far.refuses(401, "Unauthorized"))
    assert await office.carrier(callee).place_call(request(None)) == Refused(
        "SIP_401", Fault.CONFIGURATION
    )
    await callee.assert_all_good()


@needs_sipp
async def test_a_ring_is_cancelled_at_its_timeout(office: Office) -> None:
    callee = await office.callee(far.CALLEE_RINGS)
    asked = request(None, ring_timeout=timedelta(seconds=1))
    assert isinstance(await office.carrier(callee).place_call(asked), Accepted)
    assert (await office.ended()).disposition is Disposition.NO_ANSWER
    await callee.assert_all_good()
    assert office.news.kinds("ours") == [ReportKind.RINGING, ReportKind.ENDED]


@needs_sipp
async def test_hanging_up_cancels_what_rings(office: Office) -> None:
    callee = await office.callee(far.CALLEE_RINGS)
    carrier = office.carrier(callee)
    await carrier.place_call(request(None))
    assert await carrier.hang_up(CallQuery(CallId("ours"), "", ""))
    assert (await office.ended()).disposition is Disposition.CANCELLED
    await callee.assert_all_good()


@needs_sipp
@pytest.mark.parametrize("how", ["hang_up", "max_duration"])
async def test_a_talk_is_ended_on_both_sides(office: Office, how: str) -> None:
    callee, agent = await office.callee(far.CALLEE_STAYS), await office.agent(far.AGENT)
    carrier = office.carrier(callee)
    longest = timedelta(milliseconds=50) if how == "max_duration" else timedelta(minutes=10)
    await carrier.place_call(request(agent, max_duration=longest))
    await office.news.wait_for("ours", ReportKind.ANSWERED)
    if how == "hang_up":
        await agent.has_seen("ACK ")
        assert await carrier.hang_up(CallQuery(CallId("ours"), "", ""))
    assert (await office.ended()).disposition is Disposition.ANSWERED_HUMAN
    await callee.assert_all_good()
    await agent.assert_all_good()


@needs_sipp
async def test_whoever_picks_up_for_an_agent_that_is_busy_is_let_go(office: Office) -> None:
    callee = await office.callee(far.CALLEE_IS_HELD)
    agent = await office.agent(far.refuses(486, "Busy Here"))
    await office.carrier(callee).place_call(request(agent))
    end = await office.ended()
    assert (end.disposition, end.reason) == (Disposition.UNJOINED, "AGENT_SIP_486")
    await callee.assert_all_good()
    await agent.assert_all_good()


@needs_sipp
async def test_without_an_agent_nobody_is_called(office: Office) -> None:
    agent = await office.agent(far.refuses(486, "Busy Here"))
    callee = await office.callee(far.CALLEE_IS_OFFERED)
    carrier = office.carrier(callee, agent_first=True)
    assert isinstance(await carrier.place_call(request(agent)), NotSent)
    await agent.assert_all_good()
    assert callee.count("INVITE ") == 0


@needs_sipp
@pytest.mark.slow
async def test_two_hundred_calls_at_once_are_all_good(office: Office) -> None:
    calls = 200
    callee = await office.callee(far.CALLEE_TALKS, calls, talk_ms=6000)
    agent = await office.agent(far.AGENT, calls)
    carrier = office.carrier(callee)
    requests = [request(agent, call_id=CallId(f"ours-{number}")) for number in range(calls)]
    results = await asyncio.gather(*map(carrier.place_call, requests))
    assert all(isinstance(result, Accepted) for result in results)
    for one in requests:
        await office.news.wait_for(one.call_id, ReportKind.ANSWERED)
    live = [await carrier.look_up(CallQuery(one.call_id, "", "")) for one in requests]
    assert all(
        isinstance(one, Found) and one.report and one.report.kind is ReportKind.ANSWERED
        for one in live
    )
    for one in requests:
        assert (await office.ended(one.call_id)).disposition is Disposition.ANSWERED_HUMAN
    await callee.assert_all_good()
    await agent.assert_all_good()


# --- the worker


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """For what another process does, and tells nobody."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def is_found(carrier: SipCarrier, query: CallQuery) -> bool:
    return isinstance(await carrier.look_up(query), Found)


async def is_up(supervisor: SipSupervisor) -> bool:
    try:
        await supervisor.ask(LookUpOrder("anything"))
    except (NoWorkerError, WorkerLostError):
        return False
    return True


async def test_a_trunk_that_is_silent_leaves_the_call_unclear(office: Office) -> None:
    carrier = office.carrier(None, deadline=timedelta(seconds=0.5))
    silent = request(None, address=f"sip:ann@{LOOPBACK}:{far.free_udp_port()}")
    assert await carrier.place_call(silent) == Unclear("TRUNK_SILENT")
    found = await carrier.look_up(CallQuery(CallId("ours"), "", ""))
    assert isinstance(found, Found), "it goes on trying"


async def test_a_worker_that_dies_leaves_unclear_what_it_had_and_is_replaced(
    office: Office,
) -> None:
    carrier = office.carrier(None)
    silent = request(None, address=f"sip:ann@{LOOPBACK}:{far.free_udp_port()}")
    asked = asyncio.create_task(carrier.place_call(silent))
    query = CallQuery(CallId("ours"), "", "", sent_at=datetime.now(UTC))
    await until(lambda: is_found(carrier, query))
    process_id, port = office.supervisor.process_id, office.supervisor.port
    assert process_id is not None
    with capture_logs() as logs:
        os.kill(process_id, signal.SIGKILL)
        assert await asked == Unclear("SIP_WORKER_LOST")
        assert isinstance(await carrier.look_up(query), LookUpFailed)
        assert not await carrier.hang_up(query)
        await until(lambda: is_up(office.supervisor))
    assert [line["event"] for line in logs] == ["sip.worker_ended", "sip.worker_started"]
    assert office.supervisor.port == port
    assert await carrier.look_up(query) == LookUpFailed("NOT_OF_THIS_WORKER")
    later = replace(query, call_id=CallId("never"), sent_at=datetime.now(UTC) + timedelta(hours=1))
    assert await carrier.look_up(later) == NoSuchCall()


async def test_of_two_workers_on_one_port_the_second_does_not_start(office: Office) -> None:
    second = SipSupervisor(LOOPBACK, office.supervisor.port, "", office.inbox, SystemClock())
    with pytest.raises(CannotListenError, match="in use"):
        await second.start(lambda: None)


async def test_a_worker_that_stands_still_leaves_unclear_what_it_was_asked(
    tmp_path: Path,
) -> None:
    inbox = NewsInbox(News())
    patience = timedelta(seconds=0.3)
    supervisor = SipSupervisor(LOOPBACK, 0, LOOPBACK, inbox, SystemClock(), patience)
    await supervisor.start(lambda: None)
    carrier = SipCarrier(SipAccount(), CONFIG, supervisor, GUARD, lambda: True)
    assert supervisor.process_id is not None
    os.kill(supervisor.process_id, signal.SIGSTOP)
    silent = request(None, address=f"sip:ann@{LOOPBACK}:{far.free_udp_port()}")
    assert await carrier.place_call(silent) == Unclear("SIP_WORKER_LOST")
    query = CallQuery(CallId("ours"), "", "", sent_at=datetime.now(UTC))
    assert await carrier.look_up(query) == LookUpFailed("SIP_WORKER_DOWN")
    os.kill(supervisor.process_id, signal.SIGCONT)
    assert isinstance(await carrier.look_up(query), Found), "it was asked before it was looked for"
    await supervisor.close()


async def test_without_the_extra_there_is_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outdial_server.carriers.sip.supervisor.find_spec", lambda name: None)
    supervisor = SipSupervisor(LOOPBACK, 0, "", NewsInbox(News()), SystemClock())
    with pytest.raises(CannotListenError, match="pip install"):
        await supervisor.start(lambda: None)


@needs_sipp
async def test_the_worker_hangs_up_when_its_server_is_gone(office: Office) -> None:
    callee, agent = await office.callee(far.CALLEE_STAYS), await office.agent(far.AGENT)
    carrier = office.carrier(callee)
    await carrier.place_call(request(agent))
    await agent.has_seen("ACK ")
    await office.supervisor.close()
    # What it told while it stopped is in the inbox.
    assert office.news.kinds("ours") == KINDS
    await callee.assert_all_good()
    await agent.assert_all_good()
    with pytest.raises(NoWorkerError):
        await office.supervisor.ask(LookUpOrder("ours"))
