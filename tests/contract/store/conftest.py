"""Every test here runs on both databases, from one text."""

from collections.abc import AsyncIterator

import pytest

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.storage.store import Store, open_store
from support.clock import ManualClock, ManualSignals
from support.databases import Databases
from support.stores import World, settled


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ids(clock: ManualClock) -> UuidV7Ids:
    return UuidV7Ids(clock)


@pytest.fixture
def signals(clock: ManualClock) -> ManualSignals:
    return ManualSignals(clock)


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A database of this test's own, with the schema."""
    name = await databases.new_database()
    yield databases.url(name)
    await databases.drop_database(name)


@pytest.fixture
async def store(
    database_url: str, clock: ManualClock, ids: UuidV7Ids, signals: ManualSignals
) -> AsyncIterator[Store]:
    store = await open_store(database_url, clock, ids, signals, clock_decides=True)
    yield store
    await store.close()


@pytest.fixture
async def world(store: Store, clock: ManualClock, ids: UuidV7Ids) -> World:
    return await settled(store, clock, ids)
