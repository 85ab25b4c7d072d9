"""What a carrier's answer to a new call means, as far as HTTP alone says it."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import orjson

from outdial_server.domain.report import Fault
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import (
    RETRY_AFTER_MOST,
    THROTTLED,
    Accepted,
    DialResult,
    NotSent,
    Refused,
    Unclear,
)

_HANDING_BACK: Final = timedelta(milliseconds=500)
"""What is left of the deadline for this side to hand the answer on."""

_MISCONFIGURED: Final = frozenset(
    {
        # The credentials.
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        # The base URL: something answers there that is not the carrier.
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }
)


def answered_within(deadline: timedelta) -> timedelta:
    """How long an adapter that must return by the deadline may wait for an answer."""
    return deadline - min(_HANDING_BACK, deadline / 10)


def dial_result(
    answer: Answer,
    carrier_call_id: Callable[[Answer], object],
    known_refusal: Callable[[Answer], Refused | None],
) -> DialResult:
    """By class first, since carriers add codes: a 2xx with an id is accepted, a 429 was not
    processed, another 4xx is refused, and whatever else came is unclear. The id is empty where
    callbacks are the first to tell it. `known_refusal` says more of a 4xx where the carrier's
    own code does."""
    status = answer.status
    if answer.is_success:
        found = carrier_call_id(answer)
        return Accepted(found) if isinstance(found, str) else Unclear(UNREADABLE)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotSent(THROTTLED, retry_after(answer))
    if status == HTTPStatus.REQUEST_TIMEOUT or not 300 <= status < 500:
        return Unclear(f"HTTP_{status}")
    return known_refusal(answer) or _refused(status)


UNREADABLE: Final = "UNREADABLE_ANSWER"


def _refused(status: int) -> Refused:
    of_all = status in _MISCONFIGURED or status < 400
    return Refused(f"HTTP_{status}", Fault.CONFIGURATION if of_all else Fault.CALL)


def field(answer: Answer, *path: str | int) -> object:
    """A value in the answer's JSON, None where there is none."""
    try:
        value: Any = orjson.loads(answer.body)
        for name in path:
            value = value[name]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None
    return value


def retry_after(answer: Answer) -> timedelta | None:
    """Of the header's two forms only the seconds: a date needs a clock that agrees."""
    text = answer.headers.get("retry-after", "")
    if not (text.isascii() and text.isdigit()):
        return None
    return min(timedelta(seconds=int(text[:9])), RETRY_AFTER_MOST)
