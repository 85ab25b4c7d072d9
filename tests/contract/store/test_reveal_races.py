"""Creations that end otherwise than planned: what is revealed stays, what is not goes."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from outdial_server.domain.errors import NotFoundError, PreconditionError, Reason
from outdial_server.ports.intake import NewBatch, Outcome
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import broken_lists, staging
from outdial_server.storage.verbs.revealing import reveal
from support.stores import World, name_in, new_rows

HOUR = timedelta(hours=1)


async def _stage(world: World, new: NewBatch, rows: int) -> staging.Staged:
    """A creation up to the moment before it is revealed."""
    write = world.store.database.write
    staged = await write(lambda tx: staging.stage_batch(tx, new, None, None))
    await write(lambda tx: staging.stage_rows(tx, staged, 0, new_rows(rows)))
    return staged


async def _stage_append(world: World, batch_id: Any, rows: int) -> staging.Staged:
    write = world.store.database.write
    staged = await write(
        lambda tx: staging.stage_append(tx, world.account_id, batch_id, None, None)
    )
    await write(lambda tx: staging.stage_rows(tx, staged, 0, new_rows(rows, first=100)))
    return staged


async def _stored(world: World) -> tuple[int, int]:
    """Batches and rows, hidden ones too."""
    (batches,) = (await world.sql("SELECT COUNT(*) FROM batches"))[0]
    (rows,) = (await world.sql("SELECT COUNT(*) FROM scheduled_calls"))[0]
    return batches, rows


# --- a reveal whose answer is lost


async def test_a_batch_that_was_revealed_after_all_is_not_erased(world: World) -> None:
    new = world.new_batch()
    staged = await _stage(world, new, 3)
    write = world.store.database.write
    await write(lambda tx: reveal(tx, staged, 3, Outcome(), None))
    assert await write(lambda tx: broken_lists.erase_staged(tx, staged, 500)) == 0
    assert len(await world.rows(new.batch_id)) == 3


only_postgres = [
    pytest.mark.postgres,
    pytest.mark.parametrize("databases", ["postgresql"], indirect=True),
]


class TestWhileTheCommitIsUnderWay:
    pytestmark = only_postgres

    async def _race(
        self, world: World, reveal: Callable[[Tx], Any], erase: Callable[[Tx], Any]
    ) -> None:
        """Erases between the last statement of a reveal and its commit."""
        revealed = asyncio.Event()
        database: Any = world.store.database

        async def commit_late() -> None:
            async with database._engine.connect() as connection, connection.begin():
                await database._run(connection, reveal, database.dialect)
                revealed.set()
                # The erasing one waits for the row by now, or has gone wrong.
                await asyncio.wait([erasing], timeout=0.3)

        async def erase_meanwhile() -> None:
            await revealed.wait()
            await database.write(erase)

        erasing = asyncio.create_task(erase_meanwhile())
        await commit_late()
        await erasing

    async def test_the_rows_of_a_new_batch_stay(self, world: World) -> None:
        new = world.new_batch()
        staged = await _stage(world, new, 3)
        await self._race(
            world,
            lambda tx: reveal(tx, staged, 3, Outcome(), None),
            lambda tx: broken_lists.erase_staged(tx, staged, 500),
        )
        assert (await world.get(new.batch_id)).counts.total == 3
        assert len(await world.rows(new.batch_id)) == 3

    async def test_the_rows_of_an_append_stay(self, world: World) -> None:
        batch_id = await world.batch(2)
        staged = await _stage_append(world, batch_id, 3)
        await self._race(
            world,
            lambda tx: reveal(tx, staged, 3, Outcome(), None),
            lambda tx: broken_lists.erase_staged(tx, staged, 500),
        )
        assert (await world.get(batch_id)).counts.total == 5
        assert len(await world.rows(batch_id)) == 5


# --- an agent that is deleted meanwhile


async def test_a_creation_that_broke_off_does_not_keep_its_agent(world: World) -> None:
    await _stage(world, world.new_batch(), 2)
    await world.store.agents.delete_agent(world.account_id, world.agent_id)
    with pytest.raises(NotFoundError):
        await world.store.agents.get_agent(world.account_id, world.agent_id)


async def test_a_batch_that_has_not_ended_keeps_its_agent(world: World) -> None:
    await world.batch(1)
    with pytest.raises(PreconditionError) as caught:
        await world.store.agents.delete_agent(world.account_id, world.agent_id)
    assert caught.value.reason is Reason.AGENT_IN_USE


async def test_a_batch_is_not_revealed_for_an_agent_deleted_meanwhile(
    world: World,
) -> None:
    request = world.request("again")

    async def create() -> None:
        async with world.store.intake.new_batch(world.new_batch(), name_in(request)) as staging:
            await staging.stage(new_rows(3))
            await world.store.agents.delete_agent(world.account_id, world.agent_id)
            await staging.reveal(Outcome(), request)

    with pytest.raises(NotFoundError) as caught:
        await create()
    assert caught.value.reason is Reason.AGENT_NOT_FOUND
    assert await _stored(world) == (0, 0)
    assert await world.sql("SELECT COUNT(*) FROM requests WHERE request_id = 'again'") == [(0,)]


# --- sweeping beside other servers


async def test_a_sweep_beside_others_spares_what_may_be_under_way(world: World) -> None:
    batch_id = await world.batch(2)
    await _stage(world, world.new_batch(), 3)
    await _stage_append(world, batch_id, 4)
    world.advance(minutes=59)
    assert await world.store.dispatch.sweep_staging(HOUR) == 0
    assert await _stored(world) == (2, 9)


async def test_a_sweep_beside_others_removes_what_broke_off_long_ago(world: World) -> None:
    batch_id = await world.batch(2)
    await _stage(world, world.new_batch(), 3)
    await _stage_append(world, batch_id, 4)
    world.advance(minutes=61)
    young = await world.batch(1)
    await _stage(world, world.new_batch(), 5)
    await _stage_append(world, young, 6)
    assert await world.store.dispatch.sweep_staging(HOUR) == 7
    assert await _stored(world) == (3, 2 + 1 + 5 + 6)
    assert len(await world.rows(batch_id)) == 2


async def test_a_sweep_alone_removes_what_has_just_begun(world: World) -> None:
    batch_id = await world.batch(2)
    await _stage(world, world.new_batch(), 3)
    await _stage_append(world, batch_id, 4)
    assert await world.store.dispatch.sweep_staging() == 7
    assert await _stored(world) == (1, 2)
