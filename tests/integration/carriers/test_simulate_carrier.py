"""`outdial-server simulate-carrier` as users and judges run it: a process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

COMMAND = Path(sys.executable).with_name("outdial-server")
PATIENCE_SECONDS = 60
LONG = "--set=talk_ms=3600000"


@dataclass
class CarrierProcess:
    child: asyncio.subprocess.Process
    url: str

    async def place(self, call_id: str) -> None:
        body = {
            "call_id": call_id,
            "to": "+15551230001",
            "ring_timeout_seconds": 30,
            "max_duration_seconds": 60,
            # Nobody listens there: callbacks are tried again until the process ends.
            "callback_url": "http://127.0.0.1:9/callbacks",
        }
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS) as client:
            answer = await client.post("/calls", json=body)
        assert answer.status_code == 201

    async def end(self, number: signal.Signals) -> int:
        if self.child.returncode is None:
            self.child.send_signal(number)
        return await asyncio.wait_for(self.child.wait(), PATIENCE_SECONDS)


Start = Callable[..., Awaitable[CarrierProcess]]


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[CarrierProcess]:
    child = await asyncio.create_subprocess_exec(
        COMMAND,
        "simulate-carrier",
        "--listen=127.0.0.1:0",
        "--profile=fast",
        *arguments,
        env={**os.environ, "OUTDIAL_SIMULATED_CARRIER_SECRET": "a-secret"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    announced = await asyncio.wait_for(child.stdout.readline(), PATIENCE_SECONDS)
    process = CarrierProcess(child, announced.decode().rpartition(" ")[2].strip())
    try:
        yield process
    finally:
        await process.end(signal.SIGKILL)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(*arguments: str) -> CarrierProcess:
            return await stack.enter_async_context(running(*arguments))

        yield started


def events(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_when_asked_with_calls_alive_and_callbacks_waiting(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = await start(LONG, f"--log={tmp_path / 'log'}")
    await process.place("ours")
    assert await process.end(number) == 0
    assert process.child.stderr is not None
    assert await process.child.stderr.read() == b""


async def test_it_ends_when_asked_with_a_request_that_gets_no_answer(start: Start) -> None:
    process = await start("--set=answering=false")
    asking = asyncio.create_task(process.place("ours"))
    async with httpx.AsyncClient(base_url=process.url, timeout=PATIENCE_SECONDS) as client:
        await client.get("/stats")
    assert await process.end(signal.SIGTERM) == 0
    with pytest.raises((httpx.HTTPError, AssertionError)):
        await asking


async def test_its_log_survives_kill_9_and_goes_on(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = await start(LONG, f"--log={log}")
    for number in range(20):
        await process.place(f"ours-{number}")
    await process.end(signal.SIGKILL)
    placed = [event["call_id"] for event in events(log) if event["event"] == "placed"]
    assert placed == [f"ours-{number}" for number in range(20)]

    again = await start(LONG, f"--log={log}")
    await again.place("later")
    assert [e["call_id"] for e in events(log) if e["event"] == "placed"] == [*placed, "later"]


async def test_a_log_is_for_its_owner_alone(start: Start, tmp_path: Path) -> None:
    await start(f"--log={tmp_path / 'log'}")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set=ring_ms=fast"], "ring_ms: must be a range"),
        (["--profile=wild"], "there is no profile 'wild'"),
        (["--listen=nowhere"], "'nowhere' must be HOST:PORT"),
        (["--log=/nonexistent/log"], "No such file or directory"),
        (["--callback-secret="], "--callback-secret is required"),
    ],
)
async def test_a_mistake_is_told_in_a_line(arguments: list[str], said: str) -> None:
    child = await asyncio.create_subprocess_exec(
        COMMAND,
        "simulate-carrier",
        "--callback-secret=a-secret",
        *arguments,
        env={**os.environ, "COLUMNS": "200"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await asyncio.wait_for(child.communicate(), PATIENCE_SECONDS)
    assert child.returncode != 0
    assert said in stderr.decode()
    assert "Traceback" not in stderr.decode()
