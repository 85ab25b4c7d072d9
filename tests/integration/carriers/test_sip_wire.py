"""What SIP over UDP may do to a call: packets lost and doubled, far ends that say odd things."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from typing_extensions import override

from outdial_server.carriers.simulated.profile import SimulationProfile, with_settings
from outdial_server.domain.call import Disposition
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import ReportKind
from outdial_server.ports.carrier import Accepted, CallQuery, DialRequest, RawCallback
from support.carrier_lines import News
from support.domain import ACCOUNT
from support.far_sip import (
    LOOPBACK,
    SDP,
    Address,
    FarTrunk,
    Message,
    NewsInbox,
    SipLine,
    listening,
    sip_line,
    with_body,
)

WILLING = with_settings(
    SimulationProfile(),
    [
        *(f"{name}=0" for name in ("answered_machine", "busy", "no_answer", "rejected", "failed")),
        *("invalid_number=0", "request_latency_ms=0", "ring_ms=1", "talk_ms=3600000"),
    ],
)
REQUEST = DialRequest(
    CallId("ours"),
    ACCOUNT,
    None,
    "+15551230001",
    "+15550000002",
    timedelta(seconds=30),
    timedelta(minutes=10),
    join_url="sip:agent@wherever",
)
QUERY = CallQuery(REQUEST.call_id, "", REQUEST.address, sent_at=datetime.now(UTC))
KINDS = [ReportKind.RINGING, ReportKind.ANSWERED, ReportKind.ENDED]


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def hang_up(line: SipLine) -> Disposition | None:
    assert await line.carrier.hang_up(QUERY)
    return (await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)).disposition


@pytest.mark.parametrize("agent_first", [False, True])
async def test_an_invite_that_is_lost_comes_again_and_is_one_call(
    tmp_path: Path, stack: AsyncExitStack, agent_first: bool
) -> None:
    class Losing(FarTrunk):
        """The first two packets."""

        @override
        def take(self, message: Message, addr: Address) -> None:
            if len(self.received) > 2:
                super().take(message, addr)

    trunk = Losing(WILLING)
    opening = sip_line(WILLING, tmp_path, trunk=trunk, agent_first=agent_first)
    line = await stack.enter_async_context(opening)
    assert isinstance(await line.carrier.place_call(REQUEST), Accepted)
    await (line.agent.until("ACK", 2) if agent_first else trunk.until("ACK"))
    invites = trunk.heard("INVITE")
    assert len(invites) == 3
    assert len({(one["call-id"], one["cseq"], one["via"]) for one in invites}) == 1
    assert trunk.switch.placed == 1
    assert await hang_up(line) is Disposition.ANSWERED_HUMAN
    assert line.news.kinds(REQUEST.call_id) == KINDS


async def test_answers_that_come_twice_are_one_call(tmp_path: Path, stack: AsyncExitStack) -> None:
    class Doubling(FarTrunk):
        @override
        def send(self, packet: bytes, addr: Address) -> None:
            super().send(packet, addr)
            super().send(packet, addr)

    line = await stack.enter_async_context(sip_line(WILLING, tmp_path, trunk=Doubling(WILLING)))
    assert isinstance(await line.carrier.place_call(REQUEST), Accepted)
    ack = await line.trunk.until("ACK")
    (call,) = line.trunk.calls.values()
    # What says that the ACK was lost.
    line.trunk.send(line.trunk.answered[call.invite.transaction], call.caller)
    assert await line.trunk.until("ACK", 2) == ack
    assert len(line.agent.heard("INVITE")) == 1
    assert await hang_up(line) is Disposition.ANSWERED_HUMAN
    assert line.news.kinds(REQUEST.call_id) == KINDS
    assert line.trunk.switch.placed == 1


async def test_somebody_who_picks_up_as_the_call_is_taken_back_is_let_go(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    class PicksUpOnCancel(FarTrunk):
        @override
        def take(self, message: Message, addr: Address) -> None:
            call = self.calls.get(message["call-id"])
            if message.method == "CANCEL" and call is not None:
                self.answer(message, addr, 200, "OK")
                self.answer(call.invite, addr, 200, "OK", SDP)
            else:
                super().take(message, addr)

    rings = with_settings(WILLING, ["ring_ms=3600000"])
    line = await stack.enter_async_context(sip_line(rings, tmp_path, trunk=PicksUpOnCancel(rings)))
    await line.carrier.place_call(REQUEST)
    assert await hang_up(line) is Disposition.CANCELLED
    ack, bye = await line.trunk.until("ACK"), await line.trunk.until("BYE")
    assert line.trunk.received.index(ack) < line.trunk.received.index(bye)
    assert not line.agent.received


async def test_a_challenge_behind_a_hang_up_is_not_answered(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    class AsksOnCancel(FarTrunk):
        @override
        def take(self, message: Message, addr: Address) -> None:
            call = self.calls.get(message["call-id"])
            if message.method == "CANCEL" and call is not None:
                self.answer(message, addr, 200, "OK")
                challenge = 'WWW-Authenticate: Digest realm="far",nonce="n",algorithm=MD5'
                self.answer(call.invite, addr, 401, "Unauthorized", "", challenge)
            else:
                super().take(message, addr)

    rings = with_settings(WILLING, ["ring_ms=3600000"])
    line = await stack.enter_async_context(
        sip_line(rings, tmp_path, trunk=AsksOnCancel(rings), username="u", password="p")
    )
    await line.carrier.place_call(REQUEST)
    assert await hang_up(line) is Disposition.CANCELLED
    assert len(line.trunk.heard("INVITE")) == 1


async def test_a_far_end_behind_a_nat_is_answered_where_it_is(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    trunk = FarTrunk(WILLING)
    line = await stack.enter_async_context(sip_line(WILLING, tmp_path, trunk=trunk))
    # What it thinks its address is.
    trunk.contact = ("10.11.12.13", 5060)
    assert isinstance(await line.carrier.place_call(REQUEST), Accepted)
    assert SDP.splitlines()[-1] in (await line.trunk.until("ACK")).body
    assert await hang_up(line) is Disposition.ANSWERED_HUMAN
    await line.trunk.until("BYE")


async def test_a_contact_leads_to_no_address_that_may_not_be_reached(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    elsewhere = FarTrunk(WILLING)
    await stack.enter_async_context(listening(elsewhere, "127.0.0.2"))
    trunk = FarTrunk(WILLING)
    line = await stack.enter_async_context(sip_line(WILLING, tmp_path, trunk=trunk))
    trunk.contact = elsewhere.address
    assert isinstance(await line.carrier.place_call(REQUEST), Accepted)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
    assert await hang_up(line) is Disposition.ANSWERED_HUMAN
    await line.agent.until("BYE")
    # Sent before the agent's BYE, and to the same machine: they would be here.
    assert not elsewhere.received


@pytest.mark.parametrize("contact", [("x" * 64 + ".invalid", 5060), (LOOPBACK, 99_999)])
async def test_a_contact_that_is_none_disturbs_no_other_call(
    tmp_path: Path, stack: AsyncExitStack, contact: Address
) -> None:
    trunk = FarTrunk(WILLING)
    line = await stack.enter_async_context(sip_line(WILLING, tmp_path, trunk=trunk))
    trunk.contact = contact
    await line.carrier.place_call(REQUEST)
    await line.agent.until("ACK")
    trunk.contact = None
    other = replace(REQUEST, call_id=CallId("other"))
    assert isinstance(await line.carrier.place_call(other), Accepted)
    await trunk.until("ACK")
    assert await hang_up(line) is Disposition.ANSWERED_HUMAN


async def test_a_change_of_the_session_goes_to_the_other_side_and_its_answer_back(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    trunk = FarTrunk(WILLING)
    line = await stack.enter_async_context(sip_line(WILLING, tmp_path, trunk=trunk))
    await line.carrier.place_call(REQUEST)
    await line.trunk.until("ACK")
    (call,) = trunk.calls.values()
    hold = SDP + "a=sendonly\r\n"
    trunk.send(with_body(trunk.within(call, "INVITE", 2), hold), call.caller)
    passed = await line.agent.until("INVITE", 2)
    assert "a=sendonly" in passed.body
    # 100, then the agent's own answer.
    await line.trunk.until("SIP/2.0", 2)
    assert line.trunk.heard("SIP/2.0")[-1].start == "SIP/2.0 200 OK"
    assert "m=audio" in line.trunk.heard("SIP/2.0")[-1].body


async def test_a_digit_is_passed_on_and_ends_nothing(tmp_path: Path, stack: AsyncExitStack) -> None:
    trunk = FarTrunk(WILLING)
    line = await stack.enter_async_context(sip_line(WILLING, tmp_path, trunk=trunk))
    await line.carrier.place_call(REQUEST)
    await trunk.until("ACK")
    (call,) = trunk.calls.values()
    digit = "Signal=5\r\n"
    trunk.send(with_body(trunk.within(call, "INFO", 2), digit), call.caller)
    assert (await line.agent.until("INFO")).body == digit
    assert line.news.kinds(REQUEST.call_id) == KINDS[:2]


async def test_calls_and_goodbyes_of_strangers_are_turned_away(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    trunk = FarTrunk(WILLING)
    line = await stack.enter_async_context(sip_line(WILLING, tmp_path, trunk=trunk))
    await line.carrier.place_call(REQUEST)
    await line.trunk.until("ACK")
    (call,) = trunk.calls.values()
    for number, (method, start) in enumerate(
        [("INVITE", "SIP/2.0 403"), ("BYE", "SIP/2.0 481"), ("OPTIONS", "SIP/2.0 200")], 1
    ):
        stranger = trunk.within(call, method, 1).replace(call.carrier_call_id, "stranger")
        trunk.send(with_body(stranger), call.caller)
        answer = await line.trunk.until("SIP/2.0", number)
        assert answer.start.startswith(start)
    assert line.news.kinds(REQUEST.call_id) == KINDS[:2]


async def test_news_waits_for_a_database_that_is_away(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    class AwayAtFirst(NewsInbox):
        asked = 0

        @override
        async def store(self, callback: RawCallback) -> None:
            self.asked += 1
            if self.asked <= 2:
                raise UnavailableError(Reason.DATABASE_UNAVAILABLE, "away")
            await super().store(callback)

    inbox = AwayAtFirst(News())
    brief = with_settings(WILLING, ["talk_ms=1"])
    line = await stack.enter_async_context(sip_line(brief, tmp_path, inbox=inbox))
    await line.carrier.place_call(REQUEST)
    # All of it, some perhaps twice: that changes nothing.
    await line.news.wait_until(lambda: {*line.news.kinds(REQUEST.call_id)} == {*KINDS})
    assert inbox.asked > len(KINDS)
