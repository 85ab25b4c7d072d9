"""External calls from the SDK and the command."""

from datetime import timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.external_call_pb2 import ExternalCall
from outdial.v1.external_call_service_pb2 import (
    EndExternalCallResponse,
    ListExternalCallsResponse,
    ReportExternalCallResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client

THEIRS = ExternalCall(
    external_id="switch-1", agent_id="a-1", expire_time=Timestamp(seconds=1_800_000_000)
)


async def test_a_call_is_reported_listed_and_ended(far_end: FarEnd) -> None:
    far_end.answer("ReportExternalCall", ReportExternalCallResponse(external_call=THEIRS))
    far_end.answer("ListExternalCalls", ListExternalCallsResponse(external_calls=[THEIRS]))
    far_end.answer("EndExternalCall", EndExternalCallResponse(was_in_progress=True))
    async with Client(far_end.address) as client:
        calls = client.external_calls
        told = await calls.report(
            "switch-1", agent_id="a-1", carrier_config="main", ttl=timedelta(seconds=30)
        )
        assert told == THEIRS
        assert await calls.list().first() == THEIRS
        assert await calls.end("switch-1")
    (request,) = far_end.requests("ReportExternalCall")
    assert (request.external_id, request.agent_id) == ("switch-1", "a-1")
    assert (request.carrier_config, request.ttl.seconds) == ("main", 30)


async def test_the_same_from_the_shell(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListAgents", ListAgentsResponse(agents=[Agent(agent_id="a-1")]))
    far_end.answer("ReportExternalCall", ReportExternalCallResponse(external_call=THEIRS))
    far_end.answer("ListExternalCalls", ListExternalCallsResponse(external_calls=[THEIRS]))
    far_end.answer("EndExternalCall", EndExternalCallResponse(was_in_progress=False))
    told = await outdial("external-call", "report", "switch-1", "--agent", "Ada", "--ttl", "30")
    assert told.exit_code == 0, told.output
    (request,) = far_end.requests("ReportExternalCall")
    assert (request.agent_id, request.ttl.seconds) == ("a-1", 30)
    listed = await outdial("external-call", "list")
    assert "switch-1" in listed.stdout
    ended = await outdial("external-call", "end", "switch-1")
    assert ended.exit_code == 0
    assert "not in progress any more" in ended.stderr
