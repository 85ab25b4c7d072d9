"""What the interceptor does with faults that no store can be brought to have."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc.aio
import pytest
from outdial.v1 import server_info_service_pb2 as pb
from outdial.v1.server_info_service_pb2_grpc import (
    ServerInfoServiceServicer,
    add_ServerInfoServiceServicer_to_server,
)
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.api.errors import code_of
from outdial_server.api.interceptor import RpcInterceptor
from outdial_server.api.metrics import RpcMetrics
from outdial_server.commands.keys import Authenticate
from outdial_server.domain.account import ApiKey, Scope
from outdial_server.domain.errors import (
    InvalidFieldsError,
    OutdialError,
    Reason,
    UnavailableError,
    invalid_field,
)
from outdial_server.domain.ids import AccountId, ApiKeyId
from support.clock import ManualClock
from support.grpc import call, refused, with_key

KEY = with_key("any.key")


class OneKey:
    """A KeyStore of one key, whatever the secret."""

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        made = datetime(2026, 1, 1, tzinfo=UTC)
        scopes = frozenset(Scope)
        return ApiKey(ApiKeyId("k"), AccountId("a"), "", "any", scopes, None, made, None)


class Faulty(ServerInfoServiceServicer):
    error: Exception | None = None

    async def GetServerInfo(
        self, request: pb.GetServerInfoRequest, context: object
    ) -> pb.GetServerInfoResponse:
        if self.error is not None:
            raise self.error
        return pb.GetServerInfoResponse(version="1")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def servicer() -> Faulty:
    return Faulty()


@pytest.fixture
async def channel(servicer: Faulty, registry: CollectorRegistry) -> AsyncIterator[grpc.aio.Channel]:
    clock = ManualClock()
    interceptor = RpcInterceptor(
        Authenticate(OneKey(), clock),  # type: ignore[arg-type]
        clock,
        UuidV7Ids(clock),
        RpcMetrics(registry),
    )
    server = grpc.aio.server(interceptors=(interceptor,))
    add_ServerInfoServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def test_a_fault_of_ours_is_internal_and_tells_nothing(
    channel: grpc.aio.Channel, servicer: Faulty
) -> None:
    servicer.error = RuntimeError("+15551230001 is secret")
    with capture_logs() as records:
        refusal = await refused(channel, "GetServerInfo", [*KEY, ("x-request-id", "r-1")])
    assert refusal.code is grpc.StatusCode.INTERNAL
    assert refusal.info.reason == "INTERNAL"
    assert refusal.info.metadata["request_id"] == refusal.request_id == "r-1"
    assert "+1555" not in str(refusal)
    (record,) = records
    assert record["exc_info"] is servicer.error
    assert record["request_id"] == "r-1"


async def test_what_may_succeed_later_says_when(
    channel: grpc.aio.Channel, servicer: Faulty
) -> None:
    servicer.error = UnavailableError(Reason.DATABASE_UNAVAILABLE, "not now")
    refusal = await refused(channel, "GetServerInfo", KEY)
    assert refusal.code is grpc.StatusCode.UNAVAILABLE
    assert refusal.message == "not now"


async def test_an_rpc_is_one_line_with_no_secret_in_it(channel: grpc.aio.Channel) -> None:
    with capture_logs() as records:
        await call(channel, "GetServerInfo", KEY)
    (record,) = records
    assert record["method"] == "/outdial.v1.ServerInfoService/GetServerInfo"
    assert record["event"] == "rpc.ended"
    assert record["outcome"] == "OK"
    assert record["account_id"] == "a"
    assert "any.key" not in str(record)


async def test_rpcs_are_counted_by_method_and_code(
    channel: grpc.aio.Channel, servicer: Faulty, registry: CollectorRegistry
) -> None:
    await call(channel, "GetServerInfo", KEY)
    servicer.error = RuntimeError()
    await refused(channel, "GetServerInfo", KEY)
    await refused(channel, "GetServerInfo")
    method = "/outdial.v1.ServerInfoService/GetServerInfo"
    for code in ("OK", "INTERNAL", "UNAUTHENTICATED"):
        labels = {"method": method, "code": code}
        assert registry.get_sample_value("outdial_grpc_request_seconds_count", labels) == 1
    open_requests = registry.get_sample_value("outdial_grpc_open_requests", {"method": method})
    assert open_requests == 0


def test_every_kind_of_error_has_a_code() -> None:
    for kind in OutdialError.__subclasses__():
        error = (
            invalid_field("a", "b")
            if kind is InvalidFieldsError
            else kind(Reason.BATCH_STATE, "text")
        )
        assert code_of(error) is not grpc.StatusCode.OK
