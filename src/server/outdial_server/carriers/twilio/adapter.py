"""The adapter to Twilio."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from outdial_server.carriers.account_check import account_fault
from outdial_server.carriers.answers import answered_within, field
from outdial_server.carriers.basic_login import basic_authorization
from outdial_server.carriers.callback_forms import form_of, url_of
from outdial_server.carriers.placing import placed
from outdial_server.carriers.twilio.account import NAME, TwilioAccount
from outdial_server.carriers.twilio.create import HEARD, create_form, known_refusal
from outdial_server.carriers.twilio.listing import TwilioListing
from outdial_server.carriers.twilio.signature import HEADER, is_signed
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

DEFAULT_CALLS_PER_SECOND: Final = 1.0
"""What comes faster is queued there, and rings when it should not any more."""

CONNECTIONS: Final = 200
"""Twilio bounds the requests of an account at once; above it they are turned away."""

_SID: Final = re.compile(r"CA[0-9a-fA-F]{32}")
_FORM: Final = "application/x-www-form-urlencoded"


class TwilioCarrier:
    name = NAME
    default_calls_per_second: float | None = DEFAULT_CALLS_PER_SECOND
    over_rate = OverRate.QUEUES

    def __init__(
        self,
        account: TwilioAccount,
        callback_url: str,
        deadline: timedelta = CARRIER_DEADLINE,
        guard: AddressGuard | None = None,
    ) -> None:
        """`callback_url` is where Twilio is to call back, public and with its token; `guard` is
        for a base URL that a client has given. Raises ValueError when that is none."""
        checked_url(account.base_url)
        self._account = account
        self._callback_url = callback_url
        self._exchange = HttpExchange(answered_within(deadline), CONNECTIONS, guard)
        self._calls = TwimlCalls(self._exchange, account, _has_no_such_call)

    async def place_call(self, request: DialRequest) -> DialResult:
        return await placed(request, self._create, _sid, known_refusal)

    async def _create(self, request: DialRequest) -> Answer:
        form = create_form(self._account, request, f"{self._callback_url}/{request.call_id}")
        headers = {**self._account.headers, "content-type": _FORM}
        return await self._exchange.post(self._account.list_url, form, headers)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        return await self._calls.look_up(query)

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        # What is canceled is queued or rings; what is completed may be a conversation.
        return await self._calls.end(query, "canceled" if unless_answered else "completed")

    async def list_calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        return await TwilioListing(self._exchange, self._account).calls(since, until)

    async def check_account(self) -> AccountFault | None:
        """By the list of calls, which every key may read. The auth token is tried beside an API
        key: a wrong one would let no callback in."""
        for login in dict.fromkeys((self._account.login, self._account.main_login)):
            fault = await self._try_login(login)
            if fault is not None:
                return fault
        return None

    async def _try_login(self, login: tuple[str, str]) -> AccountFault | None:
        headers = basic_authorization(*login)
        asked = self._exchange.get(self._account.list_url, {"PageSize": "1"}, headers)
        return await account_fault(asked, "calls", _code_of)

    def verify_callback(self, callback: RawCallback) -> bool:
        url, given = url_of(callback, self._callback_url), callback.headers.get(HEADER, "")
        try:
            return is_signed(self._account.auth_token, url, form_of(callback), given)
        except ValueError:
            return False

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        told = dict(form_of(callback))
        call_id, _, what = callback.path.partition("/")
        if not call_id or not _SID.fullmatch(told.get("CallSid", "")):
            raise ValueError("the callback names no call")
        if what != HEARD:
            return (report_of_callback(CallId(call_id), told, "SipResponseCode"),)
        heard = report_of_hearing(CallId(call_id), told)
        return () if heard is None else (heard,)

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        await self._exchange.close()


def _code_of(answer: Answer) -> str | None:
    code = field(answer, "code")
    return f"TWILIO_{code}" if isinstance(code, int) else None


def _sid(answer: Answer) -> str | None:
    sid = field(answer, "sid")
    return sid if isinstance(sid, str) and _SID.fullmatch(sid) else None


def _has_no_such_call(answer: Answer) -> bool:
    """A 404 alone may be a proxy's, or a wrong path's: Twilio's own has a code."""
    return answer.status == HTTPStatus.NOT_FOUND and field(answer, "code") == _NOT_FOUND


_NOT_FOUND: Final = 20404
