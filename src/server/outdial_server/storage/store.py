"""Opening a store by its URL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from outdial_server.domain.silence import LEASE
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import HintExchange, Signals
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry
from outdial_server.storage.database import Database
from outdial_server.storage.migrate import migrate
from outdial_server.storage.opening import SqliteFile, parse_url, refusals_in_words
from outdial_server.storage.sqlite_database import SqliteDatabase
from outdial_server.storage.stores.accounts import SqlAccounts
from outdial_server.storage.stores.agents import SqlAgents
from outdial_server.storage.stores.answers import SqlAnswers
from outdial_server.storage.stores.batches import SqlBatches
from outdial_server.storage.stores.board import SqlBoard
from outdial_server.storage.stores.callbacks import SqlCallbackInbox
from outdial_server.storage.stores.calls import SqlCalls
from outdial_server.storage.stores.carrier_configs import SqlCarrierConfigs
from outdial_server.storage.stores.carrier_queues import SqlCarrierQueues
from outdial_server.storage.stores.clock import SqlStoreClock
from outdial_server.storage.stores.contact_intake import SqlContactIntake
from outdial_server.storage.stores.contacts import SqlContactFolders, SqlContacts
from outdial_server.storage.stores.direct_calls import SqlDirectCalls
from outdial_server.storage.stores.dispatch import SqlDispatch
from outdial_server.storage.stores.erasing import SqlErasure, SqlRetention
from outdial_server.storage.stores.event_log import SqlEventLog
from outdial_server.storage.stores.external_calls import SqlExternalCalls
from outdial_server.storage.stores.figures import SqlFigures
from outdial_server.storage.stores.forecasts import SqlForecastQuestions
from outdial_server.storage.stores.imports import SqlImports
from outdial_server.storage.stores.intake import SqlIntake
from outdial_server.storage.stores.phone_numbers import SqlPhoneNumbers
from outdial_server.storage.stores.quarantine import SqlQuarantine
from outdial_server.storage.stores.retries import SqlRetries
from outdial_server.storage.stores.sealed import SqlSealedSecrets
from outdial_server.storage.stores.standings import SqlStandings
from outdial_server.storage.stores.suppressions import SqlSuppressions
from outdial_server.storage.stores.throttles import SqlThrottles
from outdial_server.storage.stores.webhooks import SqlWebhooks
from outdial_server.storage.verbs.quarantine import begin_over_older, is_older

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Store:
    """All ports of the store over one database."""

    database: Database
    accounts: SqlAccounts
    keys: SqlAccounts
    agents: SqlAgents
    batches: SqlBatches
    board: SqlBoard
    intake: SqlIntake
    imports: SqlImports
    calls: SqlCalls
    retries: SqlRetries
    dispatch: SqlDispatch
    events: SqlEventLog
    callbacks: SqlCallbackInbox
    retention: SqlRetention
    erasure: SqlErasure
    figures: SqlFigures
    suppressions: SqlSuppressions
    standings: SqlStandings
    throttles: SqlThrottles
    contact_folders: SqlContactFolders
    contacts: SqlContacts
    contact_intake: SqlContactIntake
    phone_numbers: SqlPhoneNumbers
    carrier_configs: SqlCarrierConfigs
    direct_calls: SqlDirectCalls
    external_calls: SqlExternalCalls
    forecasts: SqlForecastQuestions
    webhooks: SqlWebhooks
    carrier_queues: SqlCarrierQueues
    answers: SqlAnswers
    sealed: SqlSealedSecrets
    clock: SqlStoreClock
    quarantine: SqlQuarantine

    @property
    def is_alone(self) -> bool:
        """Whether no other server can have this database open."""
        return not self.database.dialect.locks_rows

    async def close(self) -> None:
        await self.database.close()


def store_over(
    database: Database, telemetry: Telemetry = NO_TELEMETRY, lease: timedelta = LEASE
) -> Store:
    accounts = SqlAccounts(database)
    return Store(
        database,
        accounts,
        accounts,
        SqlAgents(database),
        SqlBatches(database),
        SqlBoard(database),
        SqlIntake(database),
        SqlImports(database),
        SqlCalls(database),
        SqlRetries(database),
        SqlDispatch(database, telemetry, lease),
        SqlEventLog(database),
        SqlCallbackInbox(database),
        SqlRetention(database),
        SqlErasure(database),
        SqlFigures(database),
        SqlSuppressions(database),
        SqlStandings(database),
        SqlThrottles(database),
        SqlContactFolders(database),
        SqlContacts(database),
        SqlContactIntake(database),
        SqlPhoneNumbers(database),
        SqlCarrierConfigs(database),
        SqlDirectCalls(database, lease),
        SqlExternalCalls(database),
        SqlForecastQuestions(database),
        SqlWebhooks(database),
        SqlCarrierQueues(database),
        SqlAnswers(database),
        SqlSealedSecrets(database),
        SqlStoreClock(database),
        SqlQuarantine(database),
    )


def master_key_path(url: str) -> Path:
    """Where an installation keeps its master key: beside its SQLite file, or in the working
    directory of a server on PostgreSQL."""
    place = parse_url(url)
    return Path(f"{place.path}.key" if isinstance(place, SqliteFile) else "outdial.key")


async def open_store(
    url: str,
    clock: Clock,
    ids: IdSource,
    signals: Signals,
    telemetry: Telemetry = NO_TELEMETRY,
    *,
    lease: timedelta = LEASE,
    clock_decides: bool = False,
) -> Store:
    """Brings the schema up to date. Raises CannotOpenError for a database that cannot be
    used, UnavailableError for one that is not there now. `clock_decides` lets `clock` be the
    time on PostgreSQL too, for tests."""
    place = parse_url(url)
    with refusals_in_words(place):
        if isinstance(place, SqliteFile):
            return await _open_sqlite(place, clock, ids, signals, telemetry, lease)
        return await _open_postgres(
            place, clock if clock_decides else None, ids, signals, telemetry, lease
        )


async def _open_sqlite(
    file: SqliteFile,
    clock: Clock,
    ids: IdSource,
    signals: Signals,
    telemetry: Telemetry,
    lease: timedelta,
) -> Store:
    sqlite = SqliteDatabase(file, clock, ids, signals, telemetry)
    sqlite.lock()
    try:
        await asyncio.to_thread(migrate, file)
        await sqlite.open()
        await _notice_older_file(sqlite)
    except BaseException:
        await sqlite.close()
        raise
    return store_over(sqlite, telemetry, lease)


async def _notice_older_file(sqlite: SqliteDatabase) -> None:
    noted_us = sqlite.noted_us
    if noted_us is not None and await sqlite.read(lambda tx: is_older(tx, noted_us)):
        log.warning("database.older_file")
        await sqlite.write(begin_over_older)


async def _open_postgres(
    url: "URL",
    clock: Clock | None,
    ids: IdSource,
    signals: Signals,
    telemetry: Telemetry,
    lease: timedelta,
) -> Store:
    await asyncio.to_thread(migrate, url)
    # Loaded here: a server on SQLite starts without it.
    from outdial_server.storage.postgres_database import PostgresDatabase  # noqa: PLC0415

    postgres = PostgresDatabase(url, ids, signals, clock, telemetry)
    await postgres.open()
    return store_over(postgres, telemetry, lease)


@asynccontextmanager
async def exchange_hints(url: str, exchange: HintExchange) -> AsyncIterator[None]:
    """Carries hints between the servers on a database that several share."""
    # Loaded here: a server on SQLite starts without it.
    from outdial_server.storage.postgres_hints import PostgresHints  # noqa: PLC0415

    place = parse_url(url)
    assert not isinstance(place, SqliteFile), "nobody shares a file"
    hints = PostgresHints(place, exchange)
    hints.start()
    try:
        yield
    finally:
        await hints.close()
