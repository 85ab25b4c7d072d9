"""CreateCall over gRPC: one call outside any batch, from its making to its end."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc.aio
import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import RetryInfo
from outdial.v1.agent_pb2 import Agent
from outdial.v1.call_pb2 import CALL_STATE_ENDED, CALL_STATE_WAITING, Call
from outdial.v1.scheduled_call_pb2 import DISPOSITION_CANCELLED
from tests.integration.api.conftest import new_tenant
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.settings import Settings
from support.grpc import Metadata, call, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

# By the simulated carrier's magic numbers: one call that lives for an hour, one that ends.
ANSWERED, BUSY = "+12025550100", "+12025550102"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        database_url=f"sqlite:///{tmp_path_factory.mktemp('server') / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile="fast,magic_numbers=true,talk_ms=3600000",
        drain_seconds=0.2,
    )


async def new_agent(channel: grpc.aio.Channel, key: Metadata, **fields: object) -> str:
    agent = Agent(display_name="Ada", **fields)  # type: ignore[arg-type]
    agent_id: str = (await call(channel, "CreateAgent", key, agent=agent)).agent.agent_id
    return agent_id


async def until(channel: grpc.aio.Channel, key: Metadata, call_id: str, field: str) -> Call:
    """Asks until the call has that moment."""
    async with asyncio.timeout(30):
        while True:
            found: Call = (await call(channel, "GetCall", key, call_id=call_id)).call
            if found.HasField(field):  # type: ignore[arg-type]
                return found


async def test_a_call_is_made_dialled_and_over(grpc_channel: grpc.aio.Channel) -> None:
    key = (await new_tenant(grpc_channel, "direct")).key
    agent_id = await new_agent(grpc_channel, key, first_message="Hello {{name}}.")
    context = Struct()
    context.update({"name": "Ada"})
    asked = {
        "agent_id": agent_id,
        "address": BUSY,
        "template_context": context,
        "metadata": {"ticket": "7"},
    }
    made = await call(grpc_channel, "CreateCall", key, request_id="once", **asked)
    assert (made.call.batch_id, made.call.scheduled_call_id) == ("", "")
    assert made.call.template_context == context
    assert made.call.metadata == {"ticket": "7"}
    assert made.call.expire_time.seconds > made.call.create_time.seconds
    over = await until(grpc_channel, key, made.call.call_id, "end_time")
    assert over.first_message == "Hello Ada."
    assert over.HasField("send_time")
    again = await call(grpc_channel, "CreateCall", key, request_id="once", **asked)
    assert again.call == over
    listed = await call(grpc_channel, "ListCalls", key, only_direct=True)
    assert [one.call_id for one in listed.calls] == [made.call.call_id]
    assert not (await call(grpc_channel, "ListBatches", key)).batches


async def test_what_the_agent_needs_is_asked_for_by_name(grpc_channel: grpc.aio.Channel) -> None:
    key = (await new_tenant(grpc_channel, "needy")).key
    agent_id = await new_agent(grpc_channel, key, first_message="Hello {{name}}.")
    answer = await refused(
        grpc_channel, "CreateCall", key, agent_id=agent_id, address="+15551230001"
    )
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.fields == ["template_context.name"]


async def test_without_room_it_is_refused_or_waits_and_can_be_called_off(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "full")).key
    agent_id = await new_agent(grpc_channel, key, max_concurrent_calls=1)
    asked = {"agent_id": agent_id, "address": ANSWERED}
    alive = (await call(grpc_channel, "CreateCall", key, **asked)).call.call_id
    await until(grpc_channel, key, alive, "answer_time")
    answer = await refused(grpc_channel, "CreateCall", key, **asked)
    assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert answer.info.reason == "NO_FREE_SLOT"
    assert answer.info.metadata["cap"] == "1"
    assert answer.details[RetryInfo].retry_delay.ToTimedelta() > timedelta(0)
    soon = Timestamp()
    soon.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    off, goes = [
        (await call(grpc_channel, "CreateCall", key, wait_until=soon, **asked)).call
        for _ in range(2)
    ]
    assert (off.state, off.expire_time) == (CALL_STATE_WAITING, soon)
    over = (await call(grpc_channel, "EndCall", key, call_id=off.call_id)).call
    assert (over.state, over.disposition) == (CALL_STATE_ENDED, DISPOSITION_CANCELLED)
    await call(grpc_channel, "EndCall", key, call_id=alive)
    await until(grpc_channel, key, goes.call_id, "answer_time")
    assert not (await call(grpc_channel, "GetCall", key, call_id=off.call_id)).call.HasField(
        "send_time"
    )
