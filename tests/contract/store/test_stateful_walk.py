"""The random walk with its steps drawn by Hypothesis, which cuts what fails down to the few
steps that matter. Each example has a database of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.storage.store import open_store
from support.clock import ManualClock, ManualSignals
from support.databases import Databases
from support.stores import World, settled
from support.walk import Walk
from support.walk_weights import WEIGHTS

STEP = st.sampled_from([name for name, weight in WEIGHTS.items() for _ in range(weight)])


@asynccontextmanager
async def new_world(databases: Databases) -> AsyncIterator[World]:
    clock = ManualClock()
    ids = UuidV7Ids(clock)
    name = await databases.new_database()
    signals = ManualSignals(clock)
    store = await open_store(databases.url(name), clock, ids, signals, clock_decides=True)
    try:
        yield await settled(store, clock, ids)
    finally:
        await store.close()
        await databases.drop_database(name)


@pytest.mark.timeout(300)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**16), steps=st.lists(STEP, min_size=20, max_size=50))
async def test_the_ledger_and_all_counts_equal_the_rows_whatever_happens(
    databases: Databases, seed: int, steps: list[str]
) -> None:
    async with new_world(databases) as world:
        walk = Walk(world, seed)
        await walk.begin()
        for step in steps:
            await walk.take(step)
        await walk.drain()
