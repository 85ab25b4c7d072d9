"""Every request that an adapter sends, as it came over the wire, held against the carrier's own
description of its API: operations, names and values."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from openapi_core.exceptions import OpenAPIError

from outdial_server.carriers.simulated.profile import SimulationProfile, with_settings
from outdial_server.domain.ids import CallId
from outdial_server.ports.carrier import Accepted, CallQuery, ListsCalls
from support.described import Description, Seen, UnknownNameError
from support.far_carrier import FarLine
from support.far_telnyx import telnyx_line
from support.far_texml import texml_line
from support.far_twilio import twilio_line
from support.requests import REQUEST

OTHERS = ("answered_machine", "busy", "no_answer", "rejected", "failed", "invalid_number")
LONG = with_settings(
    SimulationProfile(),
    ["talk_ms=3600000", "ring_ms=3600000", *(f"{outcome}=0" for outcome in OTHERS)],
)


@dataclass(frozen=True)
class Described:
    """A carrier with its description, and what is asked of it."""

    file_name: str
    line: Callable[..., AbstractAsyncContextManager[FarLine]]
    creates: str
    # Each with what may be said besides.
    params: tuple[Mapping[str, Any], ...]
    operations: frozenset[str]
    # What is asked that the description leaves out.
    not_described: frozenset[str] = frozenset()


CARRIERS = {
    "twilio": Described(
        "twilio_calls.openapi.json",
        twilio_line,
        "POST /2010-04-01/Accounts/{AccountSid}/Calls.json",
        (
            {"send_digits": "1ww2", "trim": "do-not-trim"},
            {"record": True, "recordingChannels": "dual", "machine_detection_timeout": 20.0},
            {"RecordingStatusCallbackEvent": ["in-progress", "completed"]},
            {"machineDetection": "DetectMessageEnd", "SipAuthUsername": "a"},
        ),
        frozenset(
            {
                "POST /2010-04-01/Accounts/{AccountSid}/Calls.json",
                "GET /2010-04-01/Accounts/{AccountSid}/Calls.json",
                "GET /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json",
                "POST /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json",
            }
        ),
    ),
    "telnyx": Described(
        "telnyx_calls.openapi.json",
        telnyx_line,
        "POST /calls",
        (
            {"sendDigitsOnAnswer": "1ww2", "record": "record-from-answer"},
            {"recordMaxLength": 60.0, "answering_machine_detection": "premium"},
            {"custom_headers": [{"name": "X-A", "value": "1"}]},
            {"stream_bidirectional_codec": "L16", "FromDisplayName": "Ada"},
        ),
        frozenset(
            {
                "POST /calls",
                "GET /calls/{call_control_id}",
                "POST /calls/{call_control_id}/actions/hangup",
                "GET /connections/{connection_id}/active_calls",
            }
        ),
        frozenset({"/v2/call_events"}),
    ),
    "texml": Described(
        "telnyx_calls.openapi.json",
        texml_line,
        "POST /texml/Accounts/{account_sid}/Calls",
        (
            {"record": True, "recordingChannels": "dual", "recording_timeout": 20.0},
            {"machine_detection": "DetectMessageEnd", "MachineDetectionTimeout": 20_000},
            {"custom_headers": [{"name": "X-A", "value": "1"}], "CallerId": "Ada"},
        ),
        frozenset(
            {
                "POST /texml/Accounts/{account_sid}/Calls",
                "GET /texml/Accounts/{account_sid}/Calls",
                "GET /texml/Accounts/{account_sid}/Calls/{call_sid}",
                "POST /texml/Accounts/{account_sid}/Calls/{call_sid}",
                "GET /connections/{connection_id}/active_calls",
            }
        ),
    ),
}


@lru_cache
def description(file_name: str) -> Description:
    return Description(file_name)


async def ask_all(line: FarLine, params: tuple[Mapping[str, Any], ...]) -> None:
    """All that an adapter can be asked, with what may be said besides."""
    ends = [timedelta(seconds=1), timedelta(seconds=45), timedelta(minutes=20)]
    requests = [
        replace(REQUEST, call_id=CallId(f"ours-{n}"), params=one, ring_timeout=ring)
        for n, (one, ring) in enumerate((p, ring) for p in ({}, *params) for ring in ends)
    ]
    for request in requests:
        placed = await line.carrier.place_call(request)
        assert isinstance(placed, Accepted)
        by_ours = CallQuery(request.call_id, "", request.address, request.caller_id)
        by_theirs = replace(by_ours, carrier_call_id=placed.carrier_call_id)
        for query in (by_ours, by_theirs):
            await line.carrier.look_up(query)
        assert await line.carrier.hang_up(by_theirs)
    await line.carrier.place_call(replace(REQUEST, call_id=CallId("last"), address="+15551239999"))
    await line.carrier.hang_up(CallQuery(CallId("last"), "", "+15551239999", REQUEST.caller_id))
    assert await line.carrier.check_account() is None
    assert isinstance(line.carrier, ListsCalls)
    now = datetime.now(UTC)
    assert await line.carrier.list_calls(now - timedelta(hours=2), now)


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS.keys())
async def test_whatever_is_sent_is_what_the_carrier_describes(
    carrier: Described, tmp_path: Path
) -> None:
    api = description(carrier.file_name)
    async with carrier.line(LONG, tmp_path) as line:
        await ask_all(line, carrier.params)
        seen = [one for one in line.far.seen if one.path not in carrier.not_described]
        assert {api.check(one) for one in seen} == carrier.operations


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS.keys())
async def test_a_name_too_many_would_be_found(carrier: Described, tmp_path: Path) -> None:
    api = description(carrier.file_name)
    async with carrier.line(LONG, tmp_path) as line:
        await line.carrier.place_call(REQUEST)
        (created,) = line.far.seen
        await line.carrier.check_account()
        listed = line.far.seen[-1]
    assert api.check(created) == carrier.creates
    with pytest.raises((OpenAPIError, UnknownNameError)):
        api.check(_with_another_name(created))
    with pytest.raises(OpenAPIError):
        api.check(replace(created, body=created.body.replace(b"30", b"soon")))
    with pytest.raises(UnknownNameError):
        api.check(replace(listed, query=f"{listed.query}&colour=red"))
    with pytest.raises(UnknownNameError):
        api.check(replace(listed, path=f"{listed.path}/more"))


def _with_another_name(created: Seen) -> Seen:
    if created.body.startswith(b"{"):
        return replace(created, body=b'{"colour": "red", ' + created.body[1:])
    return replace(created, body=created.body + b"&Colour=red")
