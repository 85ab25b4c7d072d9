"""Agents with texts, over gRPC."""

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import Belongings

from support.grpc import call, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = Agent(
    display_name="With texts",
    prompt="You call {{customer.first_name}} about {{ plan }}.",
    first_message="Hello {{customer.first_name}}",
    join_url_template="wss://media.example.com/{{call_id}}?plan={{plan}}",
    default_context={"plan": "basic", "n": 3},
    context_schema={"type": "object", "required": ["customer"]},
)


async def test_what_is_written_is_read_and_changed_field_by_field(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    key = ours.tenant.key
    made = (await call(grpc_channel, "CreateAgent", key, agent=TEXTS)).agent
    assert made.active
    for field in ("prompt", "first_message", "join_url_template"):
        assert getattr(made, field) == getattr(TEXTS, field)
    assert (made.default_context, made.context_schema) == (
        TEXTS.default_context,
        TEXTS.context_schema,
    )
    change = Agent(agent_id=made.agent_id, prompt="{{b}}")
    paths = ["prompt", "context_schema"]
    changed = await call(
        grpc_channel, "UpdateAgent", key, agent=change, update_mask=FieldMask(paths=paths)
    )
    made.prompt = "{{b}}"
    made.ClearField("context_schema")
    for volatile in ("etag", "update_time"):
        made.ClearField(volatile)
        changed.agent.ClearField(volatile)
    assert changed.agent == made


async def test_an_inactive_agent_starts_nothing_until_it_is_active(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    key = ours.tenant.key
    agent = Agent(display_name="Resting", active=False)
    made = (await call(grpc_channel, "CreateAgent", key, agent=agent)).agent
    assert not made.active
    wanted = {
        "batch": Batch(agent_id=made.agent_id, display_name="x"),
        "scheduled_calls": [ScheduledCall(address="+15551230001")],
        "draft": True,
    }
    told = await refused(grpc_channel, "CreateBatch", key, **wanted)
    assert (told.code, told.info.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "AGENT_INACTIVE",
    )
    assert told.info.metadata == {"agent_id": made.agent_id}
    # Named in the mask and not set: back to its default.
    change = {"agent": Agent(agent_id=made.agent_id), "update_mask": FieldMask(paths=["active"])}
    assert (await call(grpc_channel, "UpdateAgent", key, **change)).agent.active
    await call(grpc_channel, "CreateBatch", key, **wanted)
