"""Rules for numbers over gRPC: two lists with the same person on them."""

from itertools import pairwise

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from outdial.v1.account_pb2 import Account, NumberRules
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import new_tenant, watch_to_the_end

from support.grpc import call

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULES = NumberRules(min_gap=Duration(seconds=1), max_calls_per_day=3)


async def test_nobody_is_called_twice_within_the_gap(grpc_channel: grpc.aio.Channel) -> None:
    tenant = await new_tenant(grpc_channel, "gap")
    changed = await call(
        grpc_channel, "UpdateAccount", tenant.key, account=Account(number_rules=RULES)
    )
    assert changed.account.number_rules == RULES
    agent = await call(grpc_channel, "CreateAgent", tenant.key, agent=Agent(display_name="Ada"))
    batches = [
        await call(
            grpc_channel,
            "CreateBatch",
            tenant.key,
            batch=Batch(agent_id=agent.agent.agent_id, display_name=f"list {n}"),
            scheduled_calls=[ScheduledCall(address="+15551230001")],
        )
        for n in range(3)
    ]
    for made in batches:
        await watch_to_the_end(grpc_channel, tenant.key, made.batch.batch_id)
    calls = [
        (await call(grpc_channel, "ListCalls", tenant.key, batch_id=made.batch.batch_id)).calls[0]
        for made in batches
    ]
    calls.sort(key=lambda one: one.send_time.ToNanoseconds())
    for before, after in pairwise(calls):
        gap = after.send_time.ToNanoseconds() - before.end_time.ToNanoseconds()
        assert gap >= 1_000_000_000


async def test_rules_are_lifted_by_naming_the_field_alone(grpc_channel: grpc.aio.Channel) -> None:
    key = (await new_tenant(grpc_channel, "lifted")).key
    await call(grpc_channel, "UpdateAccount", key, account=Account(number_rules=RULES))
    named = {"paths": ["number_rules"]}
    changed = await call(grpc_channel, "UpdateAccount", key, account=Account(), update_mask=named)
    assert not changed.account.HasField("number_rules")
    shown = await call(grpc_channel, "GetAccount", key)
    assert not shown.account.HasField("number_rules")
