"""ExternalCallService over gRPC: what another system has in progress keeps ours from dialling,
until it ends or its time is over."""

import asyncio
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from outdial.v1.account_pb2 import Account
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import OPERATOR, Tenant, new_tenant, watch_to_the_end

from outdial_server.app.server import RunningServer, running_server
from outdial_server.settings import Settings
from support.grpc import call

pytestmark = pytest.mark.asyncio(loop_scope="module")


def channel_to(server: RunningServer) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}")


async def shared_line(channel: grpc.aio.Channel) -> tuple[Tenant, str]:
    """An account that may make one call at a time, and its agent."""
    tenant = await new_tenant(channel, "shared")
    await call(
        channel,
        "UpdateAccount",
        OPERATOR,
        account=Account(account_id=tenant.account_id, max_concurrent_calls=1),
    )
    agent = await call(channel, "CreateAgent", tenant.key, agent=Agent(display_name="Ada"))
    return tenant, agent.agent.agent_id


async def one_person(channel: grpc.aio.Channel, tenant: Tenant, agent_id: str) -> str:
    made = await call(
        channel,
        "CreateBatch",
        tenant.key,
        batch=Batch(agent_id=agent_id, display_name="list"),
        scheduled_calls=[ScheduledCall(address="+15551230001")],
    )
    batch_id: str = made.batch.batch_id
    return batch_id


async def test_a_batch_goes_on_when_an_external_call_ends_or_its_time_is_over(
    grpc_channel: grpc.aio.Channel,
) -> None:
    tenant, agent_id = await shared_line(grpc_channel)
    key = tenant.key
    first = await call(
        grpc_channel, "ReportExternalCall", key, external_id="switch/1", agent_id=agent_id
    )
    await call(grpc_channel, "ReportExternalCall", key, external_id="switch/2")
    account = await call(grpc_channel, "GetAccount", key, account_id=tenant.account_id)
    assert account.account.active_calls == 2
    listed = await call(grpc_channel, "ListExternalCalls", key)
    assert listed.external_calls[0] == first.external_call
    assert [one.external_id for one in listed.external_calls] == ["switch/1", "switch/2"]
    batch_id = await one_person(grpc_channel, tenant, agent_id)
    explained = await call(grpc_channel, "ExplainBatch", key, batch_id=batch_id)
    (gate,) = [one for one in explained.explanation.gates if one.name == "slots_account"]
    assert dict(gate.figures) == {"used": 2, "cap": 1, "external": 2}
    soon = Duration(seconds=1)
    await call(grpc_channel, "ReportExternalCall", key, external_id="switch/2", ttl=soon)
    ended = await call(grpc_channel, "EndExternalCall", key, external_id="switch/1")
    assert ended.was_in_progress
    async with asyncio.timeout(30):
        await watch_to_the_end(grpc_channel, key, batch_id)
    again = await call(grpc_channel, "EndExternalCall", key, external_id="switch/1")
    assert not again.was_in_progress
    assert not (await call(grpc_channel, "ListExternalCalls", key)).external_calls


async def test_one_whose_time_is_over_while_no_server_runs_is_freed_at_the_next_start(
    tmp_path: Path, settings: Settings
) -> None:
    own = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'outdial.db'}"})
    async with running_server(own) as server, channel_to(server) as channel:
        tenant, agent_id = await shared_line(channel)
        soon = Duration(seconds=1)
        await call(channel, "ReportExternalCall", tenant.key, external_id="switch/1", ttl=soon)
        batch_id = await one_person(channel, tenant, agent_id)
    async with running_server(own) as server, channel_to(server) as channel:
        async with asyncio.timeout(30):
            await watch_to_the_end(channel, tenant.key, batch_id)
        assert not (await call(channel, "ListExternalCalls", tenant.key)).external_calls
