"""Whole answers to requests that may come again."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.commands.repeated_requests import RepeatedRequests
from outdial_server.domain.errors import AlreadyExistsError, Reason
from outdial_server.domain.request import RequestKey, Standing, request_key
from support.sealing import SEAL
from support.stores import World

LEASE = timedelta(minutes=2)
DAY = timedelta(days=1)


def asked(world: World, content: bytes = b"{}", key: str = "a key") -> RequestKey:
    made = request_key(world.account_id, "POST /v1/agents", key, content)
    assert made is not None
    return made


async def test_a_request_is_carried_out_once_and_answered_the_same(world: World) -> None:
    store, request = world.store.answers, asked(world)
    assert await store.begin_answer(request, LEASE) is Standing.NEW
    assert await store.begin_answer(request, LEASE) is Standing.UNDER_WAY
    await store.end_answer(request, "made", DAY)
    assert await store.begin_answer(request, LEASE) == "made"
    # A late word of somebody whose lease ran out.
    await store.drop_answer(request)
    assert await store.begin_answer(request, LEASE) == "made"


async def test_of_many_at_once_one_is_new(world: World) -> None:
    told = await asyncio.gather(
        *(world.store.answers.begin_answer(asked(world), LEASE) for _ in range(8))
    )
    assert sorted(one.name for one in told if isinstance(one, Standing)) == [
        "NEW",
        *["UNDER_WAY"] * 7,
    ]


async def test_the_same_key_with_other_content_is_refused(world: World) -> None:
    store = world.store.answers
    await store.begin_answer(asked(world), LEASE)
    for _ in range(2):
        with pytest.raises(AlreadyExistsError) as refused:
            await store.begin_answer(asked(world, b"other"), LEASE)
        assert refused.value.reason is Reason.REQUEST_ID_REUSED
        await store.end_answer(asked(world), "made", DAY)
    elsewhere = replace(asked(world, b"other"), surface="POST /v1/agents/batch-calls")
    assert await store.begin_answer(elsewhere, LEASE) is Standing.NEW


async def test_what_came_to_nothing_is_new_again(world: World) -> None:
    store, request = world.store.answers, asked(world)
    await store.begin_answer(request, LEASE)
    await store.drop_answer(request)
    assert await store.begin_answer(asked(world, b"other"), LEASE) is Standing.NEW


async def test_a_server_that_died_holds_a_key_for_its_lease(world: World) -> None:
    store, request = world.store.answers, asked(world)
    await store.begin_answer(request, LEASE)
    world.clock.advance(LEASE)
    assert await store.begin_answer(request, LEASE) is Standing.NEW


async def test_an_answer_is_forgotten_after_its_time(world: World) -> None:
    store, request = world.store.answers, asked(world)
    await store.begin_answer(request, LEASE)
    await store.end_answer(request, "made", DAY)
    world.clock.advance(DAY)
    assert await store.begin_answer(asked(world, b"other"), LEASE) is Standing.NEW


async def test_an_answer_is_kept_sealed(world: World) -> None:
    repeated, request = RepeatedRequests(world.store.answers, SEAL), asked(world)
    assert await repeated.begin(request) is Standing.NEW
    await repeated.end(request, "a secret that is shown once")
    ((stored,),) = await world.sql("SELECT answer_json FROM requests")
    assert "secret" not in stored
    assert await repeated.begin(request) == "a secret that is shown once"
