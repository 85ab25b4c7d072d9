"""What happens to machines: they stop and go on, crash, and are set to another time."""

import asyncio
from datetime import timedelta
from typing import Protocol

from simulation.chance import Dice
from simulation.clocks import OFF_MOST
from simulation.scenario import Scenario
from simulation.server import Server

AMBUSHES_PERCENT = 60
AMBUSHED = ("claim", "mark_sending", "mark_sending", "apply_reports")
"""Right behind these commits an accident does most harm."""

WEIGHTS = {"crash": 3, "stop": 5, "set_clock": 3}

STOPS_SECONDS = (0.5, 4, 6, 16, 35)
"""Around the moments that count: until a request may leave, and the leases."""

CLOCKS_SECONDS = (-3600, -30, -4, -4, 0, 4, 4, 30, 3600)
"""Half of them so little that nobody minds."""


class Machines(Protocol):
    scenario: Scenario
    servers: list[Server]

    def dice(self, part: str) -> Dice: ...

    def new_server(self, number: int, life: int) -> Server: ...

    async def after_next(self, verb: str, patience_seconds: float, who: str) -> None: ...

    def tell(self, who: str, what: str) -> None: ...


class Accidents:
    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._dice = machines.dice("accidents")
        self._lives = 0

    async def work(self) -> None:
        pause = self._machines.scenario.accidents_pause
        while True:
            await asyncio.sleep(self._dice.seconds(0, 2 * pause))
            number = self._dice.number(0, len(self._machines.servers) - 1)
            if self._dice.chance(AMBUSHES_PERCENT):
                name = self._machines.servers[number].name
                await self._machines.after_next(self._dice.one_of(AMBUSHED), pause, name)
            await getattr(self, self._dice.weighted(WEIGHTS))(number)

    async def crash(self, number: int) -> None:
        server = self._machines.servers[number]
        self._machines.tell(server.name, "crashes")
        await server.crash()
        await asyncio.sleep(self._dice.one_of([0, 1, 10]))
        self._restart(number)

    def _restart(self, number: int) -> None:
        self._lives += 1
        server = self._machines.new_server(number, self._lives)
        server.clock.offset = self._machines.servers[number].clock.offset
        self._machines.servers[number] = server
        self._machines.tell(server.name, "starts")
        server.start()

    async def stop(self, number: int) -> None:
        """The others go on meanwhile, and end what it holds."""
        server = self._machines.servers[number]
        self._machines.tell(server.name, "stands still")
        server.stand_still()
        await asyncio.sleep(self._dice.one_of(STOPS_SECONDS) * self._dice.seconds(0.9, 1.1))
        server.go_on()
        self._machines.tell(server.name, "goes on")

    async def set_clock(self, number: int) -> None:
        """Where the only server's clock is the store's as well it stays as it is."""
        server = self._machines.servers[number]
        if not self._machines.scenario.is_single:
            server.clock.offset = timedelta(seconds=self._dice.one_of(CLOCKS_SECONDS))
            self._machines.tell(server.name, f"has its clock set by {server.clock.offset}")

    async def mend(self) -> None:
        for number, server in enumerate(self._machines.servers):
            if abs(server.clock.offset) > OFF_MOST:
                server.clock.offset = timedelta(0)
            if server.is_dead:
                self._restart(number)
            else:
                server.go_on()
