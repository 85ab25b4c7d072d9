"""SuppressionService over gRPC, to the end of a batch."""

import grpc.aio
import pytest
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.scheduled_call_pb2 import SCHEDULED_CALL_STATE_SKIPPED, ScheduledCall
from tests.integration.api.conftest import Tenant, new_tenant, watch_to_the_end

from support.grpc import call

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def new_account(channel: grpc.aio.Channel, name: str) -> Tenant:
    return await new_tenant(channel, name)


async def test_nobody_on_the_list_is_dialled(grpc_channel: grpc.aio.Channel) -> None:
    tenant = await new_account(grpc_channel, "listed")
    made = await call(
        grpc_channel,
        "CreateSuppressions",
        tenant.key,
        addresses=["+1 555 123 0001", "+15551230001"],
        source="registry",
    )
    assert [entry.address for entry in made.suppressions] == ["+15551230001"]
    assert made.created_count == 1
    agent = await call(grpc_channel, "CreateAgent", tenant.key, agent=Agent(display_name="Ada"))
    batch = await call(
        grpc_channel,
        "CreateBatch",
        tenant.key,
        batch=Batch(agent_id=agent.agent.agent_id, display_name="list"),
        scheduled_calls=[ScheduledCall(address=f"+1555123000{n}") for n in range(3)],
    )
    batch_id = batch.batch.batch_id
    await watch_to_the_end(grpc_channel, tenant.key, batch_id)
    rows = await call(
        grpc_channel,
        "ListScheduledCalls",
        tenant.key,
        batch_id=batch_id,
        states=[SCHEDULED_CALL_STATE_SKIPPED],
    )
    assert [(row.address, row.state_reason) for row in rows.scheduled_calls] == [
        ("+15551230001", "SUPPRESSED")
    ]
    ended = await call(grpc_channel, "GetBatch", tenant.key, batch_id=batch_id)
    assert ended.batch.counts.skipped == 1


async def test_entries_are_read_listed_and_deleted(grpc_channel: grpc.aio.Channel) -> None:
    tenant = await new_account(grpc_channel, "kept")
    numbers = [f"+1555{n:07d}" for n in range(1_200)]
    made = await call(grpc_channel, "CreateSuppressions", tenant.key, addresses=numbers)
    assert [entry.address for entry in made.suppressions] == numbers
    again = await call(grpc_channel, "CreateSuppressions", tenant.key, addresses=numbers)
    assert again.created_count == 0
    one = made.suppressions[7]
    read = await call(grpc_channel, "GetSuppression", tenant.key, suppression_id=one.suppression_id)
    assert read.suppression == one
    found = await call(grpc_channel, "ListSuppressions", tenant.key, address="+1 (555) 0000007")
    assert list(found.suppressions) == [one]
    await call(grpc_channel, "DeleteSuppression", tenant.key, suppression_id=one.suppression_id)
    gone = await call(grpc_channel, "ListSuppressions", tenant.key, address=one.address)
    assert not gone.suppressions
