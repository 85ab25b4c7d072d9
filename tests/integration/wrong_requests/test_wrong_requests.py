"""Every wrong request gets its code, its reason and its fields, and changes nothing."""

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2 as details
from google.rpc.code_pb2 import Code
from outdial.v1 import error_reason_pb2
from tests.integration.api.conftest import OPERATOR
from tests.integration.wrong_requests.all_rows import ROWS
from tests.integration.wrong_requests.world import World, dump
from tests.integration.wrong_requests.wrong import Wrong, cases

from support.grpc import METHODS, Metadata, Refusal, path_of, refusal, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


# What is kept of a refused list, so that its faults can be read.
_TOLD = {"IMPORT_REFUSED": ("imports", "import_findings")}


@pytest.mark.parametrize("wrong", cases(ROWS))
async def test_a_wrong_request_is_refused_and_changes_nothing(
    grpc_channel: grpc.aio.Channel, world: World, database: str, wrong: Wrong
) -> None:
    told = _TOLD.get(wrong.reason, ())
    before = await asyncio.to_thread(dump, database, told)
    answer = await refused(grpc_channel, wrong.rpc, wrong.key(world), **wrong.request(world))
    assert await asyncio.to_thread(dump, database, told) == before
    assert (answer.code, answer.info.reason) == (wrong.code, wrong.reason)
    if wrong.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert tuple(answer.fields) == wrong.fields
    else:
        assert details.BadRequest not in answer.details
    assert wrong.says in answer.message
    explanation = _explanation(wrong.reason)
    assert Code.Name(explanation.code) == wrong.code.name
    assert set(answer.info.metadata) <= set(explanation.metadata)
    assert explanation.rpcs == "*" or wrong.rpc in explanation.rpcs.split(", ")


@pytest.mark.parametrize("rpc", METHODS)
@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x10abc"], ids=["nonsense", "cut"])
async def test_bytes_that_are_no_message_are_a_wrong_request(
    grpc_channel: grpc.aio.Channel, world: World, database: str, rpc: str, data: bytes
) -> None:
    before = await asyncio.to_thread(dump, database)
    answer = await _refused_bytes(grpc_channel, rpc, OPERATOR, data)
    assert await asyncio.to_thread(dump, database) == before
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.fields == ["request"]
    assert answer.request_id


async def test_text_that_is_not_utf_8_is_a_wrong_request(
    grpc_channel: grpc.aio.Channel, world: World
) -> None:
    answer = await _refused_bytes(grpc_channel, "GetBatch", world.key, b"\x0a\x02\xc3\x28")
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "UTF-8" in answer.message


async def test_bytes_that_are_no_message_are_not_looked_at_without_a_key(
    grpc_channel: grpc.aio.Channel,
) -> None:
    answer = await _refused_bytes(grpc_channel, "GetBatch", (), b"\xff")
    assert answer.info.reason == "API_KEY_MISSING"


async def _refused_bytes(
    channel: grpc.aio.Channel, rpc: str, key: Metadata, data: bytes
) -> Refusal:
    """As from a client of another contract."""
    method = METHODS[rpc]
    try:
        if method.client_streaming:
            await channel.stream_unary(path_of(method))(iter([data]), metadata=tuple(key))
        elif method.server_streaming:
            await channel.unary_stream(path_of(method))(data, metadata=tuple(key)).read()
        else:
            await channel.unary_unary(path_of(method))(data, metadata=tuple(key))
    except grpc.aio.AioRpcError as error:
        return refusal(error)
    raise AssertionError(f"{rpc} took {data!r}")


def _explanation(reason: str) -> error_reason_pb2.ErrorExplanation:
    value = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name[f"ERROR_REASON_{reason}"]
    return value.GetOptions().Extensions[error_reason_pb2.explanation]


# What no wrong request can bring about: it takes another server, database or carrier, somebody
# else at the same moment, or thousands of requests before.
_NOT_THE_REQUEST = {
    "AGENT_HAS_NO_JOIN_URL",
    "BATCH_CHANGED",
    "CALL_HELD_BACK",
    "CALL_IS_DIRECT",
    "CALL_PAYLOAD_ERASED",
    "CALL_PLACED_ELSEWHERE",
    "CARRIER_CREDENTIALS_REFUSED",
    "CARRIER_UNAVAILABLE",
    "CONTACT_FOLDER_IN_USE",
    "DATABASE_FULL",
    "DATABASE_READ_ONLY",
    "DATABASE_UNAVAILABLE",
    "INTERNAL",
    "JOIN_URL_UNFIT",
    "REDELIVERY_TOO_LARGE",
    "SERVER_DRAINING",
    "TOO_MANY_CALLS_WAIT",
    "TOO_MANY_EXTERNAL_CALLS",
    "TOO_MANY_WEBHOOKS",
}


async def test_every_method_is_asked_wrongly() -> None:
    assert {row.rpc for row in ROWS} == METHODS.keys()


async def test_every_reason_that_a_request_can_have_is_shown() -> None:
    names = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    reasons = {name.removeprefix("ERROR_REASON_") for name in names} - {"UNSPECIFIED"}
    assert {row.reason for row in ROWS} == reasons - _NOT_THE_REQUEST
