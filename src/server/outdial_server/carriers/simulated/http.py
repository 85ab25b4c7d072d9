"""The adapter to a simulated carrier in a process of its own: the pattern that adapters of
real carriers follow."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import orjson

from outdial_server.carriers.answers import UNREADABLE, answered_within, dial_result, field
from outdial_server.carriers.simulated.ring_log import micros_of
from outdial_server.carriers.simulated.script import Status
from outdial_server.carriers.simulated.signature import HEADER, is_signed
from outdial_server.carriers.simulated.status import report_of
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.errors import Reason, UnavailableError
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
    NotSent,
    RawCallback,
    Refused,
    Unclear,
)

NAME: Final = "simulated"
CONNECTIONS: Final = 1000
"""As many requests as there may be slots in SENDING; above it they wait, unsent."""


class HttpSimulatedCarrier:
    name = NAME
    # What the other process has is its own affair.
    default_calls_per_second: float | None = None
    over_rate = OverRate.QUEUES

    def __init__(
        self,
        base_url: str,
        callback_secret: str,
        callback_url: str,
        deadline: timedelta = CARRIER_DEADLINE,
    ) -> None:
        """`callback_url` is where the carrier is to call back, token and all. Raises
        ValueError when `base_url` is no URL."""
        self._calls_url = f"{checked_url(base_url).rstrip('/')}/calls"
        self._secret = callback_secret
        self._callback_url = callback_url
        self._exchange = HttpExchange(answered_within(deadline), CONNECTIONS)

    async def place_call(self, request: DialRequest) -> DialResult:
        try:
            answer = await self._exchange.post(self._calls_url, self._body(request), _JSON)
        except NothingSentError as error:
            return NotSent(str(error))
        except AnswerLostError as error:
            return Unclear(str(error))
        return _dial_result(answer)

    def _body(self, request: DialRequest) -> bytes:
        return orjson.dumps(
            ({"join_url": request.join_url} if request.join_url else {})
            | {
                "call_id": request.call_id,
                "to": request.address,
                "from": request.caller_id,
                "ring_timeout_seconds": request.ring_timeout.total_seconds(),
                "max_duration_seconds": request.max_duration.total_seconds(),
                "callback_url": self._callback_url,
            }
        )

    async def look_up(self, query: CallQuery) -> LookUpResult:
        try:
            answer = await self._get(query)
            return (
                NoSuchCall()
                if _has_no_such_call(answer)
                else Found(_report(orjson.loads(answer.body)))
            )
        except (NothingSentError, AnswerLostError) as error:
            return LookUpFailed(str(error))
        except ValueError:
            return LookUpFailed(UNREADABLE)

    async def _get(self, query: CallQuery) -> Answer:
        if query.carrier_call_id:
            return await self._exchange.get(f"{self._calls_url}/{query.carrier_call_id}")
        return await self._exchange.get(self._calls_url, {"call_id": query.call_id})

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        try:
            carrier_call_id = query.carrier_call_id or await self._find_id(query)
            if carrier_call_id is None:
                return True
            which = "?unless_answered=1" if unless_answered else ""
            answer = await self._exchange.post(f"{self._calls_url}/{carrier_call_id}/hangup{which}")
            return _has_no_such_call(answer) or (answer.is_success and _shows_call(answer))
        except (NothingSentError, AnswerLostError, ValueError):
            return False

    async def _find_id(self, query: CallQuery) -> str | None:
        """The carrier's id of a call whose answer was lost; None when it has no such
        call."""
        answer = await self._get(query)
        if _has_no_such_call(answer):
            return None
        return _report(orjson.loads(answer.body)).carrier_call_id

    async def list_calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        query = {"since_us": str(micros_of(since)), "until_us": str(micros_of(until))}
        listed: list[ListedCall] = []
        try:
            while page := await self._page(query):
                listed += page
                query["after"] = page[-1].carrier_call_id
        except (NothingSentError, AnswerLostError, ValueError) as error:
            raise UnavailableError(Reason.CARRIER_UNAVAILABLE, "no list of calls") from error
        return listed

    async def _page(self, query: Mapping[str, str]) -> list[ListedCall]:
        answer = await self._exchange.get(self._calls_url, query)
        calls = field(answer, "calls")
        if not answer.is_success or not isinstance(calls, list):
            raise ValueError("not a list of calls")
        return [_listed(call) for call in calls]

    async def check_account(self) -> AccountFault | None:
        """It has no accounts."""
        return None

    def verify_callback(self, callback: RawCallback) -> bool:
        return is_signed(self._secret, callback.headers.get(HEADER, ""), callback.body)

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        told = orjson.loads(callback.body)
        return tuple(_report(call) for call in (told if isinstance(told, list) else [told]))

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        await self._exchange.close()


_JSON: Final = {"content-type": "application/json"}
_STATUSES: Final[Mapping[str, Status | None]] = {
    "queued": None,
    **{status.value: status for status in Status},
}
_DISPOSITIONS: Final = {disposition.name.lower(): disposition for disposition in Disposition}


def _listed(call: Any) -> ListedCall:
    report = _report(call)
    is_live = report.kind is not ReportKind.ENDED
    return ListedCall(report.carrier_call_id, str(call.get("to", "")), is_live, report.call_id)


def _report(call: Any) -> CallReport:
    """A call as the carrier shows it. Raises ValueError for what is none."""
    try:
        status = _STATUSES[call["status"]]
        disposition = _DISPOSITIONS[call["disposition"]] if call["disposition"] else None
        rang = call.get("rang")
        return report_of(call["call_id"], call["id"], status, disposition, rang=rang)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a call: {error}") from error


def _shows_call(answer: Answer) -> bool:
    """Else another than the carrier has said that all is well. Raises ValueError then."""
    return bool(_report(orjson.loads(answer.body)))


def _has_no_such_call(answer: Answer) -> bool:
    """A 404 alone may be a proxy's, or a wrong path's: the carrier's own says what it is
    that is not there."""
    return answer.status == HTTPStatus.NOT_FOUND and field(answer, "error", "code") == ("not_found")


_INVALID_NUMBER: Final = Refused("INVALID_NUMBER", Fault.CALL, Disposition.INVALID_NUMBER)


def _dial_result(answer: Answer) -> DialResult:
    return dial_result(answer, lambda taken: field(taken, "id") or None, _known_refusal)


def _known_refusal(answer: Answer) -> Refused | None:
    return _INVALID_NUMBER if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY else None
