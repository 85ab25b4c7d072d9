"""What cannot be started says in one sentence why, and names the setting."""

import asyncio
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import asyncpg
import pytest
from typer.testing import CliRunner

from outdial_server.cli.main import app
from outdial_server.storage import migrate
from support.databases import PostgresServer

DATABASE, MASTER_KEY = "OUTDIAL_DATABASE_URL", "OUTDIAL_MASTER_KEY"

# Each opens the database in a way of its own.
COMMANDS = [["serve"], ["migrate"], ["keys", "list"], ["accounts", "list"]]


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With settings that would do, but for the one that a test makes wrong."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(DATABASE, "sqlite:///outdial.db")
    for name in ("OUTDIAL_GRPC_LISTEN", "OUTDIAL_HTTP_LISTEN"):
        monkeypatch.setenv(name, "127.0.0.1:0")
    # It is for a whole process, and this one goes on with other tests.
    monkeypatch.setattr("outdial_server.adapters.logs.configure_logs", lambda *_: None)


def refusal(*command: str) -> str:
    """What a command that must fail has to say: no traceback, and one sentence."""
    result = CliRunner().invoke(app, list(command))
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1, result.output
    said = result.stderr.removesuffix("\n")
    assert said.startswith("outdial-server: ")
    assert "\n" not in said
    return said.removeprefix("outdial-server: ")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "is no database URL, like "),
        ("postgresql+asyncpg://u:secret@host:port/x", "is no database URL, like "),
        ("mysql://u:secret@host/x", "'mysql' is not supported"),
        ("postgresql://u:secret@host/x", "use sqlite:///outdial.db or postgresql+asyncpg://"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("sqlite:///outdial.db?key=secret", "takes no options with SQLite"),
        ("sqlite:///nowhere/outdial.db", "there and writable"),
        ("sqlite:///text.db/outdial.db", "there and writable"),
        ("sqlite:///folder.db", "folder.db cannot be opened: it must be a file"),
        ("sqlite:///text.db", "text.db is no SQLite database"),
        ("sqlite:///newer.db", "a newer one has migrated it"),
        ("postgresql+asyncpg://u:secret@127.0.0.1:1/x", "127.0.0.1:1: Connection refused"),
    ],
)
def test_a_database_that_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    newer_database: Path,
    command: list[str],
    url: str,
    words: str,
) -> None:
    (tmp_path / "text.db").write_text("no database, and long enough to be looked at as one\n" * 9)
    (tmp_path / "folder.db").mkdir()
    copyfile(newer_database, tmp_path / "newer.db")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.db")}
    monkeypatch.setenv(DATABASE, url)
    said = refusal(*command)
    assert said.startswith(f"{DATABASE}: ")
    assert words in said
    assert "secret" not in said
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.db")} == before


# A newer version has taken something away that this one needs.
CONTRACTED = (
    "UPDATE alembic_version SET version_num = '9999'",
    "UPDATE installation SET oldest_revision = '9998'",
)


@pytest.fixture(scope="module")
def newer_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("newer") / "newer.db"
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in CONTRACTED:
            connection.execute(statement)
    return path


def test_a_database_that_was_refused_can_be_put_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The refusal keeps no lock."""
    path = tmp_path / "outdial.db"
    path.write_text("no database" * 99)
    refusal("accounts", "list")
    path.unlink()
    assert CliRunner().invoke(app, ["accounts", "list"]).exit_code == 0


def test_without_the_driver_of_postgresql_its_package_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.setenv(DATABASE, "postgresql+asyncpg://u@127.0.0.1:1/x")
    assert "pip install 'outdial[postgres]'" in refusal("serve")


@pytest.fixture
def careful(postgres_server: PostgresServer) -> Iterator[str]:
    """A role that must bring its password, in a server that trusts everybody else."""
    rules = Path(asyncio.run(_asked(postgres_server, "SHOW hba_file")))
    before = rules.read_text()
    asyncio.run(postgres_server.execute("CREATE ROLE careful LOGIN PASSWORD 'right'"))
    rules.write_text(f"local all careful scram-sha-256\n{before}")
    asyncio.run(postgres_server.execute("SELECT pg_reload_conf()"))
    yield "careful"
    rules.write_text(before)
    asyncio.run(postgres_server.execute("SELECT pg_reload_conf()", "DROP ROLE careful"))


async def _asked(server: PostgresServer, question: str) -> str:
    connection = await asyncpg.connect(host=server.socket_dir, user="postgres", database="postgres")
    try:
        answer: str = await connection.fetchval(question)
        return answer
    finally:
        await connection.close()


@pytest.mark.postgres
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_postgresql_refuses(
    monkeypatch: pytest.MonkeyPatch,
    postgres_server: PostgresServer,
    careful: str,
    command: list[str],
) -> None:
    place = f"?host={postgres_server.socket_dir}"
    refused = {
        f"postgresql+asyncpg://postgres@/no_such_database{place}": "no database 'no_such_database'",
        f"postgresql+asyncpg://nobody@/postgres{place}": "refuses the user 'nobody'",
        f"postgresql+asyncpg://{careful}:mistaken@/postgres{place}": "password",
    }
    for url, words in refused.items():
        monkeypatch.setenv(DATABASE, url)
        said = refusal(*command)
        assert said.startswith(f"{DATABASE}: ")
        assert words in said
        assert "mistaken" not in said


@pytest.mark.postgres
def test_a_schema_that_does_without_what_this_version_needs(
    monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    name = asyncio.run(postgres_server.new_database(empty=True))
    monkeypatch.setenv(DATABASE, postgres_server.url(name))
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    asyncio.run(postgres_server.execute(*CONTRACTED, database=name))
    for command in COMMANDS:
        assert "a newer one has migrated it" in refusal(*command)
    asyncio.run(postgres_server.drop_database(name))


@pytest.mark.parametrize("variable", ["OUTDIAL_GRPC_LISTEN", "OUTDIAL_HTTP_LISTEN"])
def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv(variable, listen)
        said = refusal("serve")
    assert said.startswith(f"{variable}: ")
    assert f"cannot listen on {listen}" in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OUTDIAL_GRPC_LISTEN", "50051"),
        ("OUTDIAL_HTTP_LISTEN", "127.0.0.1:99999"),
        ("OUTDIAL_PUBLIC_URL", "dial.example.com"),
        ("OUTDIAL_SIMULATE", "perhaps"),
        ("OUTDIAL_DRAIN_SECONDS", "-1"),
        ("OUTDIAL_DRAIN_SECONDS", "a while"),
        ("OUTDIAL_LOG_LEVEL", "loud"),
        ("OUTDIAL_LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_cannot_be(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    assert refusal("serve").startswith(f"{variable}: ")


def test_a_simulation_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_SIMULATE_PROFILE", "weather")
    said = refusal("serve", "--simulate")
    assert said.startswith("OUTDIAL_SIMULATE_PROFILE: ")
    assert "there are " in said


@pytest.mark.parametrize("content", ["", "abcd", "z" * 64, "é"])
def test_a_file_of_the_master_key_without_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "outdial.db.key").write_text(content)
    said = refusal("serve")
    assert said.startswith(f"{MASTER_KEY}: is not set, and outdial.db.key holds no key of 32 bytes")


def test_a_master_key_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "outdial.db.key").mkdir()
    assert "outdial.db.key cannot be read or made: Is a directory" in refusal("serve")
