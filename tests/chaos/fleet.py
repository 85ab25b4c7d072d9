"""The servers of a run: which of them are up, and how each comes back."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from random import Random
from typing import Final

from chaos.plan import LEASE_SECONDS, SETTLE_SECONDS
from chaos.proxy import FaultProxy
from support.processes import CarrierProcess, ForkedServerProcess

_AGAIN_SECONDS: Final = 0.2
"""Between two starts of a server that finds its database away, as a supervisor does it."""


class State(Enum):
    UP = auto()
    AWAY = auto()
    STANDS_STILL = auto()


@dataclass
class Server:
    name: str
    process: ForkedServerProcess
    state: State = State.AWAY


@dataclass
class Fleet:
    servers: list[Server]
    rng: Random
    # In words: servers that ended although nobody had killed them, or did not come back.
    faults: list[str] = field(default_factory=list)
    starts: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _coming_back: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def up(self) -> list[Server]:
        return [server for server in self.servers if server.state is State.UP]

    def address_of_any(self) -> str:
        """Also of one that is away: a client does not know."""
        return self.rng.choice(self.servers).process.address

    @property
    def addresses(self) -> str:
        """All, as gRPC takes them; it goes to the next one when one is away."""
        return "ipv4:" + ",".join(server.process.address for server in self.servers)

    async def start(self) -> None:
        for server in self.servers:
            await self._bring_up(server)

    async def stop(self) -> None:
        for task in list(self._coming_back):
            task.cancel()
        await asyncio.gather(*self._coming_back, return_exceptions=True)
        for server in self.servers:
            if server.process.child is not None:
                server.process.child.send_signal(signal.SIGCONT)
        await asyncio.gather(*(server.process.stop() for server in self.servers))

    async def one_that_is_up(self) -> Server:
        while not self.up:
            self._changed.clear()
            await self._changed.wait()
        return self.rng.choice(self.up)

    async def all_up(self) -> None:
        while self._coming_back:
            await asyncio.wait(self._coming_back)

    async def kill(self, server: Server, away_seconds: float) -> None:
        """Comes back by itself, as after `stand_still`."""
        self._check(server)
        server.state = State.AWAY
        await server.process.kill()
        self._later(server, self._restart(server, away_seconds))

    def stand_still(self, server: Server, seconds: float) -> None:
        self._check(server)
        server.state = State.STANDS_STILL
        assert server.process.child is not None
        server.process.child.send_signal(signal.SIGSTOP)
        self._later(server, self._go_on(server, seconds))

    def check(self) -> None:
        for server in self.up:
            self._check(server)

    def _check(self, server: Server) -> None:
        assert server.process.child is not None
        if server.process.child.returncode is not None:
            self.faults.append(f"{server.name} ended by itself")

    def _later(self, server: Server, coming_back: Coroutine[None, None, None]) -> None:
        def note(task: asyncio.Task[None]) -> None:
            self._coming_back.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                self.faults.append(f"{server.name} did not come back: {error!r}")

        task = asyncio.create_task(coming_back)
        self._coming_back.add(task)
        task.add_done_callback(note)

    async def _restart(self, server: Server, away_seconds: float) -> None:
        await asyncio.sleep(away_seconds)
        await self._bring_up(server)

    async def _go_on(self, server: Server, seconds: float) -> None:
        await asyncio.sleep(seconds)
        assert server.process.child is not None
        server.process.child.send_signal(signal.SIGCONT)
        self._is_up(server)

    async def _bring_up(self, server: Server) -> None:
        while True:
            self.starts += 1
            await server.process.spawn()
            if await server.process.serves():
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        self._is_up(server)

    def _is_up(self, server: Server) -> None:
        server.state = State.UP
        self._changed.set()


def new_fleet(
    folder: Path, url: str, carrier: CarrierProcess, proxy: FaultProxy, servers: int, seed: int
) -> Fleet:
    master_key = os.urandom(32).hex()
    return Fleet(
        [
            Server(
                name,
                ForkedServerProcess(
                    folder,
                    url,
                    carrier,
                    name=name,
                    OUTDIAL_SIMULATED_CARRIER_URL=proxy.url,
                    OUTDIAL_LEASE_SECONDS=str(LEASE_SECONDS),
                    OUTDIAL_UNKNOWN_SETTLE_SECONDS=str(SETTLE_SECONDS),
                    OUTDIAL_MASTER_KEY=master_key,
                    OUTDIAL_LOG_FORMAT="json",
                ),
            )
            for name in (f"server-{number}" for number in range(1, servers + 1))
        ],
        Random(f"{seed}/fleet"),
    )
