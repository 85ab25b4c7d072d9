"""`outdial-server serve` as a process."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import grpc.aio
import pytest

from support.grpc import call, with_key

COMMAND = Path(sys.executable).with_name("outdial-server")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    plain = {name: text for name, text in os.environ.items() if not name.startswith("OUTDIAL_")}
    return plain | {
        "OUTDIAL_DATABASE_URL": f"sqlite:///{tmp_path / 'outdial.db'}",
        "OUTDIAL_GRPC_LISTEN": "127.0.0.1:0",
        "OUTDIAL_HTTP_LISTEN": "127.0.0.1:0",
    }


async def run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        COMMAND, *arguments, env=environment, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def start(
    environment: dict[str, str], last_line: str, *, simulates: bool = True
) -> tuple[asyncio.subprocess.Process, str]:
    """A server that has printed what it has to say."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, "serve", *(["--simulate"] if simulates else []), env=environment, stdout=PIPE
    )
    assert process.stdout is not None
    said = ""
    while last_line not in said:
        line = (await process.stdout.readline()).decode()
        assert line, f"it ended after {said!r}"
        said += line
    return process, said


async def stop(process: Process) -> int:
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode is not None
    return process.returncode


async def test_the_first_start_shows_a_key_that_works_and_the_second_none(
    environment: dict[str, str],
) -> None:
    process, said = await start(environment, "\n  ")
    address = re.search(r"gRPC on (\S+)", said)
    secret = re.search(r"^  (\S+)$", said, re.MULTILINE)
    assert address is not None
    assert secret is not None
    async with grpc.aio.insecure_channel(address[1]) as channel:
        info = await call(channel, "GetServerInfo", with_key(secret[1]))
        assert list(info.carriers) == ["simulated", "twilio", "telnyx", "plivo"]
        assert info.database == "sqlite"
        assert list(info.features) == ["simulate"]
    assert await stop(process) == 0

    process, said = await start(environment, "HTTP on")
    assert "\n  " not in said
    assert await stop(process) == 0


async def test_a_server_that_does_not_simulate_says_what_calls_are_dialled_through(
    environment: dict[str, str],
) -> None:
    process, said = await start(environment, "carrier configs", simulates=False)
    assert "nothing can be dialled" not in said
    assert await stop(process) == 0


@pytest.mark.parametrize("variable", ["OUTDIAL_HTTP_LISTEN", "OUTDIAL_GRPC_LISTEN"])
async def test_a_start_that_fails_for_a_taken_port_keeps_the_first_key_for_the_next(
    environment: dict[str, str], variable: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, output = await run(environment | {variable: f"127.0.0.1:{port}"}, "serve")
    assert status == 1
    assert f"outdial-server: {variable}: " in output

    process, said = await start(environment, "\n  ")
    assert re.search(r"^  (\S+)$", said, re.MULTILINE) is not None
    assert await stop(process) == 0


async def test_a_second_server_on_the_file_says_why_it_ends(environment: dict[str, str]) -> None:
    process, _ = await start(environment, "HTTP on")
    status, output = await run(environment, "serve")
    assert status == 1
    assert "another server has outdial.db open" in output
    assert "Traceback" not in output
    assert await stop(process) == 0


async def test_a_wrong_setting_is_named(environment: dict[str, str]) -> None:
    status, output = await run(environment | {"OUTDIAL_DATABASE_URL": "mysql://x"}, "serve")
    assert status == 1
    assert output.startswith("outdial-server: OUTDIAL_DATABASE_URL: ")
