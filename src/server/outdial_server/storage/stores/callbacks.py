"""Callbacks that come together share a transaction."""

import asyncio

from outdial_server.ports.callbacks import StoredCallback
from outdial_server.ports.carrier import RawCallback
from outdial_server.storage.database import Database
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.callbacks import pending_callbacks, store_callbacks


class SqlCallbackInbox:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._gathered: list[tuple[RawCallback, asyncio.Future[None]]] = []

    async def store(self, callback: RawCallback) -> None:
        """The first to find nothing gathered writes for all that come until the writer is
        free; the others wait for it."""
        stored = asyncio.get_running_loop().create_future()
        self._gathered.append((callback, stored))
        if len(self._gathered) == 1:
            self._writing = asyncio.create_task(self._write(), name="store-callbacks")
        await stored

    async def _write(self) -> None:
        taken: list[tuple[RawCallback, asyncio.Future[None]]] = []

        def take() -> list[RawCallback]:
            taken.extend(self._gathered)
            self._gathered.clear()
            return [callback for callback, _ in taken]

        try:
            await self._database.write_group(take, store_callbacks)
        except Exception as error:  # noqa: BLE001 handed on to each who waits
            # `take` may not have come to its turn: nobody may wait for ever.
            taken.extend(self._gathered)
            self._gathered.clear()
            for _, stored in taken:
                if not stored.done():
                    stored.set_exception(error)
        else:
            for _, stored in taken:
                if not stored.done():
                    stored.set_result(None)

    async def pending(self, limit: int) -> list[StoredCallback]:
        def verb(tx: Tx) -> list[StoredCallback]:
            return pending_callbacks(tx, limit)

        return await self._database.read_first(verb)
