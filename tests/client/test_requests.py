"""What is sent: key, request id, deadline; and when it is sent again."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import CreateAgentResponse, GetAgentResponse, ListAgentsResponse
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import CreateBatchResponse, ListBatchEventsResponse
from outdial.v1.event_pb2 import Event
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse

from client.far_end import SERVICES, FarEnd, Refusal
from outdial_client import Client, NewBatch, NewCall, UnavailableError
from outdial_client._channel import _OPTIONS

CREATED = CreateAgentResponse(agent=Agent(agent_id="a-1"))


async def test_a_request_carries_the_key_and_a_deadline(far_end: FarEnd) -> None:
    far_end.answer("GetAgent", GetAgentResponse())
    timeout = timedelta(seconds=7)
    async with Client(far_end.address, api_key="key-1", timeout=timeout) as client:
        await client.agents.get("a-1")
    (received,) = far_end.received["GetAgent"]
    assert received.metadata["x-api-key"] == "key-1"
    assert received.seconds_left is not None
    # On the wire a deadline has two or three digits and is rounded up: by less than 2 %.
    assert 0 < received.seconds_left <= 7 * 1.02


async def test_address_and_key_come_from_the_environment(
    far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTDIAL_ADDRESS", far_end.address)
    monkeypatch.setenv("OUTDIAL_API_KEY", "key-2")
    far_end.answer("GetServerInfo", GetServerInfoResponse(version="1.2.3"))
    async with Client() as client:
        assert (await client.server_info()).version == "1.2.3"
    assert far_end.received["GetServerInfo"][0].metadata["x-api-key"] == "key-2"


async def test_the_request_id_stays_the_same_over_retries(far_end: FarEnd, client: Client) -> None:
    far_end.answer("CreateAgent", Refusal(), Refusal(), CREATED)
    agent = await client.agents.create("Reminder")
    assert agent.agent_id == "a-1"
    ids = [request.request_id for request in far_end.requests("CreateAgent")]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert ids[0]


async def test_each_request_has_its_own_request_id(far_end: FarEnd, client: Client) -> None:
    far_end.answer("CreateAgent", CREATED)
    await client.agents.create("Reminder")
    await client.agents.create("Reminder")
    first, second = far_end.requests("CreateAgent")
    assert first.request_id != second.request_id


async def test_a_request_id_that_is_given_is_kept(far_end: FarEnd, client: Client) -> None:
    far_end.answer("CreateAgent", CREATED)
    await client.agents.create("Reminder", request_id="mine")
    assert far_end.requests("CreateAgent")[0].request_id == "mine"


async def test_a_long_list_is_sent_again_too(far_end: FarEnd, client: Client) -> None:
    far_end.answer("CreateBatch", Refusal(), CreateBatchResponse(batch=Batch(batch_id="b-1")))
    calls = [NewCall(address="+15551230001", template_context={"note": "x" * 1000})] * 2_000
    created = await client.batches.create(NewBatch(agent_id="a", display_name="b"), calls)
    assert created.batch.batch_id == "b-1"
    assert [len(r.scheduled_calls) for r in far_end.requests("CreateBatch")] == [2_000, 2_000]


async def test_what_answers_differently_the_second_time_is_sent_once(
    far_end: FarEnd, client: Client
) -> None:
    far_end.answer("DeleteBatch", Refusal())
    with pytest.raises(UnavailableError):
        await client.batches.delete("b-1")
    assert len(far_end.requests("DeleteBatch")) == 1


def test_every_retried_method_exists_and_may_be_sent_twice() -> None:
    (config,) = [json.loads(value) for name, value in _OPTIONS if name == "grpc.service_config"]
    methods = {
        (service.full_name, method.name): method
        for service in SERVICES
        for method in service.methods
    }
    again_changes_nothing = {
        "PauseBatch",
        "ResumeBatch",
        "CancelBatch",
        "RevokeApiKey",
        "ReportExternalCall",
        "EndExternalCall",
    }
    for entry in config["methodConfig"][0]["name"]:
        method = methods[entry["service"], entry["method"]]
        assert (
            method.name.startswith(("Get", "List", "Explain", "Estimate", "Forecast"))
            or method.name in again_changes_nothing
            or "request_id" in method.input_type.fields_by_name
        )


def test_every_method_that_reads_or_has_a_request_id_is_retried() -> None:
    (config,) = [json.loads(value) for name, value in _OPTIONS if name == "grpc.service_config"]
    retried = {entry["method"] for entry in config["methodConfig"][0]["name"]}
    safe = {
        method.name
        for service in SERVICES
        for method in service.methods
        if method.name.startswith(("Get", "List", "Explain", "Estimate", "Forecast"))
        or "request_id" in method.input_type.fields_by_name
    }
    assert safe <= retried


async def test_a_list_goes_over_all_pages(far_end: FarEnd, client: Client) -> None:
    far_end.answer(
        "ListAgents",
        ListAgentsResponse(agents=[Agent(agent_id="a"), Agent(agent_id="b")], next_page_token="2"),
        ListAgentsResponse(next_page_token="3"),
        ListAgentsResponse(agents=[Agent(agent_id="c")]),
    )
    assert [agent.agent_id async for agent in client.agents.list(page_size=2)] == ["a", "b", "c"]
    requests = far_end.requests("ListAgents")
    assert [(request.page_size, request.page_token) for request in requests] == [
        (2, ""),
        (2, "2"),
        (2, "3"),
    ]


async def test_what_a_list_skips_is_skipped_once(far_end: FarEnd, client: Client) -> None:
    far_end.answer(
        "ListAgents",
        ListAgentsResponse(agents=[Agent(agent_id="c")], next_page_token="2"),
        ListAgentsResponse(agents=[Agent(agent_id="d")]),
    )
    assert [agent.agent_id async for agent in client.agents.list(skip=2)] == ["c", "d"]
    requests = far_end.requests("ListAgents")
    assert [(request.skip, request.page_token) for request in requests] == [(2, ""), (0, "2")]


async def test_a_list_stops_asking_when_its_reader_stops(far_end: FarEnd, client: Client) -> None:
    page = ListAgentsResponse(agents=[Agent(agent_id="a")], next_page_token="2")
    far_end.answer("ListAgents", page)
    first = await client.agents.find("a")
    assert first is not None
    assert len(far_end.requests("ListAgents")) == 1


async def test_the_event_log_is_read_until_nothing_is_new(far_end: FarEnd, client: Client) -> None:
    far_end.answer(
        "ListBatchEvents",
        ListBatchEventsResponse(
            events=[Event(sequence=4), Event(sequence=5)], next_after_sequence=5
        ),
        ListBatchEventsResponse(next_after_sequence=5),
    )
    events = await client.batches.events("b-1", after_sequence=3).to_list()
    assert [event.sequence for event in events] == [4, 5]
    assert [request.after_sequence for request in far_end.requests("ListBatchEvents")] == [3, 5]


async def test_a_batch_is_sent_as_it_was_described(far_end: FarEnd, client: Client) -> None:
    far_end.answer("CreateBatch", CreateBatchResponse())
    opens = datetime(2027, 3, 1, 9, tzinfo=UTC)
    batch = NewBatch(
        agent_id="a-1",
        display_name="Monday",
        window_start=opens,
        ring_timeout=timedelta(seconds=20),
        carrier_params={"record": True},
    )
    call = NewCall(
        address="+15551230001",
        custom_id="c",
        template_context={"name": "Ada", "n": 2},
        annotations={"origin": "crm"},
        carrier_params={"send_digits": "1ww2"},
    )
    await client.batches.create(batch, [call], draft=True)
    (request,) = far_end.requests("CreateBatch")
    assert request.draft
    assert request.batch.window_start.ToDatetime(tzinfo=UTC) == opens
    assert not request.batch.HasField("window_end")
    assert request.batch.ring_timeout.seconds == 20
    assert dict(request.scheduled_calls[0].template_context) == {"name": "Ada", "n": 2}
    assert dict(request.scheduled_calls[0].annotations) == {"origin": "crm"}
    assert dict(request.batch.carrier_params) == {"record": True}
    assert dict(request.scheduled_calls[0].carrier_params) == {"send_digits": "1ww2"}


def test_a_moment_without_a_time_zone_is_refused() -> None:
    batch = NewBatch(
        agent_id="a",
        display_name="b",
        window_end=datetime(2027, 3, 1, 9),  # noqa: DTZ001
    )
    with pytest.raises(ValueError, match="no time zone"):
        batch.to_message()
