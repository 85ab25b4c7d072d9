"""The client as its users install it: the wheel, what it asks for, and nothing else."""

import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from outdial_client.testing import running_server

ROOT = Path(__file__).parents[2]
# What the client may bring along, from the index that pip is configured with; the versions
# are those of the lock, so that this test changes with it and not by itself.
LIGHT = {
    "googleapis-common-protos",
    "grpcio",
    "grpcio-status",
    "protobuf",
    "typing-extensions",
}

ASYNC_PROGRAM = """
import asyncio
from pathlib import Path
from outdial_client import BadRowPolicy, Client, NewBatch


async def main() -> None:
    async with Client() as client:
        agent = await client.agents.create("Reminder")
        result = await client.batches.import_csv(
            Path("people.csv"),
            new_batch=NewBatch(agent_id=agent.agent_id, display_name="Monday"),
            bad_rows=BadRowPolicy.BAD_ROW_POLICY_SKIP,
        )
        async for finding in client.batches.import_findings(result):
            print(finding.row_number, finding.column, finding.reason)
        await client.batches.write_refused_rows(result, "people.csv", "refused.csv")
        async for update in client.batches.watch(result.batch.batch_id):
            ended: bool = update.batch_ended
        rows: int = await client.scheduled_calls.export_csv(result.batch.batch_id, "results.csv")
        print(result.added_count, result.refused_count, ended, rows)


asyncio.run(main())
"""

SYNC_PROGRAM = """
from outdial_client import NewBatch, NewCall
from outdial_client.sync import Client

with Client() as client:
    agent = client.agents.find("Reminder") or client.agents.create("Reminder")
    result = client.batches.import_rows(
        (NewCall(address=f"+120255501{number:02}") for number in range(3)),
        new_batch=NewBatch(agent_id=agent.agent_id, display_name="Tuesday"),
    )
    with client.batches.watch(result.batch.batch_id) as watch:
        for update in watch:
            ended: bool = update.batch_ended
    addresses: list[str] = [
        row.scheduled_call.address for row in client.scheduled_calls.export(result.batch.batch_id)
    ]
    print(ended, addresses)
"""

NO_SERVER_PROGRAM = """
from outdial_client.testing import ServerNotInstalledError, running_server

try:
    running_server().__enter__()
except ServerNotInstalledError as error:
    print(error)
"""

WRONG_PROGRAM = """
from outdial_client import Client
from outdial_client.sync import Client as SyncClient


async def main(client: Client, sync_client: SyncClient) -> None:
    reveal_type(await client.batches.wait_until_ended("b"))
    reveal_type(sync_client.batches.wait_until_ended("b"))
    reveal_type(await client.agents.list().to_list())
    reveal_type(sync_client.agents.list().first())
    async for update in client.batches.watch("b"):
        reveal_type(update.sequence)
    for result in sync_client.scheduled_calls.export("b"):
        reveal_type(result.call.call_id)
    sync_client.batches.get(7)
    await client.batches.get(batch="b")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the client alone."""
    folder = tmp_path_factory.mktemp("light")
    run(
        Path(sys.executable).with_name("hatchling"),
        *("build", "--target", "wheel", "--directory", folder),
        cwd=ROOT / "src" / "client",
    )
    (wheel,) = folder.glob("*.whl")
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version(name)}\n" for name in sorted(LIGHT)))
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    # This environment's pip, so that the other one need not have any.
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
        *("--disable-pip-version-check", "--only-binary", ":all:"),
        *("--constraint", constraints, wheel),
        cwd=folder,
    )
    return python


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """How to reach a server that runs from this repository."""
    with running_server() as server:
        yield {"OUTDIAL_ADDRESS": server.address, "OUTDIAL_API_KEY": server.api_key}


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_it_brings_nothing_heavy_along(python: Path, tmp_path: Path) -> None:
    program = "from importlib.metadata import distributions as d; print(*(x.name for x in d()))"
    installed = {
        name.lower().replace("_", "-") for name in run(python, "-c", program, cwd=tmp_path).split()
    }
    assert installed == LIGHT | {"outdial-client"}


def test_a_list_is_imported_watched_and_exported(
    python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("phone,name\n+12025550100,Ada\n5550101,Bob\n+12025550102,=Cyd\n")
    said = run(python, "-W", "error", "-c", ASYNC_PROGRAM, cwd=tmp_path, environment=environment)
    assert said.splitlines() == ["3 phone lacks + and the country code", "2 1 True 2"]
    assert (tmp_path / "refused.csv").read_text() == (
        "row,column,reason,phone,name\n3,phone,lacks + and the country code,5550101,Bob\n"
    )
    results = (tmp_path / "results.csv").read_text().splitlines()
    assert "answered_human" in results[1]
    assert "busy" in results[2]
    assert "'=Cyd" in results[2]


def test_the_same_without_asyncio(
    python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    said = run(python, "-W", "error", "-c", SYNC_PROGRAM, cwd=tmp_path, environment=environment)
    assert said == "True ['+12025550100', '+12025550101', '+12025550102']\n"


def test_the_server_for_tests_is_missed_by_name(python: Path, tmp_path: Path) -> None:
    said = run(python, "-c", NO_SERVER_PROGRAM, cwd=tmp_path, environment={"PATH": str(tmp_path)})
    assert "pip install outdial" in said


def test_users_programs_are_clean_under_strict_mypy(python: Path, tmp_path: Path) -> None:
    said = check_types(python, tmp_path, ASYNC_PROGRAM, SYNC_PROGRAM, NO_SERVER_PROGRAM)
    assert said == "Success: no issues found in 3 source files\n"


def test_types_are_what_they_say(python: Path, tmp_path: Path) -> None:
    lines = check_types(python, tmp_path, WRONG_PROGRAM).splitlines()
    revealed = [line.split('"')[1] for line in lines if "Revealed type" in line]
    assert revealed == [
        "outdial.v1.batch_pb2.Batch",
        "outdial.v1.batch_pb2.Batch",
        "list[outdial.v1.agent_pb2.Agent]",
        "outdial.v1.agent_pb2.Agent | None",
        "int",
        "str",
    ]
    assert sum("error:" in line for line in lines) == 2


def check_types(python: Path, folder: Path, *programs: str) -> str:
    paths = [folder / f"program_{number}.py" for number in range(len(programs))]
    for path, program in zip(paths, programs, strict=True):
        path.write_text(program)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-incremental"),
            *("--config-file", "", "--python-executable", python, *paths),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
