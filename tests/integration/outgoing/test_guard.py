"""Requests whose URL came from a client reach nothing that is not public: counted by servers
that listen on every address of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import pytest

from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.outgoing.answer import ANSWER_MOST_BYTES, AnswerLostError, NothingSentError
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.outgoing.lookups import Address, Resolve
from outdial_server.outgoing.target import checked_url
from support.loops import Run

DEADLINE: Final = timedelta(seconds=5)
GUARD: Final = AddressGuard()

# Hosts that lead to this machine, or to machines beside it, in all the ways to write them.
HOSTS: Final = (
    "127.0.0.1",
    "127.0.0.2",
    "127.1.2.3",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "127.000.000.001",
    "0",
    "0.0.0.0",
    "0.0",
    "00000000",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "2130706433",
    "0127.0.0.1",
    "127.0.0.1.",
    "127.0.0.0x1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "LocalHost",
    "ⓛocalhost",
    "127。0。0。1",
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.1.1",
    "0xa9fea9fe",
    "2852039166",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[ff02::1]",
)

# Of those, some that nothing but the guard keeps from the servers below.
REACHABLE: Final = (
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "0x7f.1",
    "0x7f000001",
    "127.0.0.0x1",
    "①②⑦.0.0.1",
    "localhost",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
)


class Listeners:
    """One port on every address, IPv4 and IPv6; counts who comes, and answers."""

    def __init__(self, answer: bytes) -> None:
        self.connections = 0
        self.port = 0
        self._answer = answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Listeners"]:
        sockets = [socket.create_server(("0.0.0.0", 0))]
        self.port = sockets[0].getsockname()[1]
        if socket.has_ipv6:
            sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        servers = [await asyncio.start_server(self._serve, sock=one) for one in sockets]
        try:
            yield self
        finally:
            for server in servers:
                server.close()


def answer(body: bytes = b"", head: str = "") -> bytes:
    start = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{head}\r\n"
    return start.encode() + body


@asynccontextmanager
async def exchange(
    guard: AddressGuard | None, resolve: Resolve | None = None
) -> AsyncIterator[HttpExchange]:
    made = HttpExchange(DEADLINE, 10, guard, resolve)
    try:
        yield made
    finally:
        await made.close()


def rebinding(*addresses: str) -> Resolve:
    """A name of an attacker: public when it is looked at, and loopback when it is used."""

    async def resolve(host: str, port: int) -> list[Address]:
        return [
            (socket.AF_INET6, (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, (address, port))
            for address in addresses
        ]

    return resolve


def test_no_spelling_leads_to_a_special_address(run: Run) -> None:
    async def ask() -> None:
        async with Listeners(answer()).listening() as all_addresses, exchange(GUARD) as guarded:
            for host in HOSTS:
                url = f"http://{host}:{all_addresses.port}/"
                with pytest.raises(NothingSentError):
                    await guarded.post(checked_url(url), b"{}")
            assert all_addresses.connections == 0

    assert len(HOSTS) > 60
    run(ask())


def test_without_the_guard_the_same_spellings_lead_there(run: Run) -> None:
    async def ask() -> None:
        async with Listeners(answer()).listening() as all_addresses, exchange(None) as open_to_all:
            for host in REACHABLE:
                await open_to_all.post(f"http://{host}:{all_addresses.port}/", b"{}")
            assert all_addresses.connections == len(REACHABLE)

    assert set(REACHABLE) <= set(HOSTS)
    run(ask())


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["127.0.0.1", "::1"], ["::ffff:127.0.0.1"]],
    ids="+".join,
)
def test_a_name_is_judged_by_the_address_that_is_connected_to(
    run: Run, addresses: list[str]
) -> None:
    async def ask() -> None:
        resolve = rebinding(*addresses)
        async with (
            Listeners(answer()).listening() as all_addresses,
            exchange(GUARD, resolve) as guarded,
        ):
            with pytest.raises(NothingSentError, match="ADDRESS_NOT_ALLOWED"):
                await guarded.post(f"http://public.example:{all_addresses.port}/", b"{}")
            assert all_addresses.connections == 0

    run(ask())


def test_a_redirect_is_an_answer_and_is_not_followed(run: Run) -> None:
    allowed = AddressGuard(parse_networks(["127.0.0.1"]))

    async def ask() -> None:
        async with Listeners(answer()).listening() as inner:
            away = f"location: http://127.0.0.2:{inner.port}/\r\n"
            redirect = answer(head=away).replace(b"200 OK", b"307 Temporary Redirect")
            async with Listeners(redirect).listening() as outer, exchange(allowed) as guarded:
                told = await guarded.post(f"http://127.0.0.1:{outer.port}/", b"{}")
                assert told.status == 307
                assert (outer.connections, inner.connections) == (1, 0)

    run(ask())


def test_what_the_operator_allows_is_reached(run: Run) -> None:
    allowed = AddressGuard(parse_networks(["127.0.0.0/8"]))

    async def ask() -> None:
        async with Listeners(answer(b"hello")).listening() as local, exchange(allowed) as guarded:
            assert (await guarded.post(f"http://localhost:{local.port}/", b"")).body == b"hello"

    run(ask())


def test_of_a_long_answer_the_beginning_is_kept(run: Run) -> None:
    async def ask() -> None:
        endless = answer(b"x" * (ANSWER_MOST_BYTES * 3))
        async with Listeners(endless).listening() as local, exchange(None) as plain:
            told = await plain.get(f"http://127.0.0.1:{local.port}/")
            assert len(told.body) == ANSWER_MOST_BYTES

    run(ask())


def test_a_packed_answer_is_not_unpacked(run: Run) -> None:
    async def ask() -> None:
        packed = answer(b"\x1f\x8b not really", "content-encoding: gzip\r\n")
        async with Listeners(packed).listening() as local, exchange(None) as plain:
            told = await plain.get(f"http://127.0.0.1:{local.port}/")
            assert told.body == b"\x1f\x8b not really"

    run(ask())


def test_an_answer_that_breaks_off_is_lost(run: Run) -> None:
    async def ask() -> None:
        cut = answer(b"12345")[:-2]
        async with Listeners(cut).listening() as local, exchange(None) as plain:
            with pytest.raises(AnswerLostError):
                await plain.get(f"http://127.0.0.1:{local.port}/")

    run(ask())
