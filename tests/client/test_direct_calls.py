"""Direct calls from the SDK and the command."""

from datetime import UTC, datetime, timedelta

from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.call_pb2 import CALL_STATE_WAITING, Call
from outdial.v1.call_service_pb2 import CreateCallResponse, ListCallsResponse

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client, NewDirectCall

MADE = Call(call_id="c-1", address="+15551230001", state=CALL_STATE_WAITING)


async def test_a_call_is_asked_for_with_all_that_was_said(far_end: FarEnd) -> None:
    far_end.answer("CreateCall", CreateCallResponse(call=MADE))
    wanted = NewDirectCall(
        agent_id="a-1",
        address="+15551230001",
        caller_id="+15550000000",
        carrier="simulated",
        carrier_config="main",
        ring_timeout=timedelta(seconds=20),
        max_call_duration=timedelta(minutes=5),
        wait_until=datetime(2027, 3, 1, 9, tzinfo=UTC),
        template_context={"name": "Ada"},
        metadata={"ticket": "7"},
        carrier_params={"record": True},
    )
    async with Client(far_end.address) as client:
        assert await client.calls.create(wanted) == MADE
    (request,) = far_end.requests("CreateCall")
    assert request.request_id, "a repetition makes no second call"
    request.request_id = ""
    assert request == wanted.to_message()
    assert request.template_context["name"] == "Ada"
    assert request.carrier_params["record"] is True
    assert (request.ring_timeout.seconds, request.max_call_duration.seconds) == (20, 300)


async def test_direct_calls_alone_are_listed(far_end: FarEnd) -> None:
    far_end.answer("ListCalls", ListCallsResponse(calls=[MADE]))
    async with Client(far_end.address) as client:
        assert await client.calls.list(only_direct=True).first() == MADE
    assert far_end.requests("ListCalls")[0].only_direct


async def test_a_call_is_started_from_the_shell(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListAgents", ListAgentsResponse(agents=[Agent(agent_id="a-1")]))
    far_end.answer("CreateCall", CreateCallResponse(call=MADE))
    far_end.answer("ListCalls", ListCallsResponse(calls=[MADE]))
    words = ("--agent", "Ada", "--value", "name=Ada", "--label", "ticket=7", "--ring-timeout", "20")
    words += ("--carrier-param", "record=true")
    started = await outdial("call", "start", "+15551230001", *words, "--request-id", "once")
    assert started.exit_code == 0, started.output
    assert "Call c-1 is on its way." in started.stdout
    (request,) = far_end.requests("CreateCall")
    assert (request.agent_id, request.request_id) == ("a-1", "once")
    assert (request.template_context["name"], request.metadata["ticket"]) == ("Ada", "7")
    assert request.ring_timeout.seconds == 20
    assert dict(request.carrier_params) == {"record": True}
    assert not request.HasField("wait_until")
    later = await outdial(
        *("call", "start", "+15551230001", "--agent", "Ada", "--wait-until", "2030-01-01T10:00Z")
    )
    assert "Call c-1 is waiting." in later.stdout
    listed = await outdial("call", "list", "--direct")
    assert "waiting" in listed.stdout
    assert far_end.requests("ListCalls")[0].only_direct
