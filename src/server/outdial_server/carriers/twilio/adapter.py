"""The adapter to Twilio."""

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from outdial_server.carriers.answers import UNREADABLE, answered_within, dial_result, field
from outdial_server.carriers.basic_login import basic_authorization
from outdial_server.carriers.twilio.account import NAME, TwilioAccount
from outdial_server.carriers.twilio.create import create_form, known_refusal
from outdial_server.carriers.twilio.signature import HEADER, is_signed
from outdial_server.carriers.twilio.statuses import report_of_callback, report_of_resource
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.carrier_params import ParamsError
from outdial_server.domain.ids import CallId
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.outgoing.exchange import (
    Answer,
    AnswerLostError,
    HttpExchange,
    NothingSentError,
    checked_url,
)
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

DEFAULT_CALLS_PER_SECOND: Final = 1.0
"""What comes faster is queued there, and rings when it should not any more."""

CONNECTIONS: Final = 200
"""Twilio bounds the requests of an account at once; above it they are turned away."""

CLOCKS_APART: Final = timedelta(seconds=30)
"""How much earlier than our request a call may have been made by Twilio's clock."""

LISTED_MOST: Final = 50
"""Calls between two numbers that are looked through for one whose answer was lost."""

_SID: Final = re.compile(r"CA[0-9a-fA-F]{32}")
_FORM: Final = "application/x-www-form-urlencoded"
_HEARD: Final = "heard"


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
        self._headers = basic_authorization(*account.login)
        self._exchange = HttpExchange(answered_within(deadline), CONNECTIONS, guard)

    async def place_call(self, request: DialRequest) -> DialResult:
        if not request.join_url:
            # Twilio would not know what to do with whoever answers.
            return Refused("AGENT_HAS_NO_JOIN_URL", Fault.CONFIGURATION)
        try:
            form = create_form(self._account, request, f"{self._callback_url}/{request.call_id}")
            answer = await self._post(f"{self._account.calls_url}.json", form)
        except ParamsError:
            return Refused("INVALID_PARAMS", Fault.CALL)
        except NothingSentError as error:
            return NotSent(str(error))
        except AnswerLostError as error:
            return Unclear(str(error))
        return dial_result(answer, _sid, known_refusal)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        try:
            if query.carrier_call_id:
                return await self._get(query)
            return await self._search(query)
        except (NothingSentError, AnswerLostError) as error:
            return LookUpFailed(str(error))
        except ValueError:
            return LookUpFailed(UNREADABLE)

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        try:
            sid = query.carrier_call_id or await self._find_sid(query)
            if sid is None:
                return True
            # What is canceled is queued or rings; what is completed may be a conversation.
            wanted = b"Status=canceled" if unless_answered else b"Status=completed"
            answer = await self._post(f"{self._account.calls_url}/{sid}.json", wanted)
            return answer.is_success or await self._is_over(query, sid, answer)
        except (NothingSentError, AnswerLostError, ValueError):
            return False

    async def check_account(self) -> AccountFault | None:
        """By the list of calls, which every key may read. The auth token is tried beside an API
        key: a wrong one would let no callback in."""
        for login in dict.fromkeys((self._account.login, self._account.main_login)):
            fault = await self._try_login(login)
            if fault is not None:
                return fault
        return None

    async def _try_login(self, login: tuple[str, str]) -> AccountFault | None:
        url = f"{self._account.calls_url}.json"
        try:
            answer = await self._exchange.get(url, {"PageSize": "1"}, basic_authorization(*login))
        except (NothingSentError, AnswerLostError) as error:
            return AccountFault(str(error), is_refusal=False)
        if answer.is_success and isinstance(field(answer, "calls"), list):
            return None
        code = field(answer, "code")
        reason = f"TWILIO_{code}" if isinstance(code, int) else f"HTTP_{answer.status}"
        return AccountFault(reason, is_refusal=answer.status in _KEPT_OUT)

    def verify_callback(self, callback: RawCallback) -> bool:
        path = f"/{callback.path}" if callback.path else ""
        query = f"?{callback.query}" if callback.query else ""
        url = f"{self._callback_url}{path}{query}"
        given = callback.headers.get(HEADER, "")
        try:
            return is_signed(self._account.auth_token, url, _form(callback), given)
        except ValueError:
            return False

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        told = dict(_form(callback))
        call_id, _, what = callback.path.partition("/")
        if not call_id or not _SID.fullmatch(told.get("CallSid", "")):
            raise ValueError("the callback names no call")
        if what == _HEARD:
            # The record of the call keeps it, and the last callback says it once more.
            return ()
        return (report_of_callback(CallId(call_id), told),)

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        await self._exchange.close()

    async def _post(self, url: str, form: bytes) -> Answer:
        return await self._exchange.post(url, form, {**self._headers, "content-type": _FORM})

    async def _get(self, query: CallQuery) -> LookUpResult:
        url = f"{self._account.calls_url}/{query.carrier_call_id}.json"
        answer = await self._exchange.get(url, headers=self._headers)
        if _has_no_such_call(answer):
            return NoSuchCall()
        return Found(report_of_resource(query.call_id, _object(answer)))

    async def _search(self, query: CallQuery) -> LookUpResult:
        """A call whose answer was lost. Twilio cannot be asked for our id; its callback will
        tell it. Until then: the call between these numbers that was made since. Of several
        nobody knows which is ours, only that one may be."""
        calls = [call for call in await self._list(query) if _made_since(call, query)]
        if not calls:
            return NoSuchCall()
        return Found(report_of_resource(query.call_id, calls[0]) if len(calls) == 1 else None)

    async def _list(self, query: CallQuery) -> list[dict[str, object]]:
        asked = {"To": query.address, "PageSize": str(LISTED_MOST)}
        if query.caller_id:
            asked["From"] = query.caller_id
        url = f"{self._account.calls_url}.json"
        answer = await self._exchange.get(url, asked, self._headers)
        calls = field(answer, "calls")
        if not answer.is_success or not isinstance(calls, list):
            raise ValueError("not a list of calls")
        return [call for call in calls if isinstance(call, dict)]

    async def _find_sid(self, query: CallQuery) -> str | None:
        """None when there is none. Raises ValueError when it is not clear which."""
        found = await self._search(query)
        if isinstance(found, NoSuchCall):
            return None
        if isinstance(found, Found) and found.report is not None:
            return found.report.carrier_call_id
        raise ValueError("several calls may be meant")

    async def _is_over(self, query: CallQuery, sid: str, answer: Answer) -> bool:
        """A call that has ended cannot be changed: what matters is that it has."""
        if _has_no_such_call(answer):
            return True
        if answer.status != HTTPStatus.BAD_REQUEST:
            return False
        found = await self._get(CallQuery(query.call_id, sid, query.address))
        report = found.report if isinstance(found, Found) else None
        return report is not None and report.kind is ReportKind.ENDED


_KEPT_OUT: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


def _sid(answer: Answer) -> str | None:
    sid = field(answer, "sid")
    return sid if isinstance(sid, str) and _SID.fullmatch(sid) else None


def _form(callback: RawCallback) -> list[tuple[str, str]]:
    """Raises ValueError for what is no form."""
    return parse_qsl(callback.body.decode(), keep_blank_values=True, strict_parsing=True)


def _has_no_such_call(answer: Answer) -> bool:
    """A 404 alone may be a proxy's, or a wrong path's: Twilio's own has a code."""
    return answer.status == HTTPStatus.NOT_FOUND and field(answer, "code") == _NOT_FOUND


_NOT_FOUND: Final = 20404


def _object(answer: Answer) -> dict[str, Any]:
    """Raises ValueError for anything but a whole answer."""
    found = orjson.loads(answer.body)
    if not answer.is_success or not isinstance(found, dict):
        raise ValueError(f"HTTP {answer.status}")
    return found


def _made_since(call: dict[str, object], query: CallQuery) -> bool:
    """The list tells days apart, and no more. A call without a date may be it."""
    created = call.get("date_created")
    if query.sent_at is None or not isinstance(created, str):
        return True
    return parsedate_to_datetime(created) >= query.sent_at - CLOCKS_APART
