"""Requests that create something, made safe to repeat."""

import hashlib
from dataclasses import dataclass
from enum import Enum, auto

from outdial_server.domain.checks import NO_NUL
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId
from outdial_server.domain.limits import REQUEST_ID_MAX_CHARS


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Names one creating request. `surface` is the method, so that one id may serve
    different ones; `fingerprint` is a digest of the content."""

    account_id: AccountId
    surface: str
    request_id: str
    fingerprint: bytes


class Standing(Enum):
    """Of a request that comes with a key, and has no answer yet."""

    # It is carried out by whoever asks.
    NEW = auto()
    UNDER_WAY = auto()


@dataclass(frozen=True, slots=True)
class RequestName:
    """A creating request before its content is known."""

    account_id: AccountId
    surface: str
    request_id: str


class GrowingRequest:
    """A creating request whose content is read in parts. The fingerprint is that of all
    parts in their order, each told apart from the next."""

    def __init__(self, name: RequestName) -> None:
        self.name = name
        self._hash = hashlib.sha256()

    def read(self, part: bytes) -> None:
        self._hash.update(len(part).to_bytes(8))
        self._hash.update(part)

    @property
    def key(self) -> RequestKey:
        """Of what was read so far."""
        name = self.name
        return RequestKey(name.account_id, name.surface, name.request_id, self._hash.digest())


def growing_request(
    account_id: AccountId, surface: str, request_id: str, path: str = "request_id"
) -> GrowingRequest | None:
    """None without an id: such a request is carried out each time it comes. `path` is that
    of the id in the request."""
    if not request_id:
        return None
    if len(request_id) > REQUEST_ID_MAX_CHARS:
        raise invalid_field(path, f"must not be longer than {REQUEST_ID_MAX_CHARS} characters")
    if "\0" in request_id:
        raise invalid_field(path, NO_NUL)
    return GrowingRequest(RequestName(account_id, surface, request_id))


def request_key(
    account_id: AccountId, surface: str, request_id: str, content: bytes
) -> RequestKey | None:
    """For a request whose content is at hand; None without an id."""
    request = growing_request(account_id, surface, request_id)
    if request is None:
        return None
    request.read(content)
    return request.key
