"""Tokens that a list did not give."""

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from outdial_server.domain.errors import InvalidFieldsError, Reason
from outdial_server.domain.paging import PageRequest
from support.stores import World

LISTS = ("accounts", "keys", "agents", "batches", "scheduled_calls", "calls")


async def reader_of(world: World, name: str) -> Callable[[PageRequest], Awaitable[Any]]:
    if name == "scheduled_calls":
        batch_id = await world.batch(1)
        return lambda p: world.store.calls.list_scheduled_calls(world.account_id, batch_id, p)
    readers: dict[str, Callable[[PageRequest], Awaitable[Any]]] = {
        "accounts": world.store.accounts.list_accounts,
        "keys": lambda p: world.store.keys.list_keys(world.account_id, p),
        "agents": lambda p: world.store.agents.list_agents(world.account_id, p),
        "batches": lambda p: world.store.batches.list_batches(world.account_id, p),
        "calls": lambda p: world.store.calls.list_calls(world.account_id, p),
    }
    return readers[name]


def token(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("name", LISTS)
async def test_a_token_that_the_list_did_not_give_is_refused(world: World, name: str) -> None:
    read = await reader_of(world, name)
    own = "api_keys" if name == "keys" else name
    foreign = [
        "%",
        "ü",
        "a",
        token("nonsense"),
        token(f"{own}:"),
        token(f"{own}:x"),
        token(f"{own}:99999999999999999999999"),
        token("lists:5"),
    ]
    for text in foreign:
        with pytest.raises(InvalidFieldsError) as refusal:
            await read(PageRequest(10, text))
        assert refusal.value.reason is Reason.PAGE_TOKEN_INVALID
        assert refusal.value.violations[0].field == "page_token"


async def test_a_token_of_another_list_is_refused(world: World) -> None:
    await world.batch(3)
    await world.batch(3)
    first = await world.store.batches.list_batches(world.account_id, PageRequest(1))
    assert first.next_token
    with pytest.raises(InvalidFieldsError):
        await world.store.calls.list_calls(world.account_id, PageRequest(1, first.next_token))
