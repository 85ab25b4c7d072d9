"""The adapter to Plivo."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from outdial_server.carriers.account_check import account_fault
from outdial_server.carriers.answers import UNREADABLE, answered_within, field
from outdial_server.carriers.callback_forms import form_of, url_of
from outdial_server.carriers.placing import placed
from outdial_server.carriers.plivo.account import NAME, PlivoAccount
from outdial_server.carriers.plivo.answer_xml import handed_over
from outdial_server.carriers.plivo.create import ANSWER, JOIN_URL, create_body, known_refusal
from outdial_server.carriers.plivo.listing import PlivoListing
from outdial_server.carriers.plivo.reader import PlivoReader
from outdial_server.carriers.plivo.records import (
    CLOCKS_APART,
    PAGE_MOST,
    TIME_FORMAT,
    UUID,
    is_between,
    made_at,
    records_in,
)
from outdial_server.carriers.plivo.signature import NONCE_HEADER, SIGNATURE_HEADER, is_signed
from outdial_server.carriers.plivo.statuses import (
    IN_PROGRESS,
    report_of_callback,
    report_of_live,
    report_of_record,
)
from outdial_server.carriers.twiml.markup import is_phone
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.ids import CallId
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.report import CallReport, Fault
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

DEFAULT_CALLS_PER_SECOND: Final = 2.0
"""What comes faster is queued there, and rings when it should not any more."""

CONNECTIONS: Final = 200

LISTED_MOST: Final = PAGE_MOST
"""Calls that are looked through for one that is known by its numbers alone: each that goes on
takes a request. An account with more at once is told that the call could not be looked up."""

_STATES: Final = ("live", "queued")


class PlivoCarrier:
    """A call goes by the id of its request, which callbacks tell, too. By that Plivo finds the
    call itself; where it does not, the call is known by its numbers."""

    name = NAME
    default_calls_per_second: float | None = DEFAULT_CALLS_PER_SECOND
    over_rate = OverRate.QUEUES

    def __init__(
        self,
        account: PlivoAccount,
        callback_url: str,
        deadline: timedelta = CARRIER_DEADLINE,
        guard: AddressGuard | None = None,
    ) -> None:
        """`callback_url` is where Plivo is to call back, public and with its token; `guard` is
        for a base URL that a client has given. Raises ValueError when that is none."""
        checked_url(account.base_url)
        self._account = account
        self._callback_url = callback_url
        self._headers = account.headers
        self._exchange = HttpExchange(answered_within(deadline), CONNECTIONS, guard)
        self._reader = PlivoReader(self._exchange, account)
        self._listing = PlivoListing(self._reader)

    async def place_call(self, request: DialRequest) -> DialResult:
        if is_phone(request.join_url):
            # It would be taken for a socket, once somebody has answered.
            return Refused("JOIN_URL_IS_NO_SOCKET", Fault.CONFIGURATION)
        return await placed(request, self._create, _request_uuid, known_refusal)

    async def _create(self, request: DialRequest) -> Answer:
        body = create_body(self._account, request, f"{self._callback_url}/{request.call_id}")
        headers = {**self._headers, "content-type": "application/json"}
        return await self._exchange.post(self._account.calls_url, body, headers)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        try:
            if UUID.fullmatch(query.carrier_call_id):
                report = await self._by_id(query)
                if report is not None:
                    return Found(report)
            return await self._search(query)
        except (NothingSentError, AnswerLostError) as error:
            return LookUpFailed(str(error))
        except ValueError:
            return LookUpFailed(UNREADABLE)

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        try:
            if UUID.fullmatch(query.carrier_call_id):
                # What is cancelled has not been answered; what is ended may be a conversation.
                ended = await self._delete(self._account.request_url(query.carrier_call_id))
                if not ended and not unless_answered:
                    ended = await self._delete(self._account.call_url(query.carrier_call_id))
                if ended or unless_answered:
                    return ended
            return await self._end_by_numbers(query, unless_answered=unless_answered)
        except (NothingSentError, AnswerLostError, ValueError):
            return False

    async def list_calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        return await self._listing.calls(since)

    async def check_account(self) -> AccountFault | None:
        """By the list of calls."""
        return await account_fault(self._reader.calls(limit="1"), "objects")

    def verify_callback(self, callback: RawCallback) -> bool:
        try:
            return is_signed(
                self._account.auth_token,
                url_of(callback, self._callback_url),
                form_of(callback),
                callback.headers.get(NONCE_HEADER, ""),
                callback.headers.get(SIGNATURE_HEADER, ""),
            )
        except ValueError:
            return False

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        told = dict(form_of(callback))
        call_id, _, what = callback.path.partition("/")
        if not call_id or not UUID.fullmatch(told.get("CallUUID", "")):
            raise ValueError("the callback names no call")
        report = report_of_callback(CallId(call_id), what, told)
        return () if report is None else (report,)

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        call_id, _, what = callback.path.partition("/")
        (join_url, *_) = parse_qs(callback.query).get(JOIN_URL, [""])
        if what != ANSWER or not join_url:
            return None
        return CallbackAnswer("application/xml", handed_over(join_url, call_id).encode())

    async def close(self) -> None:
        await self._exchange.close()

    async def _delete(self, url: str) -> bool:
        """False when there is nothing of that id any more. Raises ValueError for any other
        answer."""
        answer = await self._exchange.delete(url, self._headers)
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        if not answer.is_success:
            raise ValueError(f"HTTP {answer.status}")
        return True

    async def _end_by_numbers(self, query: CallQuery, *, unless_answered: bool) -> bool:
        going_on = await self._going_on(query)
        if len(going_on) > 1:
            return False
        for uuid, status in going_on.items():
            if unless_answered and status == IN_PROGRESS:
                return False
            await self._delete(self._account.call_url(uuid))
        return True

    async def _by_id(self, query: CallQuery) -> CallReport | None:
        uuid = query.carrier_call_id
        for state in _STATES:
            call = await self._reader.live_call(uuid, state)
            if call is not None:
                return report_of_live(query.call_id, uuid, str(call.get("call_status")))
        record = await self._reader.ended_call(uuid)
        return None if record is None else report_of_record(query.call_id, uuid, record)

    async def _search(self, query: CallQuery) -> LookUpResult:
        """Plivo cannot be asked for our id; its callback will tell it. Until then: the call
        between these numbers that was made since. Of several nobody knows which is ours, only
        that one may be."""
        going_on = await self._going_on(query)
        reports = [
            report_of_live(query.call_id, query.carrier_call_id or uuid, status)
            for uuid, status in going_on.items()
        ]
        reports += [
            report_of_record(query.call_id, query.carrier_call_id or _uuid_of(record), record)
            for record in await self._ended(query)
        ]
        if not reports:
            return NoSuchCall()
        return Found(reports[0] if len(reports) == 1 else None)

    async def _going_on(self, query: CallQuery) -> dict[str, str]:
        """The status of each call between these numbers that is queued or goes on."""
        found: dict[str, str] = {}
        for state in _STATES:
            uuids = await self._reader.uuids(state)
            if len(uuids) > LISTED_MOST:
                raise ValueError("more calls than can be looked through")
            for uuid in uuids:
                call = await self._reader.live_call(uuid, state) or {}
                if is_between(query, call.get("to"), call.get("from")):
                    found[uuid] = str(call.get("call_status"))
        return found

    async def _ended(self, query: CallQuery) -> list[Mapping[str, object]]:
        asked = {"to_number": query.address, "limit": str(LISTED_MOST)}
        since = None if query.sent_at is None else query.sent_at - CLOCKS_APART
        if query.caller_id:
            asked["from_number"] = query.caller_id
        if since is not None:
            asked["end_time__gte"] = since.strftime(TIME_FORMAT)
        records = records_in(await self._reader.calls(**asked))
        return [
            record
            for record in records
            if is_between(query, record.get("to_number"), record.get("from_number"))
            and (since is None or (made_at(record) or since) >= since)
        ]


def _request_uuid(answer: Answer) -> str | None:
    found = field(answer, "request_uuid")
    return found if isinstance(found, str) and UUID.fullmatch(found) else None


def _uuid_of(record: Mapping[str, object]) -> str:
    found = record.get("call_uuid")
    return found if isinstance(found, str) else ""
