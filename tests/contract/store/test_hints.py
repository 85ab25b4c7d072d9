"""Hints between servers on one PostgreSQL: heard by the others, lost without harm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import make_url

from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.shared_signals import SharedSignals
from outdial_server.domain.ids import BatchId
from outdial_server.ports.signals import EVERYTHING, Hint, Topic
from outdial_server.storage.postgres_hints import hint_of, payload
from outdial_server.storage.store import exchange_hints
from support.databases import PostgresServer

pytestmark = pytest.mark.postgres

PATIENCE_SECONDS = 60
BATCH = BatchId("0190a000-0000-7000-8000-000000000001")


class Ear(SharedSignals):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.heard: asyncio.Queue[Hint] = asyncio.Queue()

    def take_in(self, hint: Hint) -> None:
        super().take_in(hint)
        self.heard.put_nowait(hint)

    async def hears(self, hint: Hint) -> None:
        """Whatever it hears before."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.heard.get() != hint:
                pass


@pytest.fixture
async def url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    name = await postgres_server.new_database(empty=True)
    yield postgres_server.url(name)
    await postgres_server.drop_database(name)


@pytest.fixture
async def ears(url: str) -> AsyncIterator[list[Ear]]:
    """Three servers that listen."""
    async with AsyncExitStack() as stack:
        ears = [Ear(), Ear(), Ear()]
        for ear in ears:
            await stack.enter_async_context(exchange_hints(url, ear))
            await ear.hears(EVERYTHING)
        yield ears


async def test_what_happens_on_one_server_is_heard_by_the_others_and_not_by_itself(
    ears: list[Ear],
) -> None:
    one, two, three = ears
    one.wake(Topic.CLAIM)
    await two.hears(Hint(topics=frozenset({Topic.CLAIM})))
    await three.hears(Hint(topics=frozenset({Topic.CLAIM})))
    two.publish([BATCH])
    await one.hears(Hint(batch_ids=frozenset({BATCH})))
    assert two.heard.empty()
    assert one.heard.empty(), "its own claim was told before what it has heard"


async def test_as_many_batches_as_a_hint_names_fit_into_a_notification(ears: list[Ear]) -> None:
    ids = UuidV7Ids(SystemClock())
    batch_ids = [BatchId(ids.new_id()) for _ in range(150)]
    ears[0].publish(batch_ids)
    ears[0].wake(Topic.CLAIM, Topic.DELIVER)
    await ears[1].hears(Hint(frozenset({Topic.CLAIM, Topic.DELIVER}), frozenset(batch_ids)))
    ears[0].publish([*batch_ids, BATCH])
    await ears[1].hears(EVERYTHING)


async def test_a_connection_that_was_lost_is_made_again_and_takes_everything_for_changed(
    ears: list[Ear], url: str, postgres_server: PostgresServer
) -> None:
    name = make_url(url).database
    await postgres_server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    for ear in ears:
        await ear.hears(EVERYTHING)
    ears[0].publish([BATCH])
    await ears[1].hears(Hint(batch_ids=frozenset({BATCH})))


def test_what_a_server_of_another_version_says_is_taken_for_everything_or_left_out() -> None:
    for said in ("", "{}", "[]", "null", '{"topics": 3}', '{"topics": [], "batches": [[]]}'):
        assert hint_of(said) == EVERYTHING
    newer = '{"topics": ["claim", "of_tomorrow"], "batches": [], "everything": false, "more": 1}'
    assert hint_of(newer) == Hint(topics=frozenset({Topic.CLAIM}))
    assert hint_of(payload(EVERYTHING)) == EVERYTHING
