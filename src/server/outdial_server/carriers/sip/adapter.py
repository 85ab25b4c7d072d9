"""The adapter to SIP: one account, by way of the worker that all accounts share."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import orjson

from outdial_server.carriers.answers import answered_within
from outdial_server.carriers.sip.account import NAME, SipAccount
from outdial_server.carriers.sip.addresses import (
    Caller,
    Destination,
    HostAndPort,
    SipAddressError,
    caller_of,
    destination_of,
    parse_hop,
    parse_uri,
)
from outdial_server.carriers.sip.messages import (
    CheckOrder,
    HangUpOrder,
    LookUpOrder,
    Message,
    Party,
    PlaceOrder,
    dial_result_in,
    report_in,
)
from outdial_server.carriers.sip.supervisor import NoWorkerError, SipSupervisor, WorkerLostError
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.report import CallReport, Fault
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.carrier import (
    AccountFault,
    CallbackAnswer,
    CallQuery,
    DialRequest,
    DialResult,
    Found,
    LookUpFailed,
    LookUpResult,
    NoSuchCall,
    NotSent,
    RawCallback,
    Refused,
    Unclear,
)

NO_WORKER: Final = "SIP_WORKER_DOWN"
WORKER_LOST: Final = "SIP_WORKER_LOST"
AGAIN_AFTER: Final = timedelta(seconds=2)

RESOLVE_WITHIN_SECONDS: Final = 3.0

CLOCKS_APART: Final = timedelta(seconds=5)
"""Between the store's clock, which dates calls, and this server's."""

_KEPT_OUT: Final = frozenset({401, 403, 407})
_TIMEOUT: Final = 408


class UnreachableError(Exception):
    """Nothing can be sent there; the text is a reason."""


class UnreachableAgentError(UnreachableError):
    """Nor to where the agent is."""


CANNOT_RESOLVE: Final = "CANNOT_RESOLVE"
NOT_ALLOWED: Final = "ADDRESS_NOT_ALLOWED"


class SipCarrier:
    name = NAME
    # A trunk turns away what comes too fast.
    default_calls_per_second: float | None = None
    over_rate = OverRate.REFUSES

    def __init__(
        self,
        account: SipAccount,
        config_id: CarrierConfigId,
        supervisor: SipSupervisor,
        guard: AddressGuard,
        is_alone: Callable[[], bool],
        deadline: timedelta = CARRIER_DEADLINE,
    ) -> None:
        """`is_alone` says whether no other server places calls over this database."""
        self._account = account
        self._config_id = config_id
        self._supervisor = supervisor
        self._guard = guard
        self._is_alone = is_alone
        self._deadline = deadline

    async def place_call(self, request: DialRequest) -> DialResult:
        if not request.join_url:
            return Refused("AGENT_HAS_NO_JOIN_URL", Fault.CONFIGURATION)
        begun = asyncio.get_running_loop().time()
        try:
            agent = parse_uri(request.join_url)
        except SipAddressError:
            return Refused("JOIN_URL_IS_NO_SIP_URI", Fault.CONFIGURATION)
        try:
            callee = destination_of(request.address, self._account)
        except SipAddressError as error:
            return Refused(str(error), Fault.CALL, Disposition.INVALID_NUMBER)
        try:
            order = await self._order(request, callee, agent, begun)
            return dial_result_in(await self._supervisor.ask(order))
        except UnreachableAgentError as error:
            return _no_way_to_agent(str(error))
        except UnreachableError as error:
            return self._no_way(str(error))
        except NoWorkerError:
            return NotSent(NO_WORKER, AGAIN_AFTER, tells_of_carrier=False)
        except WorkerLostError:
            return Unclear(WORKER_LOST)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        try:
            said = await self._supervisor.ask(LookUpOrder(query.call_id))
        except (NoWorkerError, WorkerLostError):
            return LookUpFailed(NO_WORKER)
        if said["report"] is not None:
            return Found(report_in(said["report"]))
        return NoSuchCall() if self._would_know(query) else LookUpFailed("NOT_OF_THIS_WORKER")

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        try:
            said = await self._supervisor.ask(HangUpOrder(query.call_id))
        except (NoWorkerError, WorkerLostError):
            return False
        return bool(said["is_known"]) or self._would_know(query)

    async def check_account(self) -> AccountFault | None:
        """By OPTIONS to the proxy. Most trunks answer it, whatever they say; those that ask for
        credentials judge them. Without a proxy there is nobody to ask."""
        if not self._account.proxy:
            return None
        hop = parse_hop(self._account.proxy)
        caller = Caller(self._account.username or "outdial", self._account.from_domain or hop.host)
        try:
            party = await self._party(Destination(f"sip:{hop.host}", hop), caller)
            seconds = answered_within(self._deadline).total_seconds()
            said = await self._supervisor.ask(CheckOrder(party, seconds))
        except UnreachableError as error:
            return AccountFault(str(error), is_refusal=False)
        except (NoWorkerError, WorkerLostError):
            return AccountFault(NO_WORKER, is_refusal=False)
        code = said["code"]
        if code in _KEPT_OUT:
            return AccountFault(f"SIP_{code}", is_refusal=True)
        return AccountFault("TIMEOUT", is_refusal=False) if code == _TIMEOUT else None

    def verify_callback(self, callback: RawCallback) -> bool:
        """News comes from the worker; whatever comes over HTTP is not its."""
        return False

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        told: Message = orjson.loads(callback.body)
        return (report_in(told),)

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        """The worker is the supervisor's."""

    async def _order(
        self, request: DialRequest, callee: Destination, agent: Destination, begun: float
    ) -> PlaceOrder:
        caller = caller_of(request.caller_id, self._account, callee.hop)
        callee_party, agent_party = await asyncio.gather(
            self._party(callee, caller), self._agent_party(agent, caller)
        )
        spent = asyncio.get_running_loop().time() - begun
        return PlaceOrder(
            call_id=request.call_id,
            carrier_config=self._config_id,
            callee=callee_party,
            agent=agent_party,
            ring_seconds=request.ring_timeout.total_seconds(),
            max_seconds=request.max_duration.total_seconds(),
            verdict_seconds=max(0.0, answered_within(self._deadline).total_seconds() - spent),
            agent_first=self._account.agent_first,
        )

    async def _party(self, there: Destination, caller: Caller) -> Party:
        return Party(
            uri=there.uri,
            address=await resolved(there.hop, self._guard),
            port=there.hop.port,
            from_user=caller.user,
            from_host=caller.host,
            from_name=caller.name,
            username=self._account.username,
            password=self._account.password,
        )

    async def _agent_party(self, there: Destination, caller: Caller) -> Party:
        """The account's credentials are for whom the account is with."""
        try:
            party = await self._party(there, caller)
        except UnreachableError as error:
            raise UnreachableAgentError(str(error)) from error
        return replace(party, username="", password="")

    def _no_way(self, reason: str) -> DialResult:
        """Without a proxy this is a matter of one person's address alone."""
        if self._account.proxy:
            return NotSent(reason)
        if reason == NOT_ALLOWED:
            return Refused(reason, Fault.CALL, Disposition.INVALID_NUMBER)
        return NotSent(reason, tells_of_carrier=False)

    def _would_know(self, query: CallQuery) -> bool:
        """Whether a call that the worker does not know never was. Its memory is no older than
        itself, and other servers have workers of their own."""
        since = self._supervisor.knows_since
        if since is None or not self._is_alone():
            return False
        return query.sent_at is not None and query.sent_at - CLOCKS_APART >= since


async def resolved(hop: HostAndPort, guard: AddressGuard) -> str:
    """An IPv4 address that requests may go to. Raises UnreachableError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_WITHIN_SECONDS):
            found = await loop.getaddrinfo(
                hop.host, hop.port, family=socket.AF_INET, type=socket.SOCK_DGRAM
            )
    except (OSError, TimeoutError, UnicodeError) as error:
        # No such name, no answer, or no name at all: with 64 letters between two dots.
        raise UnreachableError(CANNOT_RESOLVE) from error
    addresses = [str(info[4][0]) for info in found]
    permitted = [address for address in addresses if guard.permits(address)]
    if not permitted:
        raise UnreachableError(NOT_ALLOWED)
    return permitted[0]


def _no_way_to_agent(reason: str) -> DialResult:
    reason = f"AGENT_{reason}"
    if reason.endswith(NOT_ALLOWED):
        return Refused(reason, Fault.CONFIGURATION)
    return NotSent(reason, tells_of_carrier=False)
