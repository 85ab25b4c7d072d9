"""Imports whose sender falls silent, and goes on being connected."""

from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest as ToBatch
from outdial.v1.contact_pb2 import Contact, ContactFolder
from outdial.v1.contact_service_pb2 import ImportContactsRequest as ToFolder
from outdial.v1.import_pb2 import (
    ContactImportOptions,
    ContactImportRow,
    ContactImportRows,
    ImportEnd,
    ImportOptions,
    ImportRow,
    ImportRows,
)
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import new_tenant
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.settings import Settings
from support.grpc import METHODS, Metadata, Refusal, call, path_of, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDRESS = "+15551230001"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("server")
    return Settings(
        database_url=f"sqlite:///{folder / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile="fast",
        drain_seconds=0.2,
        import_silence_seconds=0.3,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def key(grpc_channel: grpc.aio.Channel) -> Metadata:
    return (await new_tenant(grpc_channel, "silent")).key


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def batch_id(grpc_channel: grpc.aio.Channel, key: Metadata) -> str:
    agent = await call(grpc_channel, "CreateAgent", key, agent=Agent(display_name="Eve"))
    batch = Batch(agent_id=agent.agent.agent_id, display_name="list")
    made = await call(grpc_channel, "CreateBatch", key, batch=batch, draft=True)
    made_id: str = made.batch.batch_id
    return made_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder_id(grpc_channel: grpc.aio.Channel, key: Metadata) -> str:
    folder = ContactFolder(display_name="Patients")
    made = await call(grpc_channel, "CreateContactFolder", key, contact_folder=folder)
    made_id: str = made.contact_folder.contact_folder_id
    return made_id


def to_batch(batch_id: str) -> list[Message]:
    row = ImportRow(scheduled_call=ScheduledCall(address=ADDRESS))
    return [
        ToBatch(options=ImportOptions(batch_id=batch_id)),
        ToBatch(rows=ImportRows(rows=[row])),
        ToBatch(end=ImportEnd(row_count=1)),
    ]


def to_folder(folder_id: str) -> list[Message]:
    row = ContactImportRow(contact=Contact(address=ADDRESS))
    return [
        ToFolder(options=ContactImportOptions(contact_folder_id=folder_id)),
        ToFolder(rows=ContactImportRows(rows=[row])),
        ToFolder(end=ImportEnd(row_count=1)),
    ]


async def begun(
    channel: grpc.aio.Channel, rpc: str, key: Metadata, messages: Sequence[Message]
) -> grpc.aio.StreamUnaryCall[Message, Message]:
    """A stream that is left open behind these messages."""
    stream = channel.stream_unary(
        path_of(METHODS[rpc]), request_serializer=lambda message: message.SerializeToString()
    )(metadata=key)
    for message in messages:
        await stream.write(message)
    return stream


async def broken_off(stream: grpc.aio.StreamUnaryCall[Message, Message]) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream
    return refusal(caught.value)


@pytest.mark.parametrize("sent", [0, 1, 2, 3])
@pytest.mark.parametrize("rpc", ["ImportScheduledCalls", "ImportContacts"])
async def test_a_sender_that_falls_silent_is_told_and_leaves_nothing(
    grpc_channel: grpc.aio.Channel,
    key: Metadata,
    batch_id: str,
    folder_id: str,
    rpc: str,
    sent: int,
) -> None:
    messages = to_batch(batch_id) if rpc == "ImportScheduledCalls" else to_folder(folder_id)
    answer = await broken_off(await begun(grpc_channel, rpc, key, messages[:sent]))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (answer.info.reason, answer.fields) == ("IMPORT_INCOMPLETE", ["end"])
    assert f"nothing came for 0.3 s after {min(1, sent // 2)} rows" in answer.message
    batch = await call(grpc_channel, "GetBatch", key, batch_id=batch_id)
    assert batch.batch.counts.total == 0
    folder = await call(grpc_channel, "GetContactFolder", key, contact_folder_id=folder_id)
    assert folder.contact_folder.contact_count == 0


async def test_who_waits_for_a_silent_sender_comes_to_his_turn(
    grpc_channel: grpc.aio.Channel, key: Metadata, batch_id: str
) -> None:
    silent = await begun(grpc_channel, "ImportScheduledCalls", key, to_batch(batch_id)[:2])
    added = await call(
        grpc_channel,
        "AddScheduledCalls",
        key,
        batch_id=batch_id,
        scheduled_calls=[ScheduledCall(address=ADDRESS)],
    )
    assert added.batch.counts.total == 1
    assert (await broken_off(silent)).info.reason == "IMPORT_INCOMPLETE"
