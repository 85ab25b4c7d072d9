"""Telnyx's Call Control API, as far as calls go, written from its documentation."""

import secrets
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from outdial_server.adapters.clock import SystemClock
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import CallScript, Fate, Status, Step
from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.adapter import TelnyxCarrier
from outdial_server.domain.call import Disposition
from outdial_server.domain.silence import CARRIER_DEADLINE
from support.far_carrier import Asked, Callback, FarCall, FarCarrier, FarLine, far_line

API_KEY: Final = "KEY-of-telnyx-that-asks-for-calls"
CONNECTION_ID: Final = "1293384261075731461"
SIGNING_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY: Final = b64encode(SIGNING_KEY.public_key().public_bytes_raw()).decode()

RING_LEAST_SECONDS: Final = 5
CALL_LEAST_SECONDS: Final = 30
PAGE_MOST = 250

AT_THE_LEAST: Final = timedelta(milliseconds=50)
"""Nothing shorter can be asked for; a test that does is not made to wait so long."""

_CAUSES: Final = {
    Disposition.ANSWERED_HUMAN: ("normal_clearing", "200"),
    Disposition.ANSWERED_MACHINE: ("normal_clearing", "200"),
    Disposition.BUSY: ("user_busy", "486"),
    Disposition.NO_ANSWER: ("no_answer", "487"),
    Disposition.CANCELLED: ("originator_cancel", "487"),
    Disposition.REJECTED: ("call_rejected", "603"),
    Disposition.FAILED: ("unspecified", "500"),
}

REFUSALS: Final = {
    Fate.INVALID_NUMBER: (422, "10016", "Phone number must be in +E164 format", "/to"),
    Fate.UNAUTHORIZED: (401, "10009", "Authentication failed", None),
    Fate.THROTTLED: (429, "10011", "Too many requests", None),
    Fate.ERROR: (500, "10007", "Internal server error", None),
    Fate.ERROR_PLACED: (503, "10007", "Service unavailable", None),
}


class TelnyxFace:
    far: FarCarrier

    def __init__(self) -> None:
        # By the state that the client gave, what its request asked for.
        self._asked: dict[str, dict[str, Any]] = {}
        # Of each command, the call that came of it.
        self._commands: dict[str, FarCall] = {}
        self.events: list[dict[str, Any]] = []
        # A test shows the list of active calls in pages of so many.
        self.page_most = PAGE_MOST

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/v2/calls", self._create, methods=["POST"]),
            Route("/v2/calls/{id}", self._get, methods=["GET"]),
            Route("/v2/calls/{id}/actions/hangup", self._hang_up, methods=["POST"]),
            Route("/v2/connections/{id}/active_calls", self._active, methods=["GET"]),
            Route("/v2/call_events", self._list_events, methods=["GET"]),
        ]

    def new_id(self) -> str:
        return f"v3:{secrets.token_urlsafe(32)}"

    async def _create(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.far.requests.append(body)
        if not is_let_in(request):
            return self.refused(Fate.UNAUTHORIZED)
        if body["connection_id"] != CONNECTION_ID:
            return error(422, "10015", "Invalid value for connection_id", "/connection_id")
        seen = self._commands.get(body["command_id"])
        if seen is not None:
            return self.taken(seen)
        self._asked[body["client_state"]] = body
        asked = Asked(
            body["to"],
            body["from"],
            body["client_state"],
            pace(body["timeout_secs"], RING_LEAST_SECONDS),
            pace(body["time_limit_secs"], CALL_LEAST_SECONDS),
        )
        answer = await self.far.create(request, asked)
        placed = [call for call in self.far.calls() if call.call_id == body["client_state"]]
        if placed:
            self._commands[body["command_id"]] = placed[-1]
        return answer

    def taken(self, call: FarCall) -> Response:
        return JSONResponse({"data": _record(call) | {"is_alive": False, "recording_id": None}})

    def refused(self, fate: Fate) -> Response:
        return error(*REFUSALS[fate])

    async def _get(self, request: Request) -> Response:
        call = self.far.find(request.path_params["id"])
        return _no_such_call() if call is None else JSONResponse({"data": _record(call)})

    async def _hang_up(self, request: Request) -> Response:
        assert orjson.loads(await request.body()) == {}
        call = self.far.find(request.path_params["id"])
        if call is None:
            return _no_such_call()
        if not call.is_live:
            return error(422, "90018", "Call has already ended")
        self.far.hang_up(call)
        return JSONResponse({"data": {"result": "ok"}})

    async def _active(self, request: Request) -> Response:
        if not is_let_in(request):
            return self.refused(Fate.UNAUTHORIZED)
        if request.path_params["id"] != CONNECTION_ID:
            return error(404, "10005", "Resource not found")
        return active_page(request, self.far.calls(), self.page_most)

    async def _list_events(self, request: Request) -> Response:
        if not is_let_in(request):
            return self.refused(Fate.UNAUTHORIZED)
        wanted = request.query_params
        assert wanted["filter[type]"] == "webhook"
        since = wanted.get("filter[occurred_at][gte]")
        found = [
            {
                "record_type": "call_event",
                "type": "webhook",
                "name": event["event_type"],
                "call_leg_id": event["payload"]["call_leg_id"],
                "call_session_id": event["payload"]["call_session_id"],
                "event_timestamp": event["occurred_at"],
                "metadata": {"event": event},
            }
            for event in reversed(self.events)
            if wanted.get("filter[leg_id]") in (None, event["payload"]["call_leg_id"])
            and wanted.get("filter[to]") in (None, event["payload"]["to"])
            and wanted.get("filter[connection_id]") in (None, event["payload"]["connection_id"])
            and wanted.get("filter[name]") in (None, event["event_type"])
            and (since is None or _moment(event["occurred_at"]) >= _moment(since))
        ]
        size, page = int(wanted.get("page[size]", 20)), int(wanted.get("page[number]", 1))
        size = min(size, self.page_most)
        meta = {"total_pages": ceil(len(found) / size), "page_number": page}
        shown = found[(page - 1) * size : page * size]
        return JSONResponse({"data": shown, "meta": meta})

    def callbacks(self, call: FarCall) -> list[Callback]:
        asked = self._asked[call.call_id]
        told = [_event(call, _NAMES[call.status], **_news(call))]
        listens = asked.get("answering_machine_detection", "disabled") != "disabled"
        if listens and call.status is Status.ANSWERED:
            told.append(_event(call, _HEARING, result=_heard(call)))
        self.events += told
        return [signed(asked["webhook_url"], {"data": event, "meta": {}}) for event in told]


def active_page(request: Request, calls: list[FarCall], page_most: int) -> Response:
    """Of the calls that go on, by a cursor."""
    wanted = request.query_params
    most = min(page_most, int(wanted.get("page[limit]", 20)))
    first = int(wanted.get("page[after]", 0))
    live = [_record(call) for call in calls if call.is_live]
    after = str(first + most) if first + most < len(live) else None
    meta = {"total_items": len(live), "cursors": {"after": after, "before": None}}
    return JSONResponse({"data": live[first : first + most], "meta": meta})


def signed(url: str, told: dict[str, Any], at: datetime | None = None) -> Callback:
    return signed_body(url, orjson.dumps(told), "application/json", at)


def signed_body(url: str, body: bytes, content_type: str, at: datetime | None = None) -> Callback:
    seconds = str(int((at or datetime.now(UTC)).timestamp()))
    signature = SIGNING_KEY.sign(seconds.encode() + b"|" + body)
    headers = {
        "telnyx-signature-ed25519": b64encode(signature).decode(),
        "telnyx-timestamp": seconds,
        "content-type": content_type,
    }
    return Callback(url, headers, body)


_HEARING: Final = "call.machine.detection.ended"
_NAMES: Final = {
    Status.RINGING: "call.initiated",
    Status.ANSWERED: "call.answered",
    Status.ENDED: "call.hangup",
    None: "",
}


def _news(call: FarCall) -> dict[str, str]:
    if call.disposition is None:
        if call.status is Status.RINGING:
            return {"state": "bridging", "direction": "outgoing"}
        return {"state": "answered"}
    cause, sip_code = _CAUSES[call.disposition]
    return {
        "state": "hangup",
        "hangup_cause": cause,
        "hangup_source": "callee",
        "sip_hangup_cause": sip_code,
    }


def _event(call: FarCall, name: str, **payload: str) -> dict[str, Any]:
    return {
        "record_type": "event",
        "event_type": name,
        "id": str(uuid4()),
        "occurred_at": datetime.now(UTC).isoformat(),
        "payload": {
            "call_control_id": call.carrier_call_id,
            "call_leg_id": _leg_of(call),
            "call_session_id": _leg_of(call),
            "client_state": call.call_id,
            "connection_id": CONNECTION_ID,
            "from": call.caller_id,
            "to": call.to,
            **payload,
        },
    }


def _leg_of(call: FarCall) -> str:
    return f"leg-{call.carrier_call_id[3:]}"


def _heard(call: FarCall) -> str:
    machine = call.script.steps[-1].disposition is Disposition.ANSWERED_MACHINE
    return "machine" if machine else "human"


def _record(call: FarCall) -> dict[str, Any]:
    record = {
        "record_type": "call",
        "call_control_id": call.carrier_call_id,
        "call_leg_id": _leg_of(call),
        "call_session_id": _leg_of(call),
        "client_state": call.call_id,
        "call_duration": int(_age(call).total_seconds()) if call.answered else 0,
        "is_alive": call.is_live,
        "start_time": call.created_at.isoformat(),
    }
    return record if call.is_live else record | {"end_time": datetime.now(UTC).isoformat()}


def _age(call: FarCall) -> timedelta:
    return datetime.now(UTC) - call.created_at


def is_let_in(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {API_KEY}"


def pace(seconds: int, least: int) -> timedelta:
    assert seconds >= least
    return AT_THE_LEAST if seconds == least else timedelta(seconds=seconds)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _no_such_call() -> Response:
    return error(422, "90015", "Invalid Call Control ID")


def error(status: int, code: str, title: str, pointer: str | None = None) -> Response:
    told: dict[str, Any] = {"code": code, "title": title, "detail": title}
    if pointer is not None:
        told["source"] = {"pointer": pointer}
    headers = {"retry-after": "1"} if status == 429 else {}
    return JSONResponse({"errors": [told]}, status_code=status, headers=headers)


def example_events() -> dict[str, dict[str, Any]]:
    """One of each that is sent, by the name that Telnyx's description has for it."""
    answered = CallScript(Fate.TAKEN, 0, (Step(0, Status.ENDED, Disposition.ANSWERED_HUMAN),))
    call = FarCall("v3:x", "b3Vycw==", "+15551230001", answered, caller_id="+15551230000")
    found = {"CallMachineDetectionEnded": _event(call, _HEARING, result=_heard(call))}
    for name, status in (
        ("CallInitiated", Status.RINGING),
        ("CallAnswered", Status.ANSWERED),
        ("CallHangup", Status.ENDED),
    ):
        call.status = status
        call.disposition = Disposition.BUSY if status is Status.ENDED else None
        found[name] = _event(call, _NAMES[status], **_news(call))
    return found


def telnyx_at(url: str, callback_url: str, deadline: timedelta) -> TelnyxCarrier:
    account = TelnyxAccount(
        API_KEY, CONNECTION_ID, PUBLIC_KEY, base_url=f"{url}/v2", detect_machines=True
    )
    return TelnyxCarrier(account, callback_url, SystemClock(), deadline=deadline)


@asynccontextmanager
async def telnyx_line(
    profile: SimulationProfile,
    folder: Path,
    deadline: timedelta = CARRIER_DEADLINE,
    face: TelnyxFace | None = None,
) -> AsyncIterator[FarLine]:
    adapter = partial(telnyx_at, deadline=deadline)
    async with far_line(face or TelnyxFace(), profile, adapter) as line:
        yield line
