"""What is known to have left, at a connection whose other end the test holds: what that end does
is there at once, and before the loop has read it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from outdial_server.outgoing.answer import AnswerLostError
from outdial_server.outgoing.connection import Connection, Request
from support.loops import Run

ASKED = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def request(data: bytes = ASKED, seconds: float = 60, leaves_within: float = 60) -> Request:
    loop = asyncio.get_running_loop()
    now = loop.time()
    return Request(data, now + leaves_within, now + seconds, loop.create_future())


@dataclass
class Line:
    """The connection, and the far end of it."""

    connection: Connection
    first: Request
    far: socket.socket
    idle: list[Connection] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self) -> bytes:
        """As much as has been sent; nothing when that was all."""
        try:
            return await asyncio.get_running_loop().sock_recv(self.far, 100_000)
        except ConnectionResetError:
            return b""

    async def answer_first(self) -> None:
        assert await self.hear() == ASKED
        self.far.send(OK)
        assert (await self.first.answered).body == b"ok"
        assert self.idle == [self.connection]


@asynccontextmanager
async def line(data: bytes = ASKED, leaves_within: float = 60) -> AsyncIterator[Line]:
    ours, far = socket.socketpair()
    for end in (ours, far):
        end.settimeout(0)
    first, idle, gone = request(data, 60, leaves_within), list[Connection](), asyncio.Event()
    connection = Connection(ours, first, idle.append, lambda _: gone.set())
    await asyncio.get_running_loop().create_connection(lambda: connection, sock=ours)
    try:
        yield Line(connection, first, far, idle, gone)
    finally:
        connection.abort()
        await gone.wait()
        far.close()


def closed(far: socket.socket) -> None:
    far.close()


def half_closed(far: socket.socket) -> None:
    far.shutdown(socket.SHUT_WR)


def answers_unasked(far: socket.socket) -> None:
    far.send(OK)


def says_and_closes(far: socket.socket) -> None:
    far.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
    far.close()


@pytest.mark.parametrize("ending", [closed, half_closed, answers_unasked, says_and_closes])
def test_what_meets_a_connection_that_is_over_has_not_left(
    run: Run, ending: Callable[[socket.socket], None]
) -> None:
    async def scenario() -> None:
        async with line() as open_line:
            await open_line.answer_first()
            ending(open_line.far)
            second = request()
            # The loop has had no turn since: only the kernel knows.
            assert not open_line.connection.carry_next(second)
            assert not second.has_left
            assert not second.answered.done()
            await open_line.gone.wait()
            if open_line.far.fileno() != -1:
                assert await open_line.hear() == b""

    run(scenario())


@pytest.mark.parametrize("ending", [closed, half_closed, answers_unasked])
def test_an_idle_connection_that_is_over_closes(
    run: Run, ending: Callable[[socket.socket], None]
) -> None:
    async def scenario() -> None:
        async with line() as open_line:
            await open_line.answer_first()
            ending(open_line.far)
            await open_line.gone.wait()
            assert not open_line.connection.carry_next(request())

    run(scenario())


def test_what_comes_too_late_to_a_connection_has_not_left(run: Run) -> None:
    """As in a process that stood still while it connected, or while it waited for its turn."""

    async def scenario() -> None:
        async with line(leaves_within=-1) as late:
            late.connection.abort()
            assert not late.first.has_left
            assert not late.first.answered.done()
            assert await late.hear() == b""
        async with line() as open_line:
            await open_line.answer_first()
            second = request(leaves_within=-1)
            assert not open_line.connection.carry_next(second)
            assert not second.has_left
            assert await open_line.hear() == b""

    run(scenario())


def test_a_socket_that_could_not_carry_its_first_request_is_closed_once(run: Run) -> None:
    async def scenario() -> None:
        ours, far = socket.socketpair()
        ours.settimeout(0)
        # By the time that the connection stands.
        far.close()
        first, gone = request(), asyncio.Event()
        connection = Connection(ours, first, lambda _: None, lambda _: gone.set())
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=ours)
        assert not first.has_left
        connection.abort()
        await gone.wait()
        # Whoever closes it next has nothing to close: the number may be another's by then.
        assert ours.fileno() == -1

    run(scenario())


def test_what_was_given_to_the_kernel_is_lost_with_the_connection(run: Run) -> None:
    async def scenario() -> None:
        async with line() as open_line:
            await open_line.answer_first()
            second = request()
            assert open_line.connection.carry_next(second)
            assert second.has_left
            open_line.far.close()
            with pytest.raises(AnswerLostError, match="CONNECTION_LOST"):
                await second.answered

    run(scenario())


def test_of_a_large_request_all_arrives_in_its_order(run: Run) -> None:
    body = b"".join(number.to_bytes(4, "big") for number in range(1_000_000))

    async def scenario() -> None:
        async with line(body) as open_line:
            heard = bytearray()
            while len(heard) < len(body):
                heard += await open_line.hear()
            assert heard == body
            open_line.far.send(OK)
            assert (await open_line.first.answered).status == 200
            assert open_line.idle

    run(scenario())


def test_an_answer_before_the_whole_request_counts_and_ends_the_connection(run: Run) -> None:
    async def scenario() -> None:
        async with line(b"x" * 10_000_000) as open_line:
            open_line.far.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
            assert (await open_line.first.answered).status == 413
            await open_line.gone.wait()
            assert not open_line.idle

    run(scenario())


def test_patience_ends_with_an_answer_that_drips(run: Run) -> None:
    async def scenario() -> None:
        async with line() as open_line:
            await open_line.answer_first()
            second = request(seconds=0.1)
            assert open_line.connection.carry_next(second)
            assert await open_line.hear() == ASKED

            async def drip() -> None:
                drop = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
                while not second.answered.done():
                    await asyncio.get_running_loop().sock_sendall(open_line.far, drop)
                    drop = b"x"

            dripping = asyncio.create_task(drip())
            with pytest.raises(AnswerLostError, match="TIMEOUT"):
                await second.answered
            await asyncio.gather(dripping, return_exceptions=True)

    run(scenario())


def test_nobody_elses_request_is_given_up_with_an_abandoned_one(run: Run) -> None:
    async def scenario() -> None:
        async with line() as open_line:
            await open_line.answer_first()
            second = request()
            assert open_line.connection.carry_next(second)
            open_line.connection.abandon(open_line.first)
            assert await open_line.hear() == ASKED
            open_line.far.send(OK)
            assert (await second.answered).body == b"ok"
            third = request()
            assert open_line.connection.carry_next(third)
            open_line.connection.abandon(third)
            await open_line.gone.wait()

    run(scenario())
