"""Fields that a fault names beside its own are those that the sender knows."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google.rpc import code_pb2
from starlette.types import ASGIApp, Receive, Scope, Send

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.domain.errors import FieldViolation
from outdial_server.gateway.refusal import Refusal
from outdial_server.gateway.speechify.errors import VOICE as SPEECHIFY
from outdial_server.gateway.speechify.request_ids import RequestIds
from outdial_server.gateway.truedy.asked import Noting
from outdial_server.gateway.truedy.errors import VOICE as TRUEDY
from outdial_server.gateway.ultravox.faults import body_of
from outdial_server.gateway.wording import reworded
from support.clock import ManualClock

CLOCK = ManualClock()


def test_ultravox_names_the_other_field_as_it_has_it() -> None:
    late = FieldViolation("batch.window_end", "must be after window_start")
    assert body_of([late], are_own=False) == {"windowEnd": ["must be after windowStart"]}


@pytest.mark.parametrize(
    ("voice", "around"),
    [
        (TRUEDY, lambda app: Noting(app, CLOCK, UuidV7Ids(CLOCK))),
        (SPEECHIFY, lambda app: RequestIds(app, UuidV7Ids(CLOCK))),
    ],
    ids=["truedy", "speechify"],
)
async def test_others_name_the_other_field_as_they_have_it(
    voice: Any, around: Callable[[ASGIApp], ASGIApp]
) -> None:
    late = FieldViolation("batch.window_end", "must be after window_start")

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = Refusal(code_pb2.INVALID_ARGUMENT, "", "", (late,))
        await voice.refused(refusal)(scope, receive, send)

    transport = httpx.ASGITransport(around(refuse))
    async with httpx.AsyncClient(transport=transport, base_url="http://outdial") as http:
        assert "must be after scheduled_at" in (await http.get("/")).text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("must be after window_start", "must be after WINDOW_START"),
        ("is required with a caller_id", "is required with a CALLER_ID"),
        ("has no field 'window_start'", "has no field 'window_start'"),
        ("my_window_start or given_name", "my_window_start or given_name"),
    ],
)
def test_only_fields_are_reworded_and_nothing_that_was_given(text: str, told: str) -> None:
    assert reworded(text, str.upper) == told
