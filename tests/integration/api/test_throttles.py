"""ThrottleService over gRPC, and a batch that is dialled through one."""

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.throttle_pb2 import Throttle, ThrottleRule
from tests.integration.api.conftest import new_tenant, watch_to_the_end

from support.grpc import call

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULES = [ThrottleRule(max_calls=3, window=Duration(seconds=1))]


async def test_a_batch_is_dialled_no_faster_than_its_throttle(
    grpc_channel: grpc.aio.Channel,
) -> None:
    tenant = await new_tenant(grpc_channel, "throttled")
    made = await call(
        grpc_channel,
        "CreateThrottle",
        tenant.key,
        throttle=Throttle(display_name="slow", rules=RULES),
    )
    agent = await call(grpc_channel, "CreateAgent", tenant.key, agent=Agent(display_name="Ada"))
    batch = await call(
        grpc_channel,
        "CreateBatch",
        tenant.key,
        batch=Batch(agent_id=agent.agent.agent_id, display_name="list", throttle="slow"),
        scheduled_calls=[ScheduledCall(address=f"+1555123{n:04d}") for n in range(7)],
    )
    assert batch.batch.throttle == made.throttle.throttle_id
    await watch_to_the_end(grpc_channel, tenant.key, batch.batch.batch_id)
    listed = await call(grpc_channel, "ListCalls", tenant.key, batch_id=batch.batch.batch_id)
    sent = sorted(one.send_time.ToNanoseconds() for one in listed.calls)
    assert len(sent) == 7
    for first, fourth in zip(sent, sent[3:], strict=False):
        assert fourth - first >= 1_000_000_000


async def test_a_throttle_is_read_listed_changed_and_deleted(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "keeper")).key
    made = await call(
        grpc_channel, "CreateThrottle", key, throttle=Throttle(display_name="slow", rules=RULES)
    )
    throttle_id = made.throttle.throttle_id
    assert list(made.throttle.rules) == RULES
    changed = await call(
        grpc_channel,
        "UpdateThrottle",
        key,
        throttle=Throttle(throttle_id=throttle_id, display_name="slower", etag=made.throttle.etag),
    )
    assert list(changed.throttle.rules) == RULES
    listed = await call(grpc_channel, "ListThrottles", key, display_name="slower")
    assert list(listed.throttles) == [changed.throttle]
    read = await call(grpc_channel, "GetThrottle", key, throttle_id=throttle_id)
    assert read.throttle == changed.throttle
    await call(grpc_channel, "DeleteThrottle", key, throttle_id=throttle_id)
    assert not (await call(grpc_channel, "ListThrottles", key)).throttles
