"""Rows that others hold: whoever locks many calls goes by their keys, and settling does not
spin while it waits."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.storage.encoding import pack_id
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import upkeep
from support.invariants import check_invariants
from support.stores import World, unclear

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("databases", ["postgresql"], indirect=True),
]


async def keys_of_calls(world: World) -> list[int]:
    return [key for (key,) in await world.sql("SELECT key FROM calls ORDER BY key")]


async def free_while_first_is_held(world: World, verb: Callable[[Tx], Any]) -> list[int]:
    """The calls that a verb has not locked while it waits for the first of them."""
    database: Any = world.store.database
    lock = "SELECT key FROM calls ORDER BY key LIMIT {} FOR NO KEY UPDATE SKIP LOCKED"
    async with database._engine.connect() as connection, connection.begin():

        async def locked(most: int) -> list[int]:
            found, _ = await database._run(
                connection, lambda tx: tx.all(lock.format(most)), database.dialect
            )
            return [row.key for row in found]

        assert len(await locked(1)) == 1
        waiting = asyncio.create_task(database.write(verb))
        # It waits for the row by now, or has gone wrong.
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
        free = await locked(100)
    await waiting
    return free


async def test_claims_are_given_back_in_the_order_in_which_they_are_sent(world: World) -> None:
    await world.batch(6)
    await world.claim()
    # The leases run out from the last to the first.
    await world.execute("UPDATE calls SET trusted_until_us = trusted_until_us - key")
    world.advance(minutes=1)
    free = await free_while_first_is_held(world, lambda tx: upkeep.reap(tx, every_lease=False))
    assert free == await keys_of_calls(world)
    assert await world.used() == (0, 0)
    await check_invariants(world.store)


async def test_look_ups_are_put_off_in_the_order_of_the_calls_and_not_of_their_ids(
    world: World,
) -> None:
    await world.batch(3)
    calls = await world.sending()
    await world.apply(*(unclear(call) for call in calls))
    world.advance(seconds=1)
    keys = await keys_of_calls(world)
    # Another server's clock is ahead, and it has named the first.
    first = world.ids.new_id()
    await world.execute(
        "UPDATE calls SET id = :id WHERE key = :key", id=pack_id(first), key=keys[0]
    )
    until = [
        (call.call_id, world.later(minutes=1))
        for call in (await world.store.dispatch.silent_calls(10)).calls
    ]
    assert max(call_id for call_id, _ in until) == first
    free = await free_while_first_is_held(world, lambda tx: upkeep.postpone(tx, until))
    assert free == keys
    assert (await world.store.dispatch.silent_calls(10)).calls == ()


async def test_settling_does_not_go_on_while_others_hold_all_of_its_rows(world: World) -> None:
    batch_id = await world.batch(3)
    await world.change(batch_id, rules.cancel)
    database: Any = world.store.database
    async with database._engine.connect() as connection, connection.begin():
        await database._run(
            connection,
            lambda tx: tx.all("SELECT key FROM scheduled_calls FOR NO KEY UPDATE"),
            database.dialect,
        )
        assert not await world.store.dispatch.settle(10)
    await world.settle_all()
    assert (await world.get(batch_id)).counts.cancelled == 3
    await check_invariants(world.store)
