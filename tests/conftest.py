"""Databases and event loops for whoever asks: one PostgreSQL server a test process."""

import asyncio
import signal
from collections.abc import Iterator

# Early: CPython 3.11 cannot compile it any more once greenlets have run, and pytest's plugin
# would import it at the very end.
import hypothesis
import pytest
import uvloop

from support.databases import Databases, PostgresServer, SqliteFiles, start_postgres
from support.loops import Run

# How busy the machine is has no part in the verdict.
hypothesis.settings.register_profile("outdial", deadline=None, max_examples=40, print_blob=True)
# For --hypothesis-profile=deep: what a night finds and a day does not.
hypothesis.settings.register_profile("deep", deadline=None, max_examples=2000, print_blob=True)
hypothesis.settings.load_profile("outdial")

# A shell without job control begins what runs in its background with Ctrl-C ignored, and so would
# every command be that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = start_postgres()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Where databases of the parameter's kind come from."""
    source: Databases = request.getfixturevalue(
        "sqlite_files" if request.param == "sqlite" else "postgres_server"
    )
    return source


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each of the loops."""
    running: Run = request.param
    return running
