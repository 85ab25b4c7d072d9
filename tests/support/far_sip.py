"""A SIP trunk, and an agent, on loopback: what calls do comes from the same profiles as for the
simulated carrier."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from typing_extensions import override

from outdial_server.carriers.simulated.playwright import Playwright
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import CallScript, Fate, Status
from outdial_server.carriers.simulated.switch import PlacedCall, Switch
from outdial_server.carriers.sip.account import SipAccount
from outdial_server.carriers.sip.adapter import SipCarrier
from outdial_server.carriers.sip.supervisor import SipSupervisor
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.callbacks import StoredCallback
from outdial_server.ports.carrier import DialRequest, DialResult, RawCallback
from support.carrier_lines import HEARD_WITHIN_SECONDS, LONG_AGO, Line, News
from support.clock import ManualClock

LOOPBACK: Final = "127.0.0.1"
CONFIG: Final = CarrierConfigId("config")
# Longer than any test: who calls decides how long it rings and lasts.
FOR_EVER: Final = timedelta(hours=1)

_REFUSED: Final = {
    Fate.THROTTLED: (503, "Service Unavailable"),
    Fate.UNAUTHORIZED: (403, "Forbidden"),
    Fate.INVALID_NUMBER: (404, "Not Found"),
}
_ENDED: Final = {
    Disposition.BUSY: (486, "Busy Here"),
    Disposition.NO_ANSWER: (480, "Temporarily Unavailable"),
    Disposition.REJECTED: (603, "Decline"),
    Disposition.FAILED: (500, "Server Internal Error"),
    Disposition.CANCELLED: (487, "Request Terminated"),
}
SDP: Final = (
    "v=0\r\no=far 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 42000 RTP/AVP 0\r\n"
)

Address = tuple[str, int]


@dataclass(frozen=True)
class Message:
    """A request or an answer, as it came."""

    start: str
    headers: Sequence[tuple[str, str]]
    body: str

    @classmethod
    def parse(cls, packet: bytes) -> "Message":
        head, _, body = packet.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        headers = [line.partition(":") for line in lines]
        return cls(start, [(name.lower(), value.strip()) for name, _, value in headers], body)

    def __getitem__(self, name: str) -> str:
        return next(value for given, value in self.headers if given == name)

    @property
    def method(self) -> str:
        return self.start.partition(" ")[0]

    @property
    def transaction(self) -> tuple[str, str]:
        return self["via"], self["cseq"]


def answer_to(request: Message, code: int, phrase: str, tag: str = "", *more: str) -> str:
    """Without its body. `tag` is ours, where the request has none yet."""
    to = request["to"] + (f";tag={tag}" if tag and ";tag=" not in request["to"] else "")
    lines = [f"SIP/2.0 {code} {phrase}", f"To: {to}", *more]
    lines += [f"{name}: {request[name]}" for name in ("via", "from", "call-id", "cseq")]
    return "\r\n".join(lines)


class _Phone(asyncio.DatagramProtocol):
    """Answers requests: each once, and the same again to one that comes again."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.answered: dict[tuple[str, str], bytes] = {}
        self.address: Address = ("", 0)
        # Where it says it is, if not there.
        self.contact: Address | None = None
        self._bell = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    @override
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self.address = transport.get_extra_info("sockname")

    @override
    def datagram_received(self, data: bytes, addr: Address) -> None:
        message = Message.parse(data)
        self.received.append(message)
        self._bell.set()
        before = self.answered.get(message.transaction)
        if before is not None:
            self.send(before, addr)
        else:
            self.take(message, addr)

    @property
    def where(self) -> str:
        host, port = self.address
        return f"{host}:{port}"

    def take(self, message: Message, addr: Address) -> None:
        raise NotImplementedError

    def heard(self, method: str) -> list[Message]:
        """Requests by their method; answers are SIP/2.0."""
        return [message for message in self.received if message.method == method]

    async def until(self, method: str, count: int = 1) -> Message:
        async with asyncio.timeout(HEARD_WITHIN_SECONDS):
            while len(self.heard(method)) < count:
                self._bell.clear()
                await self._bell.wait()
        return self.heard(method)[count - 1]

    def answer(
        self, request: Message, addr: Address, code: int, phrase: str, sdp: str = "", *more: str
    ) -> None:
        host, port = self.contact or self.address
        contact = f"Contact: <sip:far@{host}:{port}>"
        head = answer_to(request, code, phrase, "far", contact, *more)
        packet = with_body(head, sdp)
        self.answered[request.transaction] = packet
        self.send(packet, addr)

    def send(self, packet: bytes, addr: Address) -> None:
        assert self._transport is not None
        self._transport.sendto(packet, addr)


def with_body(head: str, sdp: str = "") -> bytes:
    kind = "Content-Type: application/sdp\r\n" if sdp else ""
    return f"{head}\r\n{kind}Content-Length: {len(sdp)}\r\n\r\n{sdp}".encode()


class FarAgent(_Phone):
    """Takes every call at once, and goes when it is told to."""

    @override
    def take(self, message: Message, addr: Address) -> None:
        if message.method == "INVITE":
            self.answer(message, addr, 200, "OK", SDP)
        elif message.method == "BYE":
            self.answer(message, addr, 200, "OK")


@dataclass(eq=False)
class _Ringing(PlacedCall):
    invite: Message = field(default=None)  # type: ignore[assignment] # given at once
    caller: Address = ("", 0)
    is_acknowledged: bool = False
    # The other side has said goodbye, or taken the call back.
    is_left: bool = False


class FarTrunk(_Phone):
    """Calls by their scripts."""

    def __init__(self, profile: SimulationProfile) -> None:
        super().__init__()
        self._profile = profile
        self._playwright = Playwright()
        self.switch = Switch(profile, self._on_status)
        self.calls: dict[str, _Ringing] = {}

    @override
    def take(self, message: Message, addr: Address) -> None:
        match message.method:
            case "INVITE":
                self._invited(message, addr)
            case "OPTIONS":
                self.answer(message, addr, 200, "OK")
            case "ACK" | "CANCEL" | "BYE" if message["call-id"] in self.calls:
                self._on_call(message, addr, self.calls[message["call-id"]])

    def _invited(self, invite: Message, addr: Address) -> None:
        script = self._write(invite)
        if self._profile.answering and script.latency_seconds < FOR_EVER.total_seconds() / 2:
            self._decide(invite, addr, script)

    def _write(self, invite: Message) -> CallScript:
        ours = invite["call-id"].partition(".")[0]
        return self._playwright.write(self._profile, ours, invite["to"], FOR_EVER, FOR_EVER)

    def _decide(self, invite: Message, addr: Address, script: CallScript) -> None:
        if self.switch.retry_after_seconds() is not None:
            script = replace(script, fate=Fate.THROTTLED)
        if script.fate in _REFUSED:
            self.answer(invite, addr, *_REFUSED[script.fate], "", "Retry-After: 1")
            return
        self.answer(invite, addr, 182, "Queued")
        call_id = invite["call-id"]
        call = _Ringing(call_id, call_id, invite["to"], script, invite=invite, caller=addr)
        self.calls[call_id] = call
        self.switch.place(call)

    def _on_call(self, message: Message, addr: Address, call: _Ringing) -> None:
        if message.method == "ACK":
            call.is_acknowledged = True
            if not call.is_live and call.answered and not call.is_left:
                self._say_goodbye(call)
            return
        self.answer(message, addr, 200, "OK")
        call.is_left = True
        self.switch.hang_up(call)

    def _on_status(self, call: PlacedCall) -> None:
        assert isinstance(call, _Ringing)
        match call.status:
            case Status.RINGING:
                self.answer(call.invite, call.caller, 180, "Ringing")
            case Status.ANSWERED:
                self.answer(call.invite, call.caller, 200, "OK", SDP)
            case Status.ENDED if not call.answered:
                assert call.disposition is not None
                self.answer(call.invite, call.caller, *_ENDED[call.disposition])
            case Status.ENDED if call.is_acknowledged and not call.is_left:
                # Before the ACK nobody may: it is said when that comes.
                self._say_goodbye(call)

    def within(self, call: "_Ringing", method: str, number: int) -> str:
        """The head of a request of ours inside the call."""
        host, port = self.address
        there = call.invite["contact"].partition("<")[2].partition(">")[0]
        lines = [
            f"{method} {there} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{method}-{call.carrier_call_id}",
            f"From: {call.invite['to']};tag=far",
            f"To: {call.invite['from']}",
            f"Call-ID: {call.carrier_call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:far@{host}:{port}>",
            "Max-Forwards: 70",
        ]
        return "\r\n".join(lines)

    def _say_goodbye(self, call: "_Ringing") -> None:
        self.send(with_body(self.within(call, "BYE", 1)), call.caller)


class NewsInbox:
    """The inbox of callbacks, read at once."""

    def __init__(self, news: News) -> None:
        self.news = news
        self.reader: SipCarrier | None = None

    async def store(self, callback: RawCallback) -> None:
        assert (callback.carrier, callback.carrier_config) == ("sip", CONFIG)
        assert self.reader is not None
        for report in self.reader.parse_callback(callback):
            self.news.put(report)

    async def pending(self, limit: int) -> list[StoredCallback]:
        return []


@asynccontextmanager
async def listening(phone: _Phone, host: str = LOOPBACK) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: phone, (host, 0))
    try:
        yield
    finally:
        transport.close()


class _WithAgent(SipCarrier):
    """The suite's agent is a socket; here it is a phone."""

    agent: FarAgent

    @override
    async def place_call(self, request: DialRequest) -> DialResult:
        return await super().place_call(replace(request, join_url=f"sip:agent@{self.agent.where}"))


@dataclass
class SipLine(Line):
    trunk: FarTrunk
    agent: FarAgent

    @override
    async def placed(self) -> int:
        return self.trunk.switch.placed


@asynccontextmanager
async def sip_line(
    profile: SimulationProfile,
    folder: Path,
    deadline: timedelta = CARRIER_DEADLINE,
    trunk: FarTrunk | None = None,
    inbox: NewsInbox | None = None,
    **account: str | bool,
) -> AsyncIterator[SipLine]:
    """Its worker is older than any call."""
    async with AsyncExitStack() as stack:
        trunk, agent = trunk or FarTrunk(profile), FarAgent()
        stack.callback(trunk.switch.close)
        for phone in (trunk, agent):
            await stack.enter_async_context(listening(phone))
        inbox = inbox or NewsInbox(News())
        supervisor = SipSupervisor(LOOPBACK, 0, LOOPBACK, inbox, ManualClock(LONG_AGO))
        await supervisor.start(lambda: None)
        stack.push_async_callback(supervisor.close)
        carrier = _WithAgent(
            SipAccount(proxy=trunk.where, **account),  # type: ignore[arg-type] # its own
            CONFIG,
            supervisor,
            AddressGuard(parse_networks([LOOPBACK])),
            lambda: True,
            deadline,
        )
        carrier.agent = agent
        inbox.reader = carrier
        yield SipLine(carrier, inbox.news, trunk, agent)
