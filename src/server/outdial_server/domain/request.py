"""Requests that create something, made safe to repeat."""

import hashlib
from dataclasses import dataclass

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


def request_key(
    account_id: AccountId, surface: str, request_id: str, content: bytes
) -> RequestKey | None:
    """None without an id: such a request is carried out each time it comes."""
    if not request_id:
        return None
    if len(request_id) > REQUEST_ID_MAX_CHARS:
        raise invalid_field(
            "request_id", f"must not be longer than {REQUEST_ID_MAX_CHARS} characters"
        )
    if "\0" in request_id:
        raise invalid_field("request_id", NO_NUL)
    return RequestKey(account_id, surface, request_id, hashlib.sha256(content).digest())
