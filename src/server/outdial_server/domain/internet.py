"""Which addresses a request may go to when its URL came from a client.

A server stands where its clients do not: beside a database, a cloud's metadata service, the
operator's other machines. So only what is public is reached, judged by the address that is
connected to and not by how a URL spells it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's registries of special-purpose addresses, multicast and the reserved ends.
_SPECIAL_IPV4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
"""All that has been given out as unicast; whatever lies outside is special or unknown."""

# Protocol assignments and Teredo, documentation, 6to4.
_SPECIAL_IPV6: Final = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

# Whoever has no IPv4 reaches it under these: what counts is the address inside.
_WITH_IPV4_INSIDE: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Lets public addresses through, and those that the operator allows."""

    allowed: tuple[Network, ...] = ()

    def permits(self, text: str) -> bool:
        """Whether this IP address may be connected to; no to what is none."""
        try:
            address = ip_address(text)
        except ValueError:
            return False
        seen = (address, _inner(address))
        return self._is_allowed(seen) or is_public(seen[1])

    def allows_plainly(self, host: str) -> bool:
        """Whether this host is an address that the operator has named: what goes there may go
        without TLS."""
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return self._is_allowed((address, _inner(address)))

    def _is_allowed(self, seen: Iterable[Address]) -> bool:
        return any(a in network for a in seen for network in self.allowed)


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _SPECIAL_IPV6)


def _inner(address: Address) -> Address:
    if any(address in network for network in _WITH_IPV4_INSIDE):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Raises ValueError, naming the text, for what is neither an address nor a network."""
    return tuple(ip_network(text.strip()) for text in texts if text.strip())
