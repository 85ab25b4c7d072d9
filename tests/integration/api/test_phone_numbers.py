"""PhoneNumberService over gRPC."""

import grpc.aio
import pytest
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import ROTATION_ROUND_ROBIN, Batch
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.phone_number_pb2 import (
    PHONE_NUMBER_CAPABILITY_OUTBOUND_VOICE,
    PHONE_NUMBER_CAPABILITY_SMS,
    PhoneNumber,
)
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import new_tenant, watch_to_the_end

from support.grpc import call

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_number_is_read_listed_changed_and_deleted(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "keeper")).key
    config = CarrierConfig(display_name="main", carrier="simulated")
    config = (
        await call(grpc_channel, "CreateCarrierConfig", key, carrier_config=config)
    ).carrier_config
    made = await call(
        grpc_channel,
        "CreatePhoneNumber",
        key,
        phone_number=PhoneNumber(
            address="+1 (555) 000-1111",
            display_name="desk",
            capabilities=[3],
            carrier_config="main",
            metadata={"a": "b"},
        ),
    )
    number = made.phone_number
    assert number.address == "+15550001111"
    assert list(number.capabilities) == [PHONE_NUMBER_CAPABILITY_SMS]
    assert number.active
    assert number.carrier_config == config.carrier_config_id
    changed = await call(
        grpc_channel,
        "UpdatePhoneNumber",
        key,
        phone_number=PhoneNumber(
            phone_number_id=number.phone_number_id,
            active=False,
            max_concurrent_calls=3,
            etag=number.etag,
        ),
    )
    assert not changed.phone_number.active
    assert changed.phone_number.max_concurrent_calls == 3
    assert changed.phone_number.metadata == {"a": "b"}
    assert changed.phone_number.carrier_config == config.carrier_config_id
    assert changed.phone_number.etag != number.etag
    plain = await call(
        grpc_channel, "CreatePhoneNumber", key, phone_number=PhoneNumber(address="+15550002222")
    )
    assert list(plain.phone_number.capabilities) == [PHONE_NUMBER_CAPABILITY_OUTBOUND_VOICE]
    listed = await call(grpc_channel, "ListPhoneNumbers", key, address="+15550001111")
    assert list(listed.phone_numbers) == [changed.phone_number]
    read = await call(grpc_channel, "GetPhoneNumber", key, phone_number_id=number.phone_number_id)
    assert read.phone_number == changed.phone_number
    await call(grpc_channel, "DeletePhoneNumber", key, phone_number_id=number.phone_number_id)
    left = await call(grpc_channel, "ListPhoneNumbers", key)
    assert list(left.phone_numbers) == [plain.phone_number]


async def test_an_agent_tells_the_numbers_that_it_calls_from(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "binder")).key
    agent = await call(grpc_channel, "CreateAgent", key, agent=Agent(display_name="Ada"))
    agent_id = agent.agent.agent_id
    ids = []
    for address in ("+15550001111", "+15550002222"):
        made = await call(
            grpc_channel, "CreatePhoneNumber", key, phone_number=PhoneNumber(address=address)
        )
        ids.append(made.phone_number.phone_number_id)
    await call(grpc_channel, "BindPhoneNumber", key, phone_number_id=ids[0], agent_id=agent_id)
    bound = await call(
        grpc_channel, "BindPhoneNumber", key, phone_number_id=ids[1], agent_id=agent_id, place=0
    )
    assert bound.phone_number.agent_id == agent_id
    read = (await call(grpc_channel, "GetAgent", key, agent_id=agent_id)).agent
    shown = [(number.phone_number_id, number.address) for number in read.outbound_numbers]
    assert shown == [(ids[1], "+15550002222"), (ids[0], "+15550001111")]
    (listed,) = (await call(grpc_channel, "ListAgents", key)).agents
    assert listed == read
    of_agent = await call(grpc_channel, "ListPhoneNumbers", key, agent_id=agent_id)
    assert len(of_agent.phone_numbers) == 2
    assert not (await call(grpc_channel, "ListPhoneNumbers", key, agent_id="none")).phone_numbers
    unbound = await call(grpc_channel, "UnbindPhoneNumber", key, phone_number_id=ids[1])
    assert not unbound.phone_number.agent_id
    read = (await call(grpc_channel, "GetAgent", key, agent_id=agent_id)).agent
    assert [number.address for number in read.outbound_numbers] == ["+15550001111"]


async def test_a_batch_calls_from_its_numbers_in_turn(grpc_channel: grpc.aio.Channel) -> None:
    key = (await new_tenant(grpc_channel, "rotating")).key
    agent = await call(grpc_channel, "CreateAgent", key, agent=Agent(display_name="Ada"))
    addresses = ["+15550001111", "+15550002222", "+15550003333"]
    for address in addresses:
        await call(
            grpc_channel, "CreatePhoneNumber", key, phone_number=PhoneNumber(address=address)
        )
    made = await call(
        grpc_channel,
        "CreateBatch",
        key,
        batch=Batch(
            agent_id=agent.agent.agent_id,
            display_name="list",
            phone_numbers=["+1 (555) 000-1111", *addresses[1:]],
            rotation=ROTATION_ROUND_ROBIN,
        ),
        scheduled_calls=[ScheduledCall(address=f"+1555123{n:04d}") for n in range(6)],
    )
    assert len(made.batch.phone_numbers) == 3
    assert made.batch.rotation == ROTATION_ROUND_ROBIN
    await watch_to_the_end(grpc_channel, key, made.batch.batch_id)
    calls = (await call(grpc_channel, "ListCalls", key, batch_id=made.batch.batch_id)).calls
    by_address = {one.address: one.caller_id for one in calls}
    shown = [by_address[f"+1555123{n:04d}"] for n in range(6)]
    assert shown == [*addresses, *addresses]
    numbers = (await call(grpc_channel, "ListPhoneNumbers", key)).phone_numbers
    assert [number.active_calls for number in numbers] == [0, 0, 0]
