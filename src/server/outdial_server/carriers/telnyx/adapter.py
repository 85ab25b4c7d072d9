"""The adapter to Telnyx's Call Control."""

import re
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from outdial_server.carriers.account_check import KEPT_OUT, account_fault
from outdial_server.carriers.answers import UNREADABLE, answered_within, field
from outdial_server.carriers.placing import placed
from outdial_server.carriers.telnyx.account import NAME, TelnyxAccount
from outdial_server.carriers.telnyx.active import active_calls
from outdial_server.carriers.telnyx.create import call_id_in, code_of, create_body, known_refusal
from outdial_server.carriers.telnyx.events import TelnyxEvent, latest_report, report_of
from outdial_server.carriers.telnyx.listing import TelnyxListing
from outdial_server.carriers.telnyx.records import (
    CLOCKS_APART,
    PAGE_MOST,
    LegRecord,
    data_of,
    event_in,
    events_by_leg,
    leg_in,
    list_of,
    owner_of,
)
from outdial_server.carriers.telnyx.signature import is_own, public_key_of
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.ids import CallId
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.outgoing.answer import Answer, AnswerLostError, NothingSentError
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.outgoing.target import checked_url
from outdial_server.ports.carrier import (
    AccountFault,
    CallbackAnswer,
    CallQuery,
    DialRequest,
    DialResult,
    Found,
    ListedCall,
    LookUpFailed,
    LookUpResult,
    NoSuchCall,
    RawCallback,
    Refused,
)
from outdial_server.ports.clock import Clock

CONNECTIONS: Final = 200

_ID: Final = re.compile(r"[!-~]{1,256}")
_SOCKETS: Final = ("ws", "wss")
_JSON: Final = "application/json"


class TelnyxCarrier:
    name = NAME
    # Telnyx turns away what comes too fast.
    default_calls_per_second: float | None = None
    over_rate = OverRate.REFUSES

    def __init__(
        self,
        account: TelnyxAccount,
        callback_url: str,
        clock: Clock,
        deadline: timedelta = CARRIER_DEADLINE,
        guard: AddressGuard | None = None,
    ) -> None:
        """`callback_url` is where Telnyx is to call back, public and with its token; `guard` is
        for a base URL that a client has given. Raises ValueError when that is none, or the
        public key no key."""
        checked_url(account.base_url)
        self._account = account
        self._key = public_key_of(account.public_key)
        self._callback_url = callback_url
        self._clock = clock
        self._exchange = HttpExchange(answered_within(deadline), CONNECTIONS, guard)

    async def place_call(self, request: DialRequest) -> DialResult:
        if request.join_url and urlsplit(request.join_url).scheme not in _SOCKETS:
            return Refused("JOIN_URL_IS_NO_SOCKET", Fault.CONFIGURATION)
        return await placed(request, self._create, _carrier_call_id, known_refusal)

    async def _create(self, request: DialRequest) -> Answer:
        body = create_body(self._account, request, f"{self._callback_url}/{request.call_id}")
        return await self._post(self._account.calls_url, body)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        try:
            if query.carrier_call_id:
                leg = await self._status(query.carrier_call_id)
                return NoSuchCall() if leg is None else await self._found(query.call_id, leg)
            live = await self._find_live(query.call_id)
            return await self._search(query) if live is None else await self._found(*live)
        except (NothingSentError, AnswerLostError) as error:
            return LookUpFailed(str(error))
        except ValueError:
            return LookUpFailed(UNREADABLE)

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        try:
            carrier_call_id = query.carrier_call_id
            if not carrier_call_id:
                live = await self._find_live(query.call_id)
                if live is None:
                    return True
                carrier_call_id = live[1].carrier_call_id
            answer = await self._post(f"{self._call_url(carrier_call_id)}/actions/hangup", b"{}")
        except (NothingSentError, AnswerLostError, ValueError):
            return False
        return answer.is_success or _is_over(answer)

    async def list_calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        listing = TelnyxListing(self._exchange, self._account, self._clock)
        return await listing.calls(since, until)

    async def check_account(self) -> AccountFault | None:
        """By the list of active calls: it takes the key, and the connection."""
        url, headers = self._account.active_calls_url, self._account.headers
        return await fault_by_list(self._exchange.get(url, {"page[limit]": "1"}, headers), "data")

    def verify_callback(self, callback: RawCallback) -> bool:
        return is_own(self._key, callback, self._clock.now())

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        """Which call is meant the body says, since the signature does not cover the URL."""
        event = event_in(callback.body)
        call_id = call_id_in(event.payload.get("client_state"))
        # Of calls that somebody else makes over the connection, and events that move nothing.
        report = None if call_id is None else report_of(call_id, event)
        return () if report is None else (report,)

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        await self._exchange.close()

    async def _post(self, url: str, body: bytes) -> Answer:
        return await self._exchange.post(
            url, body, {**self._account.headers, "content-type": _JSON}
        )

    async def _get(self, url: str, **query: str) -> Answer:
        return await self._exchange.get(url, query, self._account.headers)

    def _call_url(self, carrier_call_id: str) -> str:
        return f"{self._account.calls_url}/{quote(carrier_call_id, safe='')}"

    async def _status(self, carrier_call_id: str) -> LegRecord | None:
        """Known for some minutes after the call's end."""
        answer = await self._get(self._call_url(carrier_call_id))
        return None if _is_over(answer) else leg_in(data_of(answer))

    async def _found(self, call_id: CallId, leg: LegRecord) -> Found:
        """A call's status says no more than that it is alive: its events tell the rest."""
        answer = await self._get(
            self._account.events_url,
            **{"filter[leg_id]": leg.leg_id, "filter[type]": "webhook", **_ONE_PAGE},
        )
        events = events_by_leg(list_of(answer)).get(leg.leg_id, [])
        report = latest_report(call_id, events) or CallReport(call_id, ReportKind.ACCEPTED)
        if leg.is_over and report.kind is not ReportKind.ENDED:
            report = CallReport(call_id, ReportKind.ENDED)
        return Found(report._replace(carrier_call_id=leg.carrier_call_id))

    async def _find_live(self, call_id: CallId) -> tuple[CallId, LegRecord] | None:
        """By our id, among all calls of the connection that go on."""
        async for call in active_calls(self._exchange, self._account):
            if call_id_in(call.get("client_state")) == call_id:
                return call_id, leg_in(call)
        return None

    async def _search(self, query: CallQuery) -> LookUpResult:
        """A call that is over, whose answer was lost: by the events of the calls to this
        number since. Where they do not say whose they are, the only one there is counts; of
        several nobody knows which is ours, only that one may be."""
        asked = {
            "filter[to]": query.address,
            "filter[connection_id]": self._account.connection_id,
            "filter[type]": "webhook",
            **_ONE_PAGE,
        }
        if query.sent_at is not None:
            asked["filter[occurred_at][gte]"] = (query.sent_at - CLOCKS_APART).isoformat()
        answer = await self._get(self._account.events_url, **asked)
        legs = list(events_by_leg(list_of(answer)).values())
        ours = [leg for leg in legs if owner_of(leg) == query.call_id]
        maybe = ours or [leg for leg in legs if owner_of(leg) is None]
        if not maybe:
            return NoSuchCall()
        return Found(_report_of_leg(query.call_id, maybe[0]) if len(maybe) == 1 else None)


_ONE_PAGE: Final = {"page[size]": str(PAGE_MOST)}

# The last is of the connection.
_KEPT_OUT: Final = KEPT_OUT | {HTTPStatus.UNPROCESSABLE_ENTITY}


async def fault_by_list(asked: Awaitable[Answer], list_name: str) -> AccountFault | None:
    """For both of Telnyx's ways to call."""
    return await account_fault(asked, list_name, _telnyx_code, _KEPT_OUT)


def _telnyx_code(answer: Answer) -> str | None:
    code = code_of(answer)
    return None if code is None else f"TELNYX_{code}"


_NO_SUCH_CALL: Final = frozenset({"90015", "90018"})
"""Its id is none of Telnyx's; it has ended."""


def _is_over(answer: Answer) -> bool:
    """A 404 alone may be a proxy's, or a wrong path's: Telnyx's own lists what is wrong."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return isinstance(field(answer, "errors"), list)
    return answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and code_of(answer) in _NO_SUCH_CALL


def _carrier_call_id(answer: Answer) -> str | None:
    found = field(answer, "data", "call_control_id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def _report_of_leg(call_id: CallId, events: list[TelnyxEvent]) -> CallReport | None:
    report = latest_report(call_id, events)
    if report is None or report.carrier_call_id:
        return report
    known = (event.carrier_call_id for event in events if event.carrier_call_id)
    return report._replace(carrier_call_id=next(known, ""))
