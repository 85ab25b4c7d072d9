"""What the stores promise when the database misbehaves, or is not there."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.storage import postgres_database
from outdial_server.storage.postgres_database import PostgresDatabase, unavailable_told
from outdial_server.storage.statements import ConstraintError
from outdial_server.storage.store import open_store
from outdial_server.storage.tx import Tx
from support.clock import ManualClock, ManualSignals
from support.databases import PostgresServer
from support.stores import World, settled

NUMBER = "+15550001234"


@dataclass(slots=True)
class PostgresWorld:
    world: World
    server: PostgresServer
    database: str

    async def connect(self) -> Any:
        """A connection that is none of the store's, without its limits."""
        return await asyncpg.connect(
            host=self.server.socket_dir, user="postgres", database=self.database
        )


@pytest.fixture
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in getattr(request, "param", {}).items():
        if name == "command":
            monkeypatch.setattr(postgres_database, "_COMMAND_SECONDS", value)
        else:
            monkeypatch.setitem(postgres_database._SESSION, name, value)


@pytest.fixture
async def postgres(
    limits: None, postgres_server: PostgresServer, clock: ManualClock, ids: Any
) -> AsyncIterator[PostgresWorld]:
    name = await postgres_server.new_database()
    signals = ManualSignals(clock)
    store = await open_store(postgres_server.url(name), clock, ids, signals, clock_decides=True)
    yield PostgresWorld(await settled(store, clock, ids), postgres_server, name)
    await store.close()
    await postgres_server.drop_database(name)


def limited(**limits: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("limits", [limits], indirect=True, ids=["limited"])


@pytest.mark.postgres
async def test_each_session_has_its_limits(postgres: PostgresWorld) -> None:
    assert await postgres.world.sql("SHOW lock_timeout") == [("10s",)]
    assert await postgres.world.sql("SHOW idle_in_transaction_session_timeout") == [("10s",)]


@pytest.mark.postgres
@limited(idle_in_transaction_session_timeout="300ms", lock_timeout="5s")
async def test_a_peer_that_freezes_in_a_transaction_does_not_stop_its_successor(
    postgres: PostgresWorld,
) -> None:
    database = postgres.world.store.database
    assert isinstance(database, PostgresDatabase)
    frozen = await database._engine.connect()
    await frozen.execute(text("SELECT key FROM accounts FOR UPDATE"))
    await postgres.world.execute("UPDATE accounts SET display_name = 'after'")
    assert await postgres.world.sql("SELECT display_name FROM accounts") == [("after",)]
    await frozen.invalidate()
    await frozen.close()


@pytest.mark.postgres
@limited(lock_timeout="100ms")
async def test_a_lock_that_is_never_given_up_is_told_as_unavailable(
    postgres: PostgresWorld,
) -> None:
    peer = await postgres.connect()
    async with peer.transaction():
        await peer.execute("SELECT key FROM accounts FOR UPDATE")
        with pytest.raises(UnavailableError) as caught:
            await postgres.world.execute("UPDATE accounts SET display_name = 'after'")
        assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
    await peer.close()
    await postgres.world.execute("UPDATE accounts SET display_name = 'after'")


@pytest.mark.postgres
@limited(lock_timeout="1s")
async def test_a_lock_that_took_too_long_once_is_waited_for_again(
    postgres: PostgresWorld,
) -> None:
    peer = await postgres.connect()
    async with peer.transaction():
        await peer.execute("SELECT key FROM accounts FOR UPDATE")
        update = asyncio.create_task(
            postgres.world.execute("UPDATE accounts SET display_name = 'after'")
        )
        # The peer is busy, with the lock in its hands, for longer than one wait for it.
        await peer.execute("SELECT pg_sleep(1.3)")
        assert not update.done()
    await update
    await peer.close()


@pytest.mark.postgres
@limited(command=0.3)
async def test_a_statement_without_end_is_told_as_unavailable_and_the_next_works(
    postgres: PostgresWorld,
) -> None:
    with pytest.raises(UnavailableError):
        await postgres.world.sql("SELECT pg_sleep(60)")
    with pytest.raises(UnavailableError):
        await postgres.world.store.database.write(lambda tx: tx.scalar("SELECT pg_sleep(60)"))
    assert await postgres.world.sql("SELECT 1") == [(1,)]


@pytest.mark.postgres
async def test_a_database_that_takes_no_connections_is_told_as_unavailable(
    postgres: PostgresWorld,
) -> None:
    database = postgres.world.store.database
    await postgres.server.execute(
        f"ALTER DATABASE {postgres.database} ALLOW_CONNECTIONS false",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{postgres.database}'",
    )
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await database.read(lambda tx: tx.scalar("SELECT 1"))
        with pytest.raises(UnavailableError):
            await database.write(lambda tx: tx.scalar("SELECT 1"))
    await postgres.server.execute(f"ALTER DATABASE {postgres.database} ALLOW_CONNECTIONS true")
    assert await database.read(lambda tx: tx.scalar("SELECT 1")) == 1


async def test_a_server_that_is_not_there_is_told_as_unavailable(
    clock: ManualClock, ids: Any, tmp_path: Any
) -> None:
    url = f"postgresql+asyncpg://postgres@/outdial?host={tmp_path}"
    with pytest.raises(UnavailableError):
        await open_store(url, clock, ids, ManualSignals(clock))


@pytest.mark.parametrize(
    "error",
    [
        PoolTimeoutError("QueuePool limit of size 16 reached"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.ConnectionDoesNotExistError("connection was closed"),
        asyncpg.ObjectNotInPrerequisiteStateError("not currently accepting connections"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_says_that_the_database_is_not_there_is_told_as_unavailable(
    error: Exception,
) -> None:
    with pytest.raises(UnavailableError) as caught, unavailable_told():
        raise error
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE


def test_a_fault_of_ours_is_not_told_as_unavailable() -> None:
    for error in (asyncpg.UndefinedColumnError("no such column"), KeyError("x")):
        with pytest.raises(type(error)), unavailable_told():
            raise error


async def test_the_error_of_a_failing_statement_holds_no_phone_number(world: World) -> None:
    await world.batch(1)

    def twice(tx: Tx) -> None:
        for _ in range(2):
            tx.run(
                "INSERT INTO scheduled_calls (id, batch_key, position, address, rank) "
                "SELECT :id, key, 5, :address, NULL FROM batches",
                id=b"x" * 16,
                address=NUMBER,
            )

    with pytest.raises(ConstraintError) as caught:
        await world.store.database.write(twice)
    assert NUMBER not in _told(caught.value)
    with pytest.raises((asyncpg.PostgresError, UnavailableError)) as caught:
        await world.store.database.read(
            lambda tx: tx.all("SELECT nothing FROM batches WHERE caller_id = :it", it=NUMBER)
        )
    assert NUMBER not in _told(caught.value)


def _told(error: BaseException) -> str:
    """As a log shows it: the error and all that it came from."""
    return "".join(traceback.format_exception(error))
