"""Opening a store by its URL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import URL

from outdial_server.domain.silence import LEASE
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import HintExchange, Signals
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry
from outdial_server.storage.answer_store import SqlAnswers
from outdial_server.storage.board_store import SqlBoard
from outdial_server.storage.callback_inbox import SqlCallbackInbox
from outdial_server.storage.carrier_config_store import SqlCarrierConfigs
from outdial_server.storage.carrier_queue_store import SqlCarrierQueues
from outdial_server.storage.contact_intake import SqlContactIntake
from outdial_server.storage.contact_stores import SqlContactFolders, SqlContacts
from outdial_server.storage.database import Database
from outdial_server.storage.direct_call_store import SqlDirectCalls
from outdial_server.storage.external_call_store import SqlExternalCalls
from outdial_server.storage.intake import SqlImports, SqlIntake
from outdial_server.storage.migrate import migrate
from outdial_server.storage.opening import parse_url, refusals_in_words
from outdial_server.storage.phone_number_store import SqlPhoneNumbers
from outdial_server.storage.quarantine_store import SqlQuarantine
from outdial_server.storage.retry_store import SqlRetries
from outdial_server.storage.sealed_store import SqlSealedSecrets
from outdial_server.storage.sqlite_database import SqliteDatabase
from outdial_server.storage.store_clock import SqlStoreClock
from outdial_server.storage.stores import (
    SqlAccounts,
    SqlAgents,
    SqlBatches,
    SqlCalls,
    SqlDispatch,
    SqlErasure,
    SqlEventLog,
    SqlFigures,
    SqlForecastQuestions,
    SqlRetention,
    SqlStandings,
)
from outdial_server.storage.suppression_store import SqlSuppressions
from outdial_server.storage.throttle_store import SqlThrottles
from outdial_server.storage.webhook_store import SqlWebhooks


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
    parsed = parse_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(f"{parsed.database}.key" if is_file else "outdial.key")


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
    parsed = parse_url(url)
    with refusals_in_words(parsed):
        if parsed.get_backend_name() == "sqlite":
            return await _open_sqlite(parsed, clock, ids, signals, telemetry, lease)
        return await _open_postgres(
            parsed, clock if clock_decides else None, ids, signals, telemetry, lease
        )


async def _open_sqlite(
    url: URL,
    clock: Clock,
    ids: IdSource,
    signals: Signals,
    telemetry: Telemetry,
    lease: timedelta,
) -> Store:
    sqlite = SqliteDatabase(url, clock, ids, signals, telemetry)
    sqlite.lock()
    try:
        await asyncio.to_thread(migrate, url)
        await sqlite.open()
    except BaseException:
        await sqlite.close()
        raise
    return store_over(sqlite, telemetry, lease)


async def _open_postgres(
    url: URL,
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

    hints = PostgresHints(parse_url(url), exchange)
    hints.start()
    try:
        yield
    finally:
        await hints.close()
