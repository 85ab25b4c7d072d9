"""grpcurl and `buf curl`, as people use them, against the server's reflection."""

import json
from collections.abc import Sequence

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from tests.integration.api.conftest import Belongings
from tests.integration.api.test_isolation import NAMING_IDS

from outdial_server.api.server import SERVICES
from support.grpc import METHODS, path_of
from support.tools import Ran, run, tool

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.binary]

# Carried out for real these would take away what the other tests need.
_CALLED = [name for name in METHODS if not name.startswith(("Delete", "Cancel", "Revoke"))]


def body(name: str, ours: Belongings) -> str:
    """The request as JSON, with which the method finds something of ours."""
    fields = NAMING_IDS[name](ours) if name in NAMING_IDS else {}
    if name == "WatchBatch":
        # The stream of a batch that is over ends by itself; so does the next one.
        fields = {"batch_id": ours.called_batch_id}
    elif name == "WatchBatches":
        fields = {"batch_ids": [ours.called_batch_id]}
    return json.dumps(MessageToDict(GetMessageClass(METHODS[name].input_type)(**fields)))


def headers(ours: Belongings) -> Sequence[str]:
    return [part for key, value in ours.tenant.key for part in ("-H", f"{key}: {value}")]


async def test_grpcurl_lists_and_describes_everything(grpc_addr: str) -> None:
    grpcurl = tool("grpcurl")
    listed = await run(grpcurl, "-plaintext", grpc_addr, "list")
    names = {service.full_name for service in SERVICES}
    assert names <= set(listed.output.split())
    described = await run(grpcurl, "-plaintext", grpc_addr, "describe")
    assert described.status == 0
    assert all(f"rpc {name} (" in described.output for name in METHODS)


@pytest.mark.parametrize("name", _CALLED)
async def test_grpcurl_calls(grpc_addr: str, ours: Belongings, name: str) -> None:
    ran = await run(
        tool("grpcurl"),
        "-plaintext",
        *headers(ours),
        "-d",
        body(name, ours),
        grpc_addr,
        path_of(METHODS[name])[1:],
    )
    # A refusal is an answer too; that the tool could not ask is none.
    assert ran.status == 0 or "google.rpc.ErrorInfo" in ran.output, ran.output


async def test_grpcurl_streams_a_batch_to_its_end(grpc_addr: str, ours: Belongings) -> None:
    ran = await run(
        tool("grpcurl"),
        "-plaintext",
        *headers(ours),
        "-d",
        json.dumps({"batch_id": ours.called_batch_id}),
        grpc_addr,
        "outdial.v1.BatchService/WatchBatch",
    )
    assert ran.status == 0, ran.output
    # Python's reflection leaves the JSON names out: grpcurl then takes the plain ones.
    assert '"batch_ended": true' in ran.output


async def test_grpcurl_shows_the_details_of_an_error(grpc_addr: str, ours: Belongings) -> None:
    ran = await run(
        tool("grpcurl"),
        "-plaintext",
        *headers(ours),
        "-d",
        '{"batch": {"priority": 77}}',
        grpc_addr,
        "outdial.v1.BatchService/CreateBatch",
    )
    assert "google.rpc.BadRequest" in ran.output
    assert '"field":"batch.priority"' in ran.output.replace(" ", "")
    assert "INVALID_FIELD" in ran.output


async def test_buf_curl_lists_everything(grpc_addr: str) -> None:
    ran = await run(tool("buf"), "curl", *_BUF, "--list-methods", f"http://{grpc_addr}")
    assert {path_of(method)[1:] for method in METHODS.values()} <= set(ran.output.split())


@pytest.mark.parametrize("name", _CALLED)
async def test_buf_curl_calls(grpc_addr: str, ours: Belongings, name: str) -> None:
    ran = await _buf_curl(grpc_addr, ours, name, body(name, ours))
    assert ran.status == 0 or "google.rpc.ErrorInfo" in ran.output, ran.output


async def test_buf_curl_streams_a_batch_to_its_end(grpc_addr: str, ours: Belongings) -> None:
    request = json.dumps({"batchId": ours.called_batch_id})
    ran = await _buf_curl(grpc_addr, ours, "WatchBatch", request)
    assert ran.status == 0, ran.output
    assert '"batchEnded":true' in ran.output.replace(" ", "")


_BUF = ("--protocol", "grpc", "--http2-prior-knowledge")


async def _buf_curl(
    grpc_addr: str, ours: Belongings, name: str, request: str, *options: str
) -> Ran:
    return await run(
        tool("buf"),
        "curl",
        *_BUF,
        *options,
        *headers(ours),
        "-d",
        request,
        f"http://{grpc_addr}{path_of(METHODS[name])}",
    )
