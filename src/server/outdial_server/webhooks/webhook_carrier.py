"""In the place of a carrier, for calls that nobody of ours dials: the webhook of the batch is told
that the call has started, and whoever stands behind it sees to the rest."""

from datetime import timedelta
from typing import Any, Final

import orjson
import structlog
from typing_extensions import override

from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.medium import WEBHOOK_CARRIER
from outdial_server.domain.report import Fault
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.domain.told_call import CallMoment, ToldCall
from outdial_server.outgoing.answer import AnswerLostError, NothingSentError
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.carrier import (
    Accepted,
    AccountFault,
    CallbackAnswer,
    CallQuery,
    Carrier,
    DialRequest,
    DialResult,
    LookUpResult,
    NobodyToAsk,
    NotSent,
    RawCallback,
    Refused,
    Unclear,
)
from outdial_server.ports.clock import Clock
from outdial_server.ports.sealing import Seal, UnreadableSecretError
from outdial_server.ports.webhooks import ToldCallReader
from outdial_server.webhooks.ultravox import EVENTS, call_object, signed_headers

_HANDING_BACK: Final = timedelta(milliseconds=500)
"""Of the deadline, for what comes before the request and behind its answer."""

_CONNECTIONS: Final = 1000
"""Of all webhooks together: a slow one must not keep the others waiting for a connection."""

log = structlog.get_logger()


class WebhookCarrier(Carrier):
    """A webhook is asked once, whatever comes of it: what it has not taken is over, and a lost
    answer leaves the call UNKNOWN until somebody joins it or its time is over. Made inside a
    running event loop."""

    def __init__(
        self,
        calls: ToldCallReader,
        seal: Seal,
        clock: Clock,
        guard: AddressGuard,
        rest: timedelta,
        deadline: timedelta = CARRIER_DEADLINE,
    ) -> None:
        """`rest` is how long a batch dials nobody after a request that was not taken."""
        self._exchange = HttpExchange(
            deadline - min(_HANDING_BACK, deadline / 10), _CONNECTIONS, guard
        )
        self._calls = calls
        self._seal = seal
        self._clock = clock
        self._rest = rest

    @property
    @override
    def name(self) -> str:
        return WEBHOOK_CARRIER

    @property
    @override
    def default_calls_per_second(self) -> float | None:
        return None

    @property
    @override
    def over_rate(self) -> OverRate:
        return OverRate.REFUSES

    @override
    async def place_call(self, request: DialRequest) -> DialResult:
        webhook = request.webhook
        if webhook is None or request.batch_id is None:
            return Refused("BATCH_HAS_NO_WEBHOOK", Fault.CONFIGURATION)
        now = self._clock.now()
        try:
            secrets = [
                self._seal.unseal(sealed, request.batch_id) for sealed in webhook.secrets.at(now)
            ]
            told = await self._calls.told_call(request.call_id)
        except UnreadableSecretError as error:
            log.warning(
                "batch_webhook.secret_unreadable", batch_id=request.batch_id, cause=str(error)
            )
            return Refused("WEBHOOK_SECRET_UNREADABLE", Fault.CONFIGURATION)
        except UnavailableError:
            return NotSent("CALL_UNREAD")
        if told is None:
            return Refused("CALL_ERASED", Fault.CALL)
        body = started_payload(told)
        headers = {"content-type": "application/json", **signed_headers(now, body, secrets)}
        return await self._ask(webhook.url, body, headers, request)

    async def _ask(
        self, url: str, body: bytes, headers: dict[str, str], request: DialRequest
    ) -> DialResult:
        try:
            answer = await self._exchange.post(url, body, headers)
        except NothingSentError as error:
            return self._not_taken(str(error))
        except AnswerLostError as error:
            return Unclear(f"WEBHOOK_{error}", self._rest)
        if answer.is_success:
            return Accepted(request.call_id)
        return self._not_taken(f"HTTP_{answer.status}")

    def _not_taken(self, why: str) -> Refused:
        return Refused(f"WEBHOOK_{why}", Fault.CALL, batch_rests=self._rest)

    @override
    async def look_up(self, query: CallQuery) -> LookUpResult:
        return NobodyToAsk()

    @override
    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        return False

    @override
    async def check_account(self) -> AccountFault | None:
        return None

    @override
    def verify_callback(self, callback: RawCallback) -> bool:
        return False

    @override
    def parse_callback(self, callback: RawCallback) -> tuple[()]:
        return ()

    @override
    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    @override
    async def close(self) -> None:
        await self._exchange.close()


def started_payload(told: ToldCall) -> bytes:
    """`call.started` as Ultravox documents it; and beside it whom to call, which there only the
    metadata can tell."""
    call = told.call
    ours: dict[str, Any] = {
        "address": call.address,
        "callerId": call.caller_id or None,
        "batchId": call.batch_id,
        "scheduledCallId": call.scheduled_call_id,
        "customId": told.custom_id or None,
        "attemptNumber": call.attempt_number,
    }
    return orjson.dumps(
        {
            "event": EVENTS[CallMoment.STARTED],
            "call": call_object(told.at(CallMoment.STARTED)),
            "outdial": ours,
        }
    )
