"""A server of before goes on beside a newer one that has added to the schema."""

import pytest
from sqlalchemy import text

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.domain.batch import BatchState
from outdial_server.storage.postgres_database import PostgresDatabase
from outdial_server.storage.schema import metadata
from outdial_server.storage.store import open_store
from support.clock import ManualClock, ManualSignals
from support.databases import PostgresServer
from support.stores import World, accepted, answered, ended, settled


async def add_to_every_table(database: PostgresDatabase) -> None:
    async with database._engine.begin() as connection:
        for table in metadata.tables:
            await connection.execute(
                text(f"ALTER TABLE {table} ADD COLUMN of_tomorrow TEXT NOT NULL DEFAULT ''")
            )


async def to_the_end(world: World) -> None:
    """All that a server does with a batch, by statements that are prepared at the first."""
    batch_id = await world.batch(4)
    calls = await world.claim()
    await world.send(calls)
    await world.apply(*map(accepted, calls))
    await world.apply(*map(answered, calls))
    await world.apply(*map(ended, calls))
    await world.settle_all()
    assert (await world.get(batch_id)).state is BatchState.COMPLETED
    assert len(await world.events(batch_id)) > len(await world.rows(batch_id))
    await world.look(batch_id)


@pytest.mark.postgres
async def test_connections_that_were_open_before_go_on_after_columns_were_added(
    postgres_server: PostgresServer, clock: ManualClock, ids: UuidV7Ids, signals: ManualSignals
) -> None:
    name = await postgres_server.new_database()
    store = await open_store(postgres_server.url(name), clock, ids, signals, clock_decides=True)
    world, database = await settled(store, clock, ids), store.database
    assert isinstance(database, PostgresDatabase)
    await to_the_end(world)
    await add_to_every_table(database)
    await to_the_end(world)
    await store.close()
    await postgres_server.drop_database(name)
