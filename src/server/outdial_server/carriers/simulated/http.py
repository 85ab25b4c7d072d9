"""The adapter to a simulated carrier in a process of its own: the pattern that adapters of
real carriers follow."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import httpx
import orjson

from outdial_server.carriers.simulated.http_client import new_client
from outdial_server.carriers.simulated.script import Status
from outdial_server.carriers.simulated.signature import HEADER, is_signed
from outdial_server.carriers.simulated.status import report_of
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import CallReport, Fault
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.carrier import (
    Accepted,
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

NAME: Final = "simulated"
CONNECTIONS: Final = 1000
"""As many requests as there may be slots in SENDING; above it they wait, unsent."""

_ANSWERING: Final = timedelta(milliseconds=500)
"""What is left of the deadline for this side to hand its answer back."""


class HttpSimulatedCarrier:
    name = NAME

    def __init__(
        self,
        base_url: str,
        callback_secret: str,
        callback_url: str,
        deadline: timedelta = CARRIER_DEADLINE,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._secret = callback_secret
        self._callback_url = callback_url
        self._deadline_seconds = (deadline - min(_ANSWERING, deadline / 10)).total_seconds()
        self._client = new_client(CONNECTIONS, self._deadline_seconds)

    async def place_call(self, request: DialRequest) -> DialResult:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._client.post(
                    f"{self._base_url}/calls", content=self._body(request), headers=_JSON
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            # There was no connection, so no byte of the request has left.
            return NotSent("CANNOT_CONNECT")
        except TimeoutError:
            return Unclear("TIMEOUT")
        except httpx.HTTPError as error:
            return Unclear(_reason(error))
        return _dial_result(answer)

    def _body(self, request: DialRequest) -> bytes:
        return orjson.dumps(
            {
                "call_id": request.call_id,
                "to": request.address,
                "from": request.caller_id,
                "ring_timeout_seconds": request.ring_timeout.total_seconds(),
                "max_duration_seconds": request.max_duration.total_seconds(),
                "callback_url": self._callback_url,
            }
        )

    async def look_up(self, query: CallQuery) -> LookUpResult:
        by_id = f"/calls/{query.carrier_call_id}"
        path = by_id if query.carrier_call_id else f"/calls?call_id={query.call_id}"
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._client.get(self._base_url + path)
        except (httpx.HTTPError, TimeoutError) as error:
            return LookUpFailed(_reason(error))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return NoSuchCall()
        if not answer.is_success:
            return LookUpFailed(f"HTTP_{answer.status_code}")
        return Found(_report(orjson.loads(answer.content)))

    async def hang_up(self, query: CallQuery) -> bool:
        if not query.carrier_call_id:
            return False
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._client.post(
                    f"{self._base_url}/calls/{query.carrier_call_id}/hangup"
                )
        except (httpx.HTTPError, TimeoutError):
            return False
        return answer.is_success or answer.status_code == httpx.codes.NOT_FOUND

    def verify_callback(self, callback: RawCallback) -> bool:
        return is_signed(self._secret, callback.headers.get(HEADER, ""), callback.body)

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        try:
            return (_report(orjson.loads(callback.body)),)
        except (KeyError, TypeError) as error:
            raise ValueError(f"a callback without {error}") from error

    async def close(self) -> None:
        await self._client.aclose()


_JSON: Final = {"content-type": "application/json"}
_QUEUED: Final = "queued"


def _report(call: Any) -> CallReport:
    status = None if call["status"] == _QUEUED else Status(call["status"])
    named = call["disposition"]
    disposition = Disposition[named.upper()] if named else None
    return report_of(call["call_id"], call["id"], status, disposition)


def _dial_result(answer: httpx.Response) -> DialResult:
    status = answer.status_code
    if answer.is_success:
        return _accepted(answer)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return NotSent("THROTTLED", _retry_after(answer))
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return Refused(f"HTTP_{status}", Fault.CONFIGURATION)
    if status == httpx.codes.UNPROCESSABLE_ENTITY:
        return Refused("INVALID_NUMBER", Fault.CALL, Disposition.INVALID_NUMBER)
    if answer.is_client_error:
        return Refused(f"HTTP_{status}", Fault.CALL)
    return Unclear(f"HTTP_{status}")


def _accepted(answer: httpx.Response) -> DialResult:
    try:
        return Accepted(orjson.loads(answer.content)["id"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Unclear("UNREADABLE_ANSWER")


def _retry_after(answer: httpx.Response) -> timedelta | None:
    text = answer.headers.get("retry-after", "")
    return timedelta(seconds=int(text)) if text.isdigit() else None


def _reason(error: Exception) -> str:
    """`ReadTimeout` as READ_TIMEOUT."""
    name = type(error).__name__
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name)).upper()
