"""The bad line does what its faults say, each to one request of a real connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaos.proxy import Fault, FaultProxy
from support.processes import free_port

REQUEST = b"the whole request"
ANSWER = b"the whole answer"


class Carrier:
    """Answers what comes whole."""

    def __init__(self) -> None:
        self.port = free_port()
        self.got = b""
        self.was_left = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", self.port):
            yield

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        while piece := await client.read(4096):
            self.got += piece
            if self.got.endswith(REQUEST):
                to_client.write(ANSWER)
        to_client.close()
        self.was_left.set()


class OneFault(FaultProxy):
    def __init__(self, carrier_port: int, fault: Fault) -> None:
        super().__init__(carrier_port, seed=1)
        self._fault = fault

    def draw(self) -> Fault:
        return self._fault


@pytest.mark.parametrize(
    ("fault", "arrives", "comes_back"),
    [
        (Fault.NONE, REQUEST, ANSWER),
        (Fault.DELAY, REQUEST, ANSWER),
        (Fault.RESET_BEFORE, b"", None),
        (Fault.RESET_WITHIN, REQUEST[: len(REQUEST) // 2], None),
        (Fault.RESET_AFTER, REQUEST, None),
    ],
)
async def test_a_line_carries_or_breaks(
    fault: Fault, arrives: bytes, comes_back: bytes | None
) -> None:
    carrier = Carrier()
    proxy = OneFault(carrier.port, fault)
    async with carrier.listening():
        await proxy.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(REQUEST)
        if comes_back is None:
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        else:
            assert await reader.readexactly(len(comes_back)) == comes_back
        writer.close()
        await carrier.was_left.wait()
        await proxy.stop()
    assert carrier.got == arrives


@pytest.mark.parametrize(("fault", "arrives"), [(Fault.BLACK_HOLE, b""), (Fault.SILENCE, REQUEST)])
async def test_a_line_falls_silent_until_it_is_given_up(fault: Fault, arrives: bytes) -> None:
    carrier = Carrier()
    proxy = OneFault(carrier.port, fault)
    async with carrier.listening():
        await proxy.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(REQUEST)
        writer.write_eof()
        # Its end, and not a byte before.
        assert await reader.read() == b""
        writer.close()
        await carrier.was_left.wait()
        await proxy.stop()
    assert carrier.got == arrives
