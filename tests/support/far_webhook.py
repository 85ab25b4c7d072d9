"""Somebody else's dialler at the far end of a batch's webhook. What it does with a call comes from
the same profiles as for the simulated carrier; what becomes of one is reported by another way than
through the adapter, so no news comes back here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from typing_extensions import override

from outdial_server.adapters.clock import SystemClock
from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import Fate
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import CallTexts, CallTimes
from outdial_server.domain.ids import BatchId, CallId
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.domain.told_call import ToldCall
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.ports.carrier import DialRequest, DialResult
from outdial_server.webhooks.webhook_carrier import WebhookCarrier
from support.clock import START
from support.domain import a_shown_call
from support.far_carrier import Asked, Callback, FarCall, FarCarrier, FarLine, far_line
from support.sealing import SEAL

BATCH: Final = BatchId("batch")
SECRET: Final = "s3cr3t-s3cr3t-s3cr3t"
REST: Final = timedelta(seconds=30)
LOOPBACK: Final = AddressGuard(parse_networks(["127.0.0.1"]))

_STATUSES: Final = {
    Fate.INVALID_NUMBER: 422,
    Fate.UNAUTHORIZED: 401,
    Fate.THROTTLED: 429,
    Fate.ERROR: 500,
    Fate.ERROR_PLACED: 500,
}


class WebhookFace:
    far: FarCarrier

    def __init__(self) -> None:
        self._made = 0

    def routes(self) -> list[BaseRoute]:
        return [Route("/", self._create, methods=["POST"])]

    def new_id(self) -> str:
        self._made += 1
        return f"theirs-{self._made}"

    async def _create(self, request: Request) -> Response:
        told: dict[str, Any] = orjson.loads(await request.body())
        self.far.requests.append(told)
        call, ours = told["call"], told["outdial"]
        asked = Asked(
            ours["address"],
            ours["callerId"] or "",
            call["callId"],
            _seconds(call["joinTimeout"]),
            _seconds(call["maxDuration"]),
        )
        return await self.far.create(request, asked)

    def taken(self, call: FarCall) -> Response:
        return Response(status_code=204)

    def refused(self, fate: Fate) -> Response:
        return Response(status_code=_STATUSES[fate])

    def callbacks(self, call: FarCall) -> list[Callback]:
        return []


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=float(text.removesuffix("s")))


class _Calls:
    """A ToldCallReader of whatever was asked for."""

    def __init__(self) -> None:
        self.asked: dict[CallId, DialRequest] = {}

    async def told_call(self, call_id: CallId) -> ToldCall | None:
        request = self.asked[call_id]
        call = a_shown_call(
            call_id=call_id,
            batch_id=BATCH,
            address=request.address,
            caller_id=request.caller_id,
            carrier="webhook",
            texts=CallTexts("Be kind.", "Hello, Ada.", request.join_url),
        )
        times = CallTimes(request.ring_timeout, request.max_duration)
        return ToldCall(call, START, "Ada", times, {}, "")


class _OfABatch(WebhookCarrier):
    """The webhook is that of each request's batch; here all are of one."""

    def __init__(self, url: str, callback_url: str, deadline: timedelta) -> None:
        self._asked = _Calls()
        self._webhook = BatchWebhook(f"{url}/", SealedSecrets(SEAL.seal(SECRET, BATCH)))
        super().__init__(self._asked, SEAL, SystemClock(), LOOPBACK, REST, deadline)

    @override
    async def place_call(self, request: DialRequest) -> DialResult:
        self._asked.asked[request.call_id] = request
        return await super().place_call(replace(request, batch_id=BATCH, webhook=self._webhook))


webhook_at = _OfABatch


@asynccontextmanager
async def webhook_line(
    profile: SimulationProfile, folder: Path, deadline: timedelta = CARRIER_DEADLINE
) -> AsyncIterator[FarLine]:
    async with far_line(WebhookFace(), profile, partial(webhook_at, deadline=deadline)) as line:
        yield line
