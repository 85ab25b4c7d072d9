"""The calls of an account, as they are listed, shown and ended."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Protocol

import orjson

from outdial_server.carriers.answers import UNREADABLE, field
from outdial_server.carriers.twiml.statuses import report_of_resource
from outdial_server.domain.report import ReportKind
from outdial_server.outgoing.answer import Answer, AnswerLostError, NothingSentError
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.carrier import (
    CallQuery,
    Found,
    LookUpFailed,
    LookUpResult,
    NoSuchCall,
)

CLOCKS_APART: Final = timedelta(seconds=30)
"""How much earlier than our request a call may have been made by the carrier's clock."""

LISTED_MOST: Final = 50
"""Calls between two numbers that are looked through for one whose answer was lost."""

_FORM: Final = "application/x-www-form-urlencoded"

_CANNOT_BE_CHANGED: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
"""What a change of a call that has ended is answered with."""


class CallsAccount(Protocol):
    """Where the calls of an account are."""

    @property
    def list_url(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def call_url(self, sid: str) -> str: ...


class TwimlCalls:
    def __init__(
        self,
        exchange: HttpExchange,
        account: CallsAccount,
        has_no_such_call: Callable[[Answer], bool],
    ) -> None:
        """`has_no_such_call`: whether that is what the carrier answers; a 404 alone may be a
        proxy's, or a wrong path's."""
        self._exchange = exchange
        self._account = account
        self._has_no_such_call = has_no_such_call

    async def look_up(self, query: CallQuery) -> LookUpResult:
        try:
            return await (self._get(query) if query.carrier_call_id else self._search(query))
        except (NothingSentError, AnswerLostError) as error:
            return LookUpFailed(str(error))
        except ValueError:
            return LookUpFailed(UNREADABLE)

    async def end(self, query: CallQuery, status: str) -> bool:
        """By its new status."""
        try:
            sid = query.carrier_call_id or await self._find_sid(query)
            if sid is None:
                return True
            headers = {**self._account.headers, "content-type": _FORM}
            body = f"Status={status}".encode()
            answer = await self._exchange.post(self._account.call_url(sid), body, headers)
            return answer.is_success or await self._is_over(query, sid, answer)
        except (NothingSentError, AnswerLostError, ValueError):
            return False

    async def _get(self, query: CallQuery) -> LookUpResult:
        url = self._account.call_url(query.carrier_call_id)
        answer = await self._exchange.get(url, headers=self._account.headers)
        if self._has_no_such_call(answer):
            return NoSuchCall()
        return Found(report_of_resource(query.call_id, _object(answer)))

    async def _search(self, query: CallQuery) -> LookUpResult:
        """A call whose answer was lost. The carrier cannot be asked for our id; its callback
        will tell it. Until then: the call between these numbers that was made since. Of several
        nobody knows which is ours, only that one may be."""
        calls = [call for call in await self._list(query) if _made_since(call, query)]
        if not calls:
            return NoSuchCall()
        return Found(report_of_resource(query.call_id, calls[0]) if len(calls) == 1 else None)

    async def _list(self, query: CallQuery) -> list[dict[str, object]]:
        asked = {"To": query.address, "PageSize": str(LISTED_MOST)}
        if query.caller_id:
            asked["From"] = query.caller_id
        answer = await self._exchange.get(self._account.list_url, asked, self._account.headers)
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
        if self._has_no_such_call(answer):
            return True
        if answer.status not in _CANNOT_BE_CHANGED:
            return False
        found = await self._get(CallQuery(query.call_id, sid, query.address))
        report = found.report if isinstance(found, Found) else None
        return report is not None and report.kind is ReportKind.ENDED


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
