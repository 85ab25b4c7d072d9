"""What people see of an error who debug with tools that nobody here wrote."""

import base64
import json
from collections.abc import Sequence

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from tests.integration.wrong_requests.all_rows import ROWS
from tests.integration.wrong_requests.world import World
from tests.integration.wrong_requests.wrong import Wrong, cases

from support.grpc import METHODS, path_of
from support.tools import run, tool

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.binary]

# Of each reason the first request in the table.
EXAMPLES = list({row.reason: row for row in reversed(ROWS)}.values())


def body(wrong: Wrong, world: World) -> str:
    """As JSON; the messages of a stream follow one another."""
    fields = wrong.request(world)
    message = GetMessageClass(METHODS[wrong.rpc].input_type)
    messages = fields.get("request") or [message(**fields)]
    return "\n".join(
        json.dumps(MessageToDict(message, preserving_proto_field_name=True)) for message in messages
    )


def headers(wrong: Wrong, world: World) -> Sequence[str]:
    return [part for key, value in wrong.key(world) for part in ("-H", f"{key}: {value}")]


@pytest.mark.parametrize("wrong", cases(EXAMPLES))
async def test_grpcurl_shows_reason_and_fields_in_words(
    grpc_addr: str, world: World, wrong: Wrong
) -> None:
    method = path_of(METHODS[wrong.rpc])[1:]
    command = (tool("grpcurl"), "-plaintext", *headers(wrong, world))
    ran = await run(*command, "-d", body(wrong, world), grpc_addr, method)
    assert f"Code: {wrong.code.name.title().replace('_', '')}" in ran.output
    shown = ran.output.replace(" ", "")
    assert f'"reason":"{wrong.reason}"' in shown
    for field in wrong.fields:
        assert f'"field":"{field}"' in shown
    assert wrong.says in ran.output


async def test_grpcurl_explains_the_reasons(grpc_addr: str) -> None:
    ran = await run(tool("grpcurl"), "-plaintext", grpc_addr, "describe", "outdial.v1.ErrorReason")
    explained = {row.reason for row in EXAMPLES}
    lines = [line for line in ran.output.splitlines() if " remedy:" in line and " cause:" in line]
    assert explained <= {line.split()[0].removeprefix("ERROR_REASON_") for line in lines}


@pytest.mark.parametrize("wrong", cases(EXAMPLES))
async def test_buf_curl_shows_the_message_and_carries_the_details(
    grpc_addr: str, world: World, wrong: Wrong
) -> None:
    """It leaves details in base64; the message is in words, and names the first field."""
    command = (tool("buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge")
    url = f"http://{grpc_addr}{path_of(METHODS[wrong.rpc])}"
    ran = await run(*command, *headers(wrong, world), "-d", body(wrong, world), url)
    answer = json.loads(ran.output[ran.output.index("{") :])
    assert answer["code"] == wrong.code.name.lower()
    assert wrong.says in answer["message"]
    assert answer["message"].startswith(wrong.fields[0] if wrong.fields else "")
    value = answer["details"][0]["value"]
    packed = base64.b64decode(value + "=" * (-len(value) % 4))
    assert error_details_pb2.ErrorInfo.FromString(packed).reason == wrong.reason
