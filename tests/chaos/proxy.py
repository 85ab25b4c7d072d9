"""A bad line to the carrier: delays, black holes, and resets before and after bytes."""

import asyncio
import socket
import struct
from collections import Counter
from contextlib import suppress
from enum import Enum
from random import Random
from typing import Final

from support.processes import free_port


class Fault(Enum):
    NONE = "none"
    DELAY = "delay"
    """The request comes late, perhaps behind the deadline of who sent it."""
    BLACK_HOLE = "black hole"
    """The request never comes."""
    SILENCE = "silence"
    """The request comes, its answer does not."""
    RESET_BEFORE = "reset before bytes"
    RESET_AFTER = "reset after bytes"
    """The request comes, then the connection breaks."""
    RESET_WITHIN = "reset within the request"


WEIGHTS: Final = {
    Fault.NONE: 94,
    Fault.DELAY: 2,
    Fault.BLACK_HOLE: 0.5,
    Fault.SILENCE: 0.5,
    Fault.RESET_BEFORE: 1,
    Fault.RESET_AFTER: 1,
    Fault.RESET_WITHIN: 1,
}

DELAY_SECONDS: Final = (0.05, 1.5)
_CHUNK_BYTES: Final = 65_536
_RST: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: what is closed then is reset."""


class FaultProxy:
    """One request at a time goes over a connection, and each piece that a client writes draws
    for itself."""

    def __init__(self, carrier_port: int, seed: int) -> None:
        self.port = free_port()
        self.met: Counter[Fault] = Counter()
        self._carrier_port = carrier_port
        self._rng = Random(f"{seed}/proxy")
        self._lines: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    def draw(self) -> Fault:
        fault = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        self.met[fault] += 1
        return fault

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)
        # Who is gone, is gone; and the end of a run ends every line.
        with suppress(OSError, asyncio.CancelledError):
            carrier, to_carrier = await asyncio.open_connection("127.0.0.1", self._carrier_port)
            try:
                await self._carry(client, to_client, carrier, to_carrier)
            finally:
                to_carrier.close()
                to_client.close()

    async def _carry(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        carrier: asyncio.StreamReader,
        to_carrier: asyncio.StreamWriter,
    ) -> None:
        answers = asyncio.create_task(_pump(carrier, to_client))
        try:
            while piece := await client.read(_CHUNK_BYTES):
                fault = self.draw()
                if fault is Fault.DELAY:
                    await asyncio.sleep(self._rng.uniform(*DELAY_SECONDS))
                elif fault is not Fault.NONE:
                    # First: not a byte of an answer may come back.
                    answers.cancel()
                await _deliver(fault, piece, to_carrier)
                if answers.cancelling():
                    await _end(fault, client, to_client)
                    return
        finally:
            answers.cancel()


async def _deliver(fault: Fault, piece: bytes, to_carrier: asyncio.StreamWriter) -> None:
    if fault in (Fault.BLACK_HOLE, Fault.RESET_BEFORE):
        return
    to_carrier.write(piece[: len(piece) // 2] if fault is Fault.RESET_WITHIN else piece)
    await to_carrier.drain()


async def _pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(_CHUNK_BYTES):
            to.write(piece)
            await to.drain()


async def _end(fault: Fault, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    if fault in (Fault.BLACK_HOLE, Fault.SILENCE):
        # Until the client has had enough.
        while await client.read(_CHUNK_BYTES):
            pass
        return
    line: socket.socket = to_client.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
