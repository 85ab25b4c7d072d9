"""Who may call what."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from outdial.v1.account_pb2 import API_KEY_SCOPE_ADMIN, API_KEY_SCOPE_OPERATOR, Account, ApiKey
from tests.integration.api.conftest import OPERATOR, Belongings, Tenant, new_key, new_tenant

from outdial_server.api.scopes import REQUIRED_SCOPES
from outdial_server.domain.account import Scope
from support.grpc import METHODS, call, path_of, refused, with_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_each_method_has_its_scope() -> None:
    assert {path_of(method) for method in METHODS.values()} == REQUIRED_SCOPES.keys()


@pytest.mark.parametrize("name", METHODS)
async def test_without_a_key_nothing_is_answered(grpc_channel: grpc.aio.Channel, name: str) -> None:
    refusal = await refused(grpc_channel, name)
    assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
    assert refusal.info.reason == "API_KEY_MISSING"


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if REQUIRED_SCOPES[path_of(m)]])
async def test_each_method_asks_for_its_scope(
    grpc_channel: grpc.aio.Channel, other: Tenant, name: str
) -> None:
    needed = REQUIRED_SCOPES[path_of(METHODS[name])]
    others = tuple(scope.value for scope in Scope if scope not in needed)
    _, secret = await new_key(grpc_channel, other.account_id, others)
    refusal = await refused(grpc_channel, name, with_key(secret))
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
    assert refusal.info.reason == "SCOPE_MISSING"
    assert refusal.info.metadata["scope"] == needed[0].name


async def test_a_bearer_token_is_a_key_too(grpc_channel: grpc.aio.Channel, other: Tenant) -> None:
    _, secret = await new_key(grpc_channel, other.account_id)
    for value in (f"Bearer {secret}", f"bearer {secret}"):
        assert await call(grpc_channel, "GetServerInfo", [("authorization", value)])


@pytest.mark.parametrize(
    "metadata",
    [
        with_key("unknown.key"),
        [("authorization", "Bearer unknown.key")],
    ],
)
async def test_an_unknown_key_is_refused(
    grpc_channel: grpc.aio.Channel, metadata: list[tuple[str, str]]
) -> None:
    refusal = await refused(grpc_channel, "GetServerInfo", metadata)
    assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
    assert refusal.info.reason == "API_KEY_INVALID"


async def test_a_revoked_key_is_refused_from_the_next_request_on(
    grpc_channel: grpc.aio.Channel, other: Tenant
) -> None:
    key_id, secret = await new_key(grpc_channel, other.account_id)
    assert await call(grpc_channel, "GetServerInfo", with_key(secret))
    await call(grpc_channel, "RevokeApiKey", other.key, api_key_id=key_id)
    refusal = await refused(grpc_channel, "GetServerInfo", with_key(secret))
    assert refusal.info.reason == "API_KEY_INVALID"
    # Twice changes nothing.
    await call(grpc_channel, "RevokeApiKey", other.key, api_key_id=key_id)


async def test_a_key_never_makes_one_that_can_do_more(
    grpc_channel: grpc.aio.Channel, other: Tenant
) -> None:
    wanted = ApiKey(display_name="more", scopes=[API_KEY_SCOPE_ADMIN, API_KEY_SCOPE_OPERATOR])
    refusal = await refused(grpc_channel, "CreateApiKey", other.key, api_key=wanted)
    assert refusal.info.metadata["scope"] == "OPERATOR"


async def test_only_an_operator_raises_a_limit(grpc_channel: grpc.aio.Channel) -> None:
    tenant = await new_tenant(grpc_channel, "limited")
    raised = Account(account_id=tenant.account_id, max_concurrent_calls=200)
    lowered = Account(account_id=tenant.account_id, max_concurrent_calls=50)
    refusal = await refused(grpc_channel, "UpdateAccount", tenant.key, account=raised)
    assert refusal.info.reason == "LIMIT_RAISE_NEEDS_OPERATOR"
    for key, change in ((tenant.key, lowered), (OPERATOR, raised)):
        answer = await call(grpc_channel, "UpdateAccount", key, account=change)
        assert answer.account.max_concurrent_calls == change.max_concurrent_calls


async def test_a_secret_is_never_shown_again(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    _, secret = await new_key(grpc_channel, ours.tenant.account_id)
    listed = await call(grpc_channel, "ListApiKeys", ours.tenant.key)
    assert secret[:8] in {key.prefix for key in listed.api_keys}
    assert secret not in str(listed)


async def test_health_needs_no_key(grpc_channel: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(grpc_channel)
    for service in ("", "outdial.v1.BatchService"):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_operator_key_alone_manages_any_account(
    grpc_channel: grpc.aio.Channel, other: Tenant
) -> None:
    _, secret = await new_key(grpc_channel, other.account_id, (API_KEY_SCOPE_OPERATOR,))
    operator = with_key(secret)
    made = await call(grpc_channel, "CreateAccount", operator, account=Account(display_name="new"))
    account_id = made.account.account_id
    shown = await call(grpc_channel, "GetAccount", operator, account_id=account_id)
    assert shown.account.display_name == "new"
    key = ApiKey(display_name="first", scopes=[API_KEY_SCOPE_ADMIN])
    granted = await call(grpc_channel, "CreateApiKey", operator, account_id=account_id, api_key=key)
    assert granted.secret
