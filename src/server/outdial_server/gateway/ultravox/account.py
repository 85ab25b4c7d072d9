"""The account that a key works in."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from fastapi import APIRouter
from outdial.v1.account_service_pb2 import GetAccountRequest, GetAccountResponse
from outdial.v1.call_pb2 import Call
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.dialect import DialectRoute
from outdial_server.gateway.ultravox.answer import answer, written
from outdial_server.gateway.ultravox.call_search import calls_between
from outdial_server.gateway.ultravox.concurrency import BUCKETS, Level, Span, levels
from outdial_server.gateway.ultravox.documents import refusals
from outdial_server.gateway.ultravox.models import Moment, Plain
from outdial_server.gateway.ultravox.parts import Asks, Stands

ROUTES: Final = APIRouter(tags=["Account"], route_class=DialectRoute)

_DAY: Final = timedelta(days=1)
_POINTS_MOST: Final = 10_000


class ShownAccount(Plain):
    """Of plans and bills nothing is known here."""

    account_id: str
    name: str
    billing_url: None
    free_time_used: str
    free_time_remaining: str
    has_active_subscription: bool
    subscription_tier: None
    subscription_cadence: None
    subscription_expiration: None
    subscription_scheduled_update: None
    subscription_renewal: None
    active_calls: int
    allowed_concurrent_calls: int
    allowed_voices: None
    allowed_corpora: None


@ROUTES.get(
    "/api/accounts/me",
    operation_id="accounts_me_retrieve",
    response_model=ShownAccount,
    responses=refusals(404),
)
async def get_account(asks: Asks) -> Response:
    account = (await asks.ask(GetAccountRequest(), GetAccountResponse)).account
    told: dict[str, Any] = {
        "accountId": account.account_id,
        "name": account.display_name,
        "billingUrl": None,
        "freeTimeUsed": "0s",
        "freeTimeRemaining": "0s",
        "hasActiveSubscription": True,
        "subscriptionTier": None,
        "subscriptionCadence": None,
        "subscriptionExpiration": None,
        "subscriptionScheduledUpdate": None,
        "subscriptionRenewal": None,
        "activeCalls": account.active_calls,
        "allowedConcurrentCalls": account.max_concurrent_calls,
        "allowedVoices": None,
        "allowedCorpora": None,
    }
    return answer(told)


class ConcurrencyPoint(Plain):
    timestamp: str
    max_total_calls: int
    max_joined_calls: int
    avg_total_calls: float
    avg_joined_calls: float


class Concurrency(Plain):
    time_series: list[ConcurrencyPoint]


@ROUTES.get(
    "/api/accounts/me/usage/concurrency",
    operation_id="accounts_me_usage_concurrency_retrieve",
    response_model=Concurrency,
    responses=refusals(400, 404),
)
async def get_concurrency(
    asks: Asks,
    stands_on: Stands,
    start: Moment | None = None,
    end: Moment | None = None,
    bucket: Literal["minute", "5min", "hour", "day"] = "hour",
) -> Response:
    """Of the last 24 hours unless said. Told from calls that began in that time or in the day
    before, which is as long as a call may last."""
    until = end or stands_on.clock.now()
    since = start or until - _DAY
    length = BUCKETS[bucket]
    if not since < until or (until - since) / length > _POINTS_MOST:
        raise invalid_field("start", f"Must be before end, by at most {_POINTS_MOST} buckets.")
    calls = await calls_between(asks, since - _DAY, until)
    both = zip(
        levels(_spans(calls, "send_time"), since, until, length),
        levels(_spans(calls, "answer_time"), since, until, length),
        strict=True,
    )
    return answer({"timeSeries": [_point(at, all_, met) for (at, all_), (_, met) in both]})


def _point(at: datetime, total: Level, joined: Level) -> dict[str, Any]:
    return {
        "timestamp": written(at),
        "maxTotalCalls": total.most,
        "maxJoinedCalls": joined.most,
        "avgTotalCalls": total.average,
        "avgJoinedCalls": joined.average,
    }


def _spans(calls: Iterable[Call], began: Literal["send_time", "answer_time"]) -> list[Span]:
    return [
        Span(_at(call, began), _at(call, "end_time") if call.HasField("end_time") else None)
        for call in calls
        if call.HasField(began)
    ]


def _at(call: Call, field: Literal["send_time", "answer_time", "end_time"]) -> datetime:
    at: datetime = getattr(call, field).ToDatetime(tzinfo=UTC)
    return at
