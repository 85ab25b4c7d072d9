"""What a URL says: where a connection goes, and what is asked for there."""

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

import idna

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+")

# What may stand in a path or a query as it is, `%` among it: it is quoted already.
_PLAIN: Final = "/?%:@!$&'()*+,;=~-._[]|"

_TARGETS_KEPT: Final = 4096
"""A carrier's are a few for each account, and one for each call that is looked up."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Requests to the same origin share connections."""

    is_tls: bool
    # A name in ASCII, or an address without brackets.
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    origin: Origin
    # Path and query, as they stand in a request's first line.
    path: str
    # Header lines that the URL itself brings.
    head: str


def checked_url(url: str) -> str:
    """The URL as it is. Raises ValueError for one that no request could go to."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.port == 0:
        raise ValueError(f"{url!r} must be an http or https URL with a host")
    return url


@lru_cache(_TARGETS_KEPT)
def target_of(url: str) -> Target:
    """Raises ValueError when no request could go there."""
    parts = urlsplit(checked_url(url))
    host = _plain_host(parts.hostname or "")
    port = parts.port or _PORTS[parts.scheme]
    query = f"?{quote(parts.query, _PLAIN)}" if parts.query else ""
    return Target(
        Origin(parts.scheme == "https", host, port),
        (quote(parts.path, _PLAIN) or "/") + query,
        f"host: {_authority(parts.scheme, host, port)}\r\n{_login(parts)}",
    )


def _plain_host(host: str) -> str:
    if ":" in host:
        return str(IPv6Address(host))
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode()
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host")
    return host


def _authority(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == _PORTS[scheme] else f"{shown}:{port}"


def _login(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"authorization: Basic {b64encode(login.encode()).decode()}\r\n"
