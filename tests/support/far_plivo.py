"""Plivo's Voice API, as far as calls go, written from its documentation."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from outdial_server.carriers.plivo.account import PlivoAccount
from outdial_server.carriers.plivo.adapter import PlivoCarrier
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import Fate, Status
from outdial_server.domain.call import Disposition
from outdial_server.domain.silence import CARRIER_DEADLINE
from support.far_carrier import Asked, Callback, FarCall, FarCarrier, FarLine, far_line

PAGE_MOST = 20

AUTH_ID: Final = "MA" + "0" * 18
TOKEN: Final = "a-token-of-plivo"

_CAUSES: Final = {
    Disposition.ANSWERED_HUMAN: ("4000", "Normal Hangup", "completed"),
    Disposition.ANSWERED_MACHINE: ("4000", "Normal Hangup", "completed"),
    Disposition.BUSY: ("3010", "Busy Line", "busy"),
    Disposition.NO_ANSWER: ("3000", "No Answer", "no-answer"),
    Disposition.CANCELLED: ("1000", "Cancelled", "cancel"),
    Disposition.REJECTED: ("3020", "Rejected", "failed"),
    Disposition.FAILED: ("5010", "Network Error", "failed"),
}

_REFUSALS: Final = {
    Fate.INVALID_NUMBER: (400, "to parameter is not a valid number"),
    Fate.UNAUTHORIZED: (401, "authentication failed"),
    Fate.THROTTLED: (429, "too many requests"),
    Fate.ERROR: (500, "internal server error"),
    Fate.ERROR_PLACED: (500, "internal server error"),
}


class PlivoFace:
    far: FarCarrier

    def __init__(self, *, other_ids: bool = False) -> None:
        """`other_ids`: a call has another id than the request that it came of."""
        self._other_ids = other_ids
        # By the call's own URL of ours, what its request asked for.
        self._asked: dict[str, dict[str, Any]] = {}
        # Of each call, when it ended.
        self._ended_at: dict[str, datetime] = {}

    def routes(self) -> list[BaseRoute]:
        account = f"/v1/Account/{AUTH_ID}"
        return [
            Route(f"{account}/Call/", self._create, methods=["POST"]),
            Route(f"{account}/Call/", self._list, methods=["GET"]),
            Route(account + "/Call/{uuid}/", self._get, methods=["GET"]),
            Route(account + "/Call/{uuid}/", self._hang_up, methods=["DELETE"]),
            Route(account + "/Request/{uuid}/", self._cancel, methods=["DELETE"]),
            # What another account sees.
            Route("/v1/Account/{other}/{rest:path}", self._stranger, methods=["GET", "POST"]),
        ]

    def new_id(self) -> str:
        return str(uuid4())

    def _uuid_of(self, call: FarCall) -> str:
        return call.carrier_call_id[::-1] if self._other_ids else call.carrier_call_id

    def _find(self, request: Request) -> FarCall | None:
        uuid = request.path_params["uuid"]
        return self.far.find(uuid[::-1] if self._other_ids else uuid)

    async def _stranger(self, request: Request) -> Response:
        return self.refused(Fate.UNAUTHORIZED)

    async def _create(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.far.requests.append(body)
        if not _is_let_in(request):
            return self.refused(Fate.UNAUTHORIZED)
        ours = body["hangup_url"].removesuffix("/hangup")
        self._asked[ours] = body
        asked = Asked(
            body["to"],
            body["from"],
            ours,
            timedelta(seconds=body["ring_timeout"]),
            timedelta(seconds=body["time_limit"]),
        )
        return await self.far.create(request, asked)

    def taken(self, call: FarCall) -> Response:
        body = {"message": "call fired", "request_uuid": call.carrier_call_id}
        return JSONResponse(body | {"api_id": str(uuid4())}, status_code=201)

    def refused(self, fate: Fate) -> Response:
        status, error = _REFUSALS[fate]
        headers = {"retry-after": "1"} if status == 429 else {}
        body = {"api_id": str(uuid4()), "error": error}
        return JSONResponse(body, status_code=status, headers=headers)

    async def _list(self, request: Request) -> Response:
        if not _is_let_in(request):
            return self.refused(Fate.UNAUTHORIZED)
        wanted = request.query_params
        calls = list(reversed(self.far.calls()))
        state = wanted.get("status")
        if state is not None:
            uuids = [self._uuid_of(call) for call in calls if _state(call) == state]
            return JSONResponse({"api_id": str(uuid4()), "calls": uuids})
        records = [
            self._record(call)
            for call in calls
            if _state(call) == "ended"
            and wanted.get("call_direction") in (None, "outbound")
            and self._ended_at[call.carrier_call_id] >= _moment(wanted.get("end_time__gte"))
            and _digits(call.to) == _digits(wanted.get("to_number", call.to))
            and _digits(call.caller_id) == _digits(wanted.get("from_number", call.caller_id))
        ]
        limit, offset = int(wanted.get("limit", 20)), int(wanted.get("offset", 0))
        assert 0 < limit <= 20
        limit = min(limit, PAGE_MOST)
        has_more = len(records) > offset + limit
        following = f"{request.url.path}?limit={limit}&offset={offset + limit}"
        meta = {"limit": limit, "offset": offset, "next": following if has_more else None}
        return JSONResponse({"meta": meta, "objects": records[offset : offset + limit]})

    async def _get(self, request: Request) -> Response:
        call = self._find(request)
        state = request.query_params.get("status", "ended")
        if call is None or _state(call) != state:
            return _no_such_call()
        return JSONResponse(self._record(call) if state == "ended" else self._detail(call))

    async def _hang_up(self, request: Request) -> Response:
        call = self._find(request)
        return self._end(call) if call is not None and call.is_live else _no_such_call()

    async def _cancel(self, request: Request) -> Response:
        """Of a call that is not answered yet."""
        call = self.far.find(request.path_params["uuid"])
        waits = call is not None and call.is_live and not call.answered
        return self._end(call) if call is not None and waits else _no_such_call()

    def _end(self, call: FarCall) -> Response:
        self.far.hang_up(call)
        return Response(status_code=204)

    def _detail(self, call: FarCall) -> dict[str, Any]:
        return {
            "call_uuid": self._uuid_of(call),
            "call_status": _status(call),
            "direction": "outbound",
            "to": _digits(call.to),
            "from": _digits(call.caller_id),
        }

    def _record(self, call: FarCall) -> dict[str, Any]:
        assert call.disposition is not None
        code, name, _ = _CAUSES[call.disposition]
        made = call.created_at.strftime("%Y-%m-%d %H:%M:%S+00:00")
        return {
            "call_uuid": self._uuid_of(call),
            "call_direction": "outbound",
            "to_number": _digits(call.to),
            "from_number": _digits(call.caller_id),
            "initiation_time": made,
            "answer_time": made if call.answered else None,
            "hangup_cause_code": int(code),
            "hangup_cause_name": name,
        }

    def callbacks(self, call: FarCall) -> list[Callback]:
        asked = self._asked[call.call_id]
        told = {
            "CallUUID": self._uuid_of(call),
            "RequestUUID": call.carrier_call_id,
            "From": _digits(call.caller_id),
            "To": _digits(call.to),
            "Direction": "outbound",
            "CallStatus": _status(call),
        }
        match call.status:
            case Status.RINGING:
                return [signed(asked["ring_url"], told | {"Event": "Ring"})]
            case Status.ANSWERED:
                answered = [signed(asked["answer_url"], told | {"Event": "StartApp"})]
                return answered + self._heard(call, asked, told)
        assert call.disposition is not None
        self._ended_at[call.carrier_call_id] = datetime.now(UTC)
        code, name, _ = _CAUSES[call.disposition]
        ended = {"Event": "Hangup", "HangupCauseCode": code, "HangupCauseName": name}
        return [signed(asked["hangup_url"], told | ended)]

    def _heard(self, call: FarCall, asked: dict[str, Any], told: dict[str, str]) -> list[Callback]:
        """Told of people, too."""
        if asked.get("machine_detection") != "true":
            return []
        machine = call.script.steps[-1].disposition is Disposition.ANSWERED_MACHINE
        heard = {"Event": "MachineDetection", "Machine": str(machine).lower()}
        return [signed(asked["machine_detection_url"], told | heard)]


def signed(url: str, told: dict[str, str], token: str = TOKEN) -> Callback:
    nonce = secrets.token_hex(10)
    parts = urlsplit(url)
    text = f"{parts.scheme}://{parts.netloc}{parts.path}?"
    asked = parse_qs(parts.query, keep_blank_values=True)
    text += "&".join(f"{name}={value}" for name in sorted(asked) for value in sorted(asked[name]))
    text += "." if asked else ""
    text += "".join(f"{name}{told[name]}" for name in sorted(told)) + f".{nonce}"
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha256).digest()
    headers = {
        "x-plivo-signature-v3": f"b3RoZXI=,{b64encode(digest).decode()}",
        "x-plivo-signature-v3-nonce": nonce,
        "content-type": "application/x-www-form-urlencoded",
    }
    return Callback(url, headers, urlencode(told).encode())


def _is_let_in(request: Request) -> bool:
    kind, _, login = request.headers.get("authorization", "").partition(" ")
    return kind == "Basic" and b64decode(login).decode() == f"{AUTH_ID}:{TOKEN}"


def _state(call: FarCall) -> str:
    if not call.is_live:
        return "ended"
    return "queued" if call.status is None else "live"


def _status(call: FarCall) -> str:
    if call.disposition is not None:
        return _CAUSES[call.disposition][2]
    return {None: "queued", Status.RINGING: "ringing", Status.ANSWERED: "in-progress"}[call.status]


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "2000-01-01").replace(tzinfo=UTC)


def _digits(number: str) -> str:
    return number.removeprefix("+")


def _no_such_call() -> Response:
    body = {"api_id": str(uuid4()), "error": "call not found"}
    return JSONResponse(body, status_code=404)


def plivo_at(url: str, callback_url: str, deadline: timedelta) -> PlivoCarrier:
    account = PlivoAccount(AUTH_ID, TOKEN, base_url=url, detect_machines=True)
    return PlivoCarrier(account, callback_url, deadline=deadline)


@asynccontextmanager
async def plivo_line(
    profile: SimulationProfile,
    folder: Path,
    deadline: timedelta = CARRIER_DEADLINE,
    face: PlivoFace | None = None,
) -> AsyncIterator[FarLine]:
    adapter = partial(plivo_at, deadline=deadline)
    async with far_line(face or PlivoFace(), profile, adapter) as line:
        yield line
