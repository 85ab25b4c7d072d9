"""Accounts and keys."""

import asyncio
from dataclasses import replace

import pytest

from outdial_server.domain.account import ApiKey, Scope
from outdial_server.domain.errors import AlreadyExistsError, NotFoundError, Reason
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.request import RequestKey
from support.stores import NO_ID, World, all_pages


async def test_an_account_is_read_as_it_was_made(world: World) -> None:
    account_id = await world.new_account(7, 2)
    account = await world.store.accounts.get_account(account_id)
    assert (account.max_concurrent_calls, account.reserved_slots) == (7, 2)
    assert (account.display_name, account.revision) == ("Harbour Clinic", 1)
    assert account.created_at == account.updated_at == world.clock.now()
    assert account.active_calls == 0


@pytest.mark.parametrize("account_id", [NO_ID, "", "no uuid", "ff"])
async def test_an_account_that_is_not_there_is_not_found(world: World, account_id: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        await world.store.accounts.get_account(AccountId(account_id))
    assert refusal.value.reason is Reason.ACCOUNT_NOT_FOUND
    with pytest.raises(NotFoundError):
        await world.store.accounts.change_account(AccountId(account_id), lambda a: a)


async def test_accounts_are_listed_oldest_first(world: World) -> None:
    made = [world.account_id, *[await world.new_account() for _ in range(4)]]
    listed, pages = await all_pages(world.store.accounts.list_accounts)
    assert [account.account_id for account in listed] == made
    assert pages == 3


async def test_a_change_counts_up_the_revision_and_moves_the_slots(world: World) -> None:
    world.advance(seconds=3)
    changed = await world.store.accounts.change_account(
        world.account_id, lambda a: replace(a, max_concurrent_calls=3, reserved_slots=1)
    )
    assert (changed.revision, changed.updated_at) == (2, world.clock.now())
    assert await world.sql("SELECT kind, target_cap FROM slots WHERE kind < 3 ORDER BY kind") == [
        (1, 3),
        (2, 2),
    ]


async def test_a_change_that_changes_nothing_leaves_the_revision(world: World) -> None:
    same = await world.store.accounts.change_account(world.account_id, lambda a: a)
    assert same.revision == 1


async def test_a_decision_that_raises_changes_nothing(world: World) -> None:
    def refuse(_: object) -> object:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await world.store.accounts.change_account(world.account_id, refuse)  # type: ignore[arg-type]
    assert (await world.store.accounts.get_account(world.account_id)).revision == 1


async def _make(world: World, request: RequestKey, name: str = "Twin") -> AccountId:
    new_id = AccountId(world.ids.new_id())
    return (await world.store.accounts.create_account(new_id, name, 10, 0, request)).account_id


async def test_the_same_request_makes_one_account(world: World) -> None:
    request = world.request("r-1", b"twin")
    first = await _make(world, request)
    assert await _make(world, request) == first
    assert len((await all_pages(world.store.accounts.list_accounts))[0]) == 2


async def test_the_same_request_at_once_makes_one_account(world: World) -> None:
    request = world.request("r-1", b"twin")
    made = await asyncio.gather(*(_make(world, request) for _ in range(6)))
    assert len(set(made)) == 1
    assert len((await all_pages(world.store.accounts.list_accounts))[0]) == 2


async def test_a_request_id_with_other_content_is_refused(world: World) -> None:
    await _make(world, world.request("r-1", b"one"))
    with pytest.raises(AlreadyExistsError) as refusal:
        await _make(world, world.request("r-1", b"other"))
    assert refusal.value.reason is Reason.REQUEST_ID_REUSED


async def test_a_request_id_is_free_again_after_a_day(world: World) -> None:
    first = await _make(world, world.request("r-1", b"one"))
    world.advance(hours=24)
    assert await _make(world, world.request("r-1", b"other")) != first


async def test_a_request_id_serves_each_method_and_account_apart(world: World) -> None:
    first = await _make(world, world.request("r-1"))
    assert await _make(world, world.request("r-1", surface="Other")) != first
    other = await world.new_account()
    assert await _make(world, replace(world.request("r-1"), account_id=other)) != first


# --- keys


def _key(world: World, **values: object) -> ApiKey:
    key = ApiKey(
        api_key_id=ApiKeyId(world.ids.new_id()),
        account_id=world.account_id,
        display_name="ward",
        prefix="od_1",
        scopes=frozenset({Scope.READ, Scope.WRITE}),
        expires_at=None,
        created_at=world.clock.now(),
        revoked_at=None,
    )
    return replace(key, **values)  # type: ignore[arg-type]


async def test_a_key_is_found_by_the_hash_of_its_secret(world: World) -> None:
    assert not await world.store.keys.has_keys()
    key = _key(world, expires_at=world.later(days=1))
    assert await world.store.keys.create_key(key, b"h" * 32) == key
    assert await world.store.keys.find_key(b"h" * 32) == key
    assert await world.store.keys.find_key(b"g" * 32) is None
    assert await world.store.keys.has_keys()


async def test_the_store_says_when_a_key_was_made(world: World) -> None:
    key = _key(world, created_at=world.later(days=-9))
    made = await world.store.keys.create_key(key, b"h" * 32)
    assert made.created_at == world.clock.now()
    assert await world.store.keys.find_key(b"h" * 32) == made


async def test_a_key_of_no_account_cannot_be_made(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        await world.store.keys.create_key(_key(world, account_id=NO_ID), b"h" * 32)
    assert refusal.value.reason is Reason.ACCOUNT_NOT_FOUND


async def test_putting_a_key_again_leaves_it_as_it_is(world: World) -> None:
    first = _key(world)
    await world.store.keys.put_key(first, b"h" * 32)
    await world.store.keys.put_key(_key(world, display_name="other"), b"h" * 32)
    assert await world.store.keys.find_key(b"h" * 32) == first


async def test_a_revoked_key_is_still_found_and_stays_revoked(world: World) -> None:
    key = _key(world)
    await world.store.keys.create_key(key, b"h" * 32)
    at = world.clock.now()
    revoked = await world.store.keys.revoke_key(world.account_id, key.api_key_id)
    assert revoked.revoked_at == at
    world.advance(hours=1)
    again = await world.store.keys.revoke_key(None, key.api_key_id)
    assert again.revoked_at == at
    assert await world.store.keys.find_key(b"h" * 32) == again


async def test_another_accounts_key_is_not_found(world: World) -> None:
    key = _key(world)
    await world.store.keys.create_key(key, b"h" * 32)
    stranger = await world.new_account()
    for account_id, key_id in [(stranger, key.api_key_id), (None, NO_ID), (None, "x")]:
        with pytest.raises(NotFoundError) as refusal:
            await world.store.keys.revoke_key(account_id, ApiKeyId(key_id))
        assert refusal.value.reason is Reason.API_KEY_NOT_FOUND


async def test_keys_are_listed_by_account_oldest_first(world: World) -> None:
    keys = [_key(world) for _ in range(5)]
    for n, key in enumerate(keys):
        await world.store.keys.create_key(key, bytes([n]) * 32)
    listed, pages = await all_pages(lambda p: world.store.keys.list_keys(world.account_id, p))
    assert listed == keys
    assert pages == 3
    stranger = await world.new_account()
    assert (await all_pages(lambda p: world.store.keys.list_keys(stranger, p)))[0] == []
