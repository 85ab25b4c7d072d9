"""SIP URIs: whom a call goes to, and whom it says it comes from."""

import re
from dataclasses import dataclass
from typing import Final

from outdial_server.carriers.sip.account import DEFAULT_PORT, SipAccount

_HOST: Final = r"[0-9A-Za-z](?:[0-9A-Za-z.-]{0,251}[0-9A-Za-z])?"
_HOST_AND_PORT: Final = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?")
_URI: Final = re.compile(
    # What may stand in a user part, escapes included; a password there is refused.
    r"(?P<scheme>sips?):(?:(?P<user>[0-9A-Za-z\-_.!~*'()&=+$,;?/%]+)@)?"
    rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?P<parameters>(?:;[0-9A-Za-z\-_.!~*'()%=+\[\]/:&$]+)*)",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\+?[0-9]{1,32}")
_UDP: Final = re.compile(r";transport=udp(?=;|$)", re.IGNORECASE)
_TRANSPORT: Final = re.compile(r";transport=", re.IGNORECASE)
_UNQUOTABLE: Final = re.compile(r'[\x00-\x1f\x7f"\\]')

ANONYMOUS: Final = "anonymous"
NAME_MOST_CHARS: Final = 128


class SipAddressError(ValueError):
    """Cannot be called; the text is a reason like SIP_URI_REQUIRED."""


@dataclass(frozen=True, slots=True)
class HostAndPort:
    host: str
    port: int = DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class Destination:
    """`uri` goes into the request, which goes to `hop`."""

    uri: str
    hop: HostAndPort


@dataclass(frozen=True, slots=True)
class Caller:
    """From: `"name" <sip:user@host>`."""

    user: str
    host: str
    name: str = ""


def parse_hop(text: str) -> HostAndPort:
    """HOST or HOST:PORT. Raises SipAddressError."""
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        raise SipAddressError("INVALID_HOST")
    return HostAndPort(match["host"], _port(match["port"]))


def destination_of(address: str, account: SipAccount) -> Destination:
    """A phone number can be called over a proxy alone: it says of no host where it lives."""
    hop = parse_hop(account.proxy) if account.proxy else None
    if _NUMBER.fullmatch(address):
        if hop is None:
            raise SipAddressError("SIP_URI_REQUIRED")
        port = f":{hop.port}" if hop.port != DEFAULT_PORT else ""
        return Destination(f"sip:{address}@{hop.host}{port}", hop)
    there = parse_uri(address)
    # The proxy knows the way; a list may not lead around it.
    return there if hop is None else Destination(there.uri, hop)


def parse_uri(text: str) -> Destination:
    """A SIP URI over UDP. Raises SipAddressError."""
    match = _URI.fullmatch(text)
    if match is None:
        raise SipAddressError("INVALID_SIP_URI")
    # Of UDP alone the worker is capable, which need not be said.
    parameters = _UDP.sub("", match["parameters"])
    if match["scheme"].lower() == "sips" or _TRANSPORT.search(parameters):
        raise SipAddressError("SIP_OVER_UDP_ONLY")
    hop = HostAndPort(match["host"], _port(match["port"]))
    user = f"{match['user']}@" if match["user"] else ""
    port = f":{match['port']}" if match["port"] else ""
    return Destination(f"sip:{user}{match['host']}{port}{parameters}", hop)


def caller_of(caller_id: str, account: SipAccount, called: HostAndPort) -> Caller:
    """A number or SIP URI is who calls; any other text is a name to be shown, and the account's
    user calls."""
    host = account.from_domain or called.host
    account_user = account.username or ANONYMOUS
    if not caller_id:
        return Caller(account_user, host)
    if _NUMBER.fullmatch(caller_id):
        return Caller(caller_id, host)
    match = _URI.fullmatch(caller_id)
    if match is not None:
        return Caller(match["user"] or account_user, match["host"])
    name = _UNQUOTABLE.sub("", caller_id)[:NAME_MOST_CHARS]
    return Caller(account_user, host, name)


def _port(text: str | None) -> int:
    port = int(text or DEFAULT_PORT)
    if not 0 < port <= 65_535:
        raise SipAddressError("INVALID_PORT")
    return port
