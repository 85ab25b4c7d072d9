"""Connections that wait for another request."""

import asyncio
from typing import Final

from outdial_server.outgoing.connection import Connection
from outdial_server.outgoing.target import Origin

KEEP_ALIVE_SECONDS: Final = 2.0
"""Shorter than servers keep idle connections (5 s is common): the close of a connection that
crosses with a request on the way would leave open what became of it."""


class IdleConnections:
    """By origin, and with the time since when."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[Origin, dict[Connection, float]] = {}
        self._sweep_timer: asyncio.TimerHandle | None = None

    def put(self, origin: Origin, connection: Connection) -> None:
        self._waiting.setdefault(origin, {})[connection] = self._loop.time()
        if self._sweep_timer is None:
            self._sweep_later()

    def take(self, origin: Origin) -> Connection | None:
        """The one that was last in use: so the others come of age."""
        waiting = self._waiting.get(origin)
        if not waiting:
            return None
        connection, since = waiting.popitem()
        if self._loop.time() - since <= KEEP_ALIVE_SECONDS:
            return connection
        connection.abort()
        # The others wait for longer yet, until they are swept.
        return None

    def forget(self, origin: Origin, connection: Connection) -> None:
        """It is gone, idle or not."""
        waiting = self._waiting.get(origin)
        if waiting is not None:
            waiting.pop(connection, None)

    def close_one(self) -> None:
        """Makes room for a connection to elsewhere."""
        for waiting in self._waiting.values():
            for connection in waiting:
                del waiting[connection]
                connection.abort()
                return

    def close(self) -> None:
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._waiting.clear()

    def _sweep_later(self) -> None:
        self._sweep_timer = self._loop.call_later(KEEP_ALIVE_SECONDS / 2, self._sweep)

    def _sweep(self) -> None:
        oldest = self._loop.time() - KEEP_ALIVE_SECONDS
        for origin, waiting in list(self._waiting.items()):
            for connection in [one for one, since in waiting.items() if since < oldest]:
                del waiting[connection]
                connection.abort()
            if not waiting:
                del self._waiting[origin]
        self._sweep_timer = None
        if self._waiting:
            self._sweep_later()
