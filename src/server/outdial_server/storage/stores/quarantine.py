"""Pulse and QuarantineStore over a database."""

from collections.abc import Sequence
from datetime import datetime

from outdial_server.domain.quarantine import Quarantine
from outdial_server.ports.carrier import ListedCall
from outdial_server.ports.quarantine import Compared, Doubts
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import quarantine


class SqlQuarantine:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def beat(self) -> Quarantine | None:
        return await self._db.write(quarantine.beat)

    async def read_quarantine(self) -> Quarantine | None:
        return await self._db.read_first(quarantine.read_quarantine)

    async def read_doubts(self) -> Doubts:
        return await self._db.read(quarantine.read_doubts)

    async def compare(self, calls: Sequence[ListedCall]) -> Compared:
        return await self._db.write(lambda tx: quarantine.compare(tx, calls))

    async def begin_quarantine(self, doubt_from: datetime) -> None:
        await self._db.write(lambda tx: quarantine.begin(tx, doubt_from))

    async def lift_quarantine(self, begun_at: datetime | None = None) -> bool:
        return await self._db.write(lambda tx: quarantine.lift(tx, begun_at))
