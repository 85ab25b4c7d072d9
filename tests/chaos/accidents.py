"""Accidents come when the calls have come so far, not when a clock says so: a slow machine has as
many as a fast one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from chaos.fleet import Fleet
from chaos.plan import DATABASE_KINDS, Accident, Kind
from chaos.progress import Progress


class KillableDatabase(Protocol):
    """Blocks while it starts."""

    def kill(self) -> None: ...

    def stop_at_once(self) -> None: ...

    def start(self) -> None: ...


class Accidents:
    def __init__(self, fleet: Fleet, database: KillableDatabase | None, progress: Progress) -> None:
        """Without a database that can be killed none of its accidents may come."""
        self.happened: Counter[Kind] = Counter()
        self._fleet = fleet
        self._database = database
        self._progress = progress

    async def happen(self, accidents: Sequence[Accident]) -> None:
        for accident in accidents:
            await self._progress.reached(accident.sent)
            # Also for the database's: some server should be there to notice.
            server = await self._fleet.one_that_is_up()
            if accident.kind is Kind.KILL:
                await self._fleet.kill(server, accident.seconds)
            elif accident.kind is Kind.STOP:
                self._fleet.stand_still(server, accident.seconds)
            else:
                await self._break_database(accident)
            self.happened[accident.kind] += 1

    async def _break_database(self, accident: Accident) -> None:
        assert accident.kind in DATABASE_KINDS
        assert self._database is not None
        if accident.kind is Kind.DATABASE_KILL:
            self._database.kill()
        else:
            self._database.stop_at_once()
        await asyncio.sleep(accident.seconds)
        await asyncio.to_thread(self._database.start)
