"""The addresses of names."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

KEPT_SECONDS: Final = 10.0
"""So long are the addresses of a name believed: a burst of new connections asks once."""

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""As the sockets of its family take it."""

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""All addresses of a host, the best first. Raises OSError when it has none."""


class Lookups:
    """A Resolve that asks another one, for each name once at a time."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve or _system_addresses
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


async def _system_addresses(host: str, port: int) -> Sequence[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        # A label of no letters, or of too many.
        raise OSError(str(error)) from error
    return [(socket.AddressFamily(family), address) for family, _, _, _, address in found]
