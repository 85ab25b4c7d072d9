"""One transaction on a SQLite file that changes its schema."""

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from outdial_server.storage.alembic_upgrade import upgrade
from outdial_server.storage.opening import SqliteFile
from outdial_server.storage.sqlite_connection import WRITER_CACHE_KIB, prepare_connection


def upgrade_file(file: SqliteFile) -> None:
    engine = _engine(file)
    try:
        with engine.begin() as connection:
            upgrade(connection)
    finally:
        engine.dispose()


def _engine(file: SqliteFile) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=file.path),
        hide_parameters=True,
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        """The driver's own way of opening transactions is switched off; ours is explicit."""
        prepare_connection(connection, WRITER_CACHE_KIB)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
