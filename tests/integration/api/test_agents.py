"""Agents with texts, over gRPC."""

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest
from outdial.v1.import_pb2 import (
    BAD_ROW_POLICY_SKIP,
    ImportEnd,
    ImportOptions,
    ImportRow,
    ImportRows,
)
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import Belongings, watch_to_the_end

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def talking(grpc_channel: grpc.aio.Channel, ours: Belongings) -> str:
    agent = Agent(display_name="Talking", prompt="{{customer.first_name}} {{n}}")
    made = await call(grpc_channel, "CreateAgent", ours.tenant.key, agent=agent)
    agent_id: str = made.agent.agent_id
    return agent_id


def rows() -> list[ScheduledCall]:
    """The last one does not do."""
    good = [
        ScheduledCall(
            address=f"+1555123{n:04}",
            template_context={"customer": {"first_name": "Ada"}, "n": n},
        )
        for n in range(6)
    ]
    return [*good, ScheduledCall(address="+15551239999", template_context={"n": 6})]


MISSING = "template_context.customer.first_name"
WHY = "is required by the agent's prompt"


async def test_contexts_are_checked_when_a_batch_is_made_and_added_to(
    grpc_channel: grpc.aio.Channel, ours: Belongings, talking: str
) -> None:
    key, batch = ours.tenant.key, Batch(agent_id=talking, display_name="x")
    wanted = {"batch": batch, "scheduled_calls": rows(), "draft": True}
    told = await refused(grpc_channel, "CreateBatch", key, **wanted)
    assert told.fields == [f"scheduled_calls[6].{MISSING}"]
    assert told.message == f"scheduled_calls[6].{MISSING}: {WHY}"
    wanted["scheduled_calls"] = rows()[:6]
    made = await call(grpc_channel, "CreateBatch", key, **wanted)
    more = {"batch_id": made.batch.batch_id, "scheduled_calls": rows()[5:]}
    told = await refused(grpc_channel, "AddScheduledCalls", key, **more)
    assert told.fields == [f"scheduled_calls[1].{MISSING}"]
    more["scheduled_calls"] = rows()[:1]
    await call(grpc_channel, "AddScheduledCalls", key, **more)


async def test_an_import_tells_of_contexts_as_findings(
    grpc_channel: grpc.aio.Channel, ours: Belongings, talking: str
) -> None:
    options = ImportOptions(
        new_batch=Batch(agent_id=talking, display_name="x"),
        draft=True,
        bad_rows=BAD_ROW_POLICY_SKIP,
    )
    sent = [ImportRow(scheduled_call=row) for row in rows()]
    messages = [
        ImportScheduledCallsRequest(options=options),
        ImportScheduledCallsRequest(rows=ImportRows(rows=sent)),
        ImportScheduledCallsRequest(end=ImportEnd(row_count=len(sent))),
    ]
    done = await call(grpc_channel, "ImportScheduledCalls", ours.tenant.key, messages)
    imported = getattr(done, "import")
    assert (imported.added_count, imported.refused_count) == (6, 1)
    found = await call(
        grpc_channel, "ListImportFindings", ours.tenant.key, import_id=imported.import_id
    )
    (finding,) = found.findings
    assert (finding.row_number, finding.field, finding.description) == (7, MISSING, WHY)


async def test_a_call_tells_the_texts_that_it_was_made_with(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    key = ours.tenant.key
    agent = Agent(
        display_name="Joining",
        prompt="You call {{name}}.",
        join_url_template="wss://media.example.com/{{call_id}}?n={{name}}",
    )
    agent_id = (await call(grpc_channel, "CreateAgent", key, agent=agent)).agent.agent_id
    made = await call(
        grpc_channel,
        "CreateBatch",
        key,
        batch=Batch(agent_id=agent_id, display_name="x"),
        scheduled_calls=[ScheduledCall(address="+15551230001", template_context={"name": "A&B"})],
    )
    batch_id = made.batch.batch_id
    await watch_to_the_end(grpc_channel, key, batch_id)
    change = Agent(agent_id=agent_id, prompt="Another")
    await call(grpc_channel, "UpdateAgent", key, agent=change)
    (listed,) = (await call(grpc_channel, "ListCalls", key, batch_id=batch_id)).calls
    assert (listed.prompt, listed.join_url) == ("", "")
    told = (await call(grpc_channel, "GetCall", key, call_id=listed.call_id)).call
    assert (told.prompt, told.first_message) == ("You call A&B.", "")
    assert told.join_url == f"wss://media.example.com/{listed.call_id}?n=A%26B"


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
