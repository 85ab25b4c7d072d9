"""Real processes, and the databases that they use."""

from collections.abc import Iterator

import pytest

from support.databases import PostgresServer, start_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = start_postgres()
    yield server
    server.stop()
