"""CarrierConfigService over gRPC, and a batch that is dialled through one."""

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import TwilioCredentials
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import new_tenant, watch_to_the_end

from support.grpc import call

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWILIO = TwilioCredentials(
    account_sid="AC" + "0" * 32, auth_token="an-auth-token-of-32-characters-x", detect_machines=True
)
MAIN = CarrierConfig(display_name="main", carrier="simulated", calls_per_second=3)


async def test_a_batch_is_dialled_no_faster_than_its_carrier_takes(
    grpc_channel: grpc.aio.Channel,
) -> None:
    tenant = await new_tenant(grpc_channel, "paced")
    made = await call(grpc_channel, "CreateCarrierConfig", tenant.key, carrier_config=MAIN)
    agent = await call(grpc_channel, "CreateAgent", tenant.key, agent=Agent(display_name="Ada"))
    batch = await call(
        grpc_channel,
        "CreateBatch",
        tenant.key,
        batch=Batch(agent_id=agent.agent.agent_id, display_name="list", carrier_config="main"),
        scheduled_calls=[ScheduledCall(address=f"+1555123{n:04d}") for n in range(7)],
    )
    assert batch.batch.carrier_config == made.carrier_config.carrier_config_id
    assert batch.batch.carrier == "simulated"
    await watch_to_the_end(grpc_channel, tenant.key, batch.batch.batch_id)
    listed = await call(grpc_channel, "ListCalls", tenant.key, batch_id=batch.batch.batch_id)
    sent = sorted(one.send_time.ToNanoseconds() for one in listed.calls)
    assert len(sent) == 7
    for first, fourth in zip(sent, sent[3:], strict=False):
        assert fourth - first >= 1_000_000_000


async def test_a_carrier_config_is_read_listed_changed_and_deleted(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "configs")).key
    made = (
        await call(grpc_channel, "CreateCarrierConfig", key, carrier_config=MAIN)
    ).carrier_config
    config_id = made.carrier_config_id
    assert (made.calls_per_second, made.effective_calls_per_second) == (3, 3)
    assert (made.carrier, made.max_concurrent_calls) == ("simulated", 0)
    wanted = CarrierConfig(
        carrier_config_id=config_id, max_concurrent_calls=5, metadata={"team": "a"}, etag=made.etag
    )
    mask = FieldMask(paths=["max_concurrent_calls", "calls_per_second", "metadata"])
    changed = (
        await call(
            grpc_channel, "UpdateCarrierConfig", key, carrier_config=wanted, update_mask=mask
        )
    ).carrier_config
    assert (changed.display_name, changed.max_concurrent_calls) == ("main", 5)
    assert (changed.effective_calls_per_second, dict(changed.metadata)) == (0, {"team": "a"})
    listed = await call(grpc_channel, "ListCarrierConfigs", key, display_name="main")
    assert list(listed.carrier_configs) == [changed]
    read = await call(grpc_channel, "GetCarrierConfig", key, carrier_config_id=config_id)
    assert read.carrier_config == changed
    await call(grpc_channel, "DeleteCarrierConfig", key, carrier_config_id=config_id)
    assert not (await call(grpc_channel, "ListCarrierConfigs", key)).carrier_configs


async def test_secrets_of_credentials_are_written_and_never_read(
    grpc_channel: grpc.aio.Channel,
) -> None:
    key = (await new_tenant(grpc_channel, "secrets")).key
    asked = CarrierConfig(display_name="t", carrier="twilio", twilio=TWILIO)
    made = (
        await call(grpc_channel, "CreateCarrierConfig", key, carrier_config=asked)
    ).carrier_config
    shown = TwilioCredentials(
        account_sid=TWILIO.account_sid, auth_token_hint="an-a", detect_machines=True
    )
    assert made.twilio == shown
    assert made.effective_calls_per_second == 1
    listed = await call(grpc_channel, "ListCarrierConfigs", key)
    assert [one.twilio for one in listed.carrier_configs] == [shown]

    async def update(*paths: str, **fields: object) -> CarrierConfig:
        wanted = CarrierConfig(carrier_config_id=made.carrier_config_id, **fields)
        mask = FieldMask(paths=paths)
        answer = await call(
            grpc_channel, "UpdateCarrierConfig", key, carrier_config=wanted, update_mask=mask
        )
        changed: CarrierConfig = answer.carrier_config
        return changed

    assert (await update("display_name", display_name="u")).twilio == shown
    other = TwilioCredentials(account_sid="AC" + "1" * 32, auth_token="another-token-of-twilio")
    assert (await update("twilio", twilio=other)).twilio == TwilioCredentials(
        account_sid=other.account_sid, auth_token_hint="anot"
    )
    assert not (await update("twilio")).HasField("twilio")
