"""Legs, timers and the OPTIONS of a check, made with sippy. Its event loop is one for a process,
and not asyncio's: so it runs in the worker and nowhere else."""

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventInfo,
    CCEventPreConnect,
    CCEventRedirect,
    CCEventRing,
    CCEventTry,
    CCEventUpdate,
)
from sippy.MsgBody import MsgBody
from sippy.SipCallId import SipCallId
from sippy.SipConf import SipConf
from sippy.SipTransactionManager import SipTransactionManager
from sippy.SipURL import SipURL
from sippy.Time.Timeout import Timeout
from sippy.UA import UA
from typing_extensions import override

from outdial_server.carriers.sip.happenings import (
    Answered,
    Failed,
    Gone,
    Happening,
    Left,
    Progressed,
    Proposed,
    Settled,
    Side,
)
from outdial_server.carriers.sip.messages import Party
from outdial_server.carriers.sip.sippy_options import CHALLENGES, Options, from_of, to_of
from outdial_server.carriers.sip.switchboard import Alarm, Leg
from outdial_server.carriers.sip.udp import LoneSocketOptions, guarded_udp
from outdial_server.domain.internet import AddressGuard
from outdial_server.ports.carrier import RETRY_AFTER_MOST

USER_AGENT: Final = "Outdial"

_EXPIRES_MARGIN_SECONDS: Final = 60
"""sippy gives an INVITE up after its Expires without a CANCEL; the ring timeout, which cancels,
comes before."""

Happen = Callable[[Happening], None]
Guarded = Callable[[Callable[..., None]], Callable[..., None]]


class _NoLog:
    """sippy logs whole messages, with whom they are for."""

    def write(self, *_: object, **__: object) -> None:
        return


class SippyWire:
    """A `Wire`."""

    def __init__(self, address: str, port: int, guard: AddressGuard, guarded: Guarded) -> None:
        """Raises OSError when it cannot listen there. `guarded` wraps what sippy calls: its
        own way with exceptions is to print them."""
        SipConf.my_uaname = USER_AGENT
        self._guarded = guarded
        self._config: dict[str, Any] = {
            "_sip_address": address,
            "_sip_port": port,
            "_sip_logger": _NoLog(),
        }
        manager = type(
            "_Manager",
            (SipTransactionManager,),
            {
                "model_udp_server": (guarded_udp(guard), LoneSocketOptions),
                # Contacts behind a NAT are answered where they came from.
                "nat_traversal": True,
            },
        )
        self._transactions = manager(self._config, _unasked)
        self._config["_sip_tm"] = self._transactions
        (self.host, self.port), _ = self._transactions.l4r.getServer(None).getSIPaddr()

    @property
    def host_and_port(self) -> str:
        return f"{self.host}:{self.port}"

    def can_reach(self, party: Party) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((self.host, 0))
                # Asks the routing table; a UDP socket sends nothing for it.
                probe.connect((party.address, party.port))
            except OSError:
                return False
        return True

    def leg(
        self, side: Side, party: Party, sip_call_id: str, ring_seconds: float, happen: Happen
    ) -> Leg:
        return _SippyLeg(
            self._config, side, party, sip_call_id, ring_seconds, self._guarded(happen)
        )

    def alarm(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        alarm: Alarm = Timeout(self._guarded(ring), seconds)
        return alarm

    def ask_options(self, party: Party, sip_call_id: str, tell: Callable[[int], None]) -> None:
        """`tell` is given the code of the final answer, 408 where none came."""
        Options(self._transactions, party, sip_call_id, self._guarded(tell)).send()


def _unasked(request: Any, _: object) -> tuple[Any, None, None]:
    """Requests of no call of ours: of one that another worker had, or a stranger's."""
    answers = {"OPTIONS": (200, "OK"), "BYE": (481, "Call Leg/Transaction Does Not Exist")}
    code, phrase = answers.get(request.getMethod(), (403, "Forbidden"))
    return request.genResponse(code, phrase), None, None


class _Try(CCEventTry):  # type: ignore[misc] # carries no types
    """sippy derives request URI, To and From from where a request is sent; here they are the
    party's."""

    party: Party

    @override
    def onUacSetupComplete(self, uac: Any) -> None:
        uac.rTarget = SipURL(self.party.uri)
        uac.rUri = to_of(self.party)
        uac.lUri = from_of(self.party, uac.lTag)
        uac.lContact.address.name = None


class _UserAgent(UA):  # type: ignore[misc] # carries no types
    """A user agent that remembers the last answer: events carry its code, and no headers."""

    expires_seconds = 0
    answer: Any = None
    is_answer = False
    is_dropped = False
    on_over: Callable[[], None]

    @override
    def recvResponse(self, resp: Any, tr: Any) -> None:
        self.answer = resp
        # What stands for no answer is made by sippy itself.
        self.is_answer = resp is not tr.r408
        if resp.getSCode()[0] in CHALLENGES or self.is_dropped:
            # The ACK goes once this returns: an INVITE with credentials, or the BYE to somebody
            # who picked up as the call was taken back, goes behind it.
            Timeout(super().recvResponse, 0, 1, resp, tr)
        else:
            super().recvResponse(resp, tr)

    @override
    def changeState(self, newstate: Any) -> None:
        super().changeState(newstate)
        if self.is_dropped and newstate[0] is self.UaStateDisconnected:
            # It has said BYE; sippy itself stays for 32 s, for what is sent again.
            self.on_over()

    @override
    def genRequest(self, method: str, *arguments: Any, **named: Any) -> Any:
        request = super().genRequest(method, *arguments, **named)
        if method == "INVITE":
            request.getHFBody("expires").number = self.expires_seconds
        return request


class _SippyLeg:
    def __init__(
        self,
        config: dict[str, Any],
        side: Side,
        party: Party,
        sip_call_id: str,
        ring_seconds: float,
        happen: Happen,
    ) -> None:
        self._side = side
        self._party = party
        self._call_id = sip_call_id
        self._happen = happen
        # Who waits for the answer to what was passed on.
        self._back: _SippyLeg | None = None
        self._user_agent = _UserAgent(
            config,
            self._event,
            party.username or None,
            party.password or None,
            (party.address, party.port),
            dead_cbs=(lambda _: self._happen(Gone(side)),),
            nh_transport="udp",
        )
        self._user_agent.on_over = lambda: self._happen(Gone(side))
        self._user_agent.expires_seconds = int(ring_seconds) + _EXPIRES_MARGIN_SECONDS

    def invite(self, sdp: str) -> None:
        caller = self._party.from_user
        trying = _Try((SipCallId(self._call_id), caller, "", _body(sdp), None, None))
        trying.party = self._party
        self._user_agent.recvEvent(trying)

    def acknowledge(self, sdp: str) -> None:
        self._user_agent.recvEvent(CCEventConnect((200, "OK", _body(sdp))))

    def reinvite(self, sdp: str) -> None:
        self._user_agent.recvEvent(CCEventUpdate(_body(sdp)))

    def pass_on(self, what: object, back: Leg) -> None:
        assert isinstance(back, _SippyLeg)  # noqa: S101 made by the same wire
        self._back = back if isinstance(what, CCEventUpdate) else None
        self._user_agent.recvEvent(what)

    def decline(self) -> None:
        self._user_agent.recvEvent(CCEventFail((491, "Request Pending")))

    def drop(self) -> None:
        self._user_agent.is_dropped = True
        # Else sippy would answer a challenge even now: with an INVITE that nobody cancels.
        self._user_agent.pass_auth = True
        self._user_agent.recvEvent(CCEventDisconnect())

    def _event(self, event: Any, _: object) -> None:
        if self._back is not None and isinstance(event, CCEventConnect | CCEventFail):
            back, self._back = self._back, None
            back._user_agent.recvEvent(event)  # noqa: SLF001 of its own kind
            self._happen(Settled())
            return
        happening = self._happening(event)
        if happening is not None:
            self._happen(happening)

    def _happening(self, event: Any) -> Happening | None:
        match event:
            case CCEventRing():
                return Progressed(self._side, event.getData()[0])
            case CCEventPreConnect() | CCEventConnect():
                body = event.getData()[2]
                return Answered(self._side, "" if body is None else str(body))
            case CCEventFail() | CCEventRedirect():
                return self._failed(*event.getData()[:2])
            case CCEventDisconnect():
                return Left(self._side)
            case CCEventUpdate():
                return Proposed(self._side, event)
            case CCEventInfo():
                return Proposed(self._side, event, needs_answer=False)
            case _:
                return None

    def _failed(self, code: int, phrase: str) -> Failed:
        user_agent = self._user_agent
        retry_after = _retry_after(user_agent.answer) if user_agent.is_answer else None
        return Failed(self._side, code, phrase, retry_after, user_agent.is_answer)


def _body(sdp: str) -> Any:
    return MsgBody(sdp) if sdp else None


def _retry_after(answer: Any) -> timedelta | None:
    """`120 (at lunch);duration=60` is two minutes."""
    if answer is None or not answer.countHFs("retry-after"):
        return None
    text = str(answer.getHFBody("retry-after")).strip()
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return min(timedelta(seconds=int(digits[:9])), RETRY_AFTER_MOST) if digits else None
