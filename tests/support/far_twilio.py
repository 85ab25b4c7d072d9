"""Twilio's API, as far as calls go, written from its documentation."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import Fate, Status
from outdial_server.carriers.twilio.account import TwilioAccount
from outdial_server.carriers.twilio.adapter import TwilioCarrier
from outdial_server.domain.call import Disposition
from outdial_server.domain.silence import CARRIER_DEADLINE
from support.far_carrier import Asked, Callback, FarCall, FarCarrier, FarLine, far_line

SID: Final = "AC" + "0" * 32
TOKEN: Final = "a-token-of-twilio"
KEY_SID: Final = "SK" + "0" * 32
KEY_SECRET: Final = "a-secret-of-an-api-key"

_FINAL: Final = {
    Disposition.ANSWERED_HUMAN: "completed",
    Disposition.ANSWERED_MACHINE: "completed",
    Disposition.BUSY: "busy",
    Disposition.NO_ANSWER: "no-answer",
    Disposition.CANCELLED: "canceled",
    Disposition.REJECTED: "failed",
    Disposition.FAILED: "failed",
}

_REFUSALS: Final = {
    Fate.INVALID_NUMBER: (400, 21211, "Invalid 'To' Phone Number"),
    Fate.UNAUTHORIZED: (401, 20003, "Authenticate"),
    Fate.THROTTLED: (429, 20429, "Too Many Requests"),
    Fate.ERROR: (500, 20500, "An internal server error has occurred"),
    Fate.ERROR_PLACED: (500, 20500, "An internal server error has occurred"),
}


PAGE_MOST = 1000


class TwilioFace:
    far: FarCarrier

    def __init__(self, sid: str = SID, token: str = TOKEN) -> None:
        """Of one account."""
        self._sid = sid
        self._token = token
        # By the call's own part of our callback URLs, what its request asked for.
        self._asked: dict[str, dict[str, list[str]]] = {}
        self.refused_caller_ids: set[str] = set()
        # Whose phones begin to ring as their calls are cancelled; nobody is told.
        self.rings_before_cancel: set[str] = set()
        # What it asks of those whom it turns away, in seconds.
        self.retry_after = 1

    def routes(self) -> list[BaseRoute]:
        calls = f"/2010-04-01/Accounts/{self._sid}/Calls"
        return [
            Route(f"{calls}.json", self._create, methods=["POST"]),
            Route(f"{calls}.json", self._list, methods=["GET"]),
            Route(calls + "/{sid}.json", self._get, methods=["GET"]),
            Route(calls + "/{sid}.json", self._update, methods=["POST"]),
        ]

    def new_id(self) -> str:
        return f"CA{secrets.token_hex(16)}"

    async def _create(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode(), keep_blank_values=True)
        self.far.requests.append(form)
        if not self._is_let_in(request):
            return _error(401, 20003, "Authenticate")
        if not form.get("To"):
            return _error(400, 21201, "No 'To' number is specified")
        if form["From"][0] in self.refused_caller_ids:
            return _error(400, 21212, "Invalid 'From' Phone Number")
        url = form["StatusCallback"][0]
        self._asked[url] = form
        asked = Asked(
            form["To"][0],
            form["From"][0],
            url,
            timedelta(seconds=int(form["Timeout"][0])),
            timedelta(seconds=int(form["TimeLimit"][0])),
        )
        return await self.far.create(request, asked)

    def taken(self, call: FarCall) -> Response:
        return JSONResponse(self._resource(call), status_code=201)

    def refused(self, fate: Fate) -> Response:
        answer = _error(*_REFUSALS[fate])
        if fate is Fate.THROTTLED:
            answer.headers["retry-after"] = str(self.retry_after)
        return answer

    async def _list(self, request: Request) -> Response:
        if not self._is_let_in(request):
            return _error(401, 20003, "Authenticate")
        wanted = request.query_params
        calls = [
            self._resource(call)
            for call in reversed(self.far.calls())
            if call.to == wanted.get("To", call.to)
            and call.caller_id == wanted.get("From", call.caller_id)
            and _status(call) == wanted.get("Status", _status(call))
            and (call.rang or "StartTime>" not in wanted)
        ]
        size, page = int(wanted.get("PageSize", 50)), int(wanted.get("Page", 0))
        size = min(size, PAGE_MOST)
        shown = calls[page * size : (page + 1) * size]
        following = urlencode({**wanted, "Page": page + 1})
        has_more = len(calls) > (page + 1) * size
        uri = f"{request.url.path}?{following}" if has_more else None
        return JSONResponse({"calls": shown, "next_page_uri": uri})

    async def _get(self, request: Request) -> Response:
        call = self.far.find(request.path_params["sid"])
        return _no_such_call() if call is None else JSONResponse(self._resource(call))

    async def _update(self, request: Request) -> Response:
        call = self.far.find(request.path_params["sid"])
        form = parse_qs((await request.body()).decode())
        if call is None:
            return _no_such_call()
        if not call.is_live:
            return _error(400, 21220, "Call is not in-progress")
        (wanted,) = form["Status"]
        assert wanted in {"completed", "canceled"}
        if wanted == "canceled" and call.answered:
            return _error(400, 21220, "Call is not queued or ringing")
        call.rang |= call.to in self.rings_before_cancel
        self.far.hang_up(call)
        return JSONResponse(self._resource(call))

    def callbacks(self, call: FarCall) -> list[Callback]:
        ids = {"CallSid": call.carrier_call_id, "AccountSid": self._sid}
        told = {
            **ids,
            "From": call.caller_id,
            "To": call.to,
            "CallStatus": _status(call),
            "Direction": "outbound-api",
            "SequenceNumber": str(call.told),
            "CallbackSource": "call-progress-events",
        }
        call.told += 1
        if call.disposition is Disposition.REJECTED:
            told["SipResponseCode"] = "603"
        asked, heard = self._asked[call.call_id], _answered_by(call)
        if "MachineDetection" not in asked or not heard:
            return [signed(call.call_id, told, self._token)]
        if asked.get("AsyncAmd") != ["true"]:
            return [signed(call.call_id, told | {"AnsweredBy": heard}, self._token)]
        let_go = [signed(call.call_id, told, self._token)]
        if call.status is Status.ANSWERED:
            (url,) = asked["AsyncAmdStatusCallback"]
            heard_so = {"AnsweredBy": heard, "MachineDetectionDuration": "2500"}
            let_go.append(signed(url, ids | heard_so, self._token))
        return let_go

    def _is_let_in(self, request: Request) -> bool:
        kind, _, login = request.headers.get("authorization", "").partition(" ")
        logins = (f"{self._sid}:{self._token}", f"{KEY_SID}:{KEY_SECRET}")
        return kind == "Basic" and b64decode(login).decode() in logins

    def _resource(self, call: FarCall) -> dict[str, Any]:
        created = format_datetime(call.created_at)
        return {
            "sid": call.carrier_call_id,
            "account_sid": self._sid,
            "to": call.to,
            "from": call.caller_id,
            "status": _status(call),
            "direction": "outbound-api",
            "answered_by": _answered_by(call),
            "start_time": created if call.rang else None,
            "date_created": created,
            "date_updated": created,
            "duration": None,
        }


def signed(url: str, told: dict[str, str], token: str = TOKEN) -> Callback:
    text = url + "".join(f"{name}{told[name]}" for name in sorted(told))
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    headers = {
        "x-twilio-signature": b64encode(digest).decode(),
        "content-type": "application/x-www-form-urlencoded",
    }
    return Callback(url, headers, urlencode(told).encode())


def _status(call: FarCall) -> str:
    if call.disposition is not None:
        return _FINAL[call.disposition]
    return {None: "queued", Status.RINGING: "ringing", Status.ANSWERED: "in-progress"}[call.status]


def _answered_by(call: FarCall) -> str | None:
    ends = {Disposition.ANSWERED_HUMAN: "human", Disposition.ANSWERED_MACHINE: "machine_start"}
    return ends.get(call.script.steps[-1].disposition) if call.answered else None


def _no_such_call() -> Response:
    return _error(404, 20404, "The requested resource was not found")


def _error(status: int, code: int, message: str) -> Response:
    body = {"code": code, "message": message, "more_info": "", "status": status}
    return JSONResponse(body, status_code=status)


def twilio_at(url: str, callback_url: str, deadline: timedelta) -> TwilioCarrier:
    account = TwilioAccount(SID, TOKEN, base_url=url, detect_machines=True)
    return TwilioCarrier(account, callback_url, deadline=deadline)


@asynccontextmanager
async def twilio_line(
    profile: SimulationProfile, folder: Path, deadline: timedelta = CARRIER_DEADLINE
) -> AsyncIterator[FarLine]:
    async with far_line(TwilioFace(), profile, partial(twilio_at, deadline=deadline)) as line:
        yield line
