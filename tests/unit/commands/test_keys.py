"""API keys: what they may grant, how long they are remembered."""

from datetime import datetime, timedelta

import pytest

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.commands.keys import (
    PREFIX_CHARS,
    SECRET_CHARS,
    Authenticate,
    CreateKey,
    hash_secret,
)
from outdial_server.domain.account import ApiKey, Scope
from outdial_server.domain.errors import (
    InvalidFieldsError,
    PermissionDeniedError,
    Reason,
    UnauthenticatedError,
)
from support.clock import START, ManualClock
from support.domain import ACCOUNT
from support.keys import MemoryKeys

READ = frozenset({Scope.READ})
CACHED_FOR = timedelta(seconds=5)


class KeyRing:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.keys = MemoryKeys(self.clock)
        self.create = CreateKey(self.keys, UuidV7Ids(self.clock), self.clock)
        self.authenticate = Authenticate(self.keys, self.clock)

    async def new(self, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
        return await self.create.execute(ACCOUNT, "console", READ, expires_at)

    async def refused(self, secret: str) -> Reason:
        with pytest.raises(UnauthenticatedError) as refused:
            await self.authenticate.execute(secret)
        return refused.value.reason


async def test_a_key_lets_its_account_in_with_its_scopes() -> None:
    ring = KeyRing()
    key, secret = await ring.new()
    caller = await ring.authenticate.execute(secret)
    assert (caller.account_id, caller.api_key_id, caller.scopes) == (ACCOUNT, key.api_key_id, READ)
    assert not caller.is_operator


async def test_only_the_hash_of_a_secret_is_kept() -> None:
    ring = KeyRing()
    key, secret = await ring.new()
    prefix, _, rest = secret.partition(".")
    assert (len(prefix), len(rest)) == (PREFIX_CHARS, SECRET_CHARS)
    assert key.prefix == prefix
    assert ring.keys.hashes() == {hash_secret(secret)}


@pytest.mark.parametrize(
    ("secret", "reason"),
    [("", Reason.API_KEY_MISSING), ("no such key", Reason.API_KEY_INVALID)],
)
async def test_without_a_known_key_nobody_comes_in(secret: str, reason: Reason) -> None:
    assert await KeyRing().refused(secret) is reason


async def test_a_key_is_read_once_while_it_is_remembered() -> None:
    ring = KeyRing()
    _, secret = await ring.new()
    for _ in range(3):
        await ring.authenticate.execute(secret)
    assert ring.keys.reads == 1
    ring.clock.advance(CACHED_FOR)
    await ring.authenticate.execute(secret)
    assert ring.keys.reads == 2


async def test_a_key_revoked_here_stops_working_at_once() -> None:
    ring = KeyRing()
    key, secret = await ring.new()
    await ring.authenticate.execute(secret)
    await ring.keys.revoke_key(ACCOUNT, key.api_key_id)
    ring.authenticate.forget()
    assert await ring.refused(secret) is Reason.API_KEY_INVALID


async def test_a_key_revoked_elsewhere_stops_working_within_seconds() -> None:
    ring = KeyRing()
    key, secret = await ring.new()
    await ring.authenticate.execute(secret)
    await ring.keys.revoke_key(ACCOUNT, key.api_key_id)
    ring.clock.advance(CACHED_FOR)
    assert await ring.refused(secret) is Reason.API_KEY_INVALID


async def test_a_clock_that_is_set_back_keeps_no_revoked_key_alive() -> None:
    ring = KeyRing()
    ring.clock.advance(timedelta(hours=1))
    key, secret = await ring.new()
    await ring.authenticate.execute(secret)
    await ring.keys.revoke_key(ACCOUNT, key.api_key_id)
    ring.authenticate.clock = ManualClock()
    assert await ring.refused(secret) is Reason.API_KEY_INVALID


async def test_a_key_stops_working_at_its_very_expiry_though_it_is_remembered() -> None:
    ring = KeyRing()
    _, secret = await ring.new(expires_at=START + timedelta(seconds=2))
    ring.clock.advance(timedelta(seconds=1.9))
    await ring.authenticate.execute(secret)
    ring.clock.advance(timedelta(seconds=0.1))
    assert await ring.refused(secret) is Reason.API_KEY_INVALID


async def test_a_key_cannot_grant_what_it_lacks() -> None:
    ring = KeyRing()
    with pytest.raises(PermissionDeniedError, match="cannot grant ADMIN, OPERATOR") as refused:
        await ring.create.execute(
            ACCOUNT, "", frozenset({Scope.READ, Scope.OPERATOR, Scope.ADMIN}), granted_by=READ
        )
    assert refused.value.reason is Reason.SCOPE_MISSING
    assert ring.keys.hashes() == set()
    await ring.create.execute(ACCOUNT, "", READ, granted_by=READ)


async def test_a_key_needs_scopes_and_a_time_to_live() -> None:
    ring = KeyRing()
    with pytest.raises(InvalidFieldsError) as refused:
        await ring.create.execute(ACCOUNT, "x" * 201, frozenset(), START)
    assert [violation.field for violation in refused.value.violations] == [
        "api_key.display_name",
        "api_key.scopes",
        "api_key.expire_time",
    ]
