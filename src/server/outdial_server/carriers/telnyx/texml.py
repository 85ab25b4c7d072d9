"""The adapter to TeXML, Telnyx's Twilio-like API."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from outdial_server.carriers.answers import answered_within, field
from outdial_server.carriers.callback_forms import form_of
from outdial_server.carriers.placing import placed
from outdial_server.carriers.telnyx.account import NAME, TelnyxAccount
from outdial_server.carriers.telnyx.adapter import CONNECTIONS, fault_by_list
from outdial_server.carriers.telnyx.create import known_refusal
from outdial_server.carriers.telnyx.signature import is_own, public_key_of
from outdial_server.carriers.telnyx.texml_create import HEARD, create_body
from outdial_server.carriers.telnyx.texml_listing import TexmlListing
from outdial_server.carriers.twiml.calls import TwimlCalls
from outdial_server.carriers.twiml.statuses import report_of_callback, report_of_hearing
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.ids import CallId
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.report import CallReport
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.outgoing.answer import Answer
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.outgoing.target import checked_url
from outdial_server.ports.carrier import (
    AccountFault,
    CallbackAnswer,
    CallQuery,
    DialRequest,
    DialResult,
    ListedCall,
    LookUpResult,
    RawCallback,
)
from outdial_server.ports.clock import Clock

_SID: Final = re.compile(r"[!-~]{1,256}")


class TexmlCarrier:
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
        """See TelnyxCarrier."""
        checked_url(account.base_url)
        self._account = account
        self._key = public_key_of(account.public_key)
        self._callback_url = callback_url
        self._clock = clock
        self._exchange = HttpExchange(answered_within(deadline), CONNECTIONS, guard)
        self._calls = TwimlCalls(self._exchange, account, _has_no_such_call)

    async def place_call(self, request: DialRequest) -> DialResult:
        return await placed(request, self._create, _sid, known_refusal)

    async def _create(self, request: DialRequest) -> Answer:
        body = create_body(self._account, request, f"{self._callback_url}/{request.call_id}")
        headers = {**self._account.headers, "content-type": "application/json"}
        return await self._exchange.post(self._account.list_url, body, headers)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        return await self._calls.look_up(query)

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        return await self._calls.end(query, "completed")

    async def list_calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        listing = TexmlListing(self._exchange, self._account, self._clock)
        return await listing.calls(since, until)

    async def check_account(self) -> AccountFault | None:
        """By the list of calls: it takes the key, and the account."""
        url, headers = self._account.list_url, self._account.headers
        return await fault_by_list(self._exchange.get(url, {"PageSize": "1"}, headers), "calls")

    def verify_callback(self, callback: RawCallback) -> bool:
        return is_own(self._key, callback, self._clock.now())

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        """Which call is meant the URL alone says: nothing of ours is in the body. So whoever has
        a callback of the account and its token can tell it of another call within five
        minutes, and nobody else."""
        told = dict(form_of(callback))
        call_id, _, what = callback.path.partition("/")
        if not call_id or not _SID.fullmatch(told.get("CallSid", "")):
            raise ValueError("the callback names no call")
        if what != HEARD:
            return (report_of_callback(CallId(call_id), told, "SipHangupCause"),)
        heard = report_of_hearing(CallId(call_id), told)
        return () if heard is None else (heard,)

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        await self._exchange.close()


def _sid(answer: Answer) -> str | None:
    """Telnyx's description of the answer has none: then the callbacks tell it."""
    if not isinstance(field(answer, "status"), str):
        return None
    for name in ("sid", "call_sid"):
        found = field(answer, name)
        if isinstance(found, str) and _SID.fullmatch(found):
            return found
    return ""


def _has_no_such_call(answer: Answer) -> bool:
    """Telnyx's own 404 lists what is wrong."""
    return answer.status == HTTPStatus.NOT_FOUND and isinstance(field(answer, "errors"), list)
