"""The addresses of names."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from threading import Thread
from typing import Any, Final

KEPT_SECONDS: Final = 10.0
"""So long are the addresses of a name believed: a burst of new connections asks once."""

NAMES_AT_ONCE: Final = 32
"""Looked up for one pool of connections, and a thread each. The system waits for half a minute
where nobody answers for a name."""

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""As the sockets of its family take it."""

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""All addresses of a host, the best first. Raises OSError when it has none."""


class Lookups:
    """A Resolve that asks another one, for each name once at a time."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve or SystemNames()
        # Under way, or answered lately.
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[Address]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        if (plain := _plain_address(host, port)) is not None:
            return [plain]
        key = (host, port)
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.ensure_future(self._resolve(host, port))
            asked.add_done_callback(lambda answer: self._keep(key, answer))
        # Others may wait for the same.
        return await asyncio.shield(asked)

    def _keep(self, key: tuple[str, int], answer: asyncio.Future[Sequence[Address]]) -> None:
        if answer.cancelled() or answer.exception() is not None:
            self._asked.pop(key, None)
        else:
            answer.get_loop().call_later(KEPT_SECONDS, self._asked.pop, key, None)


def _plain_address(host: str, port: int) -> Address | None:
    """None for what only a lookup can tell: names, and addresses in other spellings."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return socket.AF_INET6, (host, port, 0, 0)
    return socket.AF_INET, (host, port)


class SystemNames:
    """A Resolve that asks the system, in threads of its own: the loop has a few for all that it
    does, and names that nobody answers for would keep every other from being looked up. A thread
    that waits holds up no exit."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(NAMES_AT_ONCE)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Sequence[Address]] = loop.create_future()

        def settle(found: Sequence[Address], error: OSError | None) -> None:
            if answered.done():
                return
            if error is None:
                answered.set_result(found)
            else:
                answered.set_exception(error)

        def ask() -> None:
            found, error = _asked(host, port)
            # The loop may be over.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, found, error)

        async with self._turns:
            try:
                Thread(target=ask, name="outdial-names", daemon=True).start()
            except RuntimeError as error:
                # No more threads.
                raise OSError(str(error)) from error
            return await answered


def _asked(host: str, port: int) -> tuple[Sequence[Address], OSError | None]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return (), error
    except UnicodeError as error:
        # A label of no letters, or of too many.
        return (), OSError(str(error))
    return [(family, address) for family, _, _, _, address in found], None
