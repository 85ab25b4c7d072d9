"""How a connection comes to stand: the name's addresses, the guard, and whichever of them is the
first to take it."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from outdial_server.domain.internet import AddressGuard
from outdial_server.outgoing.lookups import Address, Resolve
from outdial_server.outgoing.target import Origin

NEXT_ADDRESS_SECONDS: Final = 0.25
"""So long has one address alone, before the next is tried beside it."""


class AddressNotAllowedError(OSError):
    """Where a name leads is not for clients' requests."""


class Connector:
    """Connects to nothing but what the guard permits. It is asked for the very addresses that
    sockets are connected to, each time: a name that leads elsewhere by then is of no use."""

    def __init__(
        self, resolve: Resolve, guard: AddressGuard | None, tls: ssl.SSLContext | None
    ) -> None:
        self._resolve = resolve
        self._guard = guard
        self._tls = tls

    async def connect(
        self, origin: Origin, protocol: Callable[[socket.socket], asyncio.Protocol]
    ) -> None:
        """Until the protocol has its connection. Raises OSError, TimeoutError among them."""
        tls = (self._tls or _common_tls()) if origin.is_tls else None
        sock = await _first_connected(await self._permitted(origin))
        try:
            made = protocol(sock)
        except BaseException:
            sock.close()
            raise
        # From here on the socket is the transport's, which may outlive a connection that fails.
        await asyncio.get_running_loop().create_connection(
            lambda: made,
            sock=sock,
            ssl=tls,
            server_hostname=origin.host if origin.is_tls else None,
        )

    async def _permitted(self, origin: Origin) -> Sequence[Address]:
        found = await self._resolve(origin.host, origin.port)
        guard = self._guard
        if guard is None:
            return found
        permitted = [address for address in found if guard.permits(str(address[1][0]))]
        if found and not permitted:
            raise AddressNotAllowedError
        return permitted


@cache
def _common_tls() -> ssl.SSLContext:
    """With the system's authorities; the host's name is checked. Reading them takes a while."""
    tls = ssl.create_default_context()
    tls.set_alpn_protocols(["http/1.1"])
    return tls


async def _first_connected(addresses: Sequence[Address]) -> socket.socket:
    """Whichever takes a connection first. One that leads nowhere holds up the next for no longer
    than NEXT_ADDRESS_SECONDS."""
    left = list(addresses)
    attempts: list[asyncio.Task[socket.socket]] = []
    winner: asyncio.Task[socket.socket] | None = None
    error: BaseException = OSError("the host has no address")
    pending: set[asyncio.Task[socket.socket]] = set()
    try:
        while left or pending:
            if left:
                attempts.append(asyncio.create_task(_connected(left.pop(0))))
                pending.add(attempts[-1])
            done, pending = await asyncio.wait(
                pending,
                timeout=NEXT_ADDRESS_SECONDS if left else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for winner in done:
                if (failure := winner.exception()) is None:
                    return winner.result()
                error = failure
        raise error
    finally:
        for attempt in attempts:
            if attempt is not winner:
                attempt.cancel()
                attempt.add_done_callback(_close_unused)


def _close_unused(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connected(address: Address) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock
