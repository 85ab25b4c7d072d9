"""A SQLite file in whose place an older one was put is known by what stands beside it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.domain.quarantine import DOUBT_MARGIN
from outdial_server.storage.store import Store, open_store
from support.clock import START, ManualClock, ManualSignals
from support.file_copies import put_in_place
from support.stores import World, settled

HOUR = timedelta(hours=1)

Open = Callable[[], AbstractAsyncContextManager[Store]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "outdial.db"


@pytest.fixture
def opened(database: Path, clock: ManualClock, ids: UuidV7Ids, signals: ManualSignals) -> Open:
    @asynccontextmanager
    async def opening() -> AsyncIterator[Store]:
        store = await open_store(f"sqlite:///{database}", clock, ids, signals)
        try:
            yield store
        finally:
            await store.close()

    return opening


async def dial_one(world: World) -> None:
    claimed = await world.claim(1)
    assert (await world.send(claimed)).calls


async def test_an_older_file_begins_a_quarantine_from_the_last_call_that_it_knows(
    database: Path, opened: Open, clock: ManualClock, ids: UuidV7Ids
) -> None:
    copy = database.with_name("copy.db")
    async with opened() as store:
        world = await settled(store, clock, ids)
        await world.batch(3)
        await dial_one(world)
    put_in_place(copy, by=database)
    clock.advance(HOUR)
    async with opened() as store:
        world.store = store
        await dial_one(world)
    put_in_place(database, by=copy)
    clock.advance(HOUR)
    with capture_logs() as lines:
        async with opened() as store:
            world.store = store
            found = await store.quarantine.read_quarantine()
            assert found is not None
            assert (found.begun_at, found.doubt_from) == (clock.now(), START - DOUBT_MARGIN)
            assert await world.claim() == []
            assert await store.quarantine.lift_quarantine()
    assert [line["event"] for line in lines] == ["database.older_file"]
    async with opened() as store:
        assert await store.quarantine.read_quarantine() is None, "it is the file of now"


async def test_a_file_as_it_was_left_begins_none(
    opened: Open, clock: ManualClock, ids: UuidV7Ids
) -> None:
    async with opened() as store:
        world = await settled(store, clock, ids)
        await world.batch(1)
        await dial_one(world)
        clock.advance(HOUR)
        await store.quarantine.beat()
    # Set back.
    clock.advance(-2 * HOUR)
    async with opened() as store:
        await store.quarantine.beat()
    async with opened() as store:
        assert await store.quarantine.read_quarantine() is None


async def test_a_new_file_in_the_place_of_one_begins_none(
    database: Path, opened: Open, clock: ManualClock, ids: UuidV7Ids
) -> None:
    async with opened() as store:
        world = await settled(store, clock, ids)
        await world.batch(1)
        await dial_one(world)
    put_in_place(database, by=database.with_name("nothing"))
    async with opened() as store:
        assert await store.quarantine.read_quarantine() is None


@pytest.mark.parametrize("noted", [b"", b"17", b"not a moment at all."])
async def test_what_is_no_note_says_nothing(
    database: Path, opened: Open, clock: ManualClock, ids: UuidV7Ids, noted: bytes
) -> None:
    async with opened() as store:
        world = await settled(store, clock, ids)
        await world.batch(1)
    database.with_name("outdial.db.lock").write_bytes(noted)
    async with opened() as store:
        assert await store.quarantine.read_quarantine() is None
