"""The worker's UDP socket. It goes where the guard lets it, and nowhere else: a far end may name
any host in its Contact."""

import socket
import threading
from ipaddress import ip_address
from queue import Queue
from typing import Any

from sippy.Udp_server import Udp_server, Udp_server_opts
from typing_extensions import override

from outdial_server.domain.internet import AddressGuard


class LoneSocketOptions(Udp_server_opts):  # type: ignore[misc] # carries no types
    """One socket, which nobody shares: a second worker must fail to bind rather than take away
    every other packet. One thread reads, so that packets keep their order."""

    flags = 0
    nworkers = 1


def guarded_udp(guard: AddressGuard) -> type[Udp_server]:
    """The class of socket for sippy's transaction manager, which makes it itself."""

    class GuardedUdp(Udp_server):  # type: ignore[misc] # carries no types
        def __init__(self, *arguments: Any) -> None:
            self._named: Queue[tuple[bytes, str, int]] = Queue()
            super().__init__(*arguments)
            threading.Thread(target=self._send_named, name="sip-names", daemon=True).start()

        @override
        def send_to(self, data: Any, address: tuple[str, int], delayed: bool = False) -> None:
            """At once, in the order of the calls; sippy's own leaves that to threads."""
            host, port = address
            packet = data if isinstance(data, bytes) else data.encode()
            if _is_address(host):
                self._send(packet, host, port)
            else:
                self._named.put((packet, host, port))

        def _send(self, packet: bytes, host: str, port: int) -> None:
            if not guard.permits(host):
                return
            try:
                self.skt.sendto(packet, (host, port))
            except (OSError, OverflowError):
                # Lost, like any packet may be: what needs an answer is sent again. Nor is every
                # port a port that a far end may name.
                return

        def _send_named(self) -> None:
            """Names are asked for apart: that may take seconds."""
            while True:
                packet, host, port = self._named.get()
                try:
                    found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)
                except (OSError, UnicodeError):
                    continue
                self._send(packet, found[0][4][0], port)  # type: ignore[arg-type] # of AF_INET

    return GuardedUdp


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
