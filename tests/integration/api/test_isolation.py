"""Nothing of one account is there for another."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.account_pb2 import Account
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.call_service_pb2 import CALL_RESOLUTION_NOT_PLACED, CallJoined
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.contact_pb2 import Contact, ContactFolder
from outdial.v1.import_pb2 import ContactImportOptions, ImportOptions
from outdial.v1.phone_number_pb2 import PhoneNumber
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.throttle_pb2 import Throttle
from outdial.v1.webhook_pb2 import Webhook
from tests.integration.api.conftest import OPERATOR, Belongings, Tenant

from support.grpc import METHODS, call, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = [ScheduledCall(address="+15551230002")]

# Each method that takes an id, with a request that would be carried out for its owner.
NAMING_IDS: Mapping[str, Callable[[Belongings], dict[str, Any]]] = {
    "GetAccount": lambda b: {"account_id": b.tenant.account_id},
    "UpdateAccount": lambda b: {
        "account": Account(account_id=b.tenant.account_id, display_name="mine now")
    },
    "CreateApiKey": lambda b: {"account_id": b.tenant.account_id},
    "ListApiKeys": lambda b: {"account_id": b.tenant.account_id},
    "RevokeApiKey": lambda b: {"api_key_id": b.tenant.api_key_id},
    "GetAgent": lambda b: {"agent_id": b.agent_id},
    "UpdateAgent": lambda b: {"agent": Agent(agent_id=b.agent_id, display_name="mine now")},
    "DeleteAgent": lambda b: {"agent_id": b.agent_id},
    "CreateBatch": lambda b: {
        "batch": Batch(agent_id=b.agent_id, display_name="theirs"),
        "scheduled_calls": ROWS,
    },
    "ListBatches": lambda b: {"agent_id": b.agent_id},
    "GetBatch": lambda b: {"batch_id": b.batch_id},
    "UpdateBatch": lambda b: {"batch": Batch(batch_id=b.batch_id, display_name="mine now")},
    "DeleteBatch": lambda b: {"batch_id": b.batch_id},
    "StartBatch": lambda b: {"batch_id": b.batch_id},
    "PauseBatch": lambda b: {"batch_id": b.batch_id},
    "ResumeBatch": lambda b: {"batch_id": b.batch_id},
    "CancelBatch": lambda b: {"batch_id": b.batch_id},
    "RetryBatch": lambda b: {"batch_id": b.called_batch_id},
    "AddScheduledCalls": lambda b: {"batch_id": b.batch_id, "scheduled_calls": ROWS},
    "ImportScheduledCalls": lambda b: {"options": ImportOptions(batch_id=b.batch_id)},
    "GetImport": lambda b: {"import_id": b.import_id},
    "ListImportFindings": lambda b: {"import_id": b.import_id},
    "EstimateWindow": lambda b: {"batch": Batch(agent_id=b.agent_id)},
    "WatchBatch": lambda b: {"batch_id": b.batch_id},
    "WatchBatches": lambda b: {"batch_ids": [b.batch_id]},
    "ExplainBatch": lambda b: {"batch_id": b.batch_id},
    "ForecastBatch": lambda b: {"batch_id": b.batch_id},
    "ListBatchEvents": lambda b: {"batch_id": b.batch_id},
    "ListScheduledCalls": lambda b: {"batch_id": b.batch_id},
    "ExportScheduledCalls": lambda b: {"batch_id": b.batch_id},
    "GetScheduledCall": lambda b: {"scheduled_call_id": b.scheduled_call_id},
    "CancelScheduledCall": lambda b: {"scheduled_call_id": b.scheduled_call_id},
    "ExplainScheduledCall": lambda b: {"scheduled_call_id": b.scheduled_call_id},
    "RetryScheduledCall": lambda b: {"scheduled_call_id": b.scheduled_call_id},
    "ListCalls": lambda b: {"batch_id": b.called_batch_id},
    "GetThrottle": lambda b: {"throttle_id": b.throttle_id},
    "UpdateThrottle": lambda b: {
        "throttle": Throttle(throttle_id=b.throttle_id, display_name="mine now")
    },
    "DeleteThrottle": lambda b: {"throttle_id": b.throttle_id},
    "GetContactFolder": lambda b: {"contact_folder_id": b.contact_folder_id},
    "UpdateContactFolder": lambda b: {
        "contact_folder": ContactFolder(
            contact_folder_id=b.contact_folder_id, display_name="mine now"
        )
    },
    "DeleteContactFolder": lambda b: {"contact_folder_id": b.contact_folder_id},
    "CreateContact": lambda b: {
        "contact": Contact(contact_folder_id=b.contact_folder_id, address="+15551230002")
    },
    "ListContacts": lambda b: {"contact_folder_id": b.contact_folder_id},
    "GetContact": lambda b: {"contact_id": b.contact_id},
    "UpdateContact": lambda b: {"contact": Contact(contact_id=b.contact_id, first_name="mine")},
    "DeleteContact": lambda b: {"contact_id": b.contact_id},
    "ImportContacts": lambda b: {
        "options": ContactImportOptions(contact_folder_id=b.contact_folder_id)
    },
    "GetPhoneNumber": lambda b: {"phone_number_id": b.phone_number_id},
    "UpdatePhoneNumber": lambda b: {
        "phone_number": PhoneNumber(phone_number_id=b.phone_number_id, display_name="mine now")
    },
    "DeletePhoneNumber": lambda b: {"phone_number_id": b.phone_number_id},
    "BindPhoneNumber": lambda b: {"phone_number_id": b.phone_number_id, "agent_id": b.agent_id},
    "UnbindPhoneNumber": lambda b: {"phone_number_id": b.phone_number_id},
    "GetCarrierConfig": lambda b: {"carrier_config_id": b.carrier_config_id},
    "UpdateCarrierConfig": lambda b: {
        "carrier_config": CarrierConfig(
            carrier_config_id=b.carrier_config_id, display_name="mine now"
        )
    },
    "DeleteCarrierConfig": lambda b: {"carrier_config_id": b.carrier_config_id},
    "CheckCarrierConfig": lambda b: {"carrier_config_id": b.carrier_config_id},
    "GetSuppression": lambda b: {"suppression_id": b.suppression_id},
    "DeleteSuppression": lambda b: {"suppression_id": b.suppression_id},
    "GetWebhook": lambda b: {"webhook_id": b.webhook_id},
    "UpdateWebhook": lambda b: {
        "webhook": Webhook(webhook_id=b.webhook_id, description="mine now")
    },
    "DeleteWebhook": lambda b: {"webhook_id": b.webhook_id},
    "RotateWebhookSecret": lambda b: {"webhook_id": b.webhook_id},
    "ListWebhookDeliveries": lambda b: {"webhook_id": b.webhook_id},
    "RedeliverWebhookEvents": lambda b: {
        "webhook_id": b.webhook_id,
        "since_time": Timestamp(seconds=1),
    },
    "SendTestWebhook": lambda b: {"webhook_id": b.webhook_id},
    "ReportExternalCall": lambda b: {"external_id": "theirs", "agent_id": b.agent_id},
    "CreateCall": lambda b: {"agent_id": b.agent_id, "address": "+15551230002"},
    "GetCall": lambda b: {"call_id": b.call_id},
    "DeleteCall": lambda b: {"call_id": b.call_id},
    "EndCall": lambda b: {"call_id": b.call_id},
    "ReportCallEvent": lambda b: {"call_id": b.call_id, "joined": CallJoined()},
    "ResolveCall": lambda b: {"call_id": b.call_id, "resolution": CALL_RESOLUTION_NOT_PLACED},
}

NAMING_NONE = {
    "GetServerInfo",
    "CreateAccount",
    "ListAccounts",
    "CreateAgent",
    "ListAgents",
    "CreateSuppressions",
    "CreateThrottle",
    "CreateWebhook",
    "ListWebhooks",
    "EndExternalCall",
    "ListExternalCalls",
    "ListThrottles",
    "CreateContactFolder",
    "ListContactFolders",
    "CreatePhoneNumber",
    "ListPhoneNumbers",
    "CreateCarrierConfig",
    "ListCarrierConfigs",
    "ListSuppressions",
}


async def test_every_method_is_in_one_of_the_tables() -> None:
    assert NAMING_IDS.keys() | NAMING_NONE == METHODS.keys()
    assert not NAMING_IDS.keys() & NAMING_NONE


@pytest.mark.parametrize("name", NAMING_IDS)
async def test_ids_of_another_account_are_not_found(
    grpc_channel: grpc.aio.Channel, ours: Belongings, other: Tenant, name: str
) -> None:
    refusal = await refused(grpc_channel, name, other.key, **NAMING_IDS[name](ours))
    assert refusal.code is grpc.StatusCode.NOT_FOUND
    assert refusal.info.reason.endswith("_NOT_FOUND")


async def test_a_call_is_not_found_by_the_row_of_another_account(
    grpc_channel: grpc.aio.Channel, ours: Belongings, other: Tenant
) -> None:
    row = {"scheduled_call_id": ours.scheduled_call_id}
    refusal = await refused(grpc_channel, "ListCalls", other.key, **row)
    assert refusal.info.reason == "SCHEDULED_CALL_NOT_FOUND"


@pytest.mark.parametrize("name", NAMING_IDS)
@pytest.mark.parametrize("bad_id", ["nonsense", "00000000-0000-7000-8000-000000000000", "é" * 9])
async def test_what_is_no_id_at_all_is_not_found_in_the_same_way(
    grpc_channel: grpc.aio.Channel, other: Tenant, name: str, bad_id: str
) -> None:
    nowhere = Belongings(Tenant(bad_id, bad_id, ()), *[bad_id] * (len(fields(Belongings)) - 1))
    refusal = await refused(grpc_channel, name, other.key, **NAMING_IDS[name](nowhere))
    assert refusal.code is grpc.StatusCode.NOT_FOUND


async def test_lists_hold_what_is_ours_alone(
    grpc_channel: grpc.aio.Channel, ours: Belongings, other: Tenant
) -> None:
    accounts = await call(grpc_channel, "ListAccounts", other.key)
    assert [account.account_id for account in accounts.accounts] == [other.account_id]
    assert not (await call(grpc_channel, "ListAgents", other.key)).agents
    assert not (await call(grpc_channel, "ListBatches", other.key)).batches
    assert not (await call(grpc_channel, "ListCalls", other.key)).calls
    assert not (await call(grpc_channel, "ListSuppressions", other.key)).suppressions
    assert not (await call(grpc_channel, "ListThrottles", other.key)).throttles
    assert not (await call(grpc_channel, "ListWebhooks", other.key)).webhooks
    assert not (await call(grpc_channel, "ListContactFolders", other.key)).contact_folders
    assert not (await call(grpc_channel, "ListContacts", other.key)).contacts
    assert not (await call(grpc_channel, "ListPhoneNumbers", other.key)).phone_numbers
    assert not (await call(grpc_channel, "ListCarrierConfigs", other.key)).carrier_configs


async def test_an_operator_reads_other_accounts(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    account_id = ours.tenant.account_id
    read = await call(grpc_channel, "GetAccount", OPERATOR, account_id=account_id)
    assert read.account.account_id == account_id


async def test_an_operator_does_not_see_what_is_inside_other_accounts(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    refusal = await refused(grpc_channel, "GetBatch", OPERATOR, batch_id=ours.batch_id)
    assert refusal.info.reason == "BATCH_NOT_FOUND"
