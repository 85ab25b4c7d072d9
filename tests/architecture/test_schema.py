"""The migrations make the schema, on both databases; and one SQLite file has one server."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.commands.first_keys import FirstKeys
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.paging import PageRequest
from outdial_server.storage.migrate import is_up_to_date, migrate
from outdial_server.storage.revisions import SCRIPTS
from outdial_server.storage.schema import metadata
from outdial_server.storage.store import Store, open_store
from support.clock import ManualClock, ManualSignals
from support.databases import Databases, PostgresServer, SqliteFiles


async def opened(url: str) -> Store:
    clock = ManualClock()
    return await open_store(url, clock, UuidV7Ids(clock), ManualSignals(clock), clock_decides=True)


async def in_database(url: str, look: Any) -> Any:
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(url)
        with engine.connect() as connection:
            seen = look(connection)
        engine.dispose()
        return seen
    async_engine = create_async_engine(url)
    async with async_engine.connect() as conn:
        seen = await conn.run_sync(look)
    await async_engine.dispose()
    return seen


def differences(connection: Connection) -> Sequence[Any]:
    found: Sequence[Any] = compare_metadata(MigrationContext.configure(connection), metadata)
    return found


def details(connection: Connection) -> dict[str, Any]:
    """What Alembic does not compare: defaults, conditions of indexes, and CHECKs."""
    seen = inspect(connection)
    where = f"{connection.dialect.name}_where"
    return {
        table: (
            [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in seen.get_columns(table)
            ],
            sorted(
                (index["name"], index["column_names"], str(index["dialect_options"].get(where)))
                for index in seen.get_indexes(table)
                if "duplicates_constraint" not in index
            ),
            sorted(
                (check["name"], check["sqltext"]) for check in seen.get_check_constraints(table)
            ),
            seen.get_foreign_keys(table),
        )
        for table in metadata.tables
    }


async def test_the_migrations_make_exactly_the_schema(databases: Databases) -> None:
    name = await databases.new_database()
    assert await in_database(databases.url(name), differences) == []
    await databases.drop_database(name)


async def test_the_migrations_make_the_conditions_too(databases: Databases) -> None:
    migrated, direct = await databases.new_database(), await databases.new_database(empty=True)

    def create_all(connection: Connection) -> dict[str, Any]:
        metadata.create_all(connection)
        return details(connection)

    expected = await in_database(databases.url(direct), create_all)
    assert await in_database(databases.url(migrated), details) == expected
    for name in (migrated, direct):
        await databases.drop_database(name)


async def test_no_index_names_what_an_ordinary_change_touches() -> None:
    """`trusted_until_us` apart, as the schema says."""
    changing = {
        "scheduled_calls": {"attempts", "call_key", "final_state", "state_reason", "ended_us"},
        "calls": {"state", "fence", "holds_slot", "carrier_call_id", "lookups", "ended_us"},
    }
    for table, columns in changing.items():
        for index in metadata.tables[table].indexes:
            named = {column.name for column in index.columns}
            where = str(index.dialect_options["sqlite"]["where"])
            assert not named & columns, index.name
            assert not [c for c in columns if c in where], index.name


async def test_no_column_that_may_be_null_has_another_default() -> None:
    """Else a null could not be left out of an INSERT, as SQLite's statements do."""
    for table in metadata.tables.values():
        for column in table.columns:
            assert not (column.nullable and column.server_default is not None), column


async def test_migrating_again_changes_nothing(sqlite_files: SqliteFiles) -> None:
    url = sqlite_files.url(await sqlite_files.new_database())
    assert is_up_to_date(url)
    migrate(url)
    assert is_up_to_date(url)
    assert not is_up_to_date(sqlite_files.url(await sqlite_files.new_database(empty=True)))


@pytest.mark.postgres
async def test_servers_that_start_at_once_on_an_empty_postgresql_make_one_schema_and_one_account(
    postgres_server: PostgresServer,
) -> None:
    name = await postgres_server.new_database(empty=True)
    url = postgres_server.url(name)
    stores = await asyncio.gather(*(opened(url) for _ in range(3)))
    assert await asyncio.to_thread(is_up_to_date, url)
    clock = ManualClock()
    await asyncio.gather(
        *(
            FirstKeys(store.accounts, store.keys, UuidV7Ids(clock), clock).put("a" * 40)
            for store in stores
        )
    )
    accounts = await stores[0].accounts.list_accounts(PageRequest(10))
    assert len(accounts.items) == 1
    assert (
        len((await stores[0].keys.list_keys(accounts.items[0].account_id, PageRequest(10))).items)
        == 1
    )
    for store in stores:
        await store.close()
    await postgres_server.drop_database(name)


async def test_a_schema_that_a_newer_version_has_added_to_is_taken_as_it_is(
    databases: Databases,
) -> None:
    name = await databases.new_database()
    url = databases.url(name)

    def expand(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()

    await in_database(url, expand)
    store = await opened(url)
    assert not await store.keys.has_keys()
    await store.close()
    assert await in_database(url, revision) == "9999", "and is left so"
    await databases.drop_database(name)


def revision(connection: Connection) -> Any:
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def test_a_migration_that_takes_something_away_says_who_may_go_on() -> None:
    """Since there was a place to say it."""
    contracts = re.compile(r"drop_|rename_|alter_column|DROP |RENAME ")
    for path in sorted((SCRIPTS / "versions").glob("*.py")):
        script = path.read_text()
        if path.name > "0064" and contracts.search(script):
            assert "UPDATE installation SET oldest_revision" in script, path.name


async def test_a_fresh_sqlite_file_is_made_and_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    store = await opened(url)
    assert not await store.keys.has_keys()
    await store.close()
    assert is_up_to_date(url)


async def test_one_sqlite_file_is_open_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'outdial.db'}"
    first = await opened(url)
    assert first.is_alone
    with pytest.raises(UnavailableError, match=r"another server has outdial\.db open") as refusal:
        await opened(url)
    assert refusal.value.reason is Reason.DATABASE_UNAVAILABLE
    assert not await first.keys.has_keys(), "the first is not disturbed"
    await first.close()
    second = await opened(url)
    await second.close()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("sqlite:///outdial.db?mode=ro", "takes no options"),
        ("mysql://root@localhost/x", "use sqlite:///outdial.db or postgresql"),
        ("nonsense", "no database URL"),
    ],
)
async def test_another_database_is_refused(url: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        await opened(url)


async def test_no_server_at_the_url_is_told_as_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as refusal:
        await opened(f"postgresql+asyncpg://postgres@/none?host={tmp_path}")
    assert refusal.value.reason is Reason.DATABASE_UNAVAILABLE
