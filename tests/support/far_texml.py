"""TeXML, Telnyx's Twilio-like API, as far as calls go, written from its documentation."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from outdial_server.adapters.clock import SystemClock
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import Fate, Status
from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.texml import TexmlCarrier
from outdial_server.domain.call import Disposition
from outdial_server.domain.silence import CARRIER_DEADLINE
from support.far_carrier import Asked, Callback, FarCall, FarCarrier, FarLine, far_line
from support.far_telnyx import (
    API_KEY,
    CALL_LEAST_SECONDS,
    CONNECTION_ID,
    PUBLIC_KEY,
    REFUSALS,
    RING_LEAST_SECONDS,
    active_page,
    error,
    is_let_in,
    pace,
    signed_body,
)

PAGE_MOST = 1000

ACCOUNT_SID: Final = "61bf923e-5e4d-4595-a110-56190ea18a1b"

_FINAL: Final = {
    Disposition.ANSWERED_HUMAN: "completed",
    Disposition.ANSWERED_MACHINE: "completed",
    Disposition.BUSY: "busy",
    Disposition.NO_ANSWER: "no-answer",
    Disposition.CANCELLED: "canceled",
    Disposition.REJECTED: "failed",
    Disposition.FAILED: "failed",
}


class TexmlFace:
    far: FarCarrier

    def __init__(self, *, tells_sid: bool = True) -> None:
        """`tells_sid`: the description of the answer to a new call has no id of it."""
        self._tells_sid = tells_sid
        # By the call's own URL of ours, what its request asked for.
        self._asked: dict[str, dict[str, Any]] = {}
        # Numbers whose calls are not in the list yet.
        self.late: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        calls = "/v2/texml/Accounts/{account}/Calls"
        return [
            Route(calls, self._create, methods=["POST"]),
            Route(calls, self._list, methods=["GET"]),
            Route(f"/v2/connections/{CONNECTION_ID}/active_calls", self._active, methods=["GET"]),
            Route(calls + "/{sid}", self._get, methods=["GET"]),
            Route(calls + "/{sid}", self._update, methods=["POST"]),
        ]

    def new_id(self) -> str:
        return f"v3:{secrets.token_urlsafe(32)}"

    async def _create(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.far.requests.append(body)
        if not is_let_in(request):
            return self.refused(Fate.UNAUTHORIZED)
        if body["ApplicationSid"] != CONNECTION_ID:
            return error(422, "10015", "Invalid value for connection_id", "/ApplicationSid")
        self._asked[body["StatusCallback"]] = body
        asked = Asked(
            body["To"],
            body["From"],
            body["StatusCallback"],
            pace(body["Timeout"], RING_LEAST_SECONDS),
            pace(body["TimeLimit"], CALL_LEAST_SECONDS),
        )
        return await self.far.create(request, asked)

    def taken(self, call: FarCall) -> Response:
        told = {"from": call.caller_id, "to": call.to, "status": "queued"}
        return JSONResponse(told | ({"sid": call.carrier_call_id} if self._tells_sid else {}))

    def refused(self, fate: Fate) -> Response:
        return error(*REFUSALS[fate])

    async def _list(self, request: Request) -> Response:
        if not is_let_in(request):
            return self.refused(Fate.UNAUTHORIZED)
        if request.path_params["account"] != ACCOUNT_SID:
            return error(404, "10005", "Resource not found")
        wanted = request.query_params
        calls = [
            _resource(call)
            for call in reversed(self.far.calls())
            if call.to == wanted.get("To", call.to)
            and call.caller_id == wanted.get("From", call.caller_id)
            and wanted.get("StartTime") in (None, call.created_at.date().isoformat())
            and call.to not in self.late
        ]
        size, page = int(wanted.get("PageSize", 20)), int(wanted.get("Page", 0))
        size = min(size, PAGE_MOST)
        has_more = len(calls) > (page + 1) * size
        following = urlencode({"Page": page + 1, "PageSize": size, "PageToken": "MTY4"})
        uri = f"{request.url.path}.json?{following}" if has_more else None
        shown = calls[page * size : (page + 1) * size]
        return JSONResponse({"calls": shown, "page": page, "next_page_uri": uri})

    async def _active(self, request: Request) -> Response:
        return active_page(request, self.far.calls(), PAGE_MOST)

    async def _get(self, request: Request) -> Response:
        call = self.far.find(request.path_params["sid"])
        return _no_such_call() if call is None else JSONResponse(_resource(call))

    async def _update(self, request: Request) -> Response:
        call = self.far.find(request.path_params["sid"])
        form = parse_qs((await request.body()).decode())
        if call is None:
            return _no_such_call()
        if not call.is_live:
            return error(422, "90018", "Call has already ended")
        assert form == {"Status": ["completed"]}
        self.far.hang_up(call)
        return JSONResponse(_resource(call))

    def callbacks(self, call: FarCall) -> list[Callback]:
        asked = self._asked[call.call_id]
        told = {
            "AccountSid": ACCOUNT_SID,
            "CallSid": call.carrier_call_id,
            "CallSidLegacy": call.carrier_call_id,
            "ConnectionId": CONNECTION_ID,
        }
        news = told | {
            "From": call.caller_id,
            "To": call.to,
            "CallStatus": _status(call),
            "SequenceNumber": str(call.told),
            "CallbackSource": "call-progress-events",
        }
        call.told += 1
        if call.disposition is Disposition.REJECTED:
            news |= {"HangupCause": "call_rejected", "SipHangupCause": "603"}
        let_go = [_signed(call.call_id, news)]
        if call.status is Status.ANSWERED and asked.get("AsyncAmd") is True:
            heard = {"AnsweredBy": _answered_by(call), "MachineDetectionDuration": "2500"}
            let_go.append(_signed(asked["AsyncAmdStatusCallback"], told | heard))
        return let_go


def _signed(url: str, told: dict[str, str]) -> Callback:
    return signed_body(url, urlencode(told).encode(), "application/x-www-form-urlencoded")


def _status(call: FarCall) -> str:
    if call.disposition is not None:
        return _FINAL[call.disposition]
    return {None: "queued", Status.RINGING: "ringing", Status.ANSWERED: "in-progress"}[call.status]


def _answered_by(call: FarCall) -> str:
    machine = call.script.steps[-1].disposition is Disposition.ANSWERED_MACHINE
    return "machine_start" if machine else "human"


def _resource(call: FarCall) -> dict[str, Any]:
    created = format_datetime(call.created_at)
    resource = {
        "sid": call.carrier_call_id,
        "account_sid": ACCOUNT_SID,
        "to": call.to,
        "from": call.caller_id,
        "status": _status(call),
        "direction": "outbound",
        "date_created": created,
        "date_updated": created,
    }
    # It has words of its own here.
    heard = "machine" if _answered_by(call) == "machine_start" else "human"
    return resource | ({"answered_by": heard} if call.answered else {})


def _no_such_call() -> Response:
    return JSONResponse({"errors": [{"detail": "Resource not found"}]}, status_code=404)


def texml_at(url: str, callback_url: str, deadline: timedelta) -> TexmlCarrier:
    account = TelnyxAccount(
        API_KEY,
        CONNECTION_ID,
        PUBLIC_KEY,
        base_url=f"{url}/v2",
        detect_machines=True,
        texml_account_sid=ACCOUNT_SID,
    )
    return TexmlCarrier(account, callback_url, SystemClock(), deadline=deadline)


@asynccontextmanager
async def texml_line(
    profile: SimulationProfile,
    folder: Path,
    deadline: timedelta = CARRIER_DEADLINE,
    face: TexmlFace | None = None,
) -> AsyncIterator[FarLine]:
    adapter = partial(texml_at, deadline=deadline)
    async with far_line(face or TexmlFace(), profile, adapter) as line:
        yield line
