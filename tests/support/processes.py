"""Real processes of Outdial: the server, killed and started again, and the carrier that
outlives it and judges."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.nursery import ForkedChild, fork_server

API_KEY = "testtest.0123456789abcdef0123456789abcdef"
CALLBACK_SECRET = "a-secret-of-the-carrier"
_BIN = Path(sys.executable).parent
START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Process:
    """A process whose output goes to a file, for whoever reads a failure."""

    arguments: list[str]
    environment: Mapping[str, str]
    output: Path
    child: asyncio.subprocess.Process | ForkedChild | None = None

    async def spawn(self, stdout: int | None = None) -> None:
        with self.output.open("ab") as output:
            self.child = await asyncio.create_subprocess_exec(
                str(_BIN / "outdial-server"),
                *self.arguments,
                env={**os.environ, **self.environment},
                stdout=stdout or output,
                stderr=output,
            )

    async def start(self) -> None:
        await self.spawn()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Stops it also where it has not come to its start's end."""
        try:
            await self.start()
            yield self
        finally:
            await self.stop()

    async def signal(self, number: signal.Signals) -> int:
        """Sends a signal that ends the process, and waits for its end."""
        assert self.child is not None
        if self.child.returncode is None:
            self.child.send_signal(number)
        return await self.child.wait()

    async def stop(self) -> None:
        if self.child is not None:
            await self.signal(signal.SIGTERM)


@dataclass(frozen=True)
class Ringing:
    """What the carrier's log says, after everything is over."""

    placed: Counter[str]
    """Requests that rang a phone, by our call id."""
    addresses: Counter[str]
    """The same by the number that was dialled."""
    live_most: int


def read_ringing(log: Path) -> Ringing:
    placed: Counter[str] = Counter()
    addresses: Counter[str] = Counter()
    most = 0
    for line in log.read_text().splitlines():
        record = json.loads(line)
        if record["event"] == "placed":
            placed[record["call_id"]] += 1
            addresses[record["to"]] += 1
        most = max(most, record["live"])
    return Ringing(placed, addresses, most)


def requested_at_us(
    log: Path, of: Callable[[Mapping[str, Any]], bool] = lambda record: True
) -> list[int]:
    """When requests for a call came to the carrier."""
    records = map(json.loads, log.read_text().splitlines())
    requested = (record for record in records if record["event"] == "requested")
    return [record["time_us"] for record in requested if of(record)]


class CarrierProcess(Process):
    """The simulated carrier on a port of its own."""

    def __init__(self, folder: Path, profile: Mapping[str, object]) -> None:
        self.port = free_port()
        self.log = folder / "carrier.jsonl"
        settings = [f"{name}={value}" for name, value in profile.items()]
        super().__init__(
            [
                "simulate-carrier",
                f"--listen=127.0.0.1:{self.port}",
                f"--log={self.log}",
                f"--callback-secret={CALLBACK_SECRET}",
                *(f"--set={setting}" for setting in settings),
            ],
            {},
            folder / "carrier.out",
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Until it says where it listens, its first and only line."""
        await self.spawn(stdout=asyncio.subprocess.PIPE)
        assert isinstance(self.child, asyncio.subprocess.Process)
        assert self.child.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await self.child.stdout.readline()
        assert self.url.encode() in line, self.output.read_text()


# Between tries to connect; the default waits for a second.
_IMPATIENT = [
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 100),
]
_LOOK_SECONDS = 1.0


async def _is_serving(health: health_pb2_grpc.HealthStub) -> bool:
    """Waits for a connection, but not for long: there may be nobody to connect to any more."""
    request = health_pb2.HealthCheckRequest()
    try:
        answer = await health.Check(request, wait_for_ready=True, timeout=_LOOK_SECONDS)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


class ServerProcess(Process):
    """A server on ports that stay the same over restarts."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        carrier: CarrierProcess | None,
        *,
        name: str = "server",
        **environment: str,
    ) -> None:
        """Without `carrier` calls go through carrier configs."""
        self.port = free_port()
        self.http_port = http_port = free_port()
        simulated = {} if carrier is None else {"OUTDIAL_SIMULATED_CARRIER_URL": carrier.url}
        super().__init__(
            ["serve"],
            {
                "OUTDIAL_DATABASE_URL": database_url,
                "OUTDIAL_GRPC_LISTEN": f"127.0.0.1:{self.port}",
                "OUTDIAL_HTTP_LISTEN": f"127.0.0.1:{http_port}",
                "OUTDIAL_PUBLIC_URL": f"http://127.0.0.1:{http_port}",
                "OUTDIAL_BOOTSTRAP_API_KEY": API_KEY,
                "OUTDIAL_SIMULATED_CARRIER_SECRET": CALLBACK_SECRET,
                **simulated,
                **environment,
            },
            folder / f"{name}.out",
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    async def start(self) -> None:
        await self.spawn()
        await self.wait_until_serving()

    async def wait_until_serving(self) -> None:
        assert await self.serves(), self.output.read_text()

    async def serves(self) -> bool:
        """As soon as it does; or not, when the process has ended."""
        async with (
            asyncio.timeout(START_SECONDS),
            grpc.aio.insecure_channel(self.address, options=_IMPATIENT) as channel,
        ):
            health = health_pb2_grpc.HealthStub(channel)
            while self.child is not None and self.child.returncode is None:
                if await _is_serving(health):
                    return True
        return False

    async def kill(self) -> None:
        await self.signal(signal.SIGKILL)


class ForkedServerProcess(ServerProcess):
    """The same for those who start many."""

    async def spawn(self, stdout: int | None = None) -> None:
        self.child = await fork_server(self.environment, self.output)
