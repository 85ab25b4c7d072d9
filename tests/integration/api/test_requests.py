"""How requests are read: repetition, masks, unknown parts, bounds, pages."""

from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import UNKNOWN_POLICY_AT_MOST_ONCE, UNKNOWN_POLICY_HOLD, Batch
from outdial.v1.batch_service_pb2 import CreateBatchRequest
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import Belongings

from outdial_server.domain.limits import REQUEST_MAX_BYTES
from support.grpc import call, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


def draft(ours: Belongings, **fields: object) -> CreateBatchRequest:
    batch = Batch(agent_id=ours.agent_id, display_name="list", **fields)  # type: ignore[arg-type]
    return CreateBatchRequest(batch=batch, draft=True)


async def create(channel: grpc.aio.Channel, ours: Belongings, **fields: object) -> Batch:
    made = await call(channel, "CreateBatch", ours.tenant.key, draft(ours, **fields))
    batch: Batch = made.batch
    return batch


async def test_a_repeated_request_answers_with_what_was_made(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    request = draft(ours)
    request.request_id = str(uuid4())
    first = await call(grpc_channel, "CreateBatch", ours.tenant.key, request)
    again = await call(grpc_channel, "CreateBatch", ours.tenant.key, request)
    assert first.batch.batch_id == again.batch.batch_id
    request.batch.display_name = "something else"
    refusal = await refused(grpc_channel, "CreateBatch", ours.tenant.key, request)
    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS
    assert refusal.info.reason == "REQUEST_ID_REUSED"


async def test_one_request_id_serves_different_methods(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    request_id = str(uuid4())
    request = draft(ours)
    request.request_id = request_id
    assert await call(grpc_channel, "CreateBatch", ours.tenant.key, request)
    agent = Agent(display_name=request_id)
    made = await call(
        grpc_channel, "CreateAgent", ours.tenant.key, agent=agent, request_id=request_id
    )
    assert made.agent.display_name == request_id


async def test_unset_fields_get_their_defaults(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    batch = await create(grpc_channel, ours)
    assert batch.ring_timeout.seconds == 30
    assert batch.max_call_duration.seconds == 3600
    assert batch.weight == 1
    assert batch.max_concurrent_calls == 0
    assert batch.unknown_policy == UNKNOWN_POLICY_AT_MOST_ONCE
    assert not batch.HasField("window_end")


async def test_a_mask_writes_what_it_names_and_nothing_else(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    before = await create(grpc_channel, ours, priority=3, metadata={"a": "b"})
    change = Batch(batch_id=before.batch_id, display_name="ignored", priority=5)
    change.unknown_policy = UNKNOWN_POLICY_HOLD
    answer = await call(
        grpc_channel,
        "UpdateBatch",
        ours.tenant.key,
        batch=change,
        update_mask=FieldMask(paths=["priority", "metadata"]),
    )
    assert answer.batch.display_name == before.display_name
    assert answer.batch.unknown_policy == before.unknown_policy
    assert answer.batch.priority == 5
    assert not answer.batch.metadata


async def test_annotations_are_given_back_as_they_came_and_written_by_name(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    annotations = Struct()
    annotations.update({"schedule_type": "immediate", "listed": [1, None, {"deep": True}]})
    batch = await create(grpc_channel, ours, annotations=annotations)
    assert batch.annotations == annotations
    change = Batch(batch_id=batch.batch_id, priority=1)
    for paths, kept in ([["priority"], annotations], [["annotations"], Struct()]):
        mask = FieldMask(paths=paths)
        answer = await call(
            grpc_channel, "UpdateBatch", ours.tenant.key, batch=change, update_mask=mask
        )
        assert answer.batch.annotations == kept


async def test_without_a_mask_what_is_populated_is_written(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    before = await create(grpc_channel, ours, priority=3)
    change = Batch(batch_id=before.batch_id, display_name="new name")
    answer = await call(grpc_channel, "UpdateBatch", ours.tenant.key, batch=change)
    assert (answer.batch.display_name, answer.batch.priority) == ("new name", 3)


@pytest.mark.parametrize("path", ["nonsense", "agent_id", "counts.total", "metadata.a"])
async def test_a_mask_that_cannot_be_followed_is_refused(
    grpc_channel: grpc.aio.Channel, ours: Belongings, path: str
) -> None:
    refusal = await refused(
        grpc_channel,
        "UpdateBatch",
        ours.tenant.key,
        batch=Batch(batch_id=ours.batch_id),
        update_mask=FieldMask(paths=[path]),
    )
    assert refusal.fields == ["update_mask"]


async def test_an_old_etag_overwrites_nothing(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    batch = await create(grpc_channel, ours)
    change = Batch(batch_id=batch.batch_id, display_name="mine", etag=batch.etag)
    assert await call(grpc_channel, "UpdateBatch", ours.tenant.key, batch=change)
    change.display_name = "mine again"
    refusal = await refused(grpc_channel, "UpdateBatch", ours.tenant.key, batch=change)
    assert refusal.code is grpc.StatusCode.ABORTED
    assert refusal.info.reason == "ETAG_MISMATCH"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"unknown_policy": 99}, "batch.unknown_policy"),
        ({"priority": 10}, "batch.priority"),
        ({"weight": -1}, "batch.weight"),
        ({"ring_timeout": Duration(seconds=601)}, "batch.ring_timeout"),
        ({"ring_timeout": Duration(seconds=10, nanos=1)}, "batch.ring_timeout"),
        ({"ring_timeout": Duration(seconds=10**15)}, "batch.ring_timeout"),
        ({"window_end": Timestamp(seconds=1)}, "batch.window_end"),
        ({"window_start": Timestamp(seconds=10**12)}, "batch.window_start"),
        ({"caller_id": "12"}, "batch.caller_id"),
        ({"agent_id": ""}, "batch.agent_id"),
    ],
)
async def test_a_fault_is_named_by_its_path(
    grpc_channel: grpc.aio.Channel, ours: Belongings, fields: dict[str, object], path: str
) -> None:
    request = CreateBatchRequest(
        batch=Batch(**{"agent_id": ours.agent_id, "display_name": "list", **fields}), draft=True
    )  # type: ignore[arg-type]
    refusal = await refused(grpc_channel, "CreateBatch", ours.tenant.key, request)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.fields == [path]


async def test_nul_characters_in_what_is_looked_for_are_refused(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    key = ours.tenant.key
    refusal = await refused(grpc_channel, "ListAgents", key, display_name="a\0b")
    assert refusal.fields == ["display_name"]
    refusal = await refused(
        grpc_channel, "ListScheduledCalls", key, batch_id=ours.batch_id, custom_id="a\0b"
    )
    assert refusal.fields == ["custom_id"]


async def test_faults_of_rows_are_named_by_their_index(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    request = draft(ours)
    request.scheduled_calls.extend(
        [
            ScheduledCall(address="+15551230001"),
            ScheduledCall(address="not a number"),
            ScheduledCall(address="+15551230001", priority=77, time_zone="Mars/Olympus"),
        ]
    )
    refusal = await refused(grpc_channel, "CreateBatch", ours.tenant.key, request)
    assert refusal.fields == [
        "scheduled_calls[1].address",
        "scheduled_calls[2].priority",
        "scheduled_calls[2].time_zone",
    ]


async def test_faults_by_the_thousand_still_reach_a_client(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    """Clients refuse trailers above 8 KiB, at random: so this asks a few times."""
    request = draft(ours)
    request.scheduled_calls.extend([ScheduledCall(address="15551230001")] * 1000)
    for _ in range(5):
        refusal = await refused(grpc_channel, "CreateBatch", ours.tenant.key, request)
        assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refusal.fields[0] == "scheduled_calls[0].address"
        assert len(refusal.fields) > 20


async def test_a_precondition_names_the_state(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    refusal = await refused(
        grpc_channel, "StartBatch", ours.tenant.key, batch_id=ours.called_batch_id
    )
    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.info.reason == "BATCH_STATE"
    assert refusal.info.domain == "outdial.dev"
    assert refusal.info.metadata["state"] == "COMPLETED"
    violation = refusal.details[error_details_pb2.PreconditionFailure].violations[0]
    assert violation.type == "BATCH_STATE"


async def test_fields_that_the_server_does_not_know_do_no_harm(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    known = draft(ours).SerializeToString()
    # Field 1000, a varint: from a client of a later version.
    request = CreateBatchRequest.FromString(known + b"\xc0\x3e\x01")
    assert await call(grpc_channel, "CreateBatch", ours.tenant.key, request)


async def test_a_context_comes_back_as_it_went_in(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    context = Struct()
    context.update({"name": "Ada", "age": 36, "score": 0.5, "tags": ["a", None], "deep": {"x": 1}})
    request = draft(ours)
    request.scheduled_calls.append(ScheduledCall(address="+15551230001", template_context=context))
    made = await call(grpc_channel, "CreateBatch", ours.tenant.key, request)
    rows = await call(
        grpc_channel, "ListScheduledCalls", ours.tenant.key, batch_id=made.batch.batch_id
    )
    assert rows.scheduled_calls[0].template_context == context


async def test_a_context_with_an_infinite_number_is_refused(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    request = draft(ours)
    row = request.scheduled_calls.add(address="+15551230001")
    row.template_context["age"] = float("inf")
    refusal = await refused(grpc_channel, "CreateBatch", ours.tenant.key, request)
    assert refusal.fields == ["scheduled_calls[0].template_context"]


@pytest.mark.parametrize(("spare_bytes", "fits"), [(1024, True), (-1024, False)])
async def test_a_request_may_have_34_mebibytes(
    grpc_channel: grpc.aio.Channel, ours: Belongings, spare_bytes: int, *, fits: bool
) -> None:
    request = CreateBatchRequest(request_id="x" * (REQUEST_MAX_BYTES - spare_bytes))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(grpc_channel, "CreateBatch", ours.tenant.key, request)
    code = grpc.StatusCode.INVALID_ARGUMENT if fits else grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.code() is code


async def test_pages_follow_one_another(grpc_channel: grpc.aio.Channel, ours: Belongings) -> None:
    request = draft(ours)
    request.scheduled_calls.extend(ScheduledCall(address=f"+1555{n:07d}") for n in range(5))
    made = await call(grpc_channel, "CreateBatch", ours.tenant.key, request)
    positions: list[int] = []
    token = ""
    while True:
        page = await call(
            grpc_channel,
            "ListScheduledCalls",
            ours.tenant.key,
            batch_id=made.batch.batch_id,
            page_size=2,
            page_token=token,
        )
        positions += [row.position for row in page.scheduled_calls]
        token = page.next_page_token
        if not token:
            break
    assert positions == [0, 1, 2, 3, 4]
    last = await call(
        grpc_channel,
        "ListScheduledCalls",
        ours.tenant.key,
        batch_id=made.batch.batch_id,
        skip=3,
        show_total_size=True,
    )
    assert [row.position for row in last.scheduled_calls] == [3, 4]
    assert last.total_size == 5


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"page_size": -1}, "INVALID_FIELD"), ({"page_token": "nonsense"}, "PAGE_TOKEN_INVALID")],
)
async def test_a_page_that_cannot_be_is_refused(
    grpc_channel: grpc.aio.Channel, ours: Belongings, fields: dict[str, object], reason: str
) -> None:
    refusal = await refused(grpc_channel, "ListBatches", ours.tenant.key, **fields)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.info.reason == reason


async def test_the_events_of_a_batch_are_read_by_sequence(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    sequences: list[int] = []
    while True:
        page = await call(
            grpc_channel,
            "ListBatchEvents",
            ours.tenant.key,
            batch_id=ours.called_batch_id,
            after_sequence=sequences[-1] if sequences else 0,
            page_size=2,
        )
        if not page.events:
            break
        sequences += [event.sequence for event in page.events]
        assert page.next_after_sequence == sequences[-1]
        assert page.oldest_sequence == 1
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) > 3


async def test_a_request_id_of_the_caller_comes_back(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    metadata = [*ours.tenant.key, ("x-request-id", "trace-1")]
    refusal = await refused(grpc_channel, "GetBatch", metadata, batch_id="nope")
    assert refusal.request_id == "trace-1"


async def test_a_request_id_that_is_none_is_replaced(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    metadata = [*ours.tenant.key, ("x-request-id", "a b;c")]
    refusal = await refused(grpc_channel, "GetBatch", metadata, batch_id="nope")
    assert refusal.request_id
    assert refusal.request_id != "a b;c"


async def test_long_texts_are_cut_in_errors(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    refusal = await refused(grpc_channel, "GetBatch", ours.tenant.key, batch_id="é" * 100_000)
    assert refusal.code is grpc.StatusCode.NOT_FOUND
