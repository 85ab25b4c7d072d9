"""Two accounts in one server, the first with something in it of every kind."""

from dataclasses import dataclass

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from outdial.v1.account_pb2 import (
    API_KEY_SCOPE_ADMIN,
    API_KEY_SCOPE_READ,
    API_KEY_SCOPE_WRITE,
    Account,
    ApiKey,
)
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest, WatchBatchRequest
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.contact_pb2 import Contact, ContactFolder
from outdial.v1.event_pb2 import EVENT_TYPE_BATCH_DELETED
from outdial.v1.import_pb2 import ImportEnd, ImportOptions, ImportRow, ImportRows
from outdial.v1.phone_number_pb2 import PhoneNumber
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.throttle_pb2 import Throttle, ThrottleRule
from outdial.v1.webhook_pb2 import Webhook
from tests.integration.conftest import OPERATOR_KEY

from support.grpc import Metadata, call, refusal, with_key

ALL_BUT_OPERATOR = (API_KEY_SCOPE_READ, API_KEY_SCOPE_WRITE, API_KEY_SCOPE_ADMIN)

OPERATOR = with_key(OPERATOR_KEY)


@dataclass(frozen=True)
class Tenant:
    account_id: str
    api_key_id: str
    key: Metadata


@dataclass(frozen=True)
class Belongings:
    """Ids of one of each kind, all of one account. The batch is a draft, `called_*` has
    come to its end."""

    tenant: Tenant
    agent_id: str
    batch_id: str
    scheduled_call_id: str
    called_batch_id: str
    call_id: str
    import_id: str
    suppression_id: str
    throttle_id: str
    contact_folder_id: str
    contact_id: str
    phone_number_id: str
    carrier_config_id: str
    webhook_id: str


async def new_key(
    channel: grpc.aio.Channel, account_id: str, scopes: tuple[int, ...] = ALL_BUT_OPERATOR
) -> tuple[str, str]:
    made = await call(
        channel,
        "CreateApiKey",
        OPERATOR,
        api_key=ApiKey(display_name="test", scopes=scopes),  # type: ignore[arg-type]
        account_id=account_id,
    )
    return made.api_key.api_key_id, made.secret


async def new_tenant(channel: grpc.aio.Channel, name: str) -> Tenant:
    made = await call(channel, "CreateAccount", OPERATOR, account=Account(display_name=name))
    key_id, secret = await new_key(channel, made.account.account_id)
    return Tenant(made.account.account_id, key_id, with_key(secret))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ours(grpc_channel: grpc.aio.Channel) -> Belongings:
    tenant = await new_tenant(grpc_channel, "ours")
    agent = await call(grpc_channel, "CreateAgent", tenant.key, agent=Agent(display_name="Ada"))
    agent_id = agent.agent.agent_id

    async def new_batch(name: str, *, draft: bool) -> str:
        made = await call(
            grpc_channel,
            "CreateBatch",
            tenant.key,
            batch=Batch(agent_id=agent_id, display_name=name),
            scheduled_calls=[ScheduledCall(address="+15551230001", metadata={"row": "first"})],
            draft=draft,
        )
        batch_id: str = made.batch.batch_id
        return batch_id

    draft_id, called_id = await new_batch("draft", draft=True), await new_batch("go", draft=False)
    await watch_to_the_end(grpc_channel, tenant.key, called_id)
    rows = await call(grpc_channel, "ListScheduledCalls", tenant.key, batch_id=draft_id)
    calls = await call(grpc_channel, "ListCalls", tenant.key, batch_id=called_id)
    return Belongings(
        tenant,
        agent_id,
        draft_id,
        rows.scheduled_calls[0].scheduled_call_id,
        called_id,
        calls.calls[0].call_id,
        await _refused_import(grpc_channel, tenant.key, draft_id),
        await _suppression(grpc_channel, tenant.key),
        await _throttle(grpc_channel, tenant.key),
        *await _contact(grpc_channel, tenant.key),
        await _phone_number(grpc_channel, tenant.key),
        await _carrier_config(grpc_channel, tenant.key),
        await _webhook(grpc_channel, tenant.key),
    )


async def _suppression(channel: grpc.aio.Channel, key: Metadata) -> str:
    made = await call(channel, "CreateSuppressions", key, addresses=["+15551239999"])
    suppression_id: str = made.suppressions[0].suppression_id
    return suppression_id


async def _webhook(channel: grpc.aio.Channel, key: Metadata) -> str:
    # Told of what nobody does here, so that nothing is sent.
    webhook = Webhook(
        url="https://hooks.example.com/outdial", event_types=[EVENT_TYPE_BATCH_DELETED]
    )
    made = await call(channel, "CreateWebhook", key, webhook=webhook)
    webhook_id: str = made.webhook.webhook_id
    return webhook_id


async def _throttle(channel: grpc.aio.Channel, key: Metadata) -> str:
    rules = [ThrottleRule(max_calls=5, window=Duration(seconds=1))]
    throttle = Throttle(display_name="slow", rules=rules)
    made = await call(channel, "CreateThrottle", key, throttle=throttle)
    throttle_id: str = made.throttle.throttle_id
    return throttle_id


async def _contact(channel: grpc.aio.Channel, key: Metadata) -> tuple[str, str]:
    """A folder, and who is in it."""
    folder = ContactFolder(display_name="Patients")
    made = await call(channel, "CreateContactFolder", key, contact_folder=folder)
    folder_id: str = made.contact_folder.contact_folder_id
    person = Contact(contact_folder_id=folder_id, address="+15551230001")
    contact = await call(channel, "CreateContact", key, contact=person)
    return folder_id, contact.contact.contact_id


async def _phone_number(channel: grpc.aio.Channel, key: Metadata) -> str:
    number = PhoneNumber(address="+15550009999")
    made = await call(channel, "CreatePhoneNumber", key, phone_number=number)
    phone_number_id: str = made.phone_number.phone_number_id
    return phone_number_id


async def _carrier_config(channel: grpc.aio.Channel, key: Metadata) -> str:
    config = CarrierConfig(display_name="main", carrier="simulated")
    made = await call(channel, "CreateCarrierConfig", key, carrier_config=config)
    config_id: str = made.carrier_config.carrier_config_id
    return config_id


async def _refused_import(channel: grpc.aio.Channel, key: Metadata, batch_id: str) -> str:
    """It has findings, and adds nothing."""
    messages = [
        ImportScheduledCallsRequest(options=ImportOptions(batch_id=batch_id)),
        ImportScheduledCallsRequest(rows=ImportRows(rows=[ImportRow()])),
        ImportScheduledCallsRequest(end=ImportEnd(row_count=1)),
    ]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await BatchServiceStub(channel).ImportScheduledCalls(iter(messages), metadata=key)
    return refusal(caught.value).info.metadata["import_id"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(grpc_channel: grpc.aio.Channel) -> Tenant:
    return await new_tenant(grpc_channel, "other")


async def watch_to_the_end(channel: grpc.aio.Channel, key: Metadata, batch_id: str) -> None:
    request = WatchBatchRequest(batch_id=batch_id)
    messages = [m async for m in BatchServiceStub(channel).WatchBatch(request, metadata=key)]
    assert messages[-1].batch_ended
