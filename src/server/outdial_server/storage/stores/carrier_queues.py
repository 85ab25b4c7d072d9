"""CarrierQueueStore over a database."""

from collections.abc import Collection, Sequence

from outdial_server.ports.carrier_queues import QueuedCall
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import carrier_queues


class SqlCarrierQueues:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def queued_calls(self, carriers: Collection[str], limit: int) -> Sequence[QueuedCall]:
        return await self._db.read(lambda tx: carrier_queues.queued_calls(tx, carriers, limit))

    async def note_recall(self, call: QueuedCall) -> None:
        await self._db.write(lambda tx: carrier_queues.note_recall(tx, call.query.call_id))

    async def note_queue(self, call: QueuedCall) -> None:
        await self._db.write(lambda tx: carrier_queues.note_queue(tx, call.query.call_id))
