"""Databases and event loops for whoever asks: one PostgreSQL server a test process."""

import asyncio
import gc
import os
import signal
from collections.abc import Generator, Iterator
from itertools import islice

# Before gRPC starts: between fork and exec its threads come back in the child, which now and then
# is the end of it. PostgreSQL is started as another user, which takes such a fork.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# Early: CPython 3.11 cannot compile it any more once greenlets have run, and pytest's plugin
# would import it at the very end.
import hypothesis
import pytest
import uvloop

from support.databases import Databases, PostgresServer, SqliteFiles, start_postgres
from support.loops import Run
from support.memory import in_memory

# How busy the machine is has no part in the verdict.
hypothesis.settings.register_profile("outdial", deadline=None, max_examples=40, print_blob=True)
# For --hypothesis-profile=deep: what a night finds and a day does not.
hypothesis.settings.register_profile("deep", deadline=None, max_examples=2000, print_blob=True)
hypothesis.settings.load_profile("outdial")

# Where pytest makes the folders of tests, and so most databases.
if (memory := in_memory()) is not None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))

# A shell without job control begins what runs in its background with Ctrl-C ignored, and so would
# every command be that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests, and all that they import, stay to the end: to look through them for
    garbage while they come and ever again takes longer than to collect them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests come first in what each of the workers gets, an equal part of all, and the longest
    before the others: one that is begun last would go on alone."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("slow")]
    long.sort(key=_may_take_seconds, reverse=True)
    others = iter([item for item in items if not item.get_closest_marker("slow")])
    left, dealt = len(items), list[pytest.Item]()
    for worker in range(workers):
        part = left // (workers - worker)
        heads = long[worker::workers]
        dealt += [*heads, *islice(others, part - len(heads))]
        left -= part
    if len(dealt) == len(items):
        items[:] = dealt


def _may_take_seconds(item: pytest.Item) -> float:
    limit = item.get_closest_marker("timeout")
    return float(limit.args[0]) if limit is not None else 0.0


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
